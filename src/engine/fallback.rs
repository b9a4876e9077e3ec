//! Fallback delivery: a change is told from here only when no Alertmanager has taken it for some time.
//!
//! Every change of an alert that is in no group here is held back. What an Alertmanager takes meanwhile is its
//! business, but for a begin only once it was in contact for as long as its route waits (`contact`); if contact is lost
//! before that, the begin is held back again. What is held back goes into the groups when its time has come. Who told
//! the begin tells the end: the end of an alert that is in a group here is told from here at once, and of one that is
//! not the notification log knows nothing, so that its end is not told either.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::action::ClockStep;
use super::codec::{DecodeError, Reader, Writer};
use super::contact::Contacts;
use super::engine::Engine;
use super::ledger::Settled;
use crate::model::{Alert, AlertId, Change, Destination, Outcome, Suppression, Timestamp, Told};

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
    /// The begins that Alertmanagers took and may not have told yet.
    pub(super) contacts: Contacts,
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

    /// Whether nothing is held back, and nothing was taken that may not have been told.
    fn is_idle(&self) -> bool {
        self.held.is_empty() && self.contacts.is_empty()
    }

    /// Whether the begin of the alert is held back.
    fn holds_begin(&self, id: AlertId) -> bool {
        self.held.get(&id).is_some_and(|(_, change)| *change == Change::Begin)
    }

    /// Contact is lost with those that `is_lost` says: what nobody has any longer is held back again until `due`. Whether
    /// they had anything that may not have been told.
    pub(super) fn lose(&mut self, is_lost: impl Fn(&Destination) -> bool, due: Timestamp) -> bool {
        let lost = self.contacts.lose(is_lost);
        for id in lost.iter().flatten() {
            // Whether it has ended was to be looked at; that can wait.
            self.remove(*id);
            self.hold(*id, Change::Begin, due);
        }
        lost.is_some()
    }

    /// Forgets all about an alert.
    pub(super) fn forget(&mut self, id: AlertId) {
        self.remove(id);
        self.doubtful.remove(&id);
        self.contacts.remove(id);
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
    /// Alertmanager has taken that, but we owe the end. Whether it may have been.
    fn watch(&mut self, id: AlertId, due: Timestamp) -> bool {
        let is_doubtful = self.doubtful.contains(&id);
        if is_doubtful {
            self.hold(id, Change::End, due);
        }
        is_doubtful
    }

    /// After a start every Alertmanager is given its time anew.
    pub(super) fn restart(&mut self, now: Timestamp, after: Duration) {
        let overdue = self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| *id);
        let overdue: Vec<AlertId> = overdue.filter(|id| self.holds_begin(*id)).collect();
        self.doubtful.extend(overdue);
        self.move_all(|due| due.max(now + after));
        self.lose(|_anybody| true, now + after);
    }

    /// Follows a clock that was set.
    pub(super) fn step_clock(&mut self, step: ClockStep) {
        self.move_all(|due| step.apply(due));
        self.contacts.step_clock(step);
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
                2 => {
                    fallback.doubtful.insert(id);
                    continue;
                }
                _ => return Err(DecodeError::Invalid("held change")),
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
            let fallback = &self.delivery.fallback;
            let known = fallback.holds(*id) || fallback.contacts.has(*id);
            if !taken && !known && !self.delivery.holds(*id, &alert.labels) {
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
        if change.is_some() && self.delivery.fallback.contacts.remove(id) {
            // What followed is what matters now.
            self.delivery.fallback_idle(&alert.labels);
        }
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

    /// Takes note of a report of `destination`. Anything that it took is an answer; `None` if that changes nothing beyond
    /// what was `settled`, else the alerts whose begin it has taken again.
    pub(super) fn heard(
        &mut self,
        now: Timestamp,
        destination: &Destination,
        settled: &[Settled],
        told: &[Told],
    ) -> Option<Vec<AlertId>> {
        settled.iter().for_each(|settled| self.taken_elsewhere(now, destination, settled));
        let mut delivered = told.iter().filter(|told| told.outcome == Outcome::Delivered).peekable();
        if self.delivery.fallback.is_idle() || delivered.peek().is_none() {
            return None;
        }
        let mut again = Vec::new();
        for told in delivered {
            let stored = self.alerts.get_by_id(told.id);
            let fires =
                stored.is_some_and(|stored| stored.phase == Change::Begin && told.sequence >= stored.changed);
            if fires && self.begin_taken(now, destination, told.id) {
                again.push(told.id);
            }
        }
        let proven = self.answered(now, destination);
        (proven || !again.is_empty()).then_some(again)
    }

    /// An Alertmanager answers: what it took long enough ago is its business. Whether there was any.
    pub(super) fn answered(&mut self, now: Timestamp, destination: &Destination) -> bool {
        let proven = self.delivery.fallback.contacts.answered(destination, now);
        for stored in proven.iter().filter_map(|id| self.alerts.get_by_id(*id)) {
            self.delivery.fallback_idle(&stored.alert.labels);
        }
        !proven.is_empty()
    }

    /// Contact is lost with those that `is_lost` says. Whether they had taken anything that they may not have told.
    pub(super) fn contact_lost(&mut self, now: Timestamp, is_lost: impl Fn(&Destination) -> bool) -> bool {
        let after = self.delivery.plan().and_then(|plan| plan.options().fallback_after);
        after.is_some_and(|after| self.delivery.fallback.lose(is_lost, now + after))
    }

    /// An Alertmanager has taken a change: it is its business. So it is if the relabelling for every one of them drops
    /// the alert: they are not to tell it, and neither are we.
    pub(super) fn taken_elsewhere(&mut self, now: Timestamp, destination: &Destination, settled: &Settled) {
        let theirs = match settled.outcome {
            Outcome::Delivered if settled.change == Change::Begin => {
                self.begin_taken(now, destination, settled.id);
                return;
            }
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

    /// An Alertmanager has taken a begin, or has taken it again: it is held back no longer. Whether that is news.
    pub(super) fn begin_taken(&mut self, now: Timestamp, destination: &Destination, id: AlertId) -> bool {
        let Self { alerts, delivery, .. } = self;
        let held = delivery.fallback.holds_begin(id);
        if !held && !delivery.fallback.contacts.has(id) {
            return false;
        }
        let (Some(plan), Some(stored)) = (delivery.plan(), alerts.get_by_id(id)) else { return false };
        let wait = plan.longest_group_wait(&stored.alert.labels);
        if held {
            delivery.fallback.remove(id);
            delivery.fallback.watch(id, stored.alert.ends_at);
        }
        if !wait.is_zero() {
            return delivery.fallback.contacts.take(destination, id, now + wait);
        }
        delivery.fallback.contacts.remove(id);
        delivery.fallback_idle(&stored.alert.labels);
        true
    }

    /// Hands over what no Alertmanager has taken in time.
    pub(super) fn fall_back(&mut self, now: Timestamp) {
        while let Some((id, change)) = self.delivery.fallback.take_due(now) {
            let Some(alert) = self.alerts.get_by_id(id).map(|stored| Arc::clone(&stored.alert)) else {
                continue;
            };
            let fires_on = change == Change::End && !alert.is_resolved_at(now);
            if fires_on && self.delivery.fallback.watch(id, alert.ends_at.max(now + WATCH)) {
                continue;
            }
            if self.delivery.fallback.take_doubt(id) {
                // That it ended for want of repeats is no change that anybody waits for.
                let change = (change == Change::Begin).then_some(change);
                self.delivery.put(now, id, &alert, change);
                self.delivery.doubt_alert(id, &alert.labels);
            } else {
                self.delivery.put(now, id, &alert, Some(change));
            }
        }
    }
}
