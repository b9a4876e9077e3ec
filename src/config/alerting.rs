//! The `alerting:` part of a `prometheus.yml`, resolved.

use std::time::Duration;

use serde::Serialize;

use super::discovery::{SdConfig, StaticConfig};
use super::hash::ConfigHash;
use super::http::{HttpClientConfig, SigV4Config};
use super::position::Position;
use super::relabel::RelabelConfigs;
use super::yaml::Fields;
use crate::model::NameValidation;

/// `alerting`: what happens to every alert, and who gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertingConfig {
    /// `alert_relabel_configs`: run once over every alert, after the external labels are added.
    pub alert_relabel_configs: RelabelConfigs,
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
    /// `relabel_configs`: run over each discovered target.
    pub relabel_configs: RelabelConfigs,
    /// `alert_relabel_configs`: run over the alerts for this set only.
    pub alert_relabel_configs: RelabelConfigs,
    /// Where the Alertmanagers are: static targets first, then files, HTTP and DNS, each in the order of the file.
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

impl AlertingConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, names: NameValidation) -> Self {
        let alert_relabel_configs = RelabelConfigs::decode_at(
            fields,
            "alert_relabel_configs",
            "empty or null alert relabeling rule",
            names,
        );
        let entries = fields.items("alertmanagers").into_iter().filter_map(|entry| {
            if entry.is_null() {
                entry.fault("empty or null alertmanager entry");
                return None;
            }
            entry.fields(|fields| AlertmanagerConfig::decode(fields, names))
        });
        Self { alert_relabel_configs, alertmanagers: entries.collect() }
    }
}

impl AlertmanagerConfig {
    fn decode(fields: &mut Fields<'_>, names: NameValidation) -> Self {
        check_api_version(fields);
        let config = Self {
            scheme: fields.get_or("scheme", "http".to_owned()),
            path_prefix: fields.get_or_default("path_prefix"),
            timeout: fields.get_or("timeout", Duration::from_secs(10)),
            relabel_configs: RelabelConfigs::decode_at(
                fields,
                "relabel_configs",
                "empty or null Alertmanager target relabeling rule",
                names,
            ),
            alert_relabel_configs: RelabelConfigs::decode_at(
                fields,
                "alert_relabel_configs",
                "empty or null Alertmanager alert relabeling rule",
                names,
            ),
            service_discovery: SdConfig::decode_all(fields),
            http_client: HttpClientConfig::decode(fields),
            sigv4: fields.block("sigv4", |fields| SigV4Config::decode(fields, "aps")),
            position: fields.position(),
        };
        if config.sigv4.is_some() && config.http_client.authentication.is_some() {
            let message = "at most one of basic_auth, authorization, oauth2, & sigv4 must be configured";
            fields.fault_at(&["sigv4"], message);
        }
        if fields.items("relabel_configs").is_empty() {
            StaticConfig::check_addresses(fields);
        }
        config
    }
}

/// Alertmanager's API v2 is the only one there is.
fn check_api_version(fields: &mut Fields<'_>) {
    let Some(version) = fields.value_of("api_version").filter(|version| !version.is_null()) else { return };
    match version.scalar().map_or("", |scalar| scalar.text.as_str()) {
        "v2" => {}
        "v1" => version.fault_with_help(
            "expected Alertmanager api version to be one of [v2] but got v1",
            "Alertmanager has had no API v1 since 0.27: write `api_version: v2`, or leave the key out",
        ),
        other => {
            version.fault(format!("expected Alertmanager api version to be one of [v2] but got {other:.40}"))
        }
    }
}
