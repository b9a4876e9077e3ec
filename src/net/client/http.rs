use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use url::Url;

use super::credentials;
use super::oauth2::TokenSource;
use super::redirect;
use super::request::{Request, Response, SendError};
use super::transport::Transport;
use crate::config::{Authentication, HttpClientConfig, SigV4Config};
use crate::net::NetError;
use crate::net::sigv4::Signer;

/// How much of an answer is read and thrown away to keep its connection; beyond it the connection is closed.
const DISCARDED_MAX: usize = 1 << 20;

/// What an [`HttpClient`] needs beside its configuration.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// `User-Agent` of every request that brings none.
    pub user_agent: String,
    /// Signs every request for AWS.
    pub sigv4: Option<SigV4Config>,
    /// Connects to this socket whatever host the URL names; proxies do not apply.
    pub unix_socket: Option<PathBuf>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        let user_agent = concat!("tocsin/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { user_agent, sigv4: None, unix_socket: None }
    }
}

/// An HTTP client with one configuration. Cheap to clone; the clones share their connections.
#[derive(Debug, Clone)]
pub struct HttpClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: HttpClientConfig,
    user_agent: HeaderValue,
    transport: Transport,
    tokens: Option<TokenSource>,
    signer: Option<Signer>,
}

impl HttpClient {
    /// Builds a client. Certificates and keys are read and checked here, and AWS credentials found; passwords and
    /// tokens are not, since they are read for each request.
    ///
    /// # Errors
    ///
    /// [`NetError::File`] for a certificate or key file that cannot be read, [`NetError::Setup`] for one that
    /// cannot be used, a TLS version or proxy that is not possible, a region or credentials that AWS's files and
    /// environment do not give.
    pub fn new(config: &HttpClientConfig, options: ClientOptions) -> Result<Self, NetError> {
        let ClientOptions { user_agent, sigv4, unix_socket } = options;
        let user_agent = HeaderValue::from_str(&user_agent).map_err(|_error| NetError::Setup {
            position: config.position.clone(),
            message: format!("{user_agent:?} cannot be a User-Agent"),
        })?;
        let transport =
            Transport::new(&config.tls_config, config.proxy.as_ref(), config.enable_http2, unix_socket)?;
        let tokens = match &config.authentication {
            Some(Authentication::Oauth2(oauth2)) => Some(TokenSource::new(oauth2, user_agent.clone())?),
            Some(Authentication::BasicAuth(_) | Authentication::Authorization(_)) | None => None,
        };
        let signer = sigv4.as_ref().map(Signer::new).transpose()?;
        Ok(Self(Arc::new(Inner { config: config.clone(), user_agent, transport, tokens, signer })))
    }

    /// Builds a client with the defaults of every `http_config`: for peers that no configuration describes.
    ///
    /// # Errors
    ///
    /// The system's certificates cannot be used.
    pub fn plain(options: ClientOptions) -> Result<Self, NetError> {
        Self::new(&HttpClientConfig::default(), options)
    }

    /// Where the service of AWS is called that requests are signed for; `None` without [`ClientOptions::sigv4`].
    #[must_use]
    pub fn aws_endpoint(&self) -> Option<&Url> {
        self.0.signer.as_ref().map(Signer::endpoint)
    }

    /// Posts `body`. The answer may have any status: whether it is a success is the caller's to judge.
    ///
    /// # Errors
    ///
    /// There is no answer, or not within `timeout`.
    pub async fn post(
        &self,
        url: &Url,
        body: Bytes,
        content_type: &str,
        timeout: Duration,
    ) -> Result<Response, SendError> {
        let mut request = Request::new(Method::POST, url.clone(), timeout);
        request.body = body;
        let content_type =
            HeaderValue::from_str(content_type).map_err(|error| SendError::Request(error.to_string()))?;
        request.headers.insert(header::CONTENT_TYPE, content_type);
        self.send(request).await
    }

    /// Sends a request, follows redirects as configured, and reads the answer.
    ///
    /// # Errors
    ///
    /// There is no answer, or not within the request's timeout.
    pub async fn send(&self, request: Request) -> Result<Response, SendError> {
        let timeout = request.timeout;
        match tokio::time::timeout(timeout, self.0.follow(request)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(SendError::Timeout(timeout)),
        }
    }
}

