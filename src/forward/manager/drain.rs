//! The end of the manager, and what others see of it meanwhile.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::Manager;
use super::state::State;
use crate::forward::alertmanager::Busy;
use crate::forward::view::Discovered;

impl Manager {
    /// The end: requests in flight finish and, unless draining is off, queues are sent, up to the deadline. An
    /// Alertmanager that fails meanwhile is left: the journal has what it must be told.
    pub(super) async fn drain(&self, state: &mut State) {
        info!(component = "notifier", "Stopping notification manager...");
        self.take_inbox(state);
        let deadline = Instant::now() + self.0.options.drain_timeout;
        if !self.0.options.drain_on_shutdown {
            for alertmanager in state.all_mut() {
                let count = alertmanager.clear();
                warn!(
                    component = "notifier",
                    alertmanager = %alertmanager.destination.url,
                    count,
                    "Alert notification queue not drained on shutdown, it follows after the next start"
                );
            }
        }
        loop {
            if self.0.options.drain_on_shutdown {
                self.send_all(state);
            }
            let open = state.all().any(|am| am.busy != Busy::No);
            if !open {
                break;
            }
            tokio::select! {
                Some(done) = state.tasks.join_next() => self.finish(state, done),
                () = sleep_until(deadline) => break,
            }
        }
        for alertmanager in state.all() {
            let count = alertmanager.len() + alertmanager.busy.count();
            if count > 0 {
                warn!(
                    component = "notifier",
                    alertmanager = %alertmanager.destination.url,
                    count,
                    "Alert notification queue not drained on shutdown, it follows after the next start"
                );
            }
        }
        state.tasks.shutdown().await;
        self.publish(state);
    }

    /// Shows others what changed.
    pub(super) fn publish(&self, state: &State) {
        let mut discovered = Discovered::default();
        for set in state.sets.values() {
            discovered.active.extend(set.active().map(|am| Arc::clone(&am.destination.url)));
            discovered.dropped.extend(set.dropped().iter().cloned());
        }
        let metrics = &self.0.metrics;
        metrics.discovered.set(discovered.active.len() as i64);
        self.0.discovered.send_if_modified(|shown| {
            let changed = **shown != discovered;
            if changed {
                *shown = Arc::new(discovered);
            }
            changed
        });
        for alertmanager in state.all() {
            let label = &[&*alertmanager.destination.url];
            metrics.queue_length.with_label_values(label).set(alertmanager.len() as f64);
            metrics.behind.with_label_values(label).set(f64::from(u8::from(alertmanager.queue.is_behind())));
            metrics.failing.with_label_values(label).set(f64::from(u8::from(alertmanager.is_failing())));
        }
    }
}
