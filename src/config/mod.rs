//! The configuration files, read strictly into resolved values that keep their position, so that a fault found
//! later still names file, line and column. Secrets are a type that cannot print.

mod alerting;
pub mod alertmanager;
mod cluster_tls;
mod coordinator;
mod discovery;
mod error;
mod expand;
mod go_duration;
mod hash;
mod http;
mod paths;
mod position;
mod prometheus;
mod relabel;
mod secret;
mod suggest;
mod url;
mod watch;
mod web;
pub mod yaml;

#[cfg(test)]
mod tests;

pub use alerting::{AlertingConfig, AlertmanagerConfig};
pub use alertmanager::AlertmanagerFile;
pub use cluster_tls::ClusterTls;
pub use coordinator::{Commit, Config, Coordinator, Environment, FileKind, Refusal, ReloadStatus};
pub use discovery::{DnsRecordType, DnsSdConfig, FileSdConfig, HttpSdConfig, SdConfig, StaticConfig};
pub use error::{ConfigError, Fault};
pub use go_duration::parse_go_duration;
pub use hash::ConfigHash;
pub use http::{
    Authentication, Authorization, AwsKeys, BasicAuth, ClientCertificate, Grant, HeaderValue,
    HttpClientConfig, HttpHeader, JwtBearer, OAuth2, Proxy, ProxyAddress, SigV4Config, SignatureAlgorithm,
    Source, TlsConfig, TlsVersion,
};
pub use position::Position;
pub use prometheus::PrometheusConfig;
pub use relabel::RelabelConfigs;
pub use secret::Secret;
pub use url::{SecretUrl, Url, UrlError};
pub use watch::{DirectoryWatcher, FileWatcher, WatchError};
pub use web::{ClientAuth, RateLimit, ServerTls, WebConfig};
