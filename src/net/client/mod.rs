//! HTTP clients built from an [`HttpClientConfig`](crate::config::HttpClientConfig): the only place that builds one.
//!
//! What follows prometheus/common: files named by the configuration are read again for every request (passwords,
//! tokens, header files, certificates), so rotation needs no reload; a certificate, key or CA whose content changed
//! gives a new transport; no proxy is taken from the environment unless the configuration says so; credentials stay
//! behind when a redirect leaves the host. What differs: a 301, 302 or 303 answer to anything but GET and HEAD is
//! handed back as it is (a POST must not become a GET that loses its body), and fetching an OAuth 2 token counts in
//! the request's own timeout.
//!
//! Answers are bounded: see [`Request::max_answer`].

mod credentials;
mod endpoint;
mod http;
mod jwt;
mod oauth2;
mod proxy;
mod redirect;
mod request;
#[cfg(test)]
mod tests;
mod tls;
mod tls_client;
mod transport;
mod verify;

pub use self::endpoint::{Endpoint, EndpointError};
pub use self::http::{ClientOptions, HttpClient};
pub(super) use self::http::{read, transmit};
pub use self::request::{Request, Response, SendError};
pub(super) use self::tls::{Material, client_config};
pub(super) use self::tls_client::TlsClient;
pub(super) use self::transport::{Transport, authority};
