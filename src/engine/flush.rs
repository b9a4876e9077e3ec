//! One flush of a group on its way through the pipeline: what it took along, and how far each integration is.

use std::sync::Arc;

use super::plan::PlannedReceiver;
use super::route::RouteOptions;
use crate::model::{
    Alert, AlertId, DeliveryId, FailureReason, IntegrationId, NotificationReason, ReceiverData, Suppression,
    Timestamp,
};

/// An alert as the flush found it in the group.
#[derive(Debug, Clone, PartialEq)]
pub struct FlushAlert {
    /// Which alert.
    pub id: AlertId,
    /// Its state then.
    pub alert: Arc<Alert>,
    /// By which the notification log knows it.
    pub hash: u64,
    /// Whether it had ended at the flush's tick, or at the end of its wait for peers. It stays what it was then until
    /// the flush is over.
    pub resolved: bool,
    /// Whether an integration was told that it fires and not yet that it ended: its end passes the stages that
    /// mute. Looked up only with
    /// [`resolve_when_muted`](super::plan::Options::resolve_when_muted).
    pub told: bool,
    /// The integrations for which its last change is untold, one bit each. While the flush runs, they are its
    /// business and not the group's.
    pub pending: u64,
    /// Why a stage dropped it.
    pub muted: Option<Suppression>,
}

/// How one integration is doing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) integration: IntegrationId,
    pub(crate) send_resolved: bool,
    /// Its bit, unless a reload removed it while the request was in flight.
    pub(crate) bit: Option<u8>,
    pub(crate) state: RunState,
    pub(crate) reason: NotificationReason,
    pub(crate) delivery: DeliveryId,
    pub(crate) attempts: u32,
    /// When the last attempt began.
    pub(crate) started: Timestamp,
    pub(crate) receiver_data: Option<Arc<ReceiverData>>,
    pub(crate) last_error: Option<(String, FailureReason)>,
    /// Whether an attempt that failed, or was given up, may have been taken all the same.
    pub(crate) in_doubt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    /// Waits for the peers before us.
    Waiting(Timestamp),
    /// An attempt is on its way.
    InFlight,
    /// Waits for the next attempt.
    BackOff(Timestamp),
    /// Over: well, or not.
    Done(bool),
}

impl Run {
    pub(crate) fn new(integration: &IntegrationId, send_resolved: bool, bit: u8) -> Self {
        Self {
            integration: integration.clone(),
            send_resolved,
            bit: Some(bit),
            state: RunState::Done(false),
            reason: NotificationReason::None,
            delivery: DeliveryId(0),
            attempts: 0,
            started: Timestamp::ZERO,
            receiver_data: None,
            last_error: None,
            in_doubt: false,
        }
    }

    pub(crate) fn mask(&self) -> u64 {
        self.bit.map_or(0, |bit| 1 << bit)
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, RunState::Done(_))
    }
}

/// How far a flush has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Held back until the cluster has settled.
    Settling,
    /// The integrations are at work.
    Notifying,
    /// Out of time; requests in flight were told to stop and have a little longer to say so.
    Cancelled,
}

/// A flush that is not over yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flush {
    /// The group's tick: "now" for time intervals and the repeat interval. The end of the wait for peers, if an alert
    /// began or ended during it and they had not told what the flush found.
    pub(crate) at: Timestamp,
    /// When everything must be over.
    pub(crate) deadline: Timestamp,
    pub(crate) phase: Phase,
    /// The route's options as they were at the tick.
    pub(crate) options: Arc<RouteOptions>,
    /// Sorted as receivers see them.
    pub(crate) alerts: Vec<FlushAlert>,
    pub(crate) runs: Vec<Run>,
}

impl Flush {
    /// Whether every integration is done.
    pub(crate) fn is_done(&self) -> bool {
        self.phase != Phase::Settling && self.runs.iter().all(Run::is_done)
    }

    /// Whether every integration is done, and well.
    pub(crate) fn succeeded(&self) -> bool {
        self.phase != Phase::Settling && self.runs.iter().all(|run| run.state == RunState::Done(true))
    }

    /// Whether a request that tells of this alert is on its way, or failed although it may have been taken.
    pub(crate) fn may_tell(&self, id: AlertId) -> bool {
        self.runs.iter().any(|run| run.state == RunState::InFlight || run.in_doubt)
            && self.kept().any(|alert| alert.id == id)
    }

    /// The alerts that no stage dropped.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &FlushAlert> {
        self.alerts.iter().filter(|alert| alert.muted.is_none())
    }

    /// The hashes of the firing and of the ended alerts that no stage dropped.
    pub(crate) fn hashes(&self) -> (Vec<u64>, Vec<u64>) {
        let firing = self.kept().filter(|alert| !alert.resolved).map(|alert| alert.hash).collect();
        let resolved = self.kept().filter(|alert| alert.resolved).map(|alert| alert.hash).collect();
        (firing, resolved)
    }

    /// Follows a reload that moved the integrations' bits; bits of those that are gone are given back.
    pub(crate) fn remap(&mut self, old: &PlannedReceiver, new: &PlannedReceiver) -> u32 {
        let mut lost = 0;
        for alert in &mut self.alerts {
            let (pending, gone) = remap_bits(alert.pending, old, new);
            alert.pending = pending;
            lost += gone;
        }
        for run in &mut self.runs {
            run.bit = bit_of(new, &run.integration);
        }
        lost
    }
}

/// The bit of an integration within its receiver.
pub(crate) fn bit_of(receiver: &PlannedReceiver, integration: &IntegrationId) -> Option<u8> {
    receiver
        .integrations
        .iter()
        .position(|(candidate, _)| candidate == integration)
        .and_then(|place| u8::try_from(place).ok())
}

/// `bits` of the integrations of `old` as bits of those of `new`, and how many have no place there.
pub(crate) fn remap_bits(bits: u64, old: &PlannedReceiver, new: &PlannedReceiver) -> (u64, u32) {
    let mut moved = 0;
    let mut lost = 0;
    for (place, (integration, _)) in old.integrations.iter().enumerate() {
        if bits & (1 << place) != 0 {
            match bit_of(new, integration) {
                Some(bit) => moved |= 1 << bit,
                None => lost += 1,
            }
        }
    }
    (moved, lost)
}

/// The order of alerts in notifications: by `job`, then by `instance` (having one comes first), then by labels.
pub(crate) fn compare_alerts(left: &Alert, right: &Alert) -> std::cmp::Ordering {
    let by = |name: &str| match (left.labels.get(name), right.labels.get(name)) {
        (Some(left), Some(right)) => left.cmp(right),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => std::cmp::Ordering::Equal,
    };
    by("job").then_with(|| by("instance")).then_with(|| left.labels.compare(&right.labels))
}
