//! Flushes at work: a group's tick, the stages, the integrations' waits and ends.

use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, Notice};
use super::attempt::is_end;
use super::dispatch::{GroupSlot, settle};
use super::flush::{Flush, FlushAlert, Phase, Run, RunState};
use super::local_delivery::LocalDelivery;
use super::marker::{AlertState, GroupMarker};
use super::pipeline;
use super::pipeline::dedup::Candidate;
use super::plan::Plan;
use crate::model::{
    DeliveryId, FailureReason, LogEntry, NotificationReason, Outcome, Suppression, Timestamp,
};

/// A flush has at least this long.
const LEAST_TIME: Duration = Duration::from_secs(10);
/// How long after a flush's deadline a request that was told to stop may take to say so. A success is still logged
/// then, so that it is not repeated.
const GRACE: Duration = Duration::from_secs(5);

impl LocalDelivery {
    /// A group's tick. The next one is set at once, as Alertmanager does it.
    pub(super) fn tick(&mut self, slot: GroupSlot, at: Timestamp) {
        let Some(plan) = self.plan.clone() else {
            self.dispatcher.schedule(slot, None);
            return;
        };
        let start_at = self.started_at.map(|started_at| started_at + plan.options().start_delay);
        if let Some(start_at) = start_at.filter(|start_at| at < *start_at) {
            self.dispatcher.schedule(slot, Some(start_at));
            return;
        }
        let busy = self.dispatcher.group(slot).is_some_and(|group| group.flush.is_some());
        if busy {
            self.dispatcher.schedule(slot, None);
            return;
        }
        self.begin_flush(&plan, slot, at);
    }

    fn begin_flush(&mut self, plan: &Plan, slot: GroupSlot, at: Timestamp) {
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        let options = Arc::clone(&group.options);
        let mut alerts = group.take_alerts(at);
        let next = at + options.group_interval;
        if plan.options().resolve_when_muted {
            let entries: Vec<&LogEntry> = group
                .receiver
                .integrations
                .iter()
                .filter_map(|(integration, _)| self.nflog.get(&group.key, integration))
                .collect();
            for alert in alerts.iter_mut().filter(|alert| alert.resolved) {
                alert.told = group.member(alert.id).is_some_and(|member| member.told | member.doubtful != 0)
                    || entries.iter().any(|entry| entry.firing.contains(&alert.hash));
            }
        }
        self.dispatcher.schedule(slot, Some(next));
        let time = options.group_interval.max(LEAST_TIME);
        let deadline = at + time + pipeline::wait::wait(self.cluster, plan.options().peer_timeout);
        let flush = Flush { at, deadline, phase: Phase::Settling, options, alerts, runs: Vec::new() };
        if pipeline::settle::settle(self.cluster) {
            self.run_stages(plan, slot, Box::new(flush), at);
        } else {
            self.dispatcher.put_flush(slot, Box::new(flush));
        }
    }

    /// The cluster has settled: a flush that was held back goes on.
    pub(super) fn settled(&mut self, slot: GroupSlot, now: Timestamp) {
        let held = self
            .dispatcher
            .group(slot)
            .and_then(|group| group.flush.as_ref())
            .is_some_and(|flush| flush.phase == Phase::Settling);
        if held
            && let Some(plan) = self.plan.clone()
            && let Some(flush) = self.dispatcher.take_flush(slot)
        {
            self.run_stages(&plan, slot, flush, now);
        }
    }

    /// The stages that all integrations share, then the start of each.
    fn run_stages(&mut self, plan: &Plan, slot: GroupSlot, mut flush: Box<Flush>, now: Timestamp) {
        flush.phase = Phase::Notifying;
        self.mute(plan, slot, &mut flush, now);
        let receiver = self.dispatcher.group(slot).map(|group| Arc::clone(&group.receiver));
        if let Some(receiver) = receiver.filter(|_| pipeline::any_left(&flush.alerts)) {
            let until = now + pipeline::wait::wait(self.cluster, plan.options().peer_timeout);
            for (bit, (integration, send_resolved)) in (0_u8..).zip(&receiver.integrations) {
                let mut run = Run::new(integration, *send_resolved, bit);
                if until > now {
                    run.state = RunState::Waiting(until);
                    flush.runs.push(run);
                    continue;
                }
                self.start_run(plan, slot, &mut flush, &mut run, now);
                flush.runs.push(run);
            }
        }
        self.go_on(slot, flush, now);
    }

