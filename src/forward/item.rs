//! A state on its way to Alertmanagers, and the JSON they get.
//!
//! An [`Item`] is shared by the queues of all Alertmanagers whose set does not relabel alerts; its JSON is written
//! when the first of them sends it, and lives as long as a queue or a request holds the item.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::model::{Accepted, Alert, LabelSet, Timestamp, hash_labels, push_alert};

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

    /// The alert as Prometheus writes it, for sending at `now`.
    ///
    /// An `endsAt` that the sender left out stays out, so that the receiver's own `resolve_timeout` rules, unless
    /// it has passed: without it the alert would fire again.
    pub(super) fn json(&self, now: Timestamp) -> Bytes {
        let alert = &self.accepted.alert;
        if alert.timeout && alert.is_resolved_at(now) {
            return encode(&Alert { timeout: false, ..Alert::clone(alert) });
        }
        self.json.get_or_init(|| encode(alert)).clone()
    }
}

fn encode(alert: &Alert) -> Bytes {
    let size =
        alert.labels.as_packed().len() + alert.annotations.as_packed().len() + alert.generator_url.len();
    let mut json = Vec::with_capacity(size + size / 4 + 160);
    push_alert(alert, &mut json);
    json.shrink_to_fit();
    Bytes::from(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AlertId, Sequence};

    fn item(timeout: bool, ends: i64) -> Arc<Item> {
        let alert = Alert {
            labels: LabelSet::from_iter([("alertname", "x")]),
            annotations: LabelSet::from_iter([("summary", "a <b>")]),
            starts_at: Timestamp::from_unix_millis(1_787_307_072_345),
            ends_at: Timestamp::from_unix(ends, 345_999_999),
            updated_at: Timestamp::ZERO,
            generator_url: Arc::from("http://h:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"),
            timeout,
        };
        let (id, sequence) = (AlertId(1), Sequence(1));
        Item::new(Accepted { id, sequence, alert: Arc::new(alert), change: None, path: None })
    }

    fn text(item: &Item, now: i64) -> String {
        String::from_utf8_lossy(&item.json(Timestamp::from_unix(now, 0))).into_owned()
    }

    #[test]
    fn is_written_as_prometheus_writes_it() {
        assert_eq!(
            text(&item(false, 1_787_307_312), 0),
            r#"{"annotations":{"summary":"a \u003cb\u003e"},"endsAt":"2026-08-21T10:15:12.345Z","startsAt":"2026-08-21T10:11:12.345Z","generatorURL":"http://h:9090/graph?g0.expr=up+%3D%3D+0\u0026g0.tab=1","labels":{"alertname":"x"}}"#
        );
    }

    #[test]
    fn an_end_that_was_left_out_is_told_only_once_it_has_passed() {
        let item = item(true, 1_787_307_312);
        assert!(text(&item, 1_787_307_000).contains(r#""endsAt":"0001-01-01T00:00:00.000Z""#));
        assert!(text(&item, 1_787_307_400).contains(r#""endsAt":"2026-08-21T10:15:12.345Z""#));
    }
}
