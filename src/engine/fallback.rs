//! Fallback delivery: a change is told from here only when no Alertmanager has taken it for some time.
//!
//! Every change of an alert that is in no group here is held back. What an Alertmanager takes meanwhile is its
//! business; the rest goes into the groups when its time has come. Who told the begin tells the end: the end of an
//! alert that is in a group here is told from here at once, and of one that is not the notification log knows
//! nothing, so that its end is not told either.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::action::ClockStep;
use super::codec::{DecodeError, Reader, Writer};
use super::engine::Engine;
use super::ledger::Settled;
use crate::model::{Alert, AlertId, Change, Outcome, Suppression, Timestamp};

/// How soon at most an alert that fires on is looked at again.
const WATCH: Duration = Duration::from_secs(60);

/// The changes that are held back.
#[derive(Debug, Clone, Default)]
pub(super) struct Fallback {
    held: HashMap<AlertId, (Timestamp, Change)>,
    /// The same, by when their time comes.
    due: BTreeSet<(Timestamp, AlertId)>,
    /// Alerts whose begin came due between the last record and a start: it may have been told from here, so that the
    /// end is.
    doubtful: BTreeSet<AlertId>,
}

impl Fallback {
    /// Holds a change back until `due`; one of the same alert that is held already keeps its time.
    pub(super) fn hold(&mut self, id: AlertId, change: Change, due: Timestamp) {
        let due = self.held.get(&id).map_or(due, |(earlier, _)| *earlier);
        self.held.insert(id, (due, change));
        self.due.insert((due, id));
    }

    /// Whether a change of the alert is held back.
    pub(super) fn holds(&self, id: AlertId) -> bool {
        self.held.contains_key(&id)
    }

    /// A change is the Alertmanagers' business. Whether it was held back, and no longer is.
    pub(super) fn taken(&mut self, id: AlertId, change: Change) -> bool {
        self.held.get(&id).is_some_and(|(_, held)| *held == change) && self.remove(id)
    }

    /// Forgets what is held back of an alert. Whether there was something.
    pub(super) fn remove(&mut self, id: AlertId) -> bool {
        let Some((due, _)) = self.held.remove(&id) else { return false };
        self.due.remove(&(due, id))
    }

