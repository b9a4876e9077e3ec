//! A stand-in Alertmanager: keeps what arrives and answers as it is told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the sink does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Takes the alerts.
    Ok,
    /// Takes nothing and answers this status.
    Status(u16),
    /// Takes the alerts, and answers after so long.
    Slow(Duration),
    /// Never answers.
    Never,
    /// Answers 400 and takes nothing if one of the alerts has this `alertname`.
    Refuse(String),
}

/// One request that the sink answered, or holds.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The path.
    pub(crate) path: String,
    /// Its headers, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// Its body, or null if that is no JSON.
    pub(crate) body: Value,
    /// The alerts of its body, if that is a list.
    pub(crate) alerts: Vec<Value>,
    /// Whether they were taken.
    pub(crate) taken: bool,
}

#[derive(Debug)]
struct State {
    reply: Reply,
    /// By path; these count before the other.
    replies: BTreeMap<String, Reply>,
    received: Vec<Received>,
}

/// A stand-in Alertmanager on a loopback port; stops when dropped.
#[derive(Debug)]
pub(crate) struct Sink {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Sink {
    /// Starts on a port of its own.
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address")).await
    }

    /// Starts at `address`, where it must come up before the deadline (a port may linger).
    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener =
            super::eventually("a port for the sink", || async { TcpListener::bind(address).await.ok() })
                .await;
        let address = listener.local_addr().expect("its address");
        let state =
            Arc::new(Mutex::new(State { reply: Reply::Ok, replies: BTreeMap::new(), received: Vec::new() }));
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, server }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on requests are answered so.
    pub(crate) fn set_reply(&self, reply: Reply) {
        self.state.lock().expect("no poison").reply = reply;
    }

    /// From now on requests for `path` are answered so.
    pub(crate) fn set_reply_at(&self, path: &str, reply: Reply) {
        self.state.lock().expect("no poison").replies.insert(path.to_owned(), reply);
    }

    /// All requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.lock().expect("no poison").received.clone()
    }

    /// The bodies of all requests so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.received().into_iter().map(|request| request.body).collect()
    }

    /// All alerts taken so far, in order of arrival.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let state = self.state.lock().expect("no poison");
        state
            .received
            .iter()
            .filter(|request| request.taken)
            .flat_map(|request| request.alerts.clone())
            .collect()
    }

    /// The value of `label` of every alert taken so far, in order of arrival.
    pub(crate) fn taken_labels(&self, label: &str) -> Vec<String> {
        self.taken().iter().filter_map(|alert| alert["labels"][label].as_str().map(str::to_owned)).collect()
    }

    /// Waits until `count` alerts were taken, and gives them.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Value> {
        super::eventually(&format!("{count} alerts at the sink"), || async {
            let taken = self.taken();
            (taken.len() >= count).then_some(taken)
        })
        .await
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&state)));
            // A broken connection is the client's business.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let alerts = body.as_array().cloned().unwrap_or_default();
    let reply = {
        let state = state.lock().expect("no poison");
        state.replies.get(&path).unwrap_or(&state.reply).clone()
    };
    let (status, text) = match &reply {
        Reply::Ok | Reply::Slow(_) => (200, ""),
        Reply::Status(status) => (*status, "as told"),
        Reply::Never => (500, ""),
        Reply::Refuse(name) if alerts.iter().any(|alert| alert["labels"]["alertname"] == name.as_str()) => {
            (400, "\"start time must be before end time\"")
        }
        Reply::Refuse(_) => (200, ""),
    };
    state.lock().expect("no poison").received.push(Received {
        path,
        headers,
        body,
        alerts,
        taken: status == 200,
    });
    match reply {
        Reply::Slow(pause) => tokio::time::sleep(pause).await,
        Reply::Never => std::future::pending().await,
        Reply::Ok | Reply::Status(_) | Reply::Refuse(_) => {}
    }
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    Ok(response)
}
