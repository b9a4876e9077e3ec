//! Aggregation groups: alerts that are told together, and when.
//!
//! A group is known by its route, its receiver and the labels its alerts share. It waits `group_wait` for more
//! alerts, or flushes at once when its first alert is older than that; then it flushes every `group_interval`. It
//! flushes one at a time: a tick that finds a flush at work waits for its end. A group that has lost all its alerts
//! is gone, and the next alert begins a new one.
//!
//! All timers of all groups are in one queue, ordered by time and then by the groups' age.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::alerts::Alerts;
use super::flush::{Flush, FlushAlert, compare_alerts};
use super::marker::{AlertState, GroupMarker};
use super::nflog::alert_hash;
use super::plan::{Plan, PlannedReceiver};
use super::route::{RouteOptions, group_key};
use super::timer::{Timer, TimerKind, flush_timers};
use crate::model::{Alert, AlertId, Balance, Change, LabelSet, Outcome, Timestamp};

/// The place of a group in the dispatcher's table; given again when the group is gone.
pub(crate) type GroupSlot = u32;

/// An alert in a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) id: AlertId,
    pub(crate) alert: Arc<Alert>,
    pub(crate) hash: u64,
    /// The integrations for which its last change is untold, one bit each.
    pub(crate) pending: u64,
    /// The integrations that were told that it fires, and not yet that it ended.
    pub(crate) told: u64,
    /// The integrations that may have been told that it fires: we died, or gave a request up, before they could say.
    pub(crate) doubtful: u64,
    pub(crate) state: AlertState,
}

/// Alerts that are told together.
#[derive(Debug)]
pub struct AggregationGroup {
    /// Ascending in the order of creation: groups that are due at the same time flush in this order.
    pub(crate) serial: u64,
    /// The place of its route; `None` once a reload has taken the route away.
    pub(crate) route: Option<usize>,
    pub(crate) route_key: Arc<str>,
    pub(crate) route_id: Arc<str>,
    pub(crate) options: Arc<RouteOptions>,
    pub(crate) receiver: Arc<PlannedReceiver>,
    pub(crate) key: Arc<str>,
    pub(crate) labels: LabelSet,
    /// Sorted by id.
    pub(crate) members: Vec<Member>,
    pub(crate) marker: GroupMarker,
    /// Whether it counts among the groups; otherwise it waits until there is room.
    pub(crate) admitted: bool,
    /// The time of its tick; `None` while it waits for room, or for its flush to end.
    pub(crate) next_flush: Option<Timestamp>,
    pub(crate) flush: Option<Box<Flush>>,
}

impl AggregationGroup {
    /// The labels that its alerts share.
    #[must_use]
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// The key by which the log, peers and receivers know it.
    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The id of its route.
    #[must_use]
    pub fn route_id(&self) -> &Arc<str> {
        &self.route_id
    }

    /// What its route says.
    #[must_use]
    pub fn options(&self) -> &Arc<RouteOptions> {
        &self.options
    }

