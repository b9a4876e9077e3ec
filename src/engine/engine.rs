//! The state machine that holds the parts together.

use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, DeliveryEvent};
use super::alertname_limit::AlertnameLimit;
use super::alerts::Alerts;
use super::codec::DecodeError;
use super::delivery_record::DeliveryFact;
use super::event::{Event, Handled};
use super::fallback::Fallback;
use super::ledger::Ledger;
use super::local_delivery::LocalDelivery;
use super::plan::Plan;
use super::record::{self, AlertsRecord, Entry, Fact};
use super::silence::{SilenceChange, SilenceError};
use super::snapshot::Snapshot;
use crate::model::{
    Accepted, Alert, AlertId, Change, Destination, LabelSet, Refill, Sequence, Silence, Timestamp, Told,
};

/// How often the store is swept: what lapsed expires, and what is over leaves.
const SWEEP: i64 = 60;

/// What the engine is to do, out of flags and configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreLimits {
    /// `--alerts.max`: an unknown alert beyond this many is refused.
    pub alerts_max: usize,
    /// `--alerts.per-alertname-limit`: an unknown alert beyond this many that fire under its name is dropped; 0 for any
    /// number.
    pub per_alertname: usize,
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
            per_alertname: 0,
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
    pub(super) alerts: Alerts,
    names: AlertnameLimit,
    pub(super) ledger: Ledger,
    pub(super) delivery: LocalDelivery,
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
            names: AlertnameLimit::default(),
            ledger: Ledger::default(),
            delivery: LocalDelivery::default(),
            sequence: Sequence(0),
            swept: Timestamp::ZERO,
        }
    }

    /// An engine with the state of a snapshot; the records since then follow by [`Self::replay`].
    pub fn restore(limits: StoreLimits, snapshot: &[u8]) -> Result<Self, DecodeError> {
        let snapshot = Snapshot::decode(snapshot)?;
        let (swept, sequence) = (snapshot.swept, snapshot.sequence);
        let (alerts, ledger, delivery) = snapshot.into_parts()?;
        let newest = alerts.iter().map(|stored| stored.newest).max().unwrap_or_default();
        let names = names_of(&limits, &alerts);
        Ok(Self { limits, alerts, names, ledger, delivery, sequence: sequence.max(newest), swept })
    }

    /// The state as it is now: a clone of the table, to be encoded elsewhere.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.alerts, &self.ledger, &self.delivery, self.swept, self.sequence)
    }

    /// What the engine is to do.
    #[must_use]
    pub fn limits(&self) -> &StoreLimits {
        &self.limits
    }

    /// Changes what the engine is to do. Alerts beyond a smaller [`StoreLimits::alerts_max`] stay.
    pub fn set_limits(&mut self, limits: StoreLimits) {
        self.names = names_of(&limits, &self.alerts);
        self.limits = limits;
    }

    /// The time up to which everything that was due has certainly been done: at most a minute before the last event.
    #[must_use]
    pub fn swept_at(&self) -> Timestamp {
        self.swept
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

    /// Groups, silences and notification log.
    #[must_use]
    pub fn delivery(&self) -> &LocalDelivery {
        &self.delivery
    }

    /// What is to be done outside next: after every event, and after every [`Self::poll`], until there is nothing.
    pub fn next_action(&mut self) -> Option<Action> {
        self.delivery.next_action()
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
        // After a start, and after the clock was set, what seems overdue is not: the event says what is due.
        match &event {
            Event::Delivery(DeliveryEvent::Started(_)) => {}
            Event::Delivery(DeliveryEvent::ClockStepped(step)) => self.poll(step.undo(now)),
            _ => self.poll(now),
        }
        match event {
            Event::Alerts { alerts, path } => self.handle_alerts(now, alerts, path),
            Event::Destinations { active, draining } => {
                let changed = self.ledger.set_destinations(&active, &draining, &self.alerts, now);
                let record = changed.then(|| record::destinations(now, &active, &draining));
                Handled { record, ..Handled::default() }
            }
            Event::Outcomes { destination, told } => {
                let settled = self.ledger.told(&destination, &told, &self.alerts);
                settled.iter().for_each(|settled| self.taken_elsewhere(settled));
                Handled { record: record::outcomes(now, &destination, &settled), ..Handled::default() }
            }
            Event::PlanApplied(plan) => {
                let fact = DeliveryFact::Plan(plan.encode());
                self.apply_plan(now, plan);
                Handled { record: Some(record::delivery(now, &fact)), ..Handled::default() }
            }
            Event::PlanRemoved => {
                let removed = self.delivery.remove_plan();
                let record = removed.then(|| record::delivery(now, &DeliveryFact::Plan(Vec::new())));
                Handled { record, ..Handled::default() }
            }
            Event::SilenceSet { silence, new_id } => {
                let result = self.delivery.set_silence(*silence, new_id, now);
                self.silence_handled(now, result)
            }
            Event::SilenceExpired(id) => {
                let result = self.delivery.expire_silence(&id, now);
                self.silence_handled(now, result)
            }
            Event::Delivery(event) => {
                if let DeliveryEvent::ClockStepped(step) = &event
                    && step.back
                {
                    self.set_back(now);
                }
                let fact = self.delivery.handle_recorded(now, event);
                let record = fact.map(|fact| record::delivery(now, &fact));
                Handled { record, ..Handled::default() }
            }
        }
    }

    fn set_back(&mut self, now: Timestamp) {
        self.alerts.set_back(now);
        self.delivery.set_back(&self.alerts, now);
    }

    fn silence_handled(&self, now: Timestamp, result: Result<SilenceChange, SilenceError>) -> Handled {
        let versions: Vec<(Silence, Timestamp)> = result
            .iter()
            .flat_map(|change| &change.changed)
            .map(|silence| (Silence::clone(silence), self.delivery.kept_until(silence)))
            .collect();
        let record = (!versions.is_empty()).then(|| record::delivery(now, &DeliveryFact::Silences(versions)));
        Handled { record, silence: Some(result), ..Handled::default() }
    }

    fn apply_plan(&mut self, now: Timestamp, plan: Arc<Plan>) {
        let mut alerts: Vec<(AlertId, Arc<Alert>)> =
            self.alerts.iter().map(|stored| (stored.id, Arc::clone(&stored.alert))).collect();
        alerts.sort_unstable_by_key(|(id, _)| *id);
        let fallback_after = plan.options().fallback_after;
        self.delivery.apply_plan(now, plan, &alerts);
        match fallback_after {
            Some(after) => self.hold_untaken(now + after, now, &alerts),
            None => self.delivery.fallback = Fallback::default(),
        }
    }

    fn handle_alerts(&mut self, now: Timestamp, alerts: Vec<Alert>, path: Option<Arc<str>>) -> Handled {
        let mut record = AlertsRecord::new(now, path.as_deref());
        let mut handled = Handled { accepted: Vec::with_capacity(alerts.len()), ..Handled::default() };
        for mut alert in alerts {
            alert.updated_at = now;
            if !self.has_room(&alert, now) {
                handled.limited += 1;
                continue;
            }
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

    /// Whether `--alerts.per-alertname-limit` lets the alert in.
    fn has_room(&mut self, alert: &Alert, now: Timestamp) -> bool {
        let most = self.limits.per_alertname;
        most == 0
            || self.alerts.get(&alert.labels).is_some()
            || self.names.has_room(alert.name(), most, &self.alerts, now)
    }

    fn accept(
        &mut self,
        alert: Alert,
        path: Option<Arc<str>>,
        id: Option<AlertId>,
        max: usize,
    ) -> Option<(Accepted, Option<Arc<Alert>>)> {
        let sequence = Sequence(self.sequence.0 + 1);
        let now = alert.updated_at;
        let put = self.alerts.put(alert, sequence, path.clone(), id, max).ok()?;
        self.sequence = sequence;
        self.ledger.accept(put.slot, put.change);
        let stored = self.alerts.at(put.slot)?;
        let (id, stored) = (stored.id, Arc::clone(&stored.alert));
        if self.limits.per_alertname > 0 && (put.previous.is_none() || put.change == Some(Change::Begin)) {
            self.names.insert(stored.name(), id);
        }
        self.deliver(now, id, &stored, put.change);
        let accepted = Accepted { id, sequence, alert: put.received, change: put.change, path };
        Some((accepted, put.previous))
    }

    /// Takes a record of the journal: what happened then happens again.
    pub fn replay(&mut self, record: &[u8]) -> Result<Replayed, DecodeError> {
        let (now, fact) = record::decode(record)?;
        match &fact {
            Fact::Delivery(DeliveryFact::Started(_)) => {}
            Fact::Delivery(DeliveryFact::Clock(step)) => self.poll(step.undo(now)),
            _ => self.poll(now),
        }
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
            Fact::Destinations { active, draining } => {
                self.ledger.set_destinations(&active, &draining, &self.alerts, now);
                count(true);
            }
            Fact::Outcomes { destination, settled } => {
                for settled in settled {
                    count(self.ledger.settle(&destination, &settled, &self.alerts));
                    self.taken_elsewhere(&settled);
                }
            }
            Fact::Delivery(DeliveryFact::Plan(definition)) if definition.is_empty() => {
                count(self.delivery.remove_plan());
            }
            Fact::Delivery(DeliveryFact::Plan(definition)) => {
                // A plan that this version cannot read is left out; the plan of the next start follows.
                let plan = Plan::decode(&definition).ok().and_then(|definition| Plan::new(definition).ok());
                count(plan.is_some());
                if let Some(plan) = plan {
                    self.apply_plan(now, Arc::new(plan));
                }
            }
            Fact::Delivery(DeliveryFact::Clock(step)) => {
                if step.back {
                    self.set_back(now);
                }
                count(self.delivery.replay(now, DeliveryFact::Clock(step)));
            }
            Fact::Delivery(fact) => count(self.delivery.replay(now, fact)),
        }
        // What was to be done then has been done, or is decided anew.
        self.delivery.drop_actions();
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
                if let Some(stored) = self.alerts.at(slot) {
                    self.delivery.evict(known, &stored.alert.labels);
                }
                self.ledger.release(slot);
                self.alerts.remove(slot);
            }
        }
    }

    /// When [`Self::poll`] has something to do next; `None` while there is nothing.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let sweep = (!self.alerts.is_empty())
            .then(|| Timestamp::from_unix(self.swept.unix_seconds().saturating_add(SWEEP), 0));
        [sweep, self.delivery.next_timeout(), self.delivery.fallback.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Fires what is due at `now`, as if each had been fired on time.
    pub fn poll(&mut self, now: Timestamp) {
        loop {
            let held = self.delivery.fallback.next_timeout();
            let due = [held, self.delivery.next_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= now) else { break };
            self.sweep(due - Duration::from_nanos(1));
            if held == Some(due) {
                self.fall_back(due);
            } else {
                self.delivery.fire(due);
            }
        }
        self.sweep(now);
    }

    fn sweep(&mut self, now: Timestamp) {
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
                    && !self.delivery.holds(stored.id, &stored.alert.labels)
            })
            .map(|(slot, _)| slot)
            .collect();
        for slot in over {
            if let Some(stored) = self.alerts.at(slot) {
                self.delivery.forget(stored.id, &stored.alert.labels);
            }
            self.ledger.release(slot);
            self.alerts.remove(slot);
        }
        self.names.sweep(&self.alerts);
    }

    /// What a destination has to be told to catch up, at most `limit` states. Each class in the order in which
    /// its changes were accepted: begins not taken; then, if the destination may have `forgotten` what it took (it
    /// is new or changed, a request to it failed, or we restarted), the other alerts that fire; then ends not
    /// taken, and those forgotten that are still in the store; then repeats not taken.
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

/// What counts under `--alerts.per-alertname-limit`; nothing without it.
fn names_of(limits: &StoreLimits, alerts: &Alerts) -> AlertnameLimit {
    if limits.per_alertname == 0 { AlertnameLimit::default() } else { AlertnameLimit::of(alerts) }
}
