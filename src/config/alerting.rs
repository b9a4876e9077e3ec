//! The `alerting:` part of a `prometheus.yml`, resolved.

use std::time::Duration;

use serde::Serialize;

use super::discovery::SdConfig;
use super::hash::ConfigHash;
use super::http::{HttpClientConfig, SigV4Config};
use super::position::Position;

/// `alerting`: what happens to every alert, and who gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertingConfig {
    /// `alertmanagers`: one entry for each set of Alertmanagers.
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

/// One entry of `alerting.alertmanagers`: how to find Alertmanagers and how to talk to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertmanagerConfig {
    /// `scheme`, `http` by default; becomes `__scheme__` of each target.
    pub scheme: String,
    /// `path_prefix` as written, empty by default; goes into `__alerts_path__` of each target.
    pub path_prefix: String,
    /// `timeout` of one request, answer included; 10 seconds by default.
    #[serde(serialize_with = "super::discovery::serialize_duration")]
    pub timeout: Duration,
    /// Where the Alertmanagers are, in the order of the file.
    pub service_discovery: Vec<SdConfig>,
    /// The HTTP client keys of the entry.
    pub http_client: HttpClientConfig,
    /// `sigv4`; excludes any other authentication.
    pub sigv4: Option<SigV4Config>,
    /// Where the entry begins.
    #[serde(skip)]
    pub position: Position,
}

impl AlertmanagerConfig {
    /// The identity of the entry: two entries with one hash are one set.
    #[must_use]
    pub fn hash(&self) -> ConfigHash {
        ConfigHash::of(self)
    }
}