    fn mute(&mut self, plan: &Plan, slot: GroupSlot, flush: &mut Flush, now: Timestamp) {
        let mut marker = GroupMarker::default();
        let Flush { alerts, options, at, .. } = flush;
        let intervals = &plan.time_intervals;
        // A route that a reload took away may name intervals that are no more: it is always active.
        let retired = self.dispatcher.group(slot).is_some_and(|group| group.route.is_none());
        let dropped = pipeline::inhibit::inhibit(alerts, &self.inhibitor, plan, now);
        self.suppressed(Suppression::Inhibition, dropped);
        if pipeline::any_left(alerts) && !retired {
            let dropped = pipeline::time_active::time_active(alerts, options, intervals, &mut marker, *at);
            self.suppressed(Suppression::ActiveTime, dropped);
        }
        if pipeline::any_left(alerts) && !retired {
            let dropped = pipeline::time_mute::time_mute(alerts, options, intervals, &mut marker, *at);
            self.suppressed(Suppression::MuteTime, dropped);
        }
        let silences_asked = pipeline::any_left(alerts);
        if silences_asked {
            let dropped = pipeline::silence::silence(alerts, &mut self.silences, now);
            self.suppressed(Suppression::Silence, dropped);
        }
        self.mark(slot, alerts, marker, silences_asked);
    }

    fn suppressed(&mut self, reason: Suppression, count: usize) {
        if count > 0 {
            *self.counts.suppressed.entry(reason).or_default() += count as u64;
        }
    }

    /// Notes what the stages found, and books what they dropped.
    fn mark(&mut self, slot: GroupSlot, alerts: &mut [FlushAlert], marker: GroupMarker, silences: bool) {
        for alert in alerts.iter_mut() {
            if let Some(reason) = alert.muted {
                settle(&mut self.balance, Outcome::Suppressed(reason), alert.pending.count_ones());
                alert.pending = 0;
            }
        }
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        group.marker = marker;
        for alert in alerts.iter() {
            let Some(member) = group.member_mut(alert.id) else { continue };
            member.state = match alert.muted {
                Some(Suppression::Silence | Suppression::Inhibition) => AlertState::Suppressed,
                // Muted by time before the silences were asked: what they said last still stands.
                Some(_) if !silences && member.state == AlertState::Suppressed => AlertState::Suppressed,
                _ => AlertState::Active,
            };
        }
    }

    /// Why the integration is to be told of the flush, given what it was last told.
    fn reason(
        &self,
        slot: GroupSlot,
        flush: &Flush,
        run: &Run,
        entry: Option<&LogEntry>,
    ) -> NotificationReason {
        let Some(group) = self.dispatcher.group(slot) else { return NotificationReason::None };
        let (firing, resolved) = flush.hashes();
        let candidate = Candidate {
            firing: &firing,
            resolved: &resolved,
            send_resolved: run.send_resolved,
            repeat_interval: flush.options.repeat_interval,
        };
        let reason = pipeline::dedup::dedup(entry, candidate, flush.at);
        let is_owed = |alert: &FlushAlert| {
            let bits = group
                .member(alert.id)
                .map_or(0, |member| if alert.told { member.told | member.doubtful } else { member.doubtful });
            alert.resolved && bits & run.mask() != 0
        };
        if reason != NotificationReason::None || !run.send_resolved || !flush.kept().any(is_owed) {
            return reason;
        }
        // While it was muted, the log forgot that it had been told; or we died before it could learn.
        if firing.is_empty() {
            NotificationReason::AllAlertsResolved
        } else {
            NotificationReason::SomeAlertsResolved
        }
    }

    fn last_told(&mut self, slot: GroupSlot, run: &Run) -> Option<LogEntry> {
        let key = Arc::clone(&self.dispatcher.group(slot)?.key);
        self.nflog.query(&key, &run.integration)
    }

