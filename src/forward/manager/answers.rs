//! What follows when a request, a refill or a report has ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::Manager;
use super::state::{Done, Gone, State};
use crate::config::ConfigHash;
use crate::forward::alertmanager::{Alertmanager, Busy, LastAnswer};
use crate::forward::item::Item;
use crate::forward::post::Verdict;
use crate::forward::queue::{Batch, Queued};
use crate::model::{Destination, Outcome, Refill};

impl Manager {
    /// A task for an Alertmanager has ended.
    pub(super) fn finish(&self, state: &mut State, done: Result<Done, JoinError>) {
        match done {
            Ok(Done::Posted { destination, batch, verdict, tocsin, took }) => {
                if tocsin.as_ref() == Some(&self.0.options.id) {
                    self.found_ourselves(state, &destination);
                }
                let jitter = state.random.f64();
                if let Some(alertmanager) = state.find(&destination) {
                    alertmanager.busy = Busy::No;
                    alertmanager.set_tocsin(tocsin);
                    self.judge(alertmanager, batch, verdict, took, jitter);
                }
            }
            Ok(Done::Refilled { destination, refill }) => self.refill(state, &destination, &refill),
            Ok(Done::Reported { destination }) => {
                if let Some(alertmanager) = state.find(&destination) {
                    alertmanager.busy = Busy::No;
                }
            }
            Err(err) => {
                error!(component = "notifier", %err, "A request ended by a fault of ours");
                let (now, instant) = ((self.0.options.clock)(), Instant::now());
                if let Some(alertmanager) = state.all_mut().find(|am| am.task == Some(err.id())) {
                    alertmanager.busy = Busy::No;
                    alertmanager.failed(Vec::new(), None, 1.0, now, instant);
                }
            }
        }
    }

    fn refill(&self, state: &mut State, destination: &Destination, refill: &Refill) {
        // What was accepted before the answer is in the inbox by now, and must not come after it.
        self.take_inbox(state);
        let now = (self.0.options.clock)();
        let items: Vec<Arc<Item>> = refill.alerts.iter().cloned().map(Item::new).collect();
        let set = state.sets.get(&ConfigHash::from_bytes(destination.set));
        let relabelled = set.filter(|set| set.relabels()).map(|set| set.relabel(&items));
        let (items, dropped) = relabelled.unwrap_or((items, Vec::new()));
        if let Some(alertmanager) = state.find(destination) {
            alertmanager.suppress(dropped.iter());
            alertmanager.refill(&items, refill, now);
        }
    }

    /// An answer came from ourselves: the target is one of our listeners under another name.
    fn found_ourselves(&self, state: &mut State, destination: &Destination) {
        let hash = ConfigHash::from_bytes(destination.set);
        let Some(set) = state.sets.get_mut(&hash) else { return };
        let (client, timeout) = (Arc::clone(&set.client), set.config.timeout);
        if let Some(mut alertmanager) = set.drop_own(&destination.url) {
            error!(component = "notifier", alertmanager = %destination.url, "Not forwarding to our own listener");
            alertmanager.clear();
            state.gone.push(Gone { alertmanager, client, timeout });
        }
    }

    /// Draws the consequences of an answer.
    fn judge(
        &self,
        alertmanager: &mut Alertmanager,
        batch: Batch,
        verdict: Verdict,
        took: Duration,
        jitter: f64,
    ) {
        let metrics = &self.0.metrics;
        let (now, instant) = ((self.0.options.clock)(), Instant::now());
        let (url, count) = (Arc::clone(&alertmanager.destination.url), batch.len());
        let delivered = verdict == Verdict::Delivered;
        let err = match &verdict {
            Verdict::Delivered => "",
            Verdict::Refused(reason) | Verdict::Failed { reason, .. } => reason,
        };
        if !delivered {
            metrics.errors.with_label_values(&[&*url]).inc_by(count as f64);
            error!(component = "notifier", alertmanager = %url, count, err, "Error sending alerts");
        }
        alertmanager.last_answer =
            Some(LastAnswer { at: now.to_rfc3339_millis(), delivered, error: err.to_owned() });
        match verdict {
            Verdict::Delivered => {
                if alertmanager.is_failing() {
                    info!(component = "notifier", alertmanager = %url, "Alertmanager answers again");
                }
                metrics.sent.with_label_values(&[&*url]).inc_by(count as f64);
                metrics.observe(&url, took.as_secs_f64());
                alertmanager.answered();
            }
            Verdict::Refused(reason) => {
                if let Some(letter) = alertmanager.refused(batch.entries) {
                    self.bury(alertmanager, &letter, &reason);
                }
            }
            Verdict::Failed { retry_after, .. } => {
                alertmanager.failed(batch.entries, retry_after, jitter, now, instant);
                if alertmanager.drain_until.is_some() {
                    let count = alertmanager.clear();
                    warn!(component = "notifier", alertmanager = %url, count, "Alertmanager is gone, giving up its queue");
                    metrics.dropped.with_label_values(&[&*url]).inc_by(count as f64);
                }
            }
        }
    }

    /// An alert was refused alone: nothing will make this Alertmanager take it.
    fn bury(&self, alertmanager: &mut Alertmanager, letter: &Queued, reason: &str) {
        let url = Arc::clone(&alertmanager.destination.url);
        self.0.metrics.dropped.with_label_values(&[&*url]).inc_by(letter.pieces() as f64);
        let alert = &letter.item.accepted.alert.labels;
        warn!(component = "notifier", alertmanager = %url, ?alert, err = reason, "Alert refused, kept as a dead letter");
        letter.told(Outcome::DeadLettered, &mut alertmanager.unreported);
        alertmanager.bury(letter, reason, (self.0.options.clock)());
    }
}
