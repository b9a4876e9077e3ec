//! `prometheus.yml`, as far as it concerns alerts on their way out.
//!
//! A file that Prometheus runs on is read unchanged. The keys of the top level and everything inside `alerting` are
//! checked; of `global` the two keys that concern us; the rest is taken as it is, since it grows with every release of
//! Prometheus and says nothing to us.

use std::path::Path;

use super::alerting::AlertingConfig;
use super::error::{ConfigError, read_file};
use super::expand::expand;
use super::suggest::nearest;
use super::yaml::{Decode, Fields, Value, read};
use crate::model::{LabelSet, NameValidation};

/// The part of a `prometheus.yml` that a notifier needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrometheusConfig {
    /// `global.external_labels`, environment variables replaced. A label whose value came out empty is here and is
    /// never attached to an alert.
    pub external_labels: LabelSet,
    /// `global.metric_name_validation_scheme`: which label names relabelling takes for valid.
    pub name_validation: NameValidation,
    /// `alerting`.
    pub alerting: AlertingConfig,
}

/// The keys of the top level that say nothing to a notifier.
const OTHER_SECTIONS: [&str; 9] = [
    "runtime",
    "rule_files",
    "scrape_config_files",
    "scrape_configs",
    "storage",
    "tracing",
    "remote_write",
    "remote_read",
    "otlp",
];

impl PrometheusConfig {
    /// Reads a file. `environment` gives the value of a variable, if it is set.
    pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::parse(path, &read_file(path)?, environment)
    }

    /// Reads the text of the file `path`; relative paths in it are joined to its directory.
    pub fn parse(
        path: &Path,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        read(path, text, |root| root.fields(|fields| Self::decode(fields, environment)))
    }

    fn decode(fields: &mut Fields<'_>, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut config = Self::default();
        if let Some(global) = fields.value_of("global") {
            config.decode_global(&global, environment);
        }
        let names = config.name_validation;
        config.alerting =
            fields.block("alerting", |fields| AlertingConfig::decode(fields, names)).unwrap_or_default();
        fields.ignore(&OTHER_SECTIONS);
        config
    }

    fn decode_global(&mut self, global: &Value<'_>, environment: &dyn Fn(&str) -> Option<String>) {
        let known = ["external_labels", "metric_name_validation_scheme"];
        for (key, value) in global.entries() {
            match (key, nearest(key, known)) {
                ("metric_name_validation_scheme", _) => {
                    let scheme = if value.is_null() { None } else { NameValidation::decode(&value) };
                    self.name_validation = scheme.unwrap_or_default();
                }
                ("external_labels", _) | (_, None) => {}
                (_, Some(near)) => {
                    let message = format!("field {key} not found");
                    value.key_fault_with_help(message, format!("did you mean {near}?"));
                }
            }
        }
        let labels = global.entries().into_iter().find(|(key, _)| *key == "external_labels");
        if let Some((_, labels)) = labels {
            self.external_labels = external_labels(&labels, self.name_validation, environment);
        }
    }
}

/// Reads a mapping of external labels and replaces the environment variables in their values.
fn external_labels(
    value: &Value<'_>,
    names: NameValidation,
    environment: &dyn Fn(&str) -> Option<String>,
) -> LabelSet {
    let labels = value.entries().into_iter().filter_map(|(name, value)| {
        if !names.is_label_name(name) {
            value.key_fault(format!("{name:?} is not a valid label name"));
        }
        let text = if value.is_null() { String::new() } else { String::decode(&value)? };
        let text = expand(&text, |variable| expand_variable(variable, environment));
        Some((name, text))
    });
    labels.collect()
}

fn expand_variable(name: &str, environment: &dyn Fn(&str) -> Option<String>) -> String {
    if name == "$" {
        return "$".to_owned();
    }
    let value = environment(name).unwrap_or_default();
    if value.is_empty() {
        tracing::warn!(name, "Empty environment variable");
    }
    value
}

impl Decode for NameValidation {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let text = String::decode(value)?;
        match text.as_str() {
            "" | "utf8" => Some(Self::Utf8),
            "legacy" => Some(Self::Legacy),
            _ => {
                value.fault_with_help(
                    format!("unrecognized ValidationScheme: {text:?}"),
                    "known are utf8 and legacy",
                );
                None
            }
        }
    }
}
