//! Attempts to deliver: how each is asked for, and what follows from its end.

use std::sync::Arc;

use super::action::{Action, Notice};
use super::dispatch::{GroupSlot, settle};
use super::flush::{Flush, Phase, Run, RunState};
use super::local_delivery::LocalDelivery;
use super::pipeline;
use super::plan::Plan;
use crate::model::{
    DeliveryId, DeliveryOutcome, FailureReason, Notification, NotificationReason, Outcome, ReceiverData,
    Suppression, Timestamp,
};

impl LocalDelivery {
    /// Asks for an attempt.
    pub(super) fn deliver(&mut self, slot: GroupSlot, flush: &Flush, run: &mut Run, now: Timestamp) {
        let Some(group) = self.dispatcher.group(slot) else { return };
        let place =
            group.receiver.integrations.iter().position(|(candidate, _)| *candidate == run.integration);
        run.attempts += 1;
        run.started = now;
        run.state = RunState::InFlight;
        let notification = Notification {
            delivery: run.delivery,
            attempt: run.attempts,
            integration: run.integration.clone(),
            group_key: Arc::clone(&group.key),
            group_labels: group.labels.clone(),
            route_id: Arc::clone(&group.route_id),
            route_labels: Arc::clone(&flush.options.labels),
            reason: run.reason,
            at: flush.at,
            alerts: pipeline::retry::to_send(flush.kept(), run.send_resolved),
            receiver_data: run.receiver_data.clone(),
            deadline: flush.deadline,
            fallback: self.plan.as_ref().is_some_and(|plan| plan.options().fallback_after.is_some()),
        };
        if place.is_none() || (group.route.is_none() && !is_end(run.reason)) {
            // A reload took the integration or the route away while it waited for its next attempt.
            run.state = RunState::Done(false);
            return;
        }
        let number = flush.runs.iter().position(|other| other.integration == run.integration);
        let number = number.unwrap_or(flush.runs.len());
        self.in_flight.insert(run.delivery, (slot, u8::try_from(number).unwrap_or(u8::MAX)));
        self.actions.push_back(Action::Deliver(Box::new(notification)));
    }

    /// An attempt ended. Whether that was news.
    pub(super) fn finished(
        &mut self,
        now: Timestamp,
        delivery: DeliveryId,
        outcome: DeliveryOutcome,
    ) -> bool {
        let Some((slot, place)) = self.in_flight.remove(&delivery) else { return false };
        let Some(plan) = self.plan.clone() else { return false };
        let Some(mut flush) = self.dispatcher.take_flush(slot) else { return false };
        if let Some(mut run) = flush.runs.get(usize::from(place)).cloned() {
            self.attempt_ended(&plan, slot, &mut flush, &mut run, outcome, now);
            flush.runs[usize::from(place)] = run;
        }
        self.go_on(slot, flush, now);
        true
    }

    fn attempt_ended(
        &mut self,
        plan: &Plan,
        slot: GroupSlot,
        flush: &mut Flush,
        run: &mut Run,
        outcome: DeliveryOutcome,
        now: Timestamp,
    ) {
        let counts = self.counts.integrations.entry(run.integration.clone()).or_default();
        counts.requests += 1;
        let (error, reason, in_doubt, retry) = match outcome {
            DeliveryOutcome::Delivered(data) => {
                let data = data.or_else(|| run.receiver_data.clone());
                self.told(plan, slot, flush, run, data, now);
                run.state = RunState::Done(true);
                self.recovered(slot, run);
                return;
            }
            DeliveryOutcome::Retry { error, reason, in_doubt, after } => {
                (error, reason, in_doubt, Some(after))
            }
            DeliveryOutcome::Failed { error, reason, in_doubt } => (error, reason, in_doubt, None),
        };
        counts.requests_failed += 1;
        run.in_doubt |= in_doubt;
        let again = retry.filter(|_| flush.phase == Phase::Notifying && now < flush.deadline);
        let news = run.last_error.as_ref().is_none_or(|(last, _)| *last != error);
        run.last_error = Some((error, reason));
        match again {
            Some(after) => {
                run.state = RunState::BackOff(pipeline::retry::next_attempt(run, now, after));
                if news {
                    self.retrying(slot, run);
                }
            }
            None => self.fail(run),
        }
    }

    pub(super) fn fail(&mut self, run: &mut Run) {
        run.state = RunState::Done(false);
        let reason =
            run.last_error.as_ref().map_or(FailureReason::ContextDeadlineExceeded, |(_, reason)| *reason);
        let counts = self.counts.integrations.entry(run.integration.clone()).or_default();
        *counts.failed.entry(reason).or_default() += 1;
    }

    fn retrying(&mut self, slot: GroupSlot, run: &Run) {
        let Some(group) = self.dispatcher.group(slot) else { return };
        let error = run.last_error.as_ref().map(|(error, _)| error.clone()).unwrap_or_default();
        self.actions.push_back(Action::Notice(Notice::NotifyRetry {
            group_key: Arc::clone(&group.key),
            integration: run.integration.clone(),
            attempts: run.attempts,
            error,
        }));
    }

    fn recovered(&mut self, slot: GroupSlot, run: &Run) {
        if run.attempts > 1
            && let Some(group) = self.dispatcher.group(slot)
        {
            self.actions.push_back(Action::Notice(Notice::NotifyRecovered {
                group_key: Arc::clone(&group.key),
                integration: run.integration.clone(),
                attempts: run.attempts,
            }));
        }
    }

    /// The integration has been told: into the log, to the peers, into the books.
    pub(super) fn told(
        &mut self,
        plan: &Plan,
        slot: GroupSlot,
        flush: &mut Flush,
        run: &Run,
        data: Option<Arc<ReceiverData>>,
        now: Timestamp,
    ) {
        let Some(group) = self.dispatcher.group_mut(slot) else { return };
        let (key, entry) = pipeline::set_notifies::set_notifies(
            &mut self.nflog,
            &group.key,
            &run.integration,
            flush,
            data,
            now,
            plan.options().retention,
        );
        let mask = run.mask();
        for alert in flush.alerts.iter_mut().filter(|alert| alert.muted.is_none()) {
            if let Some(member) = group.member_mut(alert.id) {
                if alert.resolved {
                    member.told &= !mask;
                } else {
                    member.told |= mask;
                }
                member.doubtful &= !mask;
            }
            if alert.pending & mask != 0 {
                alert.pending &= !mask;
                let unsent = alert.resolved && !run.send_resolved;
                let outcome =
                    if unsent { Outcome::Suppressed(Suppression::SendResolved) } else { Outcome::Delivered };
                settle(&mut self.balance, outcome, 1);
            }
        }
        self.actions.push_back(Action::GossipEntry(key, entry));
    }
}

/// Whether a notification tells of ends.
pub(super) fn is_end(reason: NotificationReason) -> bool {
    matches!(reason, NotificationReason::SomeAlertsResolved | NotificationReason::AllAlertsResolved)
}
