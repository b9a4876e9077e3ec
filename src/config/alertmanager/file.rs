//! The file as a whole.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::global::GlobalConfig;
use super::inhibit::InhibitRuleConfig;
use super::receiver::ReceiverConfig;
use super::route::{Names, RouteConfig};
use super::time_interval::NamedTimeInterval;
use crate::config::error::{ConfigError, Fault, read_file};
use crate::config::http::{HttpClientConfig, TlsConfig};
use crate::config::paths::is_pattern;
use crate::config::yaml::{Decode, Fields, read_with_notices};
use crate::model::MatcherMode;

/// An `alertmanager.yml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertmanagerFile {
    /// `global` with its defaults.
    pub global: GlobalConfig,
    /// `route`: the root of the routing tree.
    pub route: RouteConfig,
    /// `inhibit_rules`.
    pub inhibit_rules: Vec<InhibitRuleConfig>,
    /// `receivers`.
    pub receivers: Vec<ReceiverConfig>,
    /// `templates`: patterns of files, joined to the directory of this file.
    #[serde(serialize_with = "crate::config::yaml::always")]
    pub templates: Vec<PathBuf>,
    /// `mute_time_intervals`, the old name of the list below.
    pub mute_time_intervals: Vec<NamedTimeInterval>,
    /// `time_intervals`.
    pub time_intervals: Vec<NamedTimeInterval>,
    /// What is not wrong and yet worth telling, with its place: matchers that mean something else in the other grammar,
    /// sections that do nothing here.
    #[serde(skip)]
    pub notices: Vec<Fault>,
}

impl AlertmanagerFile {
    /// Reads a file.
    pub fn load(path: &Path, mode: MatcherMode) -> Result<Self, ConfigError> {
        Self::parse(path, &read_file(path)?, mode)
    }

    /// Reads the text of the file `path`. `mode` says how matchers are read and which label names are valid.
    pub fn parse(path: &Path, text: &str, mode: MatcherMode) -> Result<Self, ConfigError> {
        let (mut file, notices) = read_with_notices(path, text, |root| {
            // Alertmanager joins some paths to the directory of the file, and leaves most as they are.
            root.joining_paths(false).fields(|fields| Self::decode(fields, mode))?
        })?;
        file.notices = notices;
        Ok(file)
    }

    /// Prints the configuration as Alertmanager's `/api/v2/status` shows it: defaults filled in, secrets left out. What
    /// Alertmanager would refuse is told in comments at the end, so that its own tools can read the text.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut text = crate::config::yaml::to_yaml(self);
        for receiver in &self.receivers {
            let lines = receiver.extensions().map(|line| format!("# receiver {:?}: {line}\n", receiver.name));
            text.extend(lines);
        }
        text
    }

    /// The receiver of this name.
    #[must_use]
    pub fn receiver(&self, name: &str) -> Option<&ReceiverConfig> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }

    /// Whether a route leads to the receiver of this name. Others are checked, but need not be built.
    #[must_use]
    pub fn is_routed(&self, receiver: &str) -> bool {
        self.route.walk().any(|route| route.receiver.as_ref().is_some_and(|used| used.value == receiver))
    }

    fn decode(fields: &mut Fields<'_>, mode: MatcherMode) -> Option<Self> {
        let global = fields.value_of("global").filter(|value| !value.is_null());
        // Without the block its defaults hold, as of an empty one.
        let global = match &global {
            Some(value) => value.fields(GlobalConfig::decode),
            None => fields.empty_block(GlobalConfig::decode),
        };
        let global = global?;
        let receivers = ReceiverConfig::decode_all(fields, &global);
        let mute_time_intervals = NamedTimeInterval::decode_all(
            fields,
            "mute_time_intervals",
            "missing name in mute time interval",
        );
        let time_intervals =
            NamedTimeInterval::decode_all(fields, "time_intervals", "missing name in time interval");
        check_unique(fields, &mute_time_intervals, &time_intervals);

        let receiver_names: HashSet<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
        let intervals = mute_time_intervals.iter().chain(&time_intervals);
        let interval_names: HashSet<&str> = intervals.map(|interval| interval.name.as_str()).collect();
        let names = Names {
            receivers: &|name| receiver_names.contains(name),
            time_intervals: &|name| interval_names.contains(name),
        };
        let route = fields.value_of("route").filter(|value| !value.is_null());
        if route.is_none() {
            fields.value().fault_with_help(
                "no route provided in config",
                "write at least `route: {receiver: NAME}` and a receiver of that name",
            );
        }
        let route = route.and_then(|value| RouteConfig::decode_root(&value, &names, mode));
        let inhibit_rules = fields.items("inhibit_rules");
        let inhibit_rules =
            inhibit_rules.iter().filter_map(|item| InhibitRuleConfig::decode(item, mode)).collect();
        check_tracing(fields);
        check_event_recorder(fields);
        Some(Self {
            global,
            route: route?,
            inhibit_rules,
            receivers,
            templates: decode_templates(fields),
            mute_time_intervals,
            time_intervals,
            notices: Vec::new(),
        })
    }
}

