use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::HeaderValue;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::proxy::ProxyRule;
use super::request::SendError;
use super::tls::{self, Material};
use crate::config::{Proxy, TlsConfig};
use crate::net::NetError;

/// Transport constants of Prometheus (reference: prometheus/common `http_config.go`).
const IDLE_PER_HOST: usize = 1000;
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// An HTTP/2 connection that is silent this long is pinged, and given up after [`PING_TIMEOUT`].
const PING_AFTER: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// How many clients for single hosts a transport with a `server_name` keeps.
const HOST_CLIENTS_MAX: usize = 256;

/// Connections with one TLS and proxy setting. Holds the reqwest client for the current content of the
/// certificate files and makes a new one when the content changes; the old one's idle connections then close.
#[derive(Debug)]
pub(in crate::net) struct Transport {
    tls: TlsConfig,
    proxy: Option<Arc<ProxyRule>>,
    http2: bool,
    unix_socket: Option<PathBuf>,
    has_files: bool,
    /// Held only to look up or swap a client, never while waiting.
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    material: Material,
    rustls: rustls::ClientConfig,
    client: reqwest::Client,
    /// With a `server_name` that SNI must carry: a client for each host dialled under that name.
    by_host: HashMap<String, reqwest::Client>,
}

/// A client and what the request must look like for it.
pub(super) struct Route {
    pub(super) client: reqwest::Client,
    pub(super) url: Url,
    /// The `Host` header, where `url` no longer shows it.
    pub(super) host: Option<HeaderValue>,
}

impl Transport {
    /// Reads the files of `tls` and makes the first client.
    ///
    /// # Errors
    ///
    /// A file cannot be read or holds nothing usable; the versions, the server name or the proxy are not possible.
    pub(in crate::net) fn new(
        tls: &TlsConfig,
        proxy: Option<&Proxy>,
        http2: bool,
        unix_socket: Option<PathBuf>,
    ) -> Result<Self, NetError> {
        let setup = |message| NetError::Setup { position: tls.position.clone(), message };
        let env = |name: &str| std::env::var(name).ok();
        let proxy = proxy.map(|proxy| ProxyRule::new(proxy, &env)).transpose().map_err(setup)?.map(Arc::new);
        let material = Material::read(tls).map_err(|unreadable| unreadable.at(&tls.position))?;
        let current =
            Current::new(tls, material, http2, proxy.as_ref(), unix_socket.as_ref()).map_err(setup)?;
        let has_files = tls::has_files(tls);
        Ok(Self { tls: tls.clone(), proxy, http2, unix_socket, has_files, current: Mutex::new(current) })
    }

