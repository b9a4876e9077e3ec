//! The HTTP client part of a configuration (prometheus/common `HTTPClientConfig`), resolved: at most one kind of
//! authentication, every secret from exactly one source, paths joined to the directory of the file.
//!
//! `net` builds clients from these values. Inline certificates are not parsed here; a file is not opened here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::position::Position;
use super::secret::Secret;
use super::url::Url;

/// A value that stands in the configuration, or in a file that is read each time the value is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source<T> {
    /// The value itself.
    Inline(T),
    /// The file to read. For passwords, tokens and headers white space at both ends is cut off.
    File(PathBuf),
}

impl<T: Default> Default for Source<T> {
    /// The empty value: what is configured by leaving it out.
    fn default() -> Self {
        Self::Inline(T::default())
    }
}

/// How to talk to an HTTP server: authentication, TLS, proxy, headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpClientConfig {
    /// `basic_auth`, `authorization` (also from `bearer_token` and `bearer_token_file`) or `oauth2`.
    pub authentication: Option<Authentication>,
    /// `tls_config`.
    pub tls_config: TlsConfig,
    /// `proxy_url`, `no_proxy`, `proxy_from_environment`, `proxy_connect_header`. `None`: no proxy, whatever the
    /// environment says.
    pub proxy: Option<Proxy>,
    /// `http_headers`, sorted by name. Each value is added to the request, in the order values, secrets, files.
    pub http_headers: Vec<HttpHeader>,
    /// `follow_redirects`, true by default. Otherwise a 3xx answer is the final one.
    pub follow_redirects: bool,
    /// `enable_http2`, true by default: offer HTTP/2 by ALPN.
    pub enable_http2: bool,
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

/// The one way in which requests prove who sends them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// HTTP basic authentication.
    BasicAuth(BasicAuth),
    /// A fixed `Authorization` header.
    Authorization(Authorization),
    /// A token fetched from an OAuth 2 server.
    Oauth2(Box<OAuth2>),
}

/// `basic_auth`. Both parts may be empty and are sent all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BasicAuth {
    /// `username` or `username_file`.
    pub username: Source<String>,
    /// `password` or `password_file`.
    pub password: Source<Secret>,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// `authorization`: the header is the scheme, a space and the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Authorization {
    /// `type`, trimmed; `Bearer` by default, never "basic" in any case.
    pub scheme: String,
    /// `credentials` or `credentials_file`.
    pub credentials: Source<Secret>,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// `oauth2`: where and how to fetch a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OAuth2 {
    /// `client_id`, never empty.
    pub client_id: String,
    /// `grant_type` with the keys that belong to it.
    pub grant: Grant,
    /// `scopes`, joined by spaces in the request.
    pub scopes: Vec<String>,
    /// `token_url`.
    pub token_url: Url,
    /// `endpoint_params`: further form fields of the token request.
    pub endpoint_params: BTreeMap<String, String>,
    /// `tls_config` of the token request.
    pub tls_config: TlsConfig,
    /// The proxy of the token request.
    pub proxy: Option<Proxy>,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// How the client proves itself to the OAuth 2 server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// `client_credentials`, the default: id and secret.
    ClientCredentials {
        /// `client_secret` or `client_secret_file`.
        client_secret: Source<Secret>,
    },
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523): a token signed with an RSA key.
    JwtBearer(JwtBearer),
}

/// The token to sign for the JWT bearer grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JwtBearer {
    /// `client_certificate_key` or `client_certificate_key_file`: the RSA key in PEM.
    pub key: Source<Secret>,
    /// `client_certificate_key_id`: the header's `kid`; empty: none.
    pub key_id: String,
    /// `signature_algorithm`.
    pub algorithm: SignatureAlgorithm,
    /// `iss`; when left out, the client id.
    pub iss: String,
    /// `audience`; when left out, the token URL.
    pub audience: String,
    /// `claims`: further claims of the token.
    pub claims: serde_json::Map<String, serde_json::Value>,
}

/// RSA signatures with SHA-2 (RFC 7518).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum SignatureAlgorithm {
    /// With SHA-256, the default.
    #[default]
    RS256,
    /// With SHA-384.
    RS384,
    /// With SHA-512.
    RS512,
}

/// `tls_config` of a client. The default verifies the server against the system's roots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TlsConfig {
    /// `ca` or `ca_file`: PEM certificates that replace the system's roots.
    pub ca: Option<Source<String>>,
    /// The client's certificate with its key.
    pub certificate: Option<ClientCertificate>,
    /// `server_name` to verify, and for SNI, instead of the host of the URL.
    pub server_name: Option<String>,
    /// `insecure_skip_verify`.
    pub insecure_skip_verify: bool,
    /// `min_version`; TLS 1.2 if unset.
    pub min_version: Option<TlsVersion>,
    /// `max_version`, not below the minimum.
    pub max_version: Option<TlsVersion>,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// A certificate and its private key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientCertificate {
    /// `cert` or `cert_file`: the chain, the leaf first.
    pub cert: Source<String>,
    /// `key` or `key_file`.
    pub key: Source<Secret>,
}

/// A version of TLS, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum TlsVersion {
    /// `TLS10`.
    Tls10,
    /// `TLS11`.
    Tls11,
    /// `TLS12`.
    Tls12,
    /// `TLS13`.
    Tls13,
}

/// The proxy of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proxy {
    /// Where the proxy's address comes from.
    pub address: ProxyAddress,
    /// `proxy_connect_header`: headers of CONNECT requests, sorted by name.
    pub connect_header: BTreeMap<String, Vec<Secret>>,
}

/// Where a proxy's address comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyAddress {
    /// `proxy_from_environment`: HTTP_PROXY, HTTPS_PROXY, NO_PROXY and their lower-case forms.
    Environment,
    /// `proxy_url`.
    Url {
        /// The proxy.
        proxy_url: Url,
        /// `no_proxy`: a comma-separated list of hosts, domains and networks that are reached directly; empty: none.
        no_proxy: String,
    },
}

/// One header of `http_headers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpHeader {
    /// The name as written.
    pub name: String,
    /// Its values in the order in which they are added.
    pub values: Vec<HeaderValue>,
}

/// A value of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    /// From `values`.
    Plain(String),
    /// From `secrets`.
    Secret(Secret),
    /// From `files`: read for each request, white space at both ends cut off.
    File(PathBuf),
}

/// `sigv4`: AWS Signature Version 4 over each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SigV4Config {
    /// `region`; unset: from the AWS environment.
    pub region: Option<String>,
    /// `access_key` and `secret_key`, which come together; unset: AWS's default chain.
    pub keys: Option<AwsKeys>,
    /// `profile` of the shared AWS files.
    pub profile: Option<String>,
    /// `role_arn` to assume.
    pub role_arn: Option<String>,
    /// `external_id`, only with a role.
    pub external_id: Option<String>,
    /// `use_fips_sts_endpoint`.
    pub use_fips_sts_endpoint: bool,
    /// `service_name`, `aps` by default.
    pub service_name: String,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// A pair of AWS keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AwsKeys {
    /// `access_key`: the id, which is no secret.
    pub access_key: String,
    /// `secret_key`.
    pub secret_key: Secret,
}
