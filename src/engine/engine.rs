//! The state machine that holds the parts together.

use std::sync::Arc;
use std::time::Duration;

use super::alerts::Alerts;
use super::codec::DecodeError;
use super::event::{Event, Handled};
use super::ledger::Ledger;
use super::record::{self, AlertsRecord, Entry, Fact};
use super::snapshot::Snapshot;
use crate::model::{Accepted, Alert, AlertId, Destination, LabelSet, Refill, Sequence, Timestamp, Told};

/// How often the store is swept: what lapsed expires, and what is over leaves.
const SWEEP: i64 = 60;

/// What the engine is to do, out of flags and configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreLimits {
    /// `--alerts.max`: an unknown alert beyond this many is refused.
    pub alerts_max: usize,
    /// How long after its `endsAt` the end of an alert is still worth telling; a day by default.
    pub end_expiry: Duration,
    /// How long after its `endsAt` an alert stays, if everybody has been told. Rule engines repeat an end for 15
    /// minutes; a repeat of an alert that has left would count as another end.
    pub resolved_retention: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            alerts_max: 1_000_000,
            end_expiry: Duration::from_secs(24 * 3600),
            resolved_retention: Duration::from_secs(20 * 60),
        }
    }
}

/// What became of a record in [`Engine::replay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// How many of its states or outcomes were applied.
    pub applied: usize,
    /// How many were about alerts or destinations that are not there: they were first named in a record that was
    /// damaged and skipped.
    pub skipped: usize,
}

/// Alertmanager's state as a pure function of events and their times.
#[derive(Debug)]
pub struct Engine {
    limits: StoreLimits,
    alerts: Alerts,
    ledger: Ledger,
    sequence: Sequence,
    swept: Timestamp,
}

