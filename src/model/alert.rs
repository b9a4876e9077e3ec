//! Alerts and the rule by which two states of one alert become one.

use std::sync::Arc;

use super::{Fingerprint, LabelSet, Timestamp};

/// One state of an alert: what a rule engine said of it at `updated_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What identifies the alert.
    pub labels: LabelSet,
    /// What describes it; may change from state to state.
    pub annotations: LabelSet,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// Until when this state holds. With `timeout` it was not given but computed from `resolve_timeout`.
    pub ends_at: Timestamp,
    /// When this state was accepted.
    pub updated_at: Timestamp,
    /// Where the alert comes from, or the empty text.
    pub generator_url: Arc<str>,
    /// Whether the sender left `endsAt` out. Such a state is passed on without one, so that the receiver's own
    /// `resolve_timeout` rules.
    pub timeout: bool,
}

impl Alert {
    /// The fingerprint of the labels.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }

    /// The label `alertname`, or the empty text.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get("alertname").unwrap_or_default()
    }

    /// Whether the alert has ended at `now` (Alertmanager's `ResolvedAt`).
    #[must_use]
    pub fn is_resolved_at(&self, now: Timestamp) -> bool {
        !self.ends_at.is_zero() && self.ends_at <= now
    }

    /// Whether this state, arriving after `old`, continues it: their times overlap, so they are merged. States
    /// that do not overlap replace each other (Alertmanager's `provider/mem` Put).
    #[must_use]
    pub fn overlaps(&self, old: &Self) -> bool {
        (self.ends_at > old.starts_at && self.ends_at < old.ends_at)
            || (self.starts_at > old.starts_at && self.starts_at < old.ends_at)
    }

    /// The state that follows from `self` when `newer` arrives: merged if they overlap, else `newer` alone.
    #[must_use]
    pub fn followed_by(&self, newer: Self) -> Self {
        if newer.overlaps(self) { self.merge(newer) } else { newer }
    }

    /// Alertmanager's `Alert.Merge`: the younger state by `updated_at` (the argument, if equal) gives
    /// annotations, generator URL and timeout flag; the earlier start and, by who is younger, the end are kept.
    #[must_use]
    pub fn merge(&self, other: Self) -> Self {
        let (older, mut result) =
            if other.updated_at < self.updated_at { (&other, self.clone()) } else { (self, other) };
        result.starts_at = result.starts_at.min(older.starts_at);
        let younger_resolved = result.is_resolved_at(result.updated_at);
        if younger_resolved {
            if older.is_resolved_at(result.updated_at) && older.ends_at > result.ends_at {
                result.ends_at = older.ends_at;
            }
        } else if older.ends_at > result.ends_at && !older.timeout {
            result.ends_at = older.ends_at;
        }
        result
    }
}
