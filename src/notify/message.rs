//! Alertmanager's own JSON of a notification: the body of the webhook and of incident.io.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::attempt::Attempt;
use crate::template::{Alert, Kv, Time};

/// The message, members in Alertmanager's order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    receiver: Cow<'a, str>,
    status: Cow<'a, str>,
    alerts: Vec<ShownAlert<'a>>,
    #[serde(rename = "notification_reason")]
    notification_reason: Cow<'a, str>,
    group_labels: Pairs<'a>,
    common_labels: Pairs<'a>,
    common_annotations: Pairs<'a>,
    route_labels: Pairs<'a>,
    #[serde(rename = "externalURL")]
    external_url: Cow<'a, str>,
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: usize,
}

impl<'a> Message<'a> {
    pub(super) fn new(attempt: &'a Attempt, version: &'static str) -> Self {
        let data = attempt.data();
        Self {
            receiver: data.receiver.lossy(),
            status: data.status.lossy(),
            alerts: data.alerts.iter().map(|alert| ShownAlert::new(alert)).collect(),
            notification_reason: data.notification_reason.lossy(),
            group_labels: Pairs(&data.group_labels),
            common_labels: Pairs(&data.common_labels),
            common_annotations: Pairs(&data.common_annotations),
            route_labels: Pairs(&data.route_labels),
            external_url: data.external_url.lossy(),
            version,
            group_key: &attempt.notification().group_key,
            truncated_alerts: attempt.truncated_alerts(),
        }
    }

    /// Leaves out all alerts but the first. They do not count as truncated.
    pub(super) fn keep_first(&mut self) {
        self.alerts.truncate(1);
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownAlert<'a> {
    status: Cow<'a, str>,
    labels: Pairs<'a>,
    annotations: Pairs<'a>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: Cow<'a, str>,
    fingerprint: Cow<'a, str>,
}

impl<'a> ShownAlert<'a> {
    fn new(alert: &'a Alert) -> Self {
        Self {
            status: alert.status.lossy(),
            labels: Pairs(&alert.labels),
            annotations: Pairs(&alert.annotations),
            starts_at: written(&alert.starts_at),
            ends_at: written(&alert.ends_at),
            generator_url: alert.generator_url.lossy(),
            fingerprint: alert.fingerprint.lossy(),
        }
    }
}

/// A moment in RFC 3339; one too far away to be written is the zero time.
fn written(time: &Time) -> String {
    let text = time.rfc3339_nano().or_else(|_| Time::ZERO.rfc3339_nano()).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

#[derive(Debug)]
struct Pairs<'a>(&'a Kv);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0.pairs() {
            map.serialize_entry(&name.lossy(), &value.lossy())?;
        }
        map.end()
    }
}