impl Engine {
    /// An engine that knows nothing.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            alerts: Alerts::default(),
            ledger: Ledger::default(),
            sequence: Sequence(0),
            swept: Timestamp::ZERO,
        }
    }

    /// An engine with the state of a snapshot; the records since then follow by [`Self::replay`].
    pub fn restore(limits: StoreLimits, snapshot: &[u8]) -> Result<Self, DecodeError> {
        let snapshot = Snapshot::decode(snapshot)?;
        let (swept, sequence) = (snapshot.swept, snapshot.sequence);
        let (alerts, ledger) = snapshot.into_parts()?;
        let newest = alerts.iter().map(|stored| stored.newest).max().unwrap_or_default();
        Ok(Self { limits, alerts, ledger, sequence: sequence.max(newest), swept })
    }

    /// The state as it is now: a clone of the table, to be encoded elsewhere.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.alerts, &self.ledger, self.swept, self.sequence)
    }

    /// What the engine is to do.
    #[must_use]
    pub fn limits(&self) -> &StoreLimits {
        &self.limits
    }

    /// Changes what the engine is to do. Alerts beyond a smaller [`StoreLimits::alerts_max`] stay.
    pub fn set_plan(&mut self, limits: StoreLimits) {
        self.limits = limits;
    }

    /// The store.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The books.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether at least one Alertmanager has taken the newest state of the alert (what Prometheus's sendAll
    /// returns); read by fallback delivery. After a restart it is so only once an Alertmanager took it again.
    #[must_use]
    pub fn is_taken(&self, labels: &LabelSet) -> bool {
        self.alerts
            .get(labels)
            .and_then(|stored| self.alerts.slot_of_id(stored.id))
            .is_some_and(|slot| self.ledger.is_taken(slot))
    }

    /// Takes an event that happened at `now`, after all that was due before.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Handled {
        self.poll(now);
        match event {
            Event::Alerts { alerts, path } => self.handle_alerts(now, alerts, path),
            Event::Destinations(active) => {
                let changed = self.ledger.set_destinations(&active, &self.alerts, now);
                let record = changed.then(|| record::destinations(now, &active));
                Handled { record, ..Handled::default() }
            }
            Event::Outcomes { destination, told } => {
                let settled = self.ledger.told(&destination, &told, &self.alerts);
                Handled { record: record::outcomes(now, &destination, &settled), ..Handled::default() }
            }
        }
    }

    fn handle_alerts(&mut self, now: Timestamp, alerts: Vec<Alert>, path: Option<Arc<str>>) -> Handled {
        let mut record = AlertsRecord::new(now, path.as_deref());
        let mut handled = Handled { accepted: Vec::with_capacity(alerts.len()), ..Handled::default() };
        for mut alert in alerts {
            alert.updated_at = now;
            match self.accept(alert, path.clone(), None, self.limits.alerts_max) {
                Some((accepted, previous)) => {
                    record.push(accepted.id, &accepted.alert, previous.as_deref());
                    handled.accepted.push(accepted);
                }
                None => handled.refused += 1,
            }
        }
        handled.record = record.finish();
        handled
    }

    fn accept(
        &mut self,
        alert: Alert,
        path: Option<Arc<str>>,
        id: Option<AlertId>,
        max: usize,
    ) -> Option<(Accepted, Option<Arc<Alert>>)> {
        let sequence = Sequence(self.sequence.0 + 1);
        let put = self.alerts.put(alert, sequence, path.clone(), id, max).ok()?;
        self.sequence = sequence;
        self.ledger.accept(put.slot, put.change);
        let id = self.alerts.at(put.slot)?.id;
        let accepted = Accepted { id, sequence, alert: put.received, change: put.change, path };
        Some((accepted, put.previous))
    }

    /// Takes a record of the journal: what happened then happens again.
    pub fn replay(&mut self, record: &[u8]) -> Result<Replayed, DecodeError> {
        let (now, fact) = record::decode(record)?;
        self.poll(now);
        let mut replayed = Replayed::default();
        let mut count = |applied: bool| {
            if applied {
                replayed.applied += 1;
            } else {
                replayed.skipped += 1;
            }
        };
        match fact {
            Fact::Alerts { path, entries } => {
                for entry in entries {
                    count(self.replay_entry(entry, path.clone(), now));
                }
            }
            Fact::Destinations(active) => {
                self.ledger.set_destinations(&active, &self.alerts, now);
                count(true);
            }
            Fact::Outcomes { destination, settled } => {
                for settled in settled {
                    count(self.ledger.settle(&destination, &settled, &self.alerts));
                }
            }
        }
        Ok(replayed)
    }

    fn replay_entry(&mut self, entry: Entry, path: Option<Arc<str>>, now: Timestamp) -> bool {
        // What was accepted once is accepted again, whatever the limit is now.
        match entry {
            Entry::Unknown { id, alert } => {
                self.make_way(id, &alert.labels);
                self.accept(alert, path, Some(id), usize::MAX).is_some()
            }
            Entry::Known { id, ends_at, timeout, changes } => {
                let Some(stored) = self.alerts.get_by_id(id) else { return false };
                let alert = changes.apply(&stored.alert, ends_at, timeout, now);
                self.accept(alert, path, None, usize::MAX).is_some()
            }
        }
    }

    /// Removes what stands where an alert of the journal belongs: it is there only if a damaged record was skipped.
    fn make_way(&mut self, id: AlertId, labels: &LabelSet) {
        let by_labels = self.alerts.get(labels).map(|stored| stored.id).filter(|known| *known != id);
        let by_id = self.alerts.get_by_id(id).filter(|stored| stored.alert.labels != *labels).map(|_| id);
        for known in [by_labels, by_id].into_iter().flatten() {
            if let Some(slot) = self.alerts.slot_of_id(known) {
                self.ledger.release(slot);
                self.alerts.remove(slot);
            }
        }
    }

    /// When [`Self::poll`] has something to do next; `None` while there is nothing.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        if self.alerts.is_empty() {
            return None;
        }
        Some(Timestamp::from_unix(self.swept.unix_seconds().saturating_add(SWEEP), 0))
    }

    /// Fires what is due at `now`, as if each had been fired on time.
    pub fn poll(&mut self, now: Timestamp) {
        // Sweeps stand at whole minutes. Only the last one due is made: what an earlier one would have done, it
        // does too.
        let due = Timestamp::from_unix(now.unix_seconds().div_euclid(SWEEP).saturating_mul(SWEEP), 0);
        if due <= self.swept {
            return;
        }
        self.swept = due;
        self.ledger.expire(&self.alerts, self.limits.end_expiry, due);
        let over: Vec<_> = self
            .alerts
            .slots()
            .filter(|(slot, stored)| {
                stored.alert.is_resolved_at(due)
                    && due.since(stored.alert.ends_at.max(stored.alert.starts_at))
                        >= self.limits.resolved_retention
                    && !self.ledger.is_pending(*slot)
            })
            .map(|(slot, _)| slot)
            .collect();
        for slot in over {
            self.ledger.release(slot);
            self.alerts.remove(slot);
        }
    }

    /// What a destination has to be told to catch up, at most `limit` states. Each class in the order in which
    /// its changes were accepted: begins not taken; then, if the destination may have `forgotten` what it took (it
    /// is new or changed, a request to it failed, or we restarted), the other alerts that fire; then ends not
    /// taken; then repeats not taken.
    ///
    /// The order matters: a restarted Alertmanager has forgotten its alerts but not whom it paged, and an end that
    /// arrives before its firing siblings closes the incident.
    pub fn refill(
        &mut self,
        now: Timestamp,
        destination: &Destination,
        forgotten: bool,
        limit: usize,
    ) -> Refill {
        let refill = self.ledger.refill(destination, &self.alerts, forgotten, limit, now);
        Refill { as_of: self.sequence, ..refill }
    }

    /// Takes a report of what became of states at a destination; the same as [`Event::Outcomes`].
    pub fn told(&mut self, now: Timestamp, destination: Destination, told: Vec<Told>) -> Handled {
        self.handle(now, Event::Outcomes { destination, told })
    }
}
