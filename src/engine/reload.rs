//! A new plan: groups that are the same keep everything, the rest is made anew.
//!
//! A group is the same across a reload if its route's key, receiver and group labels are; where several routes share
//! key and receiver, they are told apart by their order. It keeps its alerts, timers and what is in flight, and
//! changed intervals apply from its next flush. Alerts are routed again: they leave groups that their routes no
//! longer lead to, except where a receiver that is still there was told that they fire, or is just being told. Such an
//! alert stays where it is until its end has been told, so that no incident is left open.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::action::Action;
use super::dispatch::{AggregationGroup, Dispatcher, GroupSlot, settle};
use super::fallback::Fallback;
use super::flush::remap_bits;
use super::inhibit::Inhibitor;
use super::local_delivery::LocalDelivery;
use super::plan::{Plan, PlannedReceiver};
use crate::model::{Alert, AlertId, Expiry, Outcome, Timestamp};

/// Route key, receiver, and the number of the route among those that share them.
type RouteName = (Arc<str>, Arc<str>, usize);

impl LocalDelivery {
    /// Works by `plan` from now on. `alerts` are those of the store, by id.
    pub fn apply_plan(&mut self, now: Timestamp, plan: Arc<Plan>, alerts: &[(AlertId, Arc<Alert>)]) {
        let old = self.plan.replace(Arc::clone(&plan));
        let ours = plan.options().fallback_after.map(|_after| self.dispatcher.members());
        if self.maintenance_at.is_none() {
            self.maintenance_at = Some(now + plan.options().maintenance_interval);
        }
        self.inhibitor = Inhibitor::new(&plan);
        for (id, alert) in alerts {
            self.inhibitor.update(&plan, *id, alert);
        }
        if let Some(old) = old {
            self.carry_over(&old, &plan);
        }
        let slots = self.dispatcher.slots();
        let places = self.route_again(&plan, alerts, ours.as_ref(), now);
        for slot in slots {
            if self.leave(slot, &places) {
                self.abandon(slot, now);
            }
            self.sweep_group(slot, now);
        }
        self.admit(now);
    }

    /// Notifies nobody from now on. Whether there was a plan.
    pub fn remove_plan(&mut self) -> bool {
        if self.plan.take().is_none() {
            return false;
        }
        for slot in self.dispatcher.slots() {
            let Some(group) = self.dispatcher.remove(slot) else { continue };
            let in_group = group.members.iter().map(|member| member.pending.count_ones());
            let in_flush = group.flush.iter().flat_map(|flush| &flush.alerts);
            let untold = in_group.chain(in_flush.map(|alert| alert.pending.count_ones())).sum();
            settle(&mut self.balance, Outcome::Expired(Expiry::DestinationGone), untold);
        }
        let mut in_flight: Vec<_> = self.in_flight.drain().map(|(delivery, _)| delivery).collect();
        in_flight.sort_unstable();
        self.actions.extend(in_flight.into_iter().map(Action::Cancel));
        self.dispatcher.clear_lookup();
        self.inhibitor = Inhibitor::default();
        self.fallback = Fallback::default();
        self.maintenance_at = None;
        true
    }

    /// Gives the groups their new routes and receivers.
    fn carry_over(&mut self, old: &Plan, plan: &Plan) {
        let old_names: BTreeMap<usize, RouteName> =
            names(old).into_iter().map(|(name, place)| (place, name)).collect();
        let new_places: HashMap<RouteName, usize> = names(plan).into_iter().collect();
        let nobody = Arc::new(PlannedReceiver { name: Arc::from(""), integrations: Vec::new() });
        self.dispatcher.clear_lookup();
        for slot in self.dispatcher.slots() {
            let Some(group) = self.dispatcher.group_mut(slot) else { continue };
            let place = match group.route {
                Some(place) => old_names.get(&place).and_then(|name| new_places.get(name)).copied(),
                // It had lost its route; perhaps it is back.
                None => new_places
                    .get(&(Arc::clone(&group.route_key), Arc::clone(&group.options.receiver), 0))
                    .copied(),
            };
            group.route = None;
            let receiver = plan.receiver(&group.options.receiver).unwrap_or(&nobody);
            if group.receiver != *receiver {
                let lost = change_receiver(group, receiver);
                settle(&mut self.balance, Outcome::Expired(Expiry::DestinationGone), lost);
            }
            if let Some((place, route)) = place.and_then(|place| Some((place, plan.routes.get(place)?))) {
                group.options = Arc::clone(&route.options);
                group.route_id = Arc::clone(&route.id);
                let labels = group.labels.clone();
                if self.dispatcher.find(place, &labels).is_none() {
                    self.dispatcher.set_route(slot, place);
                }
            }
        }
    }