/// `templates`. A pattern need not match anything.
fn decode_templates(fields: &mut Fields<'_>) -> Vec<PathBuf> {
    let patterns = fields.items("templates").into_iter().filter_map(|item| {
        // Alertmanager joins an empty pattern too, which then names the directory.
        let pattern = if item.is_null() { String::new() } else { String::decode(&item)? };
        if !is_pattern(&pattern) {
            item.fault_with_help(
                format!("syntax error in pattern {pattern:?}"),
                "close `[` with `]`, or write `\\\\[` for the character itself",
            );
        }
        PathBuf::decode(&item.joining_paths(true))
    });
    patterns.collect()
}

/// Both lists share one space of names.
fn check_unique(fields: &mut Fields<'_>, mutes: &[NamedTimeInterval], intervals: &[NamedTimeInterval]) {
    let mut seen: HashSet<&str> = HashSet::new();
    for (key, list, what) in
        [("mute_time_intervals", mutes, "mute time interval"), ("time_intervals", intervals, "time interval")]
    {
        for (item, interval) in fields.items(key).iter().zip(list) {
            if !seen.insert(&interval.name) {
                item.fault(format!("{what} {:?} is not unique", interval.name));
            }
        }
    }
}

/// `tracing` is checked as Alertmanager checks it, so that its files load; no traces are sent.
fn check_tracing(fields: &mut Fields<'_>) {
    let Some(value) = fields.value_of("tracing").filter(|value| !value.is_null()) else { return };
    let checked = value.fields(|fields| {
        match fields.text("client_type").as_deref() {
            None | Some("http" | "grpc") => {}
            Some(other) => fields.fault_at_key(
                "client_type",
                &format!("expected tracing client type to be http or grpc, but got {other}"),
            ),
        }
        if fields.text("endpoint").is_none() {
            fields.value().fault("tracing endpoint must be set");
        }
        let _sampling: Option<f64> = fields.get("sampling_fraction");
        let _insecure: Option<bool> = fields.get("insecure");
        let _tls = TlsConfig::decode_at(fields, "tls_config");
        fields.ignore(&["headers"]);
        if fields.text("compression").is_some_and(|compression| compression != "gzip") {
            fields.fault_at_key("compression", "invalid compression type, valid options: gzip");
        }
        let _timeout: Option<std::time::Duration> = fields.get("timeout");
    });
    if checked.is_some() {
        value.notice("tocsin sends no traces: this section does nothing here");
    }
}

/// `event_recorder` is an experiment of Alertmanager behind a flag. Its keys are checked as far as they are known.
fn check_event_recorder(fields: &mut Fields<'_>) {
    let Some(value) = fields.value_of("event_recorder").filter(|value| !value.is_null()) else { return };
    let checked = value.fields(|fields| {
        let _files: Vec<()> = fields.blocks("file_outputs", |fields| {
            if fields.text("path").is_none() {
                fields.value().fault("path must be set");
            }
            Some(())
        });
        let _webhooks: Vec<()> = fields.blocks("webhook_outputs", |fields| {
            if fields.get_if_set::<crate::config::url::SecretUrl>("url").is_none() {
                fields.value().fault("url must be set");
            }
            let _http = fields.block("http_config", HttpClientConfig::decode);
            fields.ignore(&["timeout", "workers", "max_retries", "retry_backoff", "batch"]);
            fields.ignore(&["batch_max_events", "batch_max_bytes", "batch_flush_interval"]);
            Some(())
        });
        let _kafkas: Vec<()> = fields.blocks("kafka_outputs", |fields| {
            let brokers: Vec<String> = fields.get_or_default("brokers");
            if brokers.iter().all(String::is_empty) || fields.text("topic").is_none() {
                fields.value().fault("brokers and topic must be set");
            }
            fields.ignore(&["client_id", "format", "acks", "compression", "buffer_size", "tls_config"]);
            Some(())
        });
        fields.ignore(&["stdout_outputs"]);
    });
    if checked.is_some() {
        value.notice("tocsin has no event recorder: this section does nothing here");
    }
}
