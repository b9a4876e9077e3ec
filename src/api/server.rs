//! Serving connections: from a request to its handler and back.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY};
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
use super::intake::Intake;
use super::web::Web;
use super::{
    ApiMetrics, Backend, BodyLimits, NoRoute, Route, alerts, below_prefix, metrics, operations, route,
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
        let found = match below_prefix(&self.config.route_prefix, &path) {
            Some(below) => route(&method, below),
            None => Err(NoRoute::NotFound),
        };
        let in_api_v2 =
            below_prefix(&self.config.route_prefix, &path).is_some_and(|below| below.starts_with("/api/v2/"));
        let origin = request.headers().contains_key(ORIGIN);
        let mut answer = match found {
            Ok(route) => self.dispatch(route, request).await,
            Err(_) if in_api_v2 && method == Method::OPTIONS => answer::empty(StatusCode::NO_CONTENT),
            Err(NoRoute::Method(allowed)) => answer::method_not_allowed(&method, allowed),
            Err(NoRoute::NotFound) if in_api_v2 => {
                answer::framework_error(StatusCode::NOT_FOUND, 404, &format!("path {path} was not found"))
            }
            Err(NoRoute::NotFound) => answer::text(StatusCode::NOT_FOUND, "404 page not found\n"),
        };
        if in_api_v2 {
            answer = answer::with_header(answer::no_store(answer), VARY, "Origin");
            if origin {
                answer = answer::with_header(answer, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
            }
            answer.headers_mut().insert(HeaderName::from_static(TOCSIN_ID), self.id.clone());
        }
        self.config.metrics.observe(found.ok(), &method, answer.status(), began.elapsed());
        answer
    }

    async fn dispatch<B>(&self, route: Route, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let backend = &*self.config.backend;
        if matches!(route, Route::Status | Route::GetAlerts)
            && let Some(refusal) = answer::refuse_accept(request.headers())
        {
            return refusal;
        }
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
            Route::Status => operations::status(backend),
            Route::GetAlerts => alerts::list(backend, request.uri().query()).await,
            Route::PostAlerts => {
                self.config.intake.post(backend, &self.config.limits, &self.config.metrics, request).await
            }
            Route::RemovedV1 => operations::removed_v1(),
            Route::LocalDelivery => operations::local_delivery(),
        }
    }
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
