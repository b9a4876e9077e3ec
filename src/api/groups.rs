//! `GET /api/v2/alerts/groups`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::StatusCode;

use super::Backend;
use super::alert_filter::AlertFilter;
use super::alerts::push_alert;
use super::answer::{self, Answer};
use super::query::Query;
use crate::engine::{AlertStatus, DeliveryView, GroupView};
use crate::model::{Alert, Fingerprint, MatcherMode, Timestamp, push_json_string};

/// A group with those of its alerts that are asked for.
struct Shown {
    group: GroupView,
    alerts: Vec<(Fingerprint, Arc<Alert>, AlertStatus)>,
}

/// The groups that have alerts which pass the filters, sorted by labels and receiver.
pub(super) async fn list(backend: &dyn Backend, query: Option<&str>, mode: MatcherMode) -> Answer {
    let Some(view) = backend.delivery().await else { return super::operations::local_delivery() };
    let query = Query::new(query);
    let file = backend.alertmanager_config();
    let filter = match AlertFilter::read(&query, mode, file.as_deref()) {
        Ok(filter) => filter,
        Err(refusal) => return *refusal,
    };
    let now = backend.now();
    let groups = backend.groups().await.into_iter().filter(|group| filter.wants_receiver(&group.receiver));
    let mut shown: Vec<Shown> = groups.filter_map(|group| show(group, &filter, &view, now)).collect();
    shown.sort_by(|left, right| {
        let (left, right) = (&left.group, &right.group);
        left.labels.compare(&right.labels).then_with(|| left.receiver.cmp(&right.receiver))
    });
    let receivers = receivers(&shown);
    let with_muted = query.switch("muted", true);
    let mut json = vec![b'['];
    for shown in shown.iter().filter(|shown| with_muted || shown.group.muted_by.is_empty()) {
        if json.len() > 1 {
            json.push(b',');
        }
        push_group(shown, &receivers, &backend.route_labels(&shown.group), &mut json);
    }
    json.extend_from_slice(b"]\n");
    answer::json(StatusCode::OK, json)
}

/// The group with its alerts that have not ended and are asked for; `None` if there are none.
fn show(group: GroupView, filter: &AlertFilter, view: &DeliveryView, now: Timestamp) -> Option<Shown> {
    let asked_for = group.alerts.iter().filter(|alert| {
        let ended = !alert.ends_at.is_zero() && alert.ends_at < now;
        !ended && filter.wants_labels(alert)
    });
    let alerts: Vec<_> = asked_for
        .map(|alert| (alert.fingerprint(), Arc::clone(alert), view.status(&alert.labels, now)))
        .filter(|(_, _, status)| filter.wants_status(status))
        .collect();
    (!alerts.is_empty()).then_some(Shown { group, alerts })
}

/// Of every alert the receivers of the groups that show it, sorted; one that is in two groups of a receiver has it
/// twice.
fn receivers(shown: &[Shown]) -> HashMap<Fingerprint, Vec<&str>> {
    let mut receivers: HashMap<Fingerprint, Vec<&str>> = HashMap::new();
    for shown in shown {
        for (fingerprint, _, _) in &shown.alerts {
            receivers.entry(*fingerprint).or_default().push(&shown.group.receiver);
        }
    }
    receivers.values_mut().for_each(|names| names.sort_unstable());
    receivers
}

fn push_group(
    shown: &Shown,
    receivers: &HashMap<Fingerprint, Vec<&str>>,
    route_labels: &BTreeMap<String, String>,
    json: &mut Vec<u8>,
) {
    let group = &shown.group;
    let muted_by: Vec<&str> = group.muted_by.iter().map(AsRef::as_ref).collect();
    json.extend_from_slice(b"{\"alerts\":[");
    for (place, (fingerprint, alert, status)) in shown.alerts.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        let receivers = receivers.get(fingerprint).map(Vec::as_slice).unwrap_or_default();
        push_alert(alert, receivers, status, &muted_by, json);
    }
    json.extend_from_slice(b"],\"labels\":");
    push_labels(group.labels.iter(), json);
    json.extend_from_slice(b",\"receiver\":{\"name\":");
    push_json_string(&group.receiver, json);
    json.extend_from_slice(b"},\"routeLabels\":");
    push_labels(route_labels.iter().map(|(name, value)| (name.as_str(), value.as_str())), json);
    json.push(b'}');
}

fn push_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>, json: &mut Vec<u8>) {
    json.push(b'{');
    for (place, (name, value)) in labels.enumerate() {
        if place > 0 {
            json.push(b',');
        }
        push_json_string(name, json);
        json.push(b':');
        push_json_string(value, json);
    }
    json.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LabelSet;

    #[test]
    fn an_alert_names_the_receivers_of_all_its_groups() {
        let group = |receiver: &str| GroupView {
            labels: LabelSet::default(),
            key: "{}".into(),
            receiver: receiver.into(),
            route_id: "{}".into(),
            route_labels: Arc::default(),
            alerts: Vec::new(),
            muted_by: Vec::new(),
        };
        let labels: LabelSet = [("alertname", "x")].into_iter().collect();
        let alert = Arc::new(Alert {
            labels,
            annotations: LabelSet::default(),
            starts_at: Timestamp::UNIX_EPOCH,
            ends_at: Timestamp::MAX,
            updated_at: Timestamp::UNIX_EPOCH,
            generator_url: "".into(),
            timeout: false,
        });
        let fingerprint = alert.fingerprint();
        let shown: Vec<Shown> = ["b", "a", "b"]
            .map(|receiver| Shown {
                group: group(receiver),
                alerts: vec![(fingerprint, Arc::clone(&alert), AlertStatus::default())],
            })
            .into();
        assert_eq!(receivers(&shown)[&fingerprint], ["a", "b", "b"]);
    }
}
