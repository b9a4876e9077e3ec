//! The timers of the state machine, in the order in which they are due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is due. A timer whose cause has gone does nothing when it fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Timer {
    Gossip,
    Probe,
    PushPull,
    /// The ack of a probe is late.
    ProbeTimeout(u32),
    /// Nobody reached the probed node.
    ProbeEnd(u32),
    /// A node that we ping for another has not answered.
    Relay(u32),
    Suspicion(Arc<str>),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<(Duration, u64), Timer>,
    next_id: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Duration, timer: Timer) {
        self.next_id += 1;
        self.due.insert((at, self.next_id), timer);
    }

    /// The first timer that is due at `now`, and when it was due.
    pub(super) fn pop(&mut self, now: Duration) -> Option<(Duration, Timer)> {
        let entry = self.due.first_entry()?;
        let (at, _) = *entry.key();
        (at <= now).then(|| (at, entry.remove()))
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }
}
