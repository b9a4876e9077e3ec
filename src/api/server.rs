//! Serving connections: from a request to its handler and back.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, ORIGIN};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use prometheus::Registry;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer};
use super::get_limit::{self, GetLimit};
use super::intake::Intake;
use super::web::Web;
use super::{
    ApiMetrics, Backend, BodyLimits, NoRoute, Route, alerts, below_prefix, cors, groups, metrics, openapi,
    operations, receivers, route, silence, silences, status,
};
use crate::forward::TOCSIN_ID;
use crate::net::{Connection, Listener};

/// How long a client may take for the head of a request, and how often an HTTP/2 client is asked whether it lives.
const HEADER_PATIENCE: Duration = Duration::from_secs(30);

/// What the server is made of.
pub struct ApiConfig {
    /// The daemon.
    pub backend: Arc<dyn Backend>,
    /// The rules by which pushed alerts are accepted.
    pub intake: Intake,
    /// The bounds of request bodies.
    pub limits: BodyLimits,
    /// How many GET requests are answered at once.
    pub get_limit: GetLimit,
    /// How long a request may take; zero for any time (`--web.timeout`).
    pub timeout: Duration,
    /// The prefix of all paths: `/`, or `/some/path`.
    pub route_prefix: String,
    /// Where the metrics page finds all instruments.
    pub registry: Registry,
    /// The server's own instruments.
    pub metrics: ApiMetrics,
}

/// The server's handlers.
pub struct Api {
    config: ApiConfig,
    id: HeaderValue,
}

impl Api {
    /// A server made of `config`.
    #[must_use]
    pub fn new(config: ApiConfig) -> Self {
        let id = HeaderValue::from_str(config.intake.id()).unwrap_or(HeaderValue::from_static("tocsin"));
        Self { config, id }
    }

    /// Answers one request.
    pub async fn handle<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let began = Instant::now();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let below = below_prefix(&self.config.route_prefix, &path);
        let found = below.map_or(Err(NoRoute::NotFound), |below| route(&method, below));
        let in_api_v2 = below.is_some_and(|below| below.starts_with("/api/v2/"));
        if in_api_v2 && cors::is_preflight(&method, request.headers()) {
            return cors::preflight(request.headers());
        }
        let from_a_page = request.headers().contains_key(ORIGIN);
        let mut answer = match found {
            Ok(route) => self.answer(route, request).await,
            Err(NoRoute::Method(allowed)) if in_api_v2 => answer::method_not_allowed(&method, allowed),
            Err(NoRoute::Method(allowed)) => {
                let answer = answer::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
                answer::with_header(answer, ALLOW, allowed)
            }
            Err(NoRoute::NotFound) if in_api_v2 => {
                answer::framework_error(StatusCode::NOT_FOUND, 404, &format!("path {path} was not found"))
            }
            Err(NoRoute::NotFound) => answer::text(StatusCode::NOT_FOUND, "404 page not found\n"),
        };
        if in_api_v2 {
            answer = cors::allow(answer::no_store(answer), &method, from_a_page);
            answer.headers_mut().insert(HeaderName::from_static(TOCSIN_ID), self.id.clone());
        }
        let size = if in_api_v2 { None } else { answer.body().size_hint().exact() };
        self.config.metrics.observe(found.ok(), &method, answer.status(), began.elapsed(), size);
        answer
    }

    /// The answer of a handler, within the bounds of what may be asked at once and of the time that it may take.
    async fn answer<B>(&self, route: Route, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let ApiConfig { get_limit, metrics, timeout, .. } = &self.config;
        let place = if *request.method() == Method::GET {
            let Some(place) = get_limit.enter(&metrics.in_flight) else {
                metrics.over_limit.inc();
                return get_limit.refusal();
            };
            Some(place)
        } else {
            None
        };
        let handled = self.dispatch(route, request);
        let answer = if timeout.is_zero() {
            handled.await
        } else {
            match tokio::time::timeout(*timeout, handled).await {
                Ok(answer) => answer,
                Err(_elapsed) => get_limit::timed_out(*timeout),
            }
        };
        match place {
            Some(place) => place.keep_for(answer),
            None => answer,
        }
    }

    async fn dispatch<B>(&self, route: Route, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let backend = &*self.config.backend;
        let asks_api_v2 = matches!(
            route,
            Route::Status
                | Route::Receivers
                | Route::GetAlerts
                | Route::Groups
                | Route::GetSilences
                | Route::GetSilence
                | Route::DeleteSilence
        );
        if asks_api_v2 && let Some(refusal) = answer::refuse_accept(request.headers()) {
            return refusal;
        }
        let mode = self.config.intake.mode();
        match route {
            Route::Root => operations::root(),
            Route::Healthy => operations::healthy(),
            Route::Ready => operations::ready(&backend.readiness(), request.uri().query()),
            Route::Reload => operations::reload(backend).await,
            Route::Metrics => {
                backend.publish().await;
                metrics::page(&self.config.registry)
            }
            Route::Alertmanagers => operations::alertmanagers(backend),
            Route::Queues => operations::queues(backend).await,
            Route::Status => status::show(backend),
            Route::Receivers => receivers::list(backend, request.uri().query(), mode),
            Route::GetAlerts => alerts::list(backend, request.uri().query(), mode).await,
            Route::Groups => groups::list(backend, request.uri().query(), mode).await,
            Route::GetSilences => silences::list(backend, request.uri().query(), mode).await,
            Route::PostSilences => silences::post(backend, &self.config.limits, request).await,
            Route::GetSilence => silence::get(backend, silence_id(request.uri().path())).await,
            Route::DeleteSilence => silence::delete(backend, silence_id(request.uri().path())).await,
            Route::OpenApi => openapi::document(&self.config.route_prefix),
            Route::PostAlerts => {
                self.config.intake.post(backend, &self.config.limits, &self.config.metrics, request).await
            }
            Route::RemovedV1 => operations::removed_v1(),
        }
    }
}

/// The last segment of a path.
fn silence_id(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// Serves the connections of one listener until `stop`; then lets the requests in flight finish, and returns.
/// The caller sets the deadline for that.
pub async fn serve(mut listener: Listener, api: Arc<Api>, web: Arc<Web>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            connection = listener.accept() => {
                let (api, web, stop) = (Arc::clone(&api), Arc::clone(&web), stop.clone());
                connections.spawn(serve_connection(connection, api, web, stop));
            }
            // Tasks that have ended are forgotten as they end.
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection: TLS first if the web configuration asks for it, then requests until either side ends.
async fn serve_connection(connection: Connection, api: Arc<Api>, web: Arc<Web>, stop: CancellationToken) {
    let peer = connection.peer();
    let connection = match web.handshake(connection).await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(component = "web", remote = %peer, err = %error, "TLS handshake failed");
            return;
        }
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let (api, web) = (Arc::clone(&api), Arc::clone(&web));
        async move { Ok::<_, Infallible>(web.guard(&api, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(HEADER_PATIENCE));
    let serving = builder.serve_connection(TokioIo::new(connection), service);
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // Broken and idle connections are the client's business; the requests on them were answered or not begun.
        tracing::debug!(component = "web", remote = %peer, err = %error, "Connection ended");
    }
}