    /// An integration's turn has come: is there anything to tell?
    fn start_run(&mut self, plan: &Plan, slot: GroupSlot, flush: &mut Flush, run: &mut Run, now: Timestamp) {
        let Some(group) = self.dispatcher.group(slot) else { return };
        let retired = group.route.is_none();
        let entry = self.last_told(slot, run);
        let reason = self.reason(slot, flush, run, entry.as_ref());
        // A group whose route is gone tells the end of what was told, and nothing else.
        if reason == NotificationReason::None || (retired && !is_end(reason)) {
            self.nothing_to_tell(slot, flush, run, entry.as_ref());
            return;
        }
        self.counts.integrations.entry(run.integration.clone()).or_default().notifications += 1;
        run.reason = reason;
        run.receiver_data = match reason {
            NotificationReason::FirstNotification => None,
            _ => entry.and_then(|entry| entry.receiver_data),
        };
        if !run.send_resolved && flush.kept().all(|alert| alert.resolved) {
            let data = run.receiver_data.clone();
            self.told(plan, slot, flush, run, data, now);
            run.state = RunState::Done(true);
            return;
        }
        run.delivery = DeliveryId(self.next_delivery);
        self.next_delivery += 1;
        self.deliver(slot, flush, run, now);
    }

    fn nothing_to_tell(
        &mut self,
        slot: GroupSlot,
        flush: &mut Flush,
        run: &mut Run,
        entry: Option<&LogEntry>,
    ) {
        self.nothing_new(flush, run, entry);
        self.no_doubt(slot, flush, run);
        run.state = RunState::Done(true);
    }

    fn nothing_new(&mut self, flush: &mut Flush, run: &Run, entry: Option<&LogEntry>) {
        let mask = run.mask();
        let by_peer = entry.is_some_and(|entry| entry.from_peer);
        for alert in flush.alerts.iter_mut().filter(|alert| alert.pending & mask != 0) {
            alert.pending &= !mask;
            let reason = if alert.resolved && !run.send_resolved {
                Suppression::SendResolved
            } else if by_peer {
                Suppression::Peer
            } else {
                Suppression::NothingNew
            };
            settle(&mut self.balance, Outcome::Suppressed(reason), 1);
        }
    }

    /// The log knows what the integration knows.
    fn no_doubt(&mut self, slot: GroupSlot, flush: &Flush, run: &Run) {
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        for alert in flush.kept() {
            if let Some(member) = group.member_mut(alert.id) {
                member.doubtful &= !run.mask();
            }
        }
    }

    /// An integration failed, but an attempt may have been taken all the same: if such an alert ends, its end is told.
    fn in_doubt(&mut self, slot: GroupSlot, flush: &Flush) {
        let given_up = |run: &&Run| run.state == RunState::Done(false) && run.in_doubt;
        let bits = flush.runs.iter().filter(given_up).fold(0, |bits, run| bits | run.mask());
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        for alert in flush.kept().filter(|alert| bits != 0 && !alert.resolved) {
            if let Some(member) = group.member_mut(alert.id) {
                member.doubtful |= bits;
            }
        }
    }

    /// A reload has taken alerts out of a group: what its flush has not asked for yet is decided anew.
    pub(super) fn abandon(&mut self, slot: GroupSlot, now: Timestamp) {
        let Some(mut flush) = self.dispatcher.take_flush(slot) else { return };
        for run in &mut flush.runs {
            if matches!(run.state, RunState::Waiting(_) | RunState::BackOff(_)) {
                run.state = RunState::Done(false);
                run.last_error
                    .get_or_insert_with(|| ("the configuration changed".to_owned(), FailureReason::Other));
            }
        }
        if flush.runs.iter().any(|run| !run.is_done()) {
            self.dispatcher.put_flush(slot, flush);
            return;
        }
        self.in_doubt(slot, &flush);
        if let Some(group) = self.dispatcher.group_mut(slot) {
            group.give_back(&flush, &mut self.balance);
        }
        self.dispatcher.schedule(slot, Some(now));
    }

    /// An integration's time to go on has come.
    pub(super) fn resume_run(&mut self, slot: GroupSlot, place: u8, now: Timestamp) {
        let Some(mut flush) = self.dispatcher.take_flush(slot) else { return };
        if let Some(plan) = self.plan.clone()
            && let Some(mut run) = flush.runs.get(usize::from(place)).cloned()
        {
            match run.state {
                RunState::Waiting(_) => {
                    if flush.runs.iter().all(|run| matches!(run.state, RunState::Waiting(_))) {
                        self.waited(slot, &mut flush, now);
                        run.state = flush.runs[usize::from(place)].state;
                    }
                    if !run.is_done() {
                        self.start_run(&plan, slot, &mut flush, &mut run, now);
                    }
                }
                RunState::BackOff(_) => self.deliver(slot, &flush, &mut run, now),
                RunState::InFlight | RunState::Done(_) => {}
            }
            flush.runs[usize::from(place)] = run;
        }
        self.go_on(slot, flush, now);
    }

