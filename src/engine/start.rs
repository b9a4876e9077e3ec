//! A start: what was on its way is decided anew, and what may have been told is remembered as doubtful.

use std::time::Duration;

use super::action::Cluster;
use super::dispatch::GroupSlot;
use super::flush::{Flush, Phase};
use super::local_delivery::LocalDelivery;
use crate::model::{AlertId, LabelSet, Timestamp};

/// How many ticks of a group that came between the last record and a restart are looked at. Repeats bring records,
/// usually each minute, so that what is told later than this many intervals after the last one has one of its own.
const MISSED_TICKS: usize = 64;

impl LocalDelivery {
    /// What was in flight is decided anew, what is overdue is due just after now: a plan that is applied at the same
    /// moment decides about it.
    pub(super) fn start(&mut self, now: Timestamp, cluster: Cluster) {
        self.cluster = cluster;
        self.started_at = Some(now);
        if let Some(after) = self.options().fallback_after {
            self.fallback.restart(now, after);
        }
        self.in_flight.clear();
        self.actions.clear();
        for slot in self.dispatcher.slots() {
            let flush = self.dispatcher.take_flush(slot);
            self.doubt(slot, flush.as_deref(), now);
            let Some(group) = self.dispatcher.group_mut(slot) else { continue };
            let overdue = group.next_flush.is_some_and(|at| at < now);
            if let Some(flush) = &flush {
                group.give_back(flush, &mut self.balance);
            }
            if flush.is_some() || overdue {
                self.dispatcher.schedule(slot, Some(now + Duration::from_nanos(1)));
            }
            self.sweep_group(slot, now);
        }
        if let Some(at) = self.maintenance_at {
            self.maintenance_at = Some(at.max(now));
        }
    }

    /// Marks what may have been told between the last record and our death: what was on its way, and what the
    /// group's ticks would have told if they came before. If such an alert has ended meanwhile, its end is told; if it
    /// has not, that it fires.
    fn doubt(&mut self, slot: GroupSlot, flush: Option<&Flush>, now: Timestamp) {
        let Some(plan) = self.plan.clone() else { return };
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        if let Some(flush) = flush {
            let open = match flush.phase {
                Phase::Settling => group.all_bits(),
                _ => flush
                    .runs
                    .iter()
                    .filter(|run| !run.is_done() || run.in_doubt)
                    .fold(0, |bits, run| bits | run.mask()),
            };
            for alert in flush.kept().filter(|alert| !alert.resolved) {
                if let Some(member) = group.member_mut(alert.id) {
                    member.doubtful |= open;
                }
            }
            return;
        }
        let Some(due) = group.next_flush.filter(|due| *due <= now) else { return };
        let interval = group.options.group_interval.max(Duration::from_secs(1));
        let bits = group.all_bits();
        let mut scratch = Vec::new();
        for tick in std::iter::successors(Some(due), |tick| Some(*tick + interval))
            .take_while(|tick| *tick <= now)
            .take(MISSED_TICKS)
        {
            for member in group.members.iter_mut().filter(|member| !member.alert.is_resolved_at(tick)) {
                let untold = bits & !(member.told | member.doubtful);
                let labels = &member.alert.labels;
                let told = untold != 0
                    && !self.inhibitor.mutes(&plan, labels, tick, &mut scratch)
                    && !self.silences.mutes(labels, tick, &mut scratch);
                if told {
                    member.doubtful |= untold;
                }
            }
        }
    }

    /// Marks an alert in its groups as one whose begin may have been told.
    pub(super) fn doubt_alert(&mut self, id: AlertId, labels: &LabelSet) {
        for slot in self.slots_of(labels) {
            let Some(group) = self.dispatcher.group_mut(slot) else { continue };
            let bits = group.all_bits();
            if let Some(member) = group.member_mut(id) {
                member.doubtful |= bits & !member.told;
            }
        }
    }
}