    /// The client for a request to `url`, after a look at the certificate files.
    pub(super) async fn route(&self, url: &Url) -> Result<Route, SendError> {
        if self.has_files {
            self.refresh().await?;
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match self.dialled_under_another_name(url) {
            None => Ok(Route { client: current.client.clone(), url: url.clone(), host: None }),
            Some((host, name)) => {
                let renamed = with_host(url, &name)
                    .ok_or_else(|| SendError::Request("server_name fits no URL".to_owned()))?;
                let client = current.for_host(&host, self.http2)?;
                let host = HeaderValue::from_str(&authority(url))
                    .map_err(|error| SendError::Request(error.to_string()))?;
                Ok(Route { client, url: renamed, host: Some(host) })
            }
        }
    }

    /// SNI carries the host of the URL. For it to carry `server_name` the request goes to that name, which a
    /// resolver of its own maps to the real host. A proxy would see the name, so there only the verification uses
    /// it; the same with an IP address, which SNI never carries.
    fn dialled_under_another_name(&self, url: &Url) -> Option<(String, String)> {
        let name = self.tls.server_name.as_deref()?;
        let host = url.host_str()?;
        let direct =
            self.unix_socket.is_none() && self.proxy.as_ref().is_none_or(|proxy| proxy.select(url).is_none());
        let domain = matches!(Host::parse(name), Ok(Host::Domain(_)));
        (url.scheme() == "https" && direct && domain && host != name)
            .then(|| (host.to_owned(), name.to_owned()))
    }

    async fn refresh(&self) -> Result<(), SendError> {
        let tls = self.tls.clone();
        let read = tokio::task::spawn_blocking(move || Material::read(&tls)).await;
        let material = read
            .map_err(|error| SendError::Request(error.to_string()))?
            .map_err(|file| SendError::AuthFile { what: file.what, path: file.path, source: file.source })?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.material == material {
            return Ok(());
        }
        *current =
            Current::new(&self.tls, material, self.http2, self.proxy.as_ref(), self.unix_socket.as_ref())
                .map_err(SendError::Tls)?;
        drop(current);
        tracing::info!(component = "http_client", "TLS files changed: new connections use them");
        Ok(())
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Material(<secret>)")
    }
}

impl Current {
    fn new(
        tls: &TlsConfig,
        material: Material,
        http2: bool,
        proxy: Option<&Arc<ProxyRule>>,
        unix_socket: Option<&PathBuf>,
    ) -> Result<Self, String> {
        let rustls = tls::client_config(tls, &material, http2)?;
        let mut builder = builder(rustls.clone(), http2);
        if let Some(rule) = proxy {
            for proxy in proxies(rule) {
                builder = builder.proxy(proxy);
            }
        }
        if let Some(path) = unix_socket {
            builder = builder.unix_socket(path.as_path());
        }
        let client = builder.build().map_err(|error| describe(&error))?;
        Ok(Self { material, rustls, client, by_host: HashMap::new() })
    }

    fn for_host(&mut self, host: &str, http2: bool) -> Result<reqwest::Client, SendError> {
        if let Some(client) = self.by_host.get(host) {
            return Ok(client.clone());
        }
        if self.by_host.len() >= HOST_CLIENTS_MAX {
            self.by_host.clear();
        }
        let client = builder(self.rustls.clone(), http2)
            .dns_resolver(Arc::new(Always(host.trim_matches(['[', ']']).to_owned())))
            .build()
            .map_err(|error| SendError::Request(describe(&error)))?;
        self.by_host.insert(host.to_owned(), client.clone());
        Ok(client)
    }
}

fn builder(rustls: rustls::ClientConfig, http2: bool) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        // First of all: the environment's proxies count only where the configuration says so.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tls_backend_preconfigured(rustls)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_nodelay(true);
    if http2 {
        builder.http2_keep_alive_interval(PING_AFTER).http2_keep_alive_timeout(PING_TIMEOUT)
    } else {
        builder.http1_only()
    }
}

/// The rule as reqwest takes it: twice, because its extra headers would otherwise go to plain requests too.
fn proxies(rule: &Arc<ProxyRule>) -> [reqwest::Proxy; 2] {
    let (tunnelled, plain) = (Arc::clone(rule), Arc::clone(rule));
    let tunnelled =
        reqwest::Proxy::custom(move |url| if url.scheme() == "https" { tunnelled.select(url) } else { None });
    let plain =
        reqwest::Proxy::custom(move |url| if url.scheme() == "http" { plain.select(url) } else { None });
    [tunnelled.headers(rule.connect_header().clone()), plain]
}

/// Resolves every name to the addresses of one host.
#[derive(Debug)]
struct Always(String);

impl Resolve for Always {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn with_host(url: &Url, host: &str) -> Option<Url> {
    let mut url = url.clone();
    url.set_host(Some(host)).ok()?;
    Some(url)
}

/// Host and, unless it is the scheme's own, port.
pub(in crate::net) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// An error with its causes on one line, without the layers that only say that a request was sent.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for part in causes(error).map(ToString::to_string) {
        let layer = part.starts_with("error sending request") || part.starts_with("client error");
        if !layer && !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    if text.is_empty() { error.to_string() } else { text }
}

/// An error and its causes. What an I/O error wraps counts as its cause, which std passes over.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
