//! Local delivery: groups, inhibition, silences, notification log and pipeline, held together.
//!
//! The engine hands it every accepted alert in the same step, and the events that concern it. What it wants done
//! outside waits in a queue of actions ([`LocalDelivery::next_action`]); what is due fires by [`LocalDelivery::fire`],
//! each timer at its own time. Without a plan, which is without an `alertmanager.yml`, it holds nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use super::action::{Action, ClockStep, Cluster, DeliveryEvent, Notice, PipelineCounts};
use super::dispatch::{AggregationGroup, Dispatcher, GroupSlot, settle};
use super::fallback::Fallback;
use super::inhibit::Inhibitor;
use super::marker::AlertState;
use super::nflog::Nflog;
use super::plan::{Options, Plan, PlannedReceiver};
use super::silence::{SilenceChange, SilenceError, Silences};
use super::timer::TimerKind;
use crate::model::{
    Alert, AlertId, Balance, Change, DeliveryId, Fingerprint, IntegrationId, LabelSet, LogEntry, LogKey,
    Outcome, Silence, Suppression, Timestamp,
};

/// Everything behind the store of alerts.
#[derive(Debug, Default)]
pub struct LocalDelivery {
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) cluster: Cluster,
    pub(super) dispatcher: Dispatcher,
    pub(super) inhibitor: Inhibitor,
    pub(super) silences: Silences,
    pub(super) nflog: Nflog,
    pub(super) fallback: Fallback,
    pub(super) balance: Balance,
    pub(super) counts: PipelineCounts,
    pub(super) actions: VecDeque<Action>,
    /// Which integration of which group waits for which delivery.
    pub(super) in_flight: HashMap<DeliveryId, (GroupSlot, u8)>,
    pub(super) next_delivery: u64,
    /// When we started: for the plan's start delay from then on all groups are held back.
    pub(super) started_at: Option<Timestamp>,
    /// When expired silences and log entries are removed next.
    pub(super) maintenance_at: Option<Timestamp>,
}

/// What an alert's status is made of, computed when it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertStatus {
    /// The ids of the silences that hold it.
    pub silenced_by: Vec<SmolStr>,
    /// The fingerprints of the alerts that inhibit it.
    pub inhibited_by: Vec<Fingerprint>,
}

impl LocalDelivery {
    /// The plan, if an `alertmanager.yml` is loaded.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// The groups and their timers.
    #[must_use]
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    /// The silences.
    #[must_use]
    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    /// The notification log.
    #[must_use]
    pub fn nflog(&self) -> &Nflog {
        &self.nflog
    }

    /// The books of all integrations together.
    #[must_use]
    pub fn balance(&self) -> &Balance {
        &self.balance
    }

    /// What the metrics of the pipeline read.
    #[must_use]
    pub fn counts(&self) -> &PipelineCounts {
        &self.counts
    }

    /// Which silences hold an alert with `labels` now, and which alerts inhibit it.
    #[must_use]
    pub fn status(&self, labels: &LabelSet, now: Timestamp) -> AlertStatus {
        let Some(plan) = &self.plan else { return AlertStatus::default() };
        AlertStatus {
            silenced_by: self.silences.muting(labels, now),
            inhibited_by: self.inhibitor.inhibitors(plan, labels, now),
        }
    }

    /// The names of the receivers that an alert with `labels` goes to, in the order of the routes.
    #[must_use]
    pub fn receivers(&self, labels: &LabelSet) -> Vec<Arc<str>> {
        self.plan.as_ref().map(|plan| plan.receivers_of(labels)).unwrap_or_default()
    }

    /// Takes the newest state of an alert, as the store has merged it: into the inhibitor and into the group of
    /// every route that it reaches.
    pub fn put(&mut self, now: Timestamp, id: AlertId, alert: &Arc<Alert>, change: Option<Change>) {
        let Some(plan) = self.plan.clone() else { return };
        self.inhibitor.update(&plan, id, alert);
        self.counts.inhibitor_writes += 1;
        self.counts.dispatcher_writes += 1;
        for place in plan.routes.matching(&alert.labels) {
            self.group_alert(&plan, place, now, id, alert, change);
        }
        for slot in self.dispatcher.strays.get(&id).cloned().unwrap_or_default() {
            if let Some(group) = self.dispatcher.group_mut(slot) {
                group.insert(id, alert, change, &mut self.balance);
            }
        }
    }

    /// The groups that an alert's routes lead to, of those that there are.
    pub(super) fn slots_of(&self, labels: &LabelSet) -> Vec<GroupSlot> {
        let Some(plan) = &self.plan else { return Vec::new() };
        let routes = plan
            .routes
            .matching(labels)
            .into_iter()
            .filter_map(|place| Some((place, plan.routes.get(place)?)));
        routes
            .filter_map(|(place, route)| self.dispatcher.find(place, &route.options.group_labels(labels)))
            .collect()
    }

