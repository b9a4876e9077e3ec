use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode, header};
use bytes::Bytes;
use url::Url;

use super::transport::{causes, describe};
use crate::model::Timestamp;

/// How much of an answer is kept where the caller does not say.
const MAX_ANSWER: usize = 64 * 1024;

/// A request to send with an [`HttpClient`](super::HttpClient).
#[derive(Debug, Clone)]
pub struct Request {
    /// The method. Answers 301, 302 and 303 are followed for GET and HEAD only.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers beside those of the configuration. `User-Agent` and `Authorization` given here win over the client's.
    pub headers: HeaderMap,
    /// The whole body; it is sent again when a 307 or 308 is followed.
    pub body: Bytes,
    /// The limit from now to the end of the answer: reading files, fetching a token, connecting and redirects
    /// included.
    pub timeout: Duration,
    /// How many bytes of the answer's body are kept; 64 KiB by default. What is longer comes back cut
    /// ([`Response::truncated`]).
    pub max_answer: usize,
}

impl Request {
    /// A request with no headers of its own and no body.
    #[must_use]
    pub fn new(method: Method, url: Url, timeout: Duration) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new(), timeout, max_answer: MAX_ANSWER }
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status of the final answer.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The first bytes of its body, at most [`Request::max_answer`].
    pub body: Bytes,
    /// Whether the body was longer than that.
    pub truncated: bool,
}

impl Response {
    /// What `Retry-After` asks for (RFC 9110 10.2.3): seconds, or a date, counted from `now`. `None` without the
    /// header or when it makes no sense.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(Timestamp::from_unix(date.as_second(), 0).since(now))
    }

    /// The status as Go prints it: `503 Service Unavailable`.
    #[must_use]
    pub fn status_text(&self) -> String {
        match self.status.canonical_reason() {
            Some(reason) => format!("{} {reason}", self.status.as_str()),
            None => self.status.as_str().to_owned(),
        }
    }
}

/// Why there is no answer. The texts name no URL: the caller, who logs it, does.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Not finished within the request's timeout.
    #[error("no answer within {}", crate::model::format_duration(*.0))]
    Timeout(Duration),
    /// The peer's machine refused the connection: nobody listens there.
    #[error("connection refused ({0})")]
    Refused(String),
    /// The host's name has no address.
    #[error("cannot resolve the host: {0}")]
    Resolve(String),
    /// The handshake failed, or a certificate changed to one that cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// The connection could not be made for another reason, among them the proxy's.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection ended before the answer did.
    #[error("connection lost: {0}")]
    Closed(String),
    /// A file that the request needs (password, token, header, certificate) cannot be read.
    #[error("unable to read {what} {}: {source}", path.display())]
    AuthFile {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The OAuth 2 server gave no token.
    #[error("oauth2: cannot fetch token: {0}")]
    Token(String),
    /// AWS gave no credentials to sign with.
    #[error("sigv4: {0}")]
    Sign(String),
    /// More redirects than a client follows.
    #[error("stopped after 10 redirects")]
    TooManyRedirects,
    /// The answer redirects to something that is no HTTP URL.
    #[error("redirected to {0:?}, which is not an HTTP URL")]
    BadRedirect(String),
    /// The request itself cannot be written: a scheme that is not HTTP, a header value with a line break.
    #[error("{0}")]
    Request(String),
}

impl SendError {
    /// The reason as go-conntrack's dialer metrics name it: `resolution`, `refused`, `timeout` or `unknown`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Refused(_) => "refused",
            Self::Resolve(_) => "resolution",
            _ => "unknown",
        }
    }

    pub(super) fn from_reqwest(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let text = describe(&error);
        let mut resolving = false;
        for cause in causes(&error) {
            resolving = resolving || cause.to_string().contains("dns error");
            if cause.is::<rustls::Error>() {
                return Self::Tls(cause.to_string());
            }
            if let Some(io) = cause.downcast_ref::<io::Error>()
                && io.kind() == io::ErrorKind::ConnectionRefused
            {
                return Self::Refused(io.to_string());
            }
        }
        if resolving {
            Self::Resolve(text)
        } else if error.is_connect() {
            Self::Connect(text)
        } else if error.is_builder() {
            Self::Request(text)
        } else {
            Self::Closed(text)
        }
    }
}
