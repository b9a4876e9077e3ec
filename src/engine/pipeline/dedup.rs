//! Dedup: whether an integration has to be told, out of what it was last told.

use std::time::Duration;

use crate::model::{LogEntry, NotificationReason, Timestamp};

/// What the flush would tell.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The hashes of the firing alerts.
    pub firing: &'a [u64],
    /// The hashes of the ended ones.
    pub resolved: &'a [u64],
    /// Whether the integration wants to hear of ends.
    pub send_resolved: bool,
    /// When it is told again what it knows.
    pub repeat_interval: Duration,
}

/// Why to tell, or not to. `entry` is what the integration was last told, `at` the flush's tick. That all alerts
/// have ended is told, or at least logged, whatever the integration wants, so that the log says what is true.
#[must_use]
pub fn dedup(entry: Option<&LogEntry>, candidate: Candidate<'_>, at: Timestamp) -> NotificationReason {
    let Some(entry) = entry else {
        return if candidate.firing.is_empty() {
            NotificationReason::None
        } else {
            NotificationReason::FirstNotification
        };
    };
    if !entry.told_firing(candidate.firing) {
        return if entry.firing.is_empty() {
            NotificationReason::FirstNotification
        } else {
            NotificationReason::NewAlertsAdded
        };
    }
    if candidate.firing.is_empty() {
        return if entry.firing.is_empty() {
            NotificationReason::None
        } else {
            NotificationReason::AllAlertsResolved
        };
    }
    if candidate.send_resolved && !entry.told_resolved(candidate.resolved) {
        return NotificationReason::SomeAlertsResolved;
    }
    if entry.timestamp < at - candidate.repeat_interval {
        return NotificationReason::RepeatIntervalElapsed;
    }
    NotificationReason::None
}