    /// Takes note of the newest state of an alert that is not told from here, at least not yet.
    pub(super) fn note(&mut self, id: AlertId, alert: &Arc<Alert>) {
        if let Some(plan) = &self.plan {
            self.inhibitor.update(plan, id, alert);
            self.counts.inhibitor_writes += 1;
        }
    }

    /// Books a change that nobody here has to be told of: an Alertmanager has taken it.
    pub(super) fn fallback_idle(&mut self, labels: &LabelSet) {
        let Some(plan) = &self.plan else { return };
        let receivers = plan.receivers_of(labels);
        let receivers = receivers.iter().filter_map(|name| plan.receiver(name));
        let count: usize = receivers.map(|receiver| receiver.integrations.len()).sum();
        self.balance.accepted += count as u64;
        self.balance.pending += count as u64;
        let outcome = Outcome::Suppressed(Suppression::FallbackIdle);
        settle(&mut self.balance, outcome, u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Puts an alert into its group under the route at `place`.
    pub(super) fn group_alert(
        &mut self,
        plan: &Plan,
        place: usize,
        now: Timestamp,
        id: AlertId,
        alert: &Arc<Alert>,
        change: Option<Change>,
    ) {
        let Some(route) = plan.routes.get(place) else { return };
        let labels = route.options.group_labels(&alert.labels);
        let found = self.dispatcher.find(place, &labels);
        let Some(slot) = found.or_else(|| self.dispatcher.create(plan, place, labels)) else { return };
        let groups = self.dispatcher.len();
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        group.insert(id, alert, change, &mut self.balance);
        if !group.admitted {
            self.counts.group_limit_reached += 1;
            self.actions.push_back(Action::Notice(Notice::GroupLimitReached {
                groups,
                limit: plan.options().max_aggregation_groups,
                alert: alert.name().to_owned(),
            }));
        } else if found.is_none() {
            let at = first_flush(group, now);
            self.dispatcher.schedule(slot, Some(at));
        }
    }

    /// Whether a group still holds the alert, so that the store must keep it.
    #[must_use]
    pub fn holds(&self, id: AlertId, labels: &LabelSet) -> bool {
        self.dispatcher.strays.contains_key(&id)
            || self
                .slots_of(labels)
                .into_iter()
                .filter_map(|slot| self.dispatcher.group(slot))
                .any(|group| group.member(id).is_some())
    }

    /// Takes note that an alert left the store.
    pub fn forget(&mut self, id: AlertId, labels: &LabelSet) {
        self.fallback.forget(id);
        if let Some(plan) = &self.plan {
            self.inhibitor.forget(plan, id, labels);
        }
    }

    /// Sets a silence ([`Silences::set`]).
    pub fn set_silence(
        &mut self,
        silence: Silence,
        new_id: SmolStr,
        now: Timestamp,
    ) -> Result<SilenceChange, SilenceError> {
        let options = self.options();
        let change = self.silences.set(silence, new_id, now, &options)?;
        self.gossip(&change, options.retention);
        Ok(change)
    }

    /// Ends a silence ([`Silences::expire`]).
    pub fn expire_silence(&mut self, id: &str, now: Timestamp) -> Result<SilenceChange, SilenceError> {
        let retention = self.options().retention;
        let change = self.silences.expire(id, now, retention)?;
        self.gossip(&change, retention);
        Ok(change)
    }

    /// The integrations that a group still has to do with, those that the plan has lost included.
    #[must_use]
    pub fn integrations_in_use(&self) -> BTreeSet<IntegrationId> {
        let groups = self.dispatcher.groups.iter().flatten();
        let receivers: BTreeMap<*const PlannedReceiver, &PlannedReceiver> =
            groups.map(|group| (Arc::as_ptr(&group.receiver), &*group.receiver)).collect();
        receivers.values().flat_map(|receiver| &receiver.integrations).map(|(id, _)| id.clone()).collect()
    }

    /// How many alerts that fire are in which state, each counted once by the highest: `alertmanager_alerts`.
    #[must_use]
    pub fn alert_states(&self, now: Timestamp) -> BTreeMap<AlertState, usize> {
        let mut states: HashMap<AlertId, AlertState> = HashMap::new();
        for member in self.dispatcher.groups.iter().flatten().flat_map(|group| &group.members) {
            if !member.alert.is_resolved_at(now) {
                let state = states.entry(member.id).or_default();
                *state = (*state).max(member.state);
            }
        }
        let mut counts = BTreeMap::new();
        for state in states.into_values() {
            *counts.entry(state).or_default() += 1;
        }
        counts
    }

    /// Takes an event. Whether anything durable changed.
    pub fn handle(&mut self, now: Timestamp, event: DeliveryEvent) -> bool {
        match event {
            DeliveryEvent::Finished { delivery, outcome } => self.finished(now, delivery, outcome),
            DeliveryEvent::PeerSilence { silence, expires_at } => {
                self.merge_silence(*silence, expires_at, now)
            }
            DeliveryEvent::PeerEntry { key, entry } => self.merge_entry(key, entry, now),
            DeliveryEvent::ClusterChanged(cluster) => self.set_cluster(now, cluster),
            DeliveryEvent::ClockStepped(step) => {
                self.step_clock(step);
                true
            }
            DeliveryEvent::Started(cluster) => {
                self.start(now, cluster);
                true
            }
        }
    }

    /// When [`Self::fire`] has something to do next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let timer = self.dispatcher.first_timer().map(|timer| timer.at);
        [timer, self.maintenance_at].into_iter().flatten().min()
    }

    /// Fires what is due first, if it is due at `now`, at its own time. Whether there was anything.
    pub fn fire(&mut self, now: Timestamp) -> bool {
        let timer = self.dispatcher.first_timer().filter(|timer| timer.at <= now);
        if let Some(at) =
            self.maintenance_at.filter(|at| *at <= now && timer.is_none_or(|timer| *at < timer.at))
        {
            self.maintain(at);
            return true;
        }
        let Some(timer) = timer else { return false };
        match timer.kind {
            TimerKind::Flush => self.tick(timer.slot, timer.at),
            TimerKind::Run(place) => self.resume_run(timer.slot, place, timer.at),
            TimerKind::Deadline => self.deadline(timer.slot, timer.at),
        }
        true
    }

    /// What is to be done outside next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Drops all actions: those of replayed events.
    pub fn drop_actions(&mut self) {
        self.actions.clear();
    }

    pub(super) fn options(&self) -> Options {
        self.plan.as_ref().map(|plan| plan.options().clone()).unwrap_or_default()
    }

    fn gossip(&mut self, change: &SilenceChange, retention: Duration) {
        for silence in &change.changed {
            self.actions.push_back(Action::GossipSilence(Arc::clone(silence), silence.ends_at + retention));
        }
    }

    fn merge_silence(&mut self, silence: Silence, expires_at: Timestamp, now: Timestamp) -> bool {
        let id = silence.id.clone();
        let news = self.silences.merge(silence, expires_at, now);
        if news && let Some(silence) = self.silences.get(&id) {
            self.counts.silences_propagated += 1;
            self.actions.push_back(Action::GossipSilence(Arc::clone(silence), expires_at));
        }
        news
    }

    fn merge_entry(&mut self, key: LogKey, entry: LogEntry, now: Timestamp) -> bool {
        let news = self.nflog.merge(key.clone(), entry.clone(), now);
        if news {
            self.counts.entries_propagated += 1;
            self.actions.push_back(Action::GossipEntry(key, entry));
        }
        news
    }

    fn set_cluster(&mut self, now: Timestamp, cluster: Cluster) -> bool {
        if self.cluster == cluster {
            return false;
        }
        let settled = cluster.settled && !self.cluster.settled;
        self.cluster = cluster;
        if settled {
            for slot in self.dispatcher.slots() {
                self.settled(slot, now);
            }
        }
        true
    }

    fn step_clock(&mut self, step: ClockStep) {
        self.dispatcher.step_clock(step);
        self.fallback.step_clock(step);
        self.started_at = self.started_at.map(|at| step.apply(at));
        self.maintenance_at = self.maintenance_at.map(|at| step.apply(at));
    }

    fn maintain(&mut self, now: Timestamp) {
        self.silences.gc(now);
        self.nflog.gc(now);
        self.maintenance_at = Some(now + self.options().maintenance_interval.max(Duration::from_secs(1)));
    }

    /// Removes a group that has lost its alerts, and lets those in that wait for room.
    pub(super) fn sweep_group(&mut self, slot: GroupSlot, now: Timestamp) {
        let gone = self
            .dispatcher
            .group(slot)
            .is_some_and(|group| group.members.is_empty() && group.flush.is_none());
        if gone {
            self.dispatcher.remove(slot);
            self.admit(now);
        }
    }

    /// Lets groups in that wait for room, as far as there is room.
    pub(super) fn admit(&mut self, now: Timestamp) {
        let limit = self.options().max_aggregation_groups;
        while let Some(slot) = self.dispatcher.admit(limit) {
            if let Some(group) = self.dispatcher.group(slot) {
                let at = first_flush(group, now);
                self.dispatcher.schedule(slot, Some(at));
            }
        }
    }
}

/// When a group that is new at `now` flushes first: at once, if its first alert fires for longer than the group
/// would wait.
pub(super) fn first_flush(group: &AggregationGroup, now: Timestamp) -> Timestamp {
    let wait = group.options.group_wait;
    let old = group.members.iter().any(|member| member.alert.starts_at + wait < now);
    if old { now } else { now + wait }
}