    /// Puts every firing alert, or of them only `ours`, into the groups that it belongs to now; where every alert
    /// belongs.
    fn route_again(
        &mut self,
        plan: &Plan,
        alerts: &[(AlertId, Arc<Alert>)],
        ours: Option<&HashSet<AlertId>>,
        now: Timestamp,
    ) -> HashMap<AlertId, Vec<GroupSlot>> {
        let mut places: HashMap<AlertId, Vec<GroupSlot>> = HashMap::with_capacity(alerts.len());
        for (id, alert) in alerts {
            for place in plan.routes.matching(&alert.labels) {
                let Some(route) = plan.routes.get(place) else { continue };
                let labels = route.options.group_labels(&alert.labels);
                let found = self.dispatcher.find(place, &labels);
                let there = found
                    .and_then(|slot| self.dispatcher.group(slot))
                    .is_some_and(|group| group.member(*id).is_some());
                if !there && !alert.is_resolved_at(now) && ours.is_none_or(|ours| ours.contains(id)) {
                    self.group_alert(plan, place, now, *id, alert, None);
                }
                places.entry(*id).or_default().extend(self.dispatcher.find(place, &labels));
            }
        }
        places
    }

    /// Takes the alerts out of a group that do not belong there any more, but for those whose end is still owed.
    /// Whether there were any that do not.
    fn leave(&mut self, slot: GroupSlot, places: &HashMap<AlertId, Vec<GroupSlot>>) -> bool {
        let Some(group) = self.dispatcher.group_mut(slot) else { return false };
        let before = group.members.len();
        let belongs = |id: AlertId| places.get(&id).is_some_and(|slots| slots.contains(&slot));
        let mut strays = Vec::new();
        let mut superseded = 0;
        group.members.retain(|member| {
            if belongs(member.id) {
                return true;
            }
            let may_be_told = group.flush.as_ref().is_some_and(|flush| flush.may_tell(member.id));
            if member.told | member.doubtful != 0 || may_be_told {
                strays.push(member.id);
                return true;
            }
            superseded += member.pending.count_ones();
            false
        });
        if let Some(mut flush) = group.flush.take() {
            // What it tells nobody it need not remember either.
            flush.alerts.retain(|alert| alert.muted.is_none() || group.member(alert.id).is_some());
            group.flush = Some(flush);
        }
        let changed = group.members.len() != before || !strays.is_empty();
        settle(&mut self.balance, Outcome::Superseded, superseded);
        for id in strays {
            self.dispatcher.add_stray(id, slot);
        }
        changed
    }
}

impl Dispatcher {
    /// Forgets which group is whose, for a reload: the groups stay in their slots with their timers.
    pub(crate) fn clear_lookup(&mut self) {
        self.lookup.clear();
        self.strays.clear();
    }

    /// Says that the group of `route` and its labels is the one in `slot`.
    pub(crate) fn set_route(&mut self, slot: GroupSlot, route: usize) {
        let Some(group) = self.groups.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        group.route = Some(route);
        self.lookup.insert((route, group.labels.clone()), slot);
    }

    /// Says that an alert is in a group that its route does not lead to.
    pub(crate) fn add_stray(&mut self, id: AlertId, slot: GroupSlot) {
        let slots = self.strays.entry(id).or_default();
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }

    /// Takes the strays of a group out of it that nobody was told of; how many changes were pending for them.
    pub(crate) fn drop_untold(&mut self, slot: GroupSlot) -> u32 {
        if self.strays.is_empty() {
            return 0;
        }
        let Some(group) = self.groups.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return 0 };
        let mut pending = 0;
        group.members.retain(|member| {
            let stray = self.strays.get(&member.id).is_some_and(|slots| slots.contains(&slot));
            let untold = stray && member.told | member.doubtful == 0;
            if untold {
                pending += member.pending.count_ones();
            }
            !untold
        });
        pending
    }

    /// Forgets the strays of a group that are no longer in it.
    pub(crate) fn drop_strays(&mut self, slot: GroupSlot) {
        if self.strays.is_empty() {
            return;
        }
        let group = self.groups.get(slot as usize).and_then(Option::as_deref);
        self.strays.retain(|id, slots| {
            slots.retain(|other| *other != slot || group.is_some_and(|group| group.member(*id).is_some()));
            !slots.is_empty()
        });
    }
}

/// The routes of a plan with their names.
fn names(plan: &Plan) -> Vec<(RouteName, usize)> {
    let mut seen: HashMap<(Arc<str>, Arc<str>), usize> = HashMap::new();
    plan.routes
        .iter()
        .enumerate()
        .map(|(place, route)| {
            let key = (Arc::clone(&route.key), Arc::clone(&route.options.receiver));
            let count = seen.entry(key.clone()).or_default();
            let name = (key.0, key.1, *count);
            *count += 1;
            (name, place)
        })
        .collect()
}

/// Moves the bits of a group to those of its receiver as it is now; how many pending changes were for
/// integrations that are gone.
fn change_receiver(group: &mut AggregationGroup, receiver: &Arc<PlannedReceiver>) -> u32 {
    let mut lost = 0;
    for member in &mut group.members {
        let (pending, gone) = remap_bits(member.pending, &group.receiver, receiver);
        member.pending = pending;
        lost += gone;
        (member.told, _) = remap_bits(member.told, &group.receiver, receiver);
        (member.doubtful, _) = remap_bits(member.doubtful, &group.receiver, receiver);
    }
    if let Some(flush) = &mut group.flush {
        lost += flush.remap(&group.receiver, receiver);
    }
    group.receiver = Arc::clone(receiver);
    lost
}
