//! What templates see of a notification.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use smol_str::SmolStr;

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
    let route = GroupRoute {
        id: &notification.route_id,
        labels: &notification.route_labels,
        receiver,
        group_labels: &notification.group_labels,
    };
    let route_labels = route_labels(&route, &all, surroundings, environment);
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

/// The route of a group, as far as its labels need it.
#[derive(Debug, Clone, Copy)]
pub struct GroupRoute<'a> {
    /// The route's id, for the log.
    pub id: &'a str,
    /// Its labels as configured: templates.
    pub labels: &'a BTreeMap<SmolStr, String>,
    /// The name of its receiver.
    pub receiver: &'a str,
    /// The labels that the group's alerts share.
    pub group_labels: &'a LabelSet,
}

/// The route's labels, rendered for the group. One that cannot be rendered is left out.
fn route_labels(
    route: &GroupRoute<'_>,
    alerts: &[template::Alert],
    surroundings: &Surroundings,
    environment: &Environment,
) -> Kv {
    if route.labels.is_empty() {
        return Kv::default();
    }
    let sources: Kv = route.labels.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
    let data = Data::new(
        route.receiver,
        REASON_OF_ROUTE_LABELS,
        &surroundings.external_url,
        kv(route.group_labels),
        Kv::default(),
        alerts.to_vec(),
    );
    let data = Arc::new(data.with_templated_route_labels(sources));
    let rendered = surroundings.templates.route_labels(&data, environment).into_iter();
    rendered
        .filter_map(|(name, value)| match value {
            Ok(value) => Some((name, value)),
            Err(err) => {
                let (route, label) = (route.id, name.to_string());
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

/// The labels of a group's route as they would be told now, with these alerts.
#[must_use]
pub fn rendered_route_labels(
    route: &GroupRoute<'_>,
    alerts: &[Arc<Alert>],
    surroundings: &Surroundings,
) -> BTreeMap<String, String> {
    if route.labels.is_empty() {
        return BTreeMap::new();
    }
    let now = (surroundings.clock)();
    let shown = alerts.iter().map(|alert| {
        let resolved = alert.is_resolved_at(now);
        template_alert(alert, resolved, if resolved { alert.ends_at } else { Timestamp::ZERO })
    });
    let alerts: Vec<template::Alert> = shown.collect();
    let rendered = route_labels(route, &alerts, surroundings, &surroundings.environment());
    rendered.pairs().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn shown(notification: &Notification, alert: &Alert) -> template::Alert {
    template_alert(alert, notification.is_resolved(alert), notification.shown_end(alert))
}

fn template_alert(alert: &Alert, resolved: bool, ends_at: Timestamp) -> template::Alert {
    template::Alert {
        status: Text::from_static(if resolved { "resolved" } else { "firing" }),
        labels: kv(&alert.labels),
        annotations: kv(&alert.annotations),
        starts_at: time(alert.starts_at),
        ends_at: time(ends_at),
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
