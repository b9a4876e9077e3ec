//! The keys that every HTTP client has.

use std::path::Path;

use serde::Serialize;

use super::authentication::Authentication;
use super::headers::{HttpHeader, serialize_headers};
use super::proxy::Proxy;
use super::tls::TlsConfig;
use crate::config::error::{ConfigError, read_file};
use crate::config::position::Position;
use crate::config::yaml::{Fields, always, read};

/// How to talk to an HTTP server: authentication, TLS, proxy, headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpClientConfig {
    /// `basic_auth`, `authorization` (also from `bearer_token` and `bearer_token_file`) or `oauth2`.
    #[serde(rename = "")]
    pub authentication: Option<Authentication>,
    /// `tls_config`.
    #[serde(skip_serializing_if = "TlsConfig::is_default")]
    pub tls_config: TlsConfig,
    /// `follow_redirects`, true by default. Otherwise a 3xx answer is the final one.
    #[serde(serialize_with = "always")]
    pub follow_redirects: bool,
    /// `enable_http2`, true by default: offer HTTP/2 by ALPN.
    #[serde(serialize_with = "always")]
    pub enable_http2: bool,
    /// `proxy_url`, `no_proxy`, `proxy_from_environment`, `proxy_connect_header`. `None`: no proxy, whatever the
    /// environment says.
    #[serde(rename = "")]
    pub proxy: Option<Proxy>,
    /// `http_headers`, sorted by name. Each value is added to the request, in the order values, secrets, files.
    #[serde(serialize_with = "serialize_headers")]
    pub http_headers: Vec<HttpHeader>,
    /// Where the block that holds these keys begins.
    #[serde(skip)]
    pub position: Position,
}

impl Default for HttpClientConfig {
    fn default() -> Self {
        Self {
            authentication: None,
            tls_config: TlsConfig::default(),
            proxy: None,
            http_headers: Vec::new(),
            follow_redirects: true,
            enable_http2: true,
            position: Position::default(),
        }
    }
}

impl HttpClientConfig {
    /// Reads a file that holds the keys of one client and nothing else (amtool's `--http.config.file`).
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        read(path, &read_file(path)?, |root| {
            root.joining_paths(true).fields(|fields| Some(Self::decode(fields)))?
        })
    }

    /// Reads the client keys of a mapping, which may have others beside them.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        Self {
            authentication: Authentication::decode(fields),
            tls_config: TlsConfig::decode_at(fields, "tls_config"),
            proxy: Proxy::decode(fields),
            http_headers: HttpHeader::decode_all(fields),
            follow_redirects: fields.get_or("follow_redirects", true),
            enable_http2: fields.get_or("enable_http2", true),
            position: fields.position(),
        }
    }
}
