//! The web configuration file (exporter-toolkit's `--web.config.file`), resolved.

use std::collections::BTreeMap;
use std::time::Duration;

use super::http::{Source, TlsVersion};
use super::position::Position;
use super::secret::Secret;

/// How the HTTP server protects itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// `tls_server_config`; `None`: plain HTTP.
    pub tls: Option<TlsServerConfig>,
    /// `http_server_config.http2`, true by default. Only with TLS.
    pub http2: bool,
    /// `http_server_config.headers` of every answer, names as written.
    pub headers: BTreeMap<String, String>,
    /// `basic_auth_users`: user and bcrypt hash. None: everybody may.
    pub basic_auth_users: BTreeMap<String, Secret>,
    /// `rate_limit`; `None`: no limit.
    pub rate_limit: Option<RateLimit>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            tls: None,
            http2: true,
            headers: BTreeMap::new(),
            basic_auth_users: BTreeMap::new(),
            rate_limit: None,
        }
    }
}

/// `tls_server_config`. Certificates and keys are not parsed here; a file is not opened here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsServerConfig {
    /// `cert` or `cert_file`: the chain in PEM, the leaf first.
    pub cert: Source<String>,
    /// `key` or `key_file`.
    pub key: Source<Secret>,
    /// `client_ca` or `client_ca_file`.
    pub client_ca: Option<Source<String>>,
    /// `client_auth_type`.
    pub client_auth_type: ClientAuthType,
    /// `client_allowed_sans`: a client's certificate must have one of these names. Empty: any.
    pub client_allowed_sans: Vec<String>,
    /// `min_version`; TLS 1.2 if unset.
    pub min_version: Option<TlsVersion>,
    /// `max_version`; TLS 1.3 if unset.
    pub max_version: Option<TlsVersion>,
    /// `cipher_suites` of TLS 1.2 by Go's names. Empty: all.
    pub cipher_suites: Vec<String>,
    /// `curve_preferences` by Go's names. Empty: all.
    pub curve_preferences: Vec<String>,
    /// `prefer_server_cipher_suites`, true by default.
    pub prefer_server_cipher_suites: bool,
    /// Where the block begins.
    pub position: Position,
}

/// `client_auth_type`: what a client must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuthType {
    /// `NoClientCert`: it is not asked.
    #[default]
    NoClientCert,
    /// `RequestClientCert`: asked, not needed, not verified.
    RequestClientCert,
    /// `RequireAnyClientCert` (also `RequireClientCert`): needed, not verified.
    RequireAnyClientCert,
    /// `VerifyClientCertIfGiven`.
    VerifyClientCertIfGiven,
    /// `RequireAndVerifyClientCert`.
    RequireAndVerifyClientCert,
}

/// `rate_limit`: one request every `interval`, `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How long until the next request is free; not zero.
    pub interval: Duration,
    /// How many requests may come at once after a pause.
    pub burst: u32,
}
