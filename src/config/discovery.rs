//! Where targets come from: the discovery sections of a configuration, resolved.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::http::HttpClientConfig;
use super::position::Position;
use super::url::Url;
use crate::model::LabelSet;

/// One source of targets. `static_configs` of one entry are together one source; every element of another
/// section is a source of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SdConfig {
    /// `static_configs`: the groups in the order of the file; each one's source is its index.
    Static(Vec<StaticConfig>),
    /// An element of `file_sd_configs`.
    File(FileSdConfig),
    /// An element of `http_sd_configs`.
    Http(Box<HttpSdConfig>),
    /// An element of `dns_sd_configs`.
    Dns(DnsSdConfig),
}

/// A group of targets written in the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaticConfig {
    /// `targets`: addresses, which become each target's `__address__`.
    pub targets: Vec<String>,
    /// `labels` of all targets of the group.
    #[serde(serialize_with = "serialize_labels")]
    pub labels: LabelSet,
    /// Where the group begins.
    #[serde(skip)]
    pub position: Position,
}

/// Targets from files that are watched and read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSdConfig {
    /// `files`: patterns with wildcards in the last segment only, joined to the configuration's directory. The
    /// names end in .json, .yml or .yaml. Never empty.
    pub files: Vec<PathBuf>,
    /// `refresh_interval`: the files are read again this often, whatever the watcher says; 5 minutes by default.
    #[serde(serialize_with = "serialize_duration")]
    pub refresh_interval: Duration,
    /// Where the section's element begins.
    #[serde(skip)]
    pub position: Position,
}

/// Targets from an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpSdConfig {
    /// `url`: http or https, with a host.
    pub url: Url,
    /// `refresh_interval`, also the limit of one request; a minute by default.
    #[serde(serialize_with = "serialize_duration")]
    pub refresh_interval: Duration,
    /// The HTTP client keys beside them.
    pub http_client: HttpClientConfig,
    /// Where the section's element begins.
    #[serde(skip)]
    pub position: Position,
}

/// Targets from DNS records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsSdConfig {
    /// `names` to look up; never empty.
    pub names: Vec<String>,
    /// `type` of the records, SRV by default.
    pub record_type: DnsRecordType,
    /// `port` of the targets; SRV records bring their own and this is then ignored, otherwise it is not 0.
    pub port: u16,
    /// `refresh_interval`, 30 seconds by default.
    #[serde(serialize_with = "serialize_duration")]
    pub refresh_interval: Duration,
    /// Where the section's element begins.
    #[serde(skip)]
    pub position: Position,
}

/// The kinds of DNS records that name targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsRecordType {
    /// Service records: host and port.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers.
    Mx,
    /// Name servers.
    Ns,
}

/// Labels as a JSON object in the order of their names.
fn serialize_labels<S: serde::Serializer>(labels: &LabelSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels)
}

/// Durations as Prometheus writes them.
pub(super) fn serialize_duration<S: serde::Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::model::format_duration(*duration))
}