impl Inner {
    async fn follow(&self, mut request: Request) -> Result<Response, SendError> {
        let origin = request.url.clone();
        // Once a hop has left the host, the credentials stay away for the rest of the chain.
        let mut trusted = true;
        for _hop in 0..redirect::MAX_HOPS {
            let answer = self.exchange(&mut request, trusted).await?;
            let target = if self.config.follow_redirects {
                redirect::target(&request.method, &request.url, answer.status(), answer.headers())?
            } else {
                None
            };
            let Some(target) = target else { return read(answer, request.max_answer).await };
            trusted = trusted && redirect::is_trusted(&target, &origin);
            if !trusted {
                redirect::strip_credentials(&mut request.headers);
            }
            request.url = target;
        }
        Err(SendError::TooManyRedirects)
    }

    /// One request and the head of its answer.
    async fn exchange(&self, request: &mut Request, trusted: bool) -> Result<reqwest::Response, SendError> {
        let mut headers = request.headers.clone();
        headers.entry(header::USER_AGENT).or_insert_with(|| self.user_agent.clone());
        let mut token = None;
        if trusted && !headers.contains_key(header::AUTHORIZATION) {
            token = self.authenticate(&mut headers).await?;
        }
        if let Some(signer) = self.signer.as_ref().filter(|_| trusted) {
            signer.sign(&request.method, &mut request.url, &mut headers, &request.body).await?;
        }
        for header in &self.config.http_headers {
            for (name, value) in credentials::header_values(header).await? {
                headers.append(name, value);
            }
        }
        if !trusted {
            redirect::strip_credentials(&mut headers);
        }
        let answer =
            transmit(&self.transport, &request.method, &request.url, headers, request.body.clone()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED
            && let (Some(tokens), Some(token)) = (&self.tokens, &token)
        {
            // The server has revoked it: the next request fetches another.
            tokens.forget(token);
        }
        Ok(answer)
    }

    /// Adds the `Authorization` header; returns the token in it when that was fetched.
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<Option<HeaderValue>, SendError> {
        let (value, fetched) = match (&self.config.authentication, &self.tokens) {
            (Some(Authentication::BasicAuth(basic)), _) => (credentials::basic(basic).await?, false),
            (Some(Authentication::Authorization(fixed)), _) => {
                (credentials::authorization(fixed).await?, false)
            }
            (Some(Authentication::Oauth2(_)), Some(tokens)) => (tokens.header().await?, true),
            (Some(Authentication::Oauth2(_)) | None, _) => return Ok(None),
        };
        headers.insert(header::AUTHORIZATION, value.clone());
        Ok(fetched.then_some(value))
    }
}

/// Sends one request over `transport`.
pub(in crate::net) async fn transmit(
    transport: &Transport,
    method: &Method,
    url: &Url,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<reqwest::Response, SendError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(SendError::Request(format!("unsupported protocol scheme {:?}", url.scheme())));
    }
    let route = transport.route(url).await?;
    if let Some(host) = route.host {
        headers.entry(header::HOST).or_insert(host);
    }
    let request = route.client.request(method.clone(), route.url).headers(headers);
    // A GET without a body must not say "Content-Length: 0".
    let request = if body.is_empty() && matches!(*method, Method::GET | Method::HEAD) {
        request
    } else {
        request.body(body)
    };
    request.send().await.map_err(SendError::from_reqwest)
}

/// Reads an answer: `max` bytes are kept, the rest is passed over.
pub(in crate::net) async fn read(mut answer: reqwest::Response, max: usize) -> Result<Response, SendError> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = BytesMut::new();
    let mut beyond = 0_usize;
    while beyond <= DISCARDED_MAX {
        let Some(chunk) = answer.chunk().await.map_err(SendError::from_reqwest)? else { break };
        let kept = chunk.len().min(max.saturating_sub(body.len()));
        body.extend_from_slice(chunk.get(..kept).unwrap_or_default());
        beyond = beyond.saturating_add(chunk.len() - kept);
    }
    Ok(Response { status, headers, body: body.freeze(), truncated: beyond > 0 })
}
