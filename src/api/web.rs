//! What the web configuration file asks of every connection and request: TLS, rate limit, login, headers.

use std::io;

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Body;
use tokio::time::Instant;

use super::Api;
use super::answer::{self, Answer};
use crate::config::WebConfig;
use crate::net::{Connection, NetError, RateLimiter, TlsServer, WebAuth, response_headers};

/// The web configuration in force.
#[derive(Debug)]
pub struct Web {
    tls: Option<TlsServer>,
    limiter: Option<RateLimiter>,
    auth: WebAuth,
    headers: HeaderMap,
}

impl Web {
    /// Makes ready what the file says.
    ///
    /// # Errors
    ///
    /// A certificate or key that cannot be used.
    pub fn new(config: &WebConfig) -> Result<Self, NetError> {
        Ok(Self {
            tls: config.tls.as_ref().map(|tls| TlsServer::new(tls, config.http2)).transpose()?,
            limiter: config.rate_limit.map(|limit| RateLimiter::new(limit, Instant::now())),
            auth: WebAuth::new(config),
            headers: response_headers(config),
        })
    }

    /// Whether connections are under TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Makes a connection what the file asks for.
    pub(super) async fn handshake(&self, connection: Connection) -> io::Result<Connection> {
        match &self.tls {
            Some(tls) => tls.handshake(connection).await.map_err(io::Error::other),
            None => Ok(connection),
        }
    }

    /// Answers a request if it may be answered, in exporter-toolkit's order: rate limit, headers, login.
    pub(super) async fn guard<B>(&self, api: &Api, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        if self.limiter.as_ref().is_some_and(|limiter| !limiter.allow(Instant::now())) {
            return answer::text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n");
        }
        let mut answer = match self.auth.check(request.headers().get(AUTHORIZATION)).await {
            Ok(()) => api.handle(request).await,
            Err(error) => answer::with_header(
                answer::text(StatusCode::UNAUTHORIZED, format!("{error}\n")),
                WWW_AUTHENTICATE,
                "Basic",
            ),
        };
        for (name, value) in &self.headers {
            answer.headers_mut().insert(name, value.clone());
        }
        answer
    }
}
