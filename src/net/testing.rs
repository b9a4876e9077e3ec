//! Real peers on loopback for tests: an HTTP server that records what it is asked, and a certificate authority.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, Method, Response, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::task::AbortHandle;

use crate::config::{ClientAuth, Position, Secret, ServerTls, Source, TlsVersion};

use super::{ConnectionLimit, ListenAddress, Listener, SocketOptions, TlsServer};

mod authority;

pub(crate) use authority::{Authority, Pair};

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) version: ::http::Version,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Status, headers and body of an answer.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

type Handler = dyn Fn(&Seen) -> Answer + Send + Sync;

/// An HTTP server on loopback; it ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(listener("127.0.0.1:0").await, None, answer)
    }

    pub(crate) async fn start_tls(
        tls: TlsServer,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::on(listener("127.0.0.1:0").await, Some(tls), answer)
    }

    pub(crate) async fn start_unix(
        path: &Path,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::on(listener(&format!("unix:{}", path.display())).await, None, answer)
    }

    fn on(
        mut listener: Listener,
        tls: Option<TlsServer>,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer): (_, Arc<Handler>) = (Arc::clone(&seen), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let connection = listener.accept().await;
                let (tls, log, answer) = (tls.clone(), Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let connection = match tls {
                        Some(tls) => match tls.handshake(connection).await {
                            Ok(connection) => connection,
                            Err(_) => return,
                        },
                        None => connection,
                    };
                    let service = service_fn(|request| serve(request, Arc::clone(&log), Arc::clone(&answer)));
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(connection), service).await;
                });
            }
        });
        Self { address, seen, task: task.abort_handle() }
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        url::Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    request: hyper::Request<hyper::body::Incoming>,
    log: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Handler>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let seen =
        Seen { method: head.method, uri: head.uri, headers: head.headers, body, version: head.version };
    log.lock().unwrap().push(seen.clone());
    let (status, headers, body) = answer(&seen);
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(body)).unwrap())
}

pub(crate) fn ok(body: &str) -> Answer {
    (200, Vec::new(), body.to_owned())
}

pub(crate) async fn listener(address: &str) -> Listener {
    let address: ListenAddress = address.parse().unwrap();
    Listener::bind(&address, &SocketOptions::default(), ConnectionLimit::new(64)).await.unwrap()
}

/// A server's TLS with this certificate and every default.
pub(crate) fn server_tls(pair: &Pair) -> ServerTls {
    ServerTls {
        cert: Source::Inline(pair.cert.clone()),
        key: Source::Inline(Secret::new(&pair.key)),
        client_ca: None,
        client_auth: ClientAuth::None,
        client_allowed_sans: None,
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
        curve_preferences: Vec::new(),
        prefer_server_cipher_suites: true,
        position: Position::default(),
    }
}
