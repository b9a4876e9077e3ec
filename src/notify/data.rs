//! What templates see of a notification.

use std::sync::Arc;

use aws_lc_rs::digest;

use super::surroundings::Surroundings;
use crate::model::{Alert, LabelSet, Notification, Timestamp};
use crate::template::{self, Data, Environment, Kv, Text, Time, Zone};

/// How notifications call the reason while route labels are rendered: they have to be the same whatever it is.
const REASON_OF_ROUTE_LABELS: &str = "unknown";

/// The data of a notification with the first `most` of its alerts (0: all).
pub(super) fn data(
    notification: &Notification,
    most: usize,
    surroundings: &Surroundings,
    environment: &Environment,
) -> Arc<Data> {
    let receiver = &notification.integration.receiver;
    let group_labels = kv(&notification.group_labels);
    let all: Vec<template::Alert> =
        notification.alerts.iter().map(|alert| shown(notification, alert)).collect();
    let route_labels = route_labels(notification, &group_labels, &all, surroundings, environment);
    let mut alerts = all;
    if most > 0 {
        alerts.truncate(most);
    }
    Arc::new(Data::new(
        receiver,
        notification.reason.as_str(),
        &surroundings.external_url,
        group_labels,
        route_labels,
        alerts,
    ))
}

/// The route's labels, rendered for the group. One that cannot be rendered is left out.
fn route_labels(
    notification: &Notification,
    group_labels: &Kv,
    alerts: &[template::Alert],
    surroundings: &Surroundings,
    environment: &Environment,
) -> Kv {
    let configured = &notification.route_labels;
    if configured.is_empty() {
        return Kv::default();
    }
    let sources: Kv = configured.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
    let data = Data::new(
        &notification.integration.receiver,
        REASON_OF_ROUTE_LABELS,
        &surroundings.external_url,
        group_labels.clone(),
        Kv::default(),
        alerts.to_vec(),
    );
    let data = Arc::new(data.with_templated_route_labels(sources));
    let rendered = surroundings.templates.route_labels(&data, environment).into_iter();
    rendered
        .filter_map(|(name, value)| match value {
            Ok(value) => Some((name, value)),
            Err(err) => {
                let (route, label) = (notification.route_id.as_ref(), name.to_string());
                tracing::warn!(
                    component = "notify",
                    route,
                    label,
                    err,
                    "route label left out: its template failed"
                );
                None
            }
        })
        .collect()
}

fn shown(notification: &Notification, alert: &Alert) -> template::Alert {
    let status = if notification.is_resolved(alert) { "resolved" } else { "firing" };
    template::Alert {
        status: Text::from_static(status),
        labels: kv(&alert.labels),
        annotations: kv(&alert.annotations),
        starts_at: time(alert.starts_at),
        ends_at: time(notification.shown_end(alert)),
        generator_url: alert.generator_url.as_ref().into(),
        fingerprint: alert.fingerprint().to_string().into(),
    }
}

/// A moment as templates show it, in UTC.
pub(super) fn time(moment: Timestamp) -> Time {
    Time::new(moment.unix_seconds(), moment.subsec_nanos(), Zone::Utc)
}

fn kv(labels: &LabelSet) -> Kv {
    labels.iter().collect()
}

/// The lower-case hexadecimal SHA-256 of a group's key: by it services tell which notifications are about one
/// incident.
pub(super) fn key_hash(group_key: &str) -> String {
    hex(digest::digest(&digest::SHA256, group_key.as_bytes()).as_ref())
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
