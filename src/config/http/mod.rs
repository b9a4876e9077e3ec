//! The HTTP client part of a configuration (prometheus/common `HTTPClientConfig`), resolved: at most one kind of
//! authentication, every secret from exactly one source, paths joined to the directory of the file.
//!
//! `net` builds clients from these values. Inline certificates are not parsed here; a file is not opened here.

mod authentication;
mod client;
mod headers;
mod oauth2;
mod proxy;
mod sigv4;
mod source;
mod tls;

#[cfg(test)]
mod tests;

pub use authentication::{Authentication, Authorization, BasicAuth};
pub use client::HttpClientConfig;
pub use headers::{HeaderValue, HttpHeader};
pub use oauth2::{Grant, JwtBearer, OAuth2, SignatureAlgorithm};
pub use proxy::{Proxy, ProxyAddress};
pub use sigv4::{AwsKeys, SigV4Config};
pub use source::Source;
pub use tls::{ClientCertificate, TlsConfig, TlsVersion};