    /// The flush has waited for its peers. Whom they have told what it found is done: what began or ended meanwhile
    /// has a tick of its own, at which they come first again. For the others it counts as it is now.
    fn waited(&mut self, slot: GroupSlot, flush: &mut Flush, now: Timestamp) {
        let mut runs = std::mem::take(&mut flush.runs);
        for run in &mut runs {
            let entry = self.last_told(slot, run);
            if self.reason(slot, flush, run, entry.as_ref()) == NotificationReason::None {
                self.nothing_to_tell(slot, flush, run, entry.as_ref());
            }
        }
        let is_over = runs.iter().all(Run::is_done);
        flush.runs = runs;
        if !is_over {
            self.catch_up(slot, flush, now);
        }
    }

    /// Alerts that began or ended since the flush count as they are now: a peer may have told it, and nobody is told
    /// an older state after a newer one.
    fn catch_up(&mut self, slot: GroupSlot, flush: &mut Flush, now: Timestamp) {
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        for alert in flush.alerts.iter_mut().filter(|alert| alert.muted.is_none()) {
            let Some(member) = group.member_mut(alert.id) else { continue };
            let resolved = member.alert.is_resolved_at(now);
            if resolved == alert.resolved {
                continue;
            }
            settle(&mut self.balance, Outcome::Superseded, (alert.pending & member.pending).count_ones());
            alert.pending |= std::mem::take(&mut member.pending);
            alert.alert = Arc::clone(&member.alert);
            alert.resolved = resolved;
            flush.at = now;
        }
    }

    /// A flush is out of time. Requests in flight are told to stop; what does not say so soon has failed.
    pub(super) fn deadline(&mut self, slot: GroupSlot, now: Timestamp) {
        let Some(mut flush) = self.dispatcher.take_flush(slot) else { return };
        let first = flush.phase != Phase::Cancelled;
        let held = flush.phase == Phase::Settling;
        for run in &mut flush.runs {
            match run.state {
                RunState::InFlight if first => self.cancel(run.delivery),
                RunState::InFlight => {
                    self.in_flight.remove(&run.delivery);
                    run.in_doubt = true;
                    self.fail(run);
                }
                RunState::Waiting(_) | RunState::BackOff(_) => self.fail(run),
                RunState::Done(_) => {}
            }
        }
        flush.phase = Phase::Cancelled;
        flush.deadline = now + GRACE;
        if held {
            self.end_flush(slot, &flush, false, now);
        } else {
            self.go_on(slot, flush, now);
        }
    }

    fn cancel(&mut self, delivery: DeliveryId) {
        self.actions.push_back(Action::Cancel(delivery));
    }

    /// Puts the flush back, or ends it.
    pub(super) fn go_on(&mut self, slot: GroupSlot, flush: Box<Flush>, now: Timestamp) {
        if flush.is_done() {
            let succeeded = flush.succeeded();
            self.end_flush(slot, &flush, succeeded, now);
        } else {
            self.dispatcher.put_flush(slot, flush);
        }
    }

    fn end_flush(&mut self, slot: GroupSlot, flush: &Flush, succeeded: bool, now: Timestamp) {
        self.in_doubt(slot, flush);
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        group.give_back(flush, &mut self.balance);
        if succeeded {
            group.remove_resolved(flush);
        } else {
            let errors = flush.runs.iter().filter(|run| run.state == RunState::Done(false)).map(error_text);
            self.actions.push_back(Action::Notice(Notice::NotifyFailed {
                group_key: Arc::clone(&group.key),
                alerts: flush.alerts.len(),
                errors: if flush.runs.is_empty() {
                    vec!["context deadline exceeded: the cluster has not settled".to_owned()]
                } else {
                    errors.collect()
                },
            }));
        }
        let missed = group.next_flush.is_none() && group.admitted && !group.members.is_empty();
        let untold = self.dispatcher.drop_untold(slot);
        settle(&mut self.balance, Outcome::Superseded, untold);
        self.dispatcher.drop_strays(slot);
        if missed {
            // The tick that came while this flush was at work.
            self.dispatcher.schedule(slot, Some(now));
        }
        self.sweep_group(slot, now);
    }
}

fn error_text(run: &Run) -> String {
    let error = run.last_error.as_ref().map_or("context deadline exceeded", |(error, _)| error.as_str());
    format!("{}: notify failed after {} attempts: {error}", run.integration, run.attempts)
}