    /// Its alerts with what the last flush made of them, in the order of their arrival.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = (&Arc<Alert>, AlertState)> {
        self.members.iter().map(|member| (&member.alert, member.state))
    }

    /// Its alerts in the order in which receivers see them.
    #[must_use]
    pub fn sorted_alerts(&self) -> Vec<Arc<Alert>> {
        let mut alerts: Vec<_> = self.members.iter().map(|member| (member.id, &member.alert)).collect();
        alerts.sort_by(|(left_id, left), (right_id, right)| {
            compare_alerts(left, right).then(left_id.cmp(right_id))
        });
        alerts.into_iter().map(|(_, alert)| Arc::clone(alert)).collect()
    }

    /// Which time intervals mute it.
    #[must_use]
    pub fn marker(&self) -> &GroupMarker {
        &self.marker
    }

    /// When it flushes next; `None` while it waits for something else.
    #[must_use]
    pub fn next_flush(&self) -> Option<Timestamp> {
        self.next_flush
    }

    pub(crate) fn member(&self, id: AlertId) -> Option<&Member> {
        self.members
            .binary_search_by_key(&id, |member| member.id)
            .ok()
            .and_then(|place| self.members.get(place))
    }

    pub(crate) fn member_mut(&mut self, id: AlertId) -> Option<&mut Member> {
        let place = self.members.binary_search_by_key(&id, |member| member.id).ok()?;
        self.members.get_mut(place)
    }

    /// A mask of all integrations of the receiver.
    pub(crate) fn all_bits(&self) -> u64 {
        match self.receiver.integrations.len() {
            count @ 0..64 => (1 << count) - 1,
            _ => u64::MAX,
        }
    }

    /// Puts the newest state of an alert into the group. A change is pending for every integration; an older one
    /// that still is, is superseded.
    pub(crate) fn insert(
        &mut self,
        id: AlertId,
        alert: &Arc<Alert>,
        change: Option<Change>,
        balance: &mut Balance,
    ) {
        let bits = if change.is_some() { self.all_bits() } else { 0 };
        let member = match self.members.binary_search_by_key(&id, |member| member.id) {
            Ok(place) => &mut self.members[place],
            Err(place) => {
                if self.members.is_empty() {
                    self.members.reserve_exact(1);
                }
                let hash = alert_hash(&alert.labels);
                let state = AlertState::Unprocessed;
                self.members.insert(
                    place,
                    Member { id, alert: Arc::clone(alert), hash, pending: 0, told: 0, doubtful: 0, state },
                );
                &mut self.members[place]
            }
        };
        member.alert = Arc::clone(alert);
        let superseded = (member.pending & bits).count_ones();
        balance.accepted += u64::from(bits.count_ones());
        balance.pending += u64::from(bits.count_ones());
        settle(balance, Outcome::Superseded, superseded);
        member.pending |= bits;
    }

    /// The alerts as a flush at `at` takes them along, in the order in which receivers see them.
    pub(crate) fn take_alerts(&mut self, at: Timestamp) -> Vec<FlushAlert> {
        let mut alerts: Vec<FlushAlert> = self
            .members
            .iter_mut()
            .map(|member| FlushAlert {
                id: member.id,
                alert: Arc::clone(&member.alert),
                hash: member.hash,
                resolved: member.alert.is_resolved_at(at),
                told: false,
                pending: std::mem::take(&mut member.pending),
                muted: None,
            })
            .collect();
        alerts.sort_by(|left, right| compare_alerts(&left.alert, &right.alert).then(left.id.cmp(&right.id)));
        alerts
    }

    /// Takes back what a flush did not settle. A change that came meanwhile supersedes it.
    pub(crate) fn give_back(&mut self, flush: &Flush, balance: &mut Balance) {
        for alert in flush.alerts.iter().filter(|alert| alert.pending != 0) {
            match self.member_mut(alert.id) {
                Some(member) => {
                    settle(balance, Outcome::Superseded, (member.pending & alert.pending).count_ones());
                    member.pending |= alert.pending;
                }
                None => settle(balance, Outcome::Superseded, alert.pending.count_ones()),
            }
        }
    }

    /// Removes the alerts that had ended when the flush, which succeeded, began and have not changed since.
    pub(crate) fn remove_resolved(&mut self, flush: &Flush) {
        for alert in flush.alerts.iter().filter(|alert| alert.resolved) {
            if let Ok(place) = self.members.binary_search_by_key(&alert.id, |member| member.id)
                && self.members[place].alert.updated_at == alert.alert.updated_at
                && self.members[place].pending == 0
            {
                self.members.remove(place);
            }
        }
    }
}

/// Books `count` pending changes as having this outcome.
pub(crate) fn settle(balance: &mut Balance, outcome: Outcome, count: u32) {
    let count = u64::from(count);
    balance.pending = balance.pending.saturating_sub(count);
    if let Some(total) = balance.outcomes.get_mut(usize::from(outcome.index())) {
        *total += count;
    }
}

/// The groups and their timers.
#[derive(Debug, Default)]
pub struct Dispatcher {
    pub(crate) groups: Vec<Option<Box<AggregationGroup>>>,
    free: Vec<GroupSlot>,
    pub(super) lookup: HashMap<(usize, LabelSet), GroupSlot>,
    /// Alerts that are in groups which their route no longer leads to.
    pub(crate) strays: HashMap<AlertId, Vec<GroupSlot>>,
    pub(super) timers: BTreeSet<Timer>,
    /// Groups that wait for room, by serial.
    pub(super) waiting: BTreeSet<(u64, GroupSlot)>,
    admitted: usize,
    pub(crate) next_serial: u64,
}

impl Dispatcher {
    /// The groups that there are, oldest first.
    pub fn groups(&self) -> impl Iterator<Item = &AggregationGroup> {
        let mut groups: Vec<&AggregationGroup> = self.groups.iter().flatten().map(Box::as_ref).collect();
        groups.sort_unstable_by_key(|group| group.serial);
        groups.into_iter()
    }

    /// The alerts that are in a group.
    pub(crate) fn members(&self) -> HashSet<AlertId> {
        self.groups.iter().flatten().flat_map(|group| &group.members).map(|member| member.id).collect()
    }

    /// How many groups count against the limit.
    #[must_use]
    pub fn len(&self) -> usize {
        self.admitted
    }

