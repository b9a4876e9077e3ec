//! What others are shown of the manager: `GET /api/v1/alertmanagers`, `GET /api/v1/queues`, `tocsin queues`.

use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;

use super::alertmanager::{Alertmanager, Busy, DeadLetter, LastAnswer};
use crate::model::Timestamp;

/// The push URLs of all Alertmanagers, each list in the order of sets and URLs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discovered {
    /// Those that alerts are sent to.
    pub active: Vec<Arc<str>>,
    /// Those that relabelling dropped, by what their URLs were before it, and our own listeners.
    pub dropped: Vec<Arc<str>>,
}

/// The queue of one Alertmanager.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    /// The push URL.
    pub alertmanager: String,
    /// How many alerts are queued.
    pub length: usize,
    /// How many fit.
    pub capacity: usize,
    /// How many are in a request that is not yet answered.
    pub in_flight: usize,
    /// Since when the oldest is queued.
    pub oldest: Option<String>,
    /// Whether more alerts wait in the store because the queue was full.
    pub behind: bool,
    /// Whether it is no longer discovered and only drained.
    pub draining: bool,
    /// What it said last.
    pub last_answer: Option<LastAnswer>,
    /// When it is tried again, after a failure.
    pub back_off_until: Option<String>,
    /// The id of the tocsin it is, if it is one.
    pub tocsin: Option<String>,
    /// The alerts that it refused for good, the oldest first.
    pub dead_letters: Vec<DeadLetter>,
}

impl QueueView {
    pub(super) fn of(alertmanager: &Alertmanager, instant: Instant, now: Timestamp) -> Self {
        let back_off_until = alertmanager.back_off(instant).map(|until| now + (until - instant));
        Self {
            alertmanager: alertmanager.destination.url.to_string(),
            length: alertmanager.len(),
            capacity: alertmanager.queue.capacity(),
            in_flight: alertmanager.busy.count(),
            oldest: alertmanager.queue.oldest().map(Timestamp::to_rfc3339_millis),
            behind: alertmanager.queue.is_behind(),
            draining: alertmanager.drain_until.is_some(),
            last_answer: alertmanager.last_answer.clone(),
            back_off_until: back_off_until.map(Timestamp::to_rfc3339_millis),
            tocsin: alertmanager.tocsin.as_ref().map(ToString::to_string),
            dead_letters: alertmanager.dead_letters.iter().cloned().collect(),
        }
    }
}

impl Busy {
    /// How many alerts are in flight.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Posting(count) => count,
            Self::No | Self::Refilling | Self::Reporting => 0,
        }
    }
}
