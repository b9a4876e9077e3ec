//! A server on loopback that is what the test makes of it, with TLS or without.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, Pair};

/// The names of a server or client at loopback.
pub(crate) const LOOPBACK: &[&str] = &["localhost", "127.0.0.1"];

/// A request as the peer saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    /// The first value of a header; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// How many alerts it brings.
    pub(crate) fn alerts(&self) -> usize {
        serde_json::from_slice::<Value>(&self.body)
            .ok()
            .and_then(|body| Some(body.as_array()?.len()))
            .unwrap_or(0)
    }
}

/// Status, headers and body of an answer.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

/// 200 with this body.
pub(crate) fn ok(body: impl Into<String>) -> Answer {
    (200, Vec::new(), body.into())
}

type Handler = dyn Fn(&Seen) -> Answer + Send + Sync;

#[derive(Default)]
struct State {
    seen: Mutex<Vec<(Seen, u16)>>,
    tls: Mutex<Option<Arc<ServerConfig>>>,
}

/// An HTTP server on loopback; it ends when it is dropped.
pub(crate) struct Peer {
    address: SocketAddr,
    state: Arc<State>,
    task: AbortHandle,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    /// Starts one that answers as `handler` says.
    pub(crate) async fn start(handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&state), Arc::new(handler)));
        Self { address, state, task: task.abort_handle() }
    }

    /// From now on connections are under TLS with this certificate; with `clients`, only clients with a certificate
    /// of that authority get in.
    pub(crate) fn set_tls(&self, pair: &Pair, clients: Option<&Authority>) {
        *self.state.tls.lock().expect("no poison") = Some(Arc::new(server_config(pair, clients)));
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("no poison").iter().map(|(seen, _)| seen.clone()).collect()
    }

    /// How many alerts came in requests that were answered 200.
    pub(crate) fn taken(&self) -> usize {
        let seen = self.state.seen.lock().expect("no poison");
        seen.iter().filter(|(_, status)| *status == 200).map(|(seen, _)| seen.alerts()).sum()
    }

    /// Waits until so many alerts were taken.
    pub(crate) async fn wait_for(&self, count: usize) {
        super::eventually(&format!("{count} alerts at the peer"), || async {
            (self.taken() >= count).then_some(())
        })
        .await;
    }
}

/// A server's side of TLS with this certificate; with `clients`, only clients with one of that authority get in.
pub(crate) fn server_config(pair: &Pair, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            let certificate = CertificateDer::from_pem_slice(clients.pem.as_bytes()).expect("a certificate");
            roots.add(certificate).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let certificate = CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
    builder.with_single_cert(vec![certificate], key).expect("a configuration")
}

async fn accept(listener: TcpListener, state: Arc<State>, handler: Arc<Handler>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&state), Arc::clone(&handler)));
    }
}

/// Serves one connection. What breaks it is the client's business.
async fn serve(stream: TcpStream, state: Arc<State>, handler: Arc<Handler>) {
    let tls = state.tls.lock().expect("no poison").clone();
    let service = service_fn(move |request| answer(request, Arc::clone(&state), Arc::clone(&handler)));
    let builder = auto::Builder::new(TokioExecutor::new());
    match tls {
        None => drop(builder.serve_connection(TokioIo::new(stream), service).await),
        Some(tls) => {
            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                drop(builder.serve_connection(TokioIo::new(stream), service).await);
            }
        }
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    state: Arc<State>,
    handler: Arc<Handler>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let seen = Seen { method: head.method, uri: head.uri, headers: head.headers, body };
    let (status, headers, body) = handler(&seen);
    state.seen.lock().expect("no poison").push((seen, status));
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(body)).expect("an answer"))
}
