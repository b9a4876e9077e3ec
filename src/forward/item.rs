//! A state on its way to Alertmanagers, and the JSON they get.
//!
//! An [`Item`] is shared by the queues of all Alertmanagers whose set does not relabel alerts; its JSON is written
//! when the first of them sends it, and lives as long as a queue or a request holds the item.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::json::push_string;
use crate::model::{Accepted, Alert, LabelSet, Timestamp, hash_labels};

/// A state with what queues need to know of it.
#[derive(Debug)]
pub struct Item {
    /// The state, with the labels that the Alertmanager will see.
    pub accepted: Accepted,
    /// The hash of those labels.
    pub hash: u64,
    json: OnceLock<Bytes>,
}

impl Item {
    /// Wraps a state.
    #[must_use]
    pub fn new(accepted: Accepted) -> Arc<Self> {
        let hash = hash_labels(&accepted.alert.labels);
        Arc::new(Self { accepted, hash, json: OnceLock::new() })
    }

    /// The same state with other labels.
    #[must_use]
    pub fn relabelled(&self, labels: LabelSet) -> Arc<Self> {
        let alert = Alert { labels, ..Alert::clone(&self.accepted.alert) };
        Self::new(Accepted { alert: Arc::new(alert), ..self.accepted.clone() })
    }

    /// The alert as Prometheus writes it (`alertsToOpenAPIAlerts`), for sending at `now`.
    ///
    /// An `endsAt` that the sender left out stays out, so that the receiver's own `resolve_timeout` rules, unless
    /// it has passed: without it the alert would fire again.
    pub(super) fn json(&self, now: Timestamp) -> Bytes {
        let alert = &self.accepted.alert;
        if alert.timeout && alert.is_resolved_at(now) {
            return encode(alert, true);
        }
        self.json.get_or_init(|| encode(alert, !alert.timeout)).clone()
    }
}

fn encode(alert: &Alert, with_end: bool) -> Bytes {
    let size =
        alert.labels.as_packed().len() + alert.annotations.as_packed().len() + alert.generator_url.len();
    let mut json = String::with_capacity(size + size / 8 + 160);
    json.push('{');
    if !alert.annotations.is_empty() {
        push_labels(&mut json, "\"annotations\":", &alert.annotations);
        json.push(',');
    }
    if with_end {
        json.push_str("\"endsAt\":\"");
        alert.ends_at.push_rfc3339_millis(&mut json);
        json.push_str("\",");
    }
    json.push_str("\"startsAt\":\"");
    alert.starts_at.push_rfc3339_millis(&mut json);
    json.push_str("\",");
    if !alert.generator_url.is_empty() {
        json.push_str("\"generatorURL\":");
        push_string(&mut json, &alert.generator_url);
        json.push(',');
    }
    push_labels(&mut json, "\"labels\":", &alert.labels);
    json.push('}');
    Bytes::from(json)
}

fn push_labels(json: &mut String, key: &str, labels: &LabelSet) {
    json.push_str(key);
    let mut separator = '{';
    for (name, value) in labels {
        json.push(separator);
        push_string(json, name);
        json.push(':');
        push_string(json, value);
        separator = ',';
    }
    if separator == '{' {
        json.push('{');
    }
    json.push('}');
}
