//! Where targets come from: the discovery sections of a configuration, resolved.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::http::HttpClientConfig;
use super::position::Position;
use super::url::Url;
use super::yaml::{Decode, Fields, Value};
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

/// The sections that Prometheus has and we have not.
const NOT_BUILT: [&str; 33] = [
    "aws_sd_configs",
    "azure_sd_configs",
    "consul_sd_configs",
    "digitalocean_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "ecs_sd_configs",
    "elasticache_sd_configs",
    "eureka_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "ionos_sd_configs",
    "kubernetes_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "msk_sd_configs",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "oci_sd_configs",
    "openstack_sd_configs",
    "outscale_sd_configs",
    "ovhcloud_sd_configs",
    "puppetdb_sd_configs",
    "rds_sd_configs",
    "scaleway_sd_configs",
    "serverset_sd_configs",
    "stackit_sd_configs",
    "triton_sd_configs",
    "uyuni_sd_configs",
    "vultr_sd_configs",
];

impl SdConfig {
    /// Reads all discovery sections of a mapping: static first, then file, HTTP and DNS.
    pub(super) fn decode_all(fields: &mut Fields<'_>) -> Vec<Self> {
        let statics = section(fields, "static_configs", StaticConfig::decode);
        let mut sources = if statics.is_empty() { Vec::new() } else { vec![Self::Static(statics)] };
        let files = section(fields, "file_sd_configs", FileSdConfig::decode);
        sources.extend(files.into_iter().map(Self::File));
        let servers = section(fields, "http_sd_configs", HttpSdConfig::decode);
        sources.extend(servers.into_iter().map(|config| Self::Http(Box::new(config))));
        sources.extend(section(fields, "dns_sd_configs", DnsSdConfig::decode).into_iter().map(Self::Dns));
        for key in NOT_BUILT {
            if let Some(value) = fields.value_of(key).filter(|value| !value.items().is_empty()) {
                let kind = key.trim_end_matches("_sd_configs");
                value.key_fault_with_help(
                    format!("{kind} service discovery is not supported by tocsin"),
                    "use static_configs, file_sd_configs, http_sd_configs or dns_sd_configs",
                );
            }
        }
        sources
    }
}

/// The elements of a discovery section; an empty one is a fault.
fn section<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    decode: impl Fn(&mut Fields<'_>) -> Option<T>,
) -> Vec<T> {
    let elements = fields.items(key).into_iter().filter_map(|item| {
        if item.is_null() {
            item.fault(format!("empty or null section in {key}"));
            return None;
        }
        item.fields(&decode)?
    });
    elements.collect()
}

impl StaticConfig {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            targets: fields.get_or_default("targets"),
            labels: fields.value_of("labels").map(|labels| decode_labels(&labels)).unwrap_or_default(),
            position: fields.position(),
        })
    }

    /// Records a fault for each target that is no address but a URL.
    pub(super) fn check_addresses(fields: &mut Fields<'_>) {
        for group in fields.items("static_configs") {
            let targets = group.entries().into_iter().filter(|(key, _)| *key == "targets");
            for target in targets.flat_map(|(_, targets)| targets.items()) {
                if let Some(scalar) = target.scalar().filter(|scalar| scalar.text.contains('/')) {
                    let message = format!("{:?} is not a valid hostname", scalar.text);
                    target.fault_with_help(
                        message,
                        "write host:port; scheme and path_prefix are keys of the entry",
                    );
                }
            }
        }
    }
}

/// A mapping of label names to values; any name that is not empty will do.
fn decode_labels(value: &Value<'_>) -> LabelSet {
    let entries = value.entries().into_iter().filter_map(|(name, value)| {
        if name.is_empty() {
            value.key_fault("\"\" is not a valid label name");
        }
        let text = if value.is_null() { String::null() } else { String::decode(&value) };
        text.map(|text| (name, text))
    });
    entries.collect()
}

/// The interval at `refresh_interval`, which must not be zero.
fn refresh_interval(fields: &mut Fields<'_>, default: Duration) -> Duration {
    let interval = fields.get_or("refresh_interval", default);
    if interval.is_zero() {
        fields.fault_at_key("refresh_interval", "must be greater than 0");
    }
    interval
}

impl FileSdConfig {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let patterns = fields.items("files");
        if patterns.is_empty() {
            fields.value().fault("file service discovery config must contain at least one path name");
        }
        for pattern in &patterns {
            let text = pattern.scalar().map_or("", |scalar| scalar.text.as_str());
            if !is_file_pattern(text) {
                pattern.fault_with_help(
                    format!("path name {text:?} is not valid for file discovery"),
                    "names end in .json, .yml or .yaml; * stands in the last part of the path only",
                );
            }
        }
        Some(Self {
            files: fields.get_or_default("files"),
            refresh_interval: refresh_interval(fields, Duration::from_secs(300)),
            position: fields.position(),
        })
    }
}

/// Whether a pattern ends in a known suffix and has wildcards in its last segment only (Prometheus's
/// `patFileSDName`).
fn is_file_pattern(pattern: &str) -> bool {
    let suffixes = ["json", "yml", "yaml", "JSON", "YML", "YAML"];
    let suffixed = pattern.rsplit_once('.').is_some_and(|(_, suffix)| suffixes.contains(&suffix));
    let wild = pattern.find('*').map_or("", |star| &pattern[star..]);
    suffixed && !wild.contains('/')
}

impl HttpSdConfig {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let configured = !fields.present(&["url"]).is_empty();
        let url: Option<Url> = fields.get_if_set("url");
        match url.as_ref().map(Url::parsed) {
            None if configured => {}
            None => fields.value().fault("URL is missing"),
            Some(url) if !matches!(url.scheme(), "http" | "https") => {
                fields.fault_at(&["url"], "URL scheme must be 'http' or 'https'");
            }
            Some(url) if url.host_str().is_none_or(str::is_empty) => {
                fields.fault_at(&["url"], "host is missing in URL");
            }
            Some(_) => {}
        }
        let refresh_interval = refresh_interval(fields, Duration::from_secs(60));
        let http_client = HttpClientConfig::decode(fields);
        Some(Self { url: url?, refresh_interval, http_client, position: fields.position() })
    }
}

impl DnsSdConfig {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let names: Vec<String> = fields.get_or_default("names");
        if names.is_empty() {
            fields.value().fault("DNS-SD config must contain at least one SRV record name");
        }
        let record_type = fields.get_or("type", DnsRecordType::Srv);
        let port = fields.get_or_default("port");
        if record_type != DnsRecordType::Srv && port == 0 {
            let message = "a port is required in DNS-SD configs for all record types except SRV";
            fields.value().fault(message);
        }
        let refresh_interval = refresh_interval(fields, Duration::from_secs(30));
        Some(Self { names, record_type, port, refresh_interval, position: fields.position() })
    }
}

impl Decode for DnsRecordType {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let text = String::decode(value)?;
        let record_type = match text.to_ascii_uppercase().as_str() {
            "SRV" => Self::Srv,
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "MX" => Self::Mx,
            "NS" => Self::Ns,
            _ => {
                let message = format!("invalid DNS-SD records type {text}");
                value.fault_with_help(message, "known are SRV, A, AAAA, MX and NS");
                return None;
            }
        };
        Some(record_type)
    }
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