    /// Whether there is no group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.admitted == 0
    }

    pub(crate) fn group(&self, slot: GroupSlot) -> Option<&AggregationGroup> {
        self.groups.get(slot as usize)?.as_deref()
    }

    pub(crate) fn group_mut(&mut self, slot: GroupSlot) -> Option<&mut AggregationGroup> {
        self.groups.get_mut(slot as usize)?.as_deref_mut()
    }

    /// The slots in use, by age of the group.
    pub(crate) fn slots(&self) -> Vec<GroupSlot> {
        let mut slots: Vec<(u64, GroupSlot)> = (0..)
            .zip(&self.groups)
            .filter_map(|(slot, group)| group.as_ref().map(|group| (group.serial, slot)))
            .collect();
        slots.sort_unstable();
        slots.into_iter().map(|(_, slot)| slot).collect()
    }

    /// The group of this route and these labels.
    pub(crate) fn find(&self, route: usize, labels: &LabelSet) -> Option<GroupSlot> {
        // A clone of a label set is a counter.
        self.lookup.get(&(route, labels.clone())).copied()
    }

    /// A new group without alerts, admitted if there is room. Its timer is not set yet.
    pub(crate) fn create(&mut self, plan: &Plan, place: usize, labels: LabelSet) -> Option<GroupSlot> {
        let route = plan.routes.get(place)?;
        let receiver = plan.receiver(&route.options.receiver)?;
        let limit = plan.options().max_aggregation_groups;
        let group = AggregationGroup {
            serial: self.next_serial,
            route: Some(place),
            route_key: Arc::clone(&route.key),
            route_id: Arc::clone(&route.id),
            options: Arc::clone(&route.options),
            receiver: Arc::clone(receiver),
            key: group_key(&route.key, &labels).into(),
            labels,
            members: Vec::new(),
            marker: GroupMarker::default(),
            admitted: limit == 0 || self.admitted < limit,
            next_flush: None,
            flush: None,
        };
        self.next_serial += 1;
        Some(self.place(Box::new(group)))
    }

    /// Puts a group into the table, with its timers.
    pub(crate) fn place(&mut self, group: Box<AggregationGroup>) -> GroupSlot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.groups.push(None);
            // Four thousand million groups do not fit into memory.
            u32::try_from(self.groups.len() - 1).unwrap_or(u32::MAX)
        });
        self.index(slot, &group);
        if let Some(place) = self.groups.get_mut(slot as usize) {
            *place = Some(group);
        }
        slot
    }

    fn index(&mut self, slot: GroupSlot, group: &AggregationGroup) {
        if let Some(route) = group.route {
            self.lookup.insert((route, group.labels.clone()), slot);
        }
        if group.admitted {
            self.admitted += 1;
        } else {
            self.waiting.insert((group.serial, slot));
        }
        if let Some(at) = group.next_flush {
            self.timers.insert(Timer { at, serial: group.serial, kind: TimerKind::Flush, slot });
        }
        if let Some(flush) = &group.flush {
            self.timers.extend(flush_timers(group.serial, slot, flush));
        }
    }

    /// Takes a group out of the table, with its timers.
    pub(crate) fn remove(&mut self, slot: GroupSlot) -> Option<Box<AggregationGroup>> {
        let group = self.groups.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        if let Some(route) = group.route
            && self.lookup.get(&(route, group.labels.clone())) == Some(&slot)
        {
            self.lookup.remove(&(route, group.labels.clone()));
        }
        if group.admitted {
            self.admitted -= 1;
        } else {
            self.waiting.remove(&(group.serial, slot));
        }
        if let Some(at) = group.next_flush {
            self.timers.remove(&Timer { at, serial: group.serial, kind: TimerKind::Flush, slot });
        }
        if let Some(flush) = &group.flush {
            for timer in flush_timers(group.serial, slot, flush) {
                self.timers.remove(&timer);
            }
        }
        Some(group)
    }

    /// The first group that waits for room, if there is room.
    pub(crate) fn admit(&mut self, limit: usize) -> Option<GroupSlot> {
        if limit > 0 && self.admitted >= limit {
            return None;
        }
        let (_, slot) = self.waiting.pop_first()?;
        self.admitted += 1;
        self.group_mut(slot)?.admitted = true;
        Some(slot)
    }

    /// Follows the store after the clock was set back.
    pub(crate) fn set_back(&mut self, alerts: &Alerts, now: Timestamp) {
        for group in self.groups.iter_mut().flatten() {
            for member in group.members.iter_mut().filter(|member| member.alert.updated_at > now) {
                if let Some(stored) = alerts.get_by_id(member.id) {
                    member.alert = Arc::clone(&stored.alert);
                }
            }
            for alert in group.flush.iter_mut().flat_map(|flush| &mut flush.alerts) {
                if alert.alert.updated_at > now {
                    alert.alert = Arc::new(Alert { updated_at: now, ..Alert::clone(&alert.alert) });
                }
            }
        }
    }
}