    /// When something is due next.
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes out one change that is due at `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(AlertId, Change)> {
        let (_, id) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        self.due.pop_first();
        self.held.remove(&id).map(|(_, change)| (id, change))
    }

    /// Whether an alert's begin may have been told from here before we died; it is asked once.
    pub(super) fn take_doubt(&mut self, id: AlertId) -> bool {
        self.doubtful.remove(&id)
    }

    /// Looks at an alert again at `due`, when it will have ended, if its begin may have been told from here: an
    /// Alertmanager has taken that, but we owe the end.
    fn watch(&mut self, id: AlertId, due: Timestamp) {
        if self.doubtful.contains(&id) {
            self.hold(id, Change::End, due);
        }
    }

    /// After a start every Alertmanager is given its time anew.
    pub(super) fn restart(&mut self, now: Timestamp, after: Duration) {
        let overdue = self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| *id);
        self.doubtful.extend(
            overdue.filter(|id| self.held.get(id).is_some_and(|(_, change)| *change == Change::Begin)),
        );
        self.move_all(|due| due.max(now + after));
    }

    /// Follows a clock that was set.
    pub(super) fn step_clock(&mut self, step: ClockStep) {
        self.move_all(|due| step.apply(due));
    }

    fn move_all(&mut self, moved: impl Fn(Timestamp) -> Timestamp) {
        self.held.values_mut().for_each(|(due, _)| *due = moved(*due));
        self.due = self.held.iter().map(|(id, (due, _))| (*due, *id)).collect();
    }

    /// As a snapshot keeps it: id, 0 for a begin or 1 for an end, and the time; in the order of the times. Then those
    /// in doubt: id and 2.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        for (due, id) in &self.due {
            let Some((_, change)) = self.held.get(id) else { continue };
            writer.number(id.0);
            writer.byte(u8::from(*change == Change::End));
            writer.time(*due);
        }
        for id in &self.doubtful {
            writer.number(id.0);
            writer.byte(2);
        }
        writer.bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut fallback = Self::default();
        while !reader.is_empty() {
            let id = AlertId(reader.number("held alert")?);
            let change = match reader.byte("held change")? {
                0 => Change::Begin,
                1 => Change::End,
                _ => {
                    fallback.doubtful.insert(id);
                    continue;
                }
            };
            fallback.hold(id, change, reader.time("held until")?);
        }
        Ok(fallback)
    }
}

impl Engine {
    /// A plan that is new holds back until `due` what fires and what no Alertmanager has taken yet.
    pub(super) fn hold_untaken(&mut self, due: Timestamp, now: Timestamp, alerts: &[(AlertId, Arc<Alert>)]) {
        for (id, alert) in alerts.iter().filter(|(_, alert)| !alert.is_resolved_at(now)) {
            let taken = self
                .alerts
                .slot_of_id(*id)
                .is_some_and(|slot| self.ledger.has_taken_begin(slot) || self.ledger.is_dropped_by_all(slot));
            let ours = self.delivery.fallback.holds(*id) || self.delivery.holds(*id, &alert.labels);
            if !taken && !ours {
                self.delivery.fallback.hold(*id, Change::Begin, due);
            }
        }
    }

    /// Hands a state to local delivery, or holds its change back for the fallback.
    pub(super) fn deliver(
        &mut self,
        now: Timestamp,
        id: AlertId,
        alert: &Arc<Alert>,
        change: Option<Change>,
    ) {
        let Some(after) = self.delivery.options().fallback_after else {
            self.delivery.put(now, id, alert, change);
            return;
        };
        if change == Some(Change::End) && self.delivery.fallback.take_doubt(id) {
            self.delivery.fallback.remove(id);
            self.delivery.put(now, id, alert, change);
            self.delivery.doubt_alert(id, &alert.labels);
            return;
        }
        if self.delivery.holds(id, &alert.labels) {
            self.delivery.put(now, id, alert, change);
            return;
        }
        self.delivery.note(id, alert);
        if let Some(change) = change {
            self.delivery.fallback.hold(id, change, now + after);
        }
    }

    /// An Alertmanager has taken a change: it is its business. So it is if the relabelling for every one of them drops
    /// the alert: they are not to tell it, and neither are we.
    pub(super) fn taken_elsewhere(&mut self, settled: &Settled) {
        let theirs = match settled.outcome {
            Outcome::Delivered => true,
            Outcome::Suppressed(Suppression::Relabel) => {
                let slot = self.alerts.slot_of_id(settled.id);
                slot.is_some_and(|slot| self.ledger.is_dropped_by_all(slot))
            }
            _ => false,
        };
        if theirs
            && self.delivery.fallback.taken(settled.id, settled.change)
            && let Some(stored) = self.alerts.get_by_id(settled.id)
        {
            self.delivery.fallback.watch(settled.id, stored.alert.ends_at);
            self.delivery.fallback_idle(&stored.alert.labels);
        }
    }

    /// Hands over what no Alertmanager has taken in time.
    pub(super) fn fall_back(&mut self, now: Timestamp) {
        while let Some((id, change)) = self.delivery.fallback.take_due(now) {
            let Some(alert) = self.alerts.get_by_id(id).map(|stored| Arc::clone(&stored.alert)) else {
                continue;
            };
            if !self.delivery.fallback.take_doubt(id) {
                self.delivery.put(now, id, &alert, Some(change));
            } else if change == Change::End && !alert.is_resolved_at(now) {
                self.delivery.fallback.doubtful.insert(id);
                self.delivery.fallback.watch(id, alert.ends_at.max(now + WATCH));
            } else {
                // That it ended for want of repeats is no change that anybody waits for.
                let change = (change == Change::Begin).then_some(change);
                self.delivery.put(now, id, &alert, change);
                self.delivery.doubt_alert(id, &alert.labels);
            }
        }
    }
}
