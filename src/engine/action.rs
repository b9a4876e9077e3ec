//! What the pipeline asks the outside to do, what it has to report, and what it counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    DeliveryId, DeliveryOutcome, FailureReason, IntegrationId, LogEntry, LogKey, Notification, Silence,
    Suppression, Timestamp,
};

/// Something to be done outside. Actions of replayed events are dropped: what matters is decided anew.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make one attempt to deliver this, and report how it ended, always and once.
    Deliver(Box<Notification>),
    /// Give the attempt up; it is out of time.
    Cancel(DeliveryId),
    /// Tell the peers of this version of a silence.
    GossipSilence(Arc<Silence>, Timestamp),
    /// Tell the peers what an integration was told.
    GossipEntry(LogKey, LogEntry),
    /// Tell the operator.
    Notice(Notice),
}

/// Something that an operator can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// There are as many groups as there may be: an alert waits until one is gone.
    GroupLimitReached {
        /// How many groups there are.
        groups: usize,
        /// `--dispatch.max-aggregation-groups`.
        limit: usize,
        /// The alert's name.
        alert: String,
    },
    /// A flush failed. It is made again at the group's next tick.
    NotifyFailed {
        /// The group.
        group_key: Arc<str>,
        /// How many alerts it has.
        alerts: usize,
        /// What each integration that failed said last.
        errors: Vec<String>,
    },
    /// An attempt failed for a reason that is not that of the attempt before, and is made again.
    NotifyRetry {
        /// The group.
        group_key: Arc<str>,
        /// Who was to be told.
        integration: IntegrationId,
        /// How many attempts there were.
        attempts: u32,
        /// What went wrong.
        error: String,
    },
    /// An attempt after the first succeeded.
    NotifyRecovered {
        /// The group.
        group_key: Arc<str>,
        /// Who was told.
        integration: IntegrationId,
        /// How many attempts it took.
        attempts: u32,
    },
}

/// Where we stand in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// Our place among the peers, sorted by name: how many are to tell before us.
    pub position: u32,
    /// Whether the cluster has settled; until then nothing is told.
    pub settled: bool,
}

impl Default for Cluster {
    /// No cluster: the first place, settled.
    fn default() -> Self {
        Self { position: 0, settled: true }
    }
}

/// A change of the clock against the time that really passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStep {
    /// By how much.
    pub by: Duration,
    /// Whether it was set back.
    pub back: bool,
}

impl ClockStep {
    /// `time`, moved along with the clock.
    #[must_use]
    pub fn apply(self, time: Timestamp) -> Timestamp {
        if self.back { time - self.by } else { time + self.by }
    }

    /// What the clock would say at `time` if it had not been set.
    #[must_use]
    pub fn undo(self, time: Timestamp) -> Timestamp {
        Self { back: !self.back, ..self }.apply(time)
    }
}

/// What happens to local delivery. With the alerts and the time, it is all that decides.
#[derive(Debug, Clone)]
pub enum DeliveryEvent {
    /// An attempt ended.
    Finished {
        /// Of which delivery.
        delivery: DeliveryId,
        /// How.
        outcome: DeliveryOutcome,
    },
    /// A peer, a snapshot file or an import tells of a version of a silence.
    PeerSilence {
        /// The version.
        silence: Box<Silence>,
        /// Until when it is kept.
        expires_at: Timestamp,
    },
    /// A peer or a snapshot file tells what an integration was told.
    PeerEntry {
        /// Who was told of what.
        key: LogKey,
        /// What.
        entry: LogEntry,
    },
    /// Our place in the cluster changed, or it settled.
    ClusterChanged(Cluster),
    /// The clock was set, by over a second against the time that passed.
    ClockStepped(ClockStep),
    /// We start, or start again: what was in flight is decided anew.
    Started(Cluster),
}

/// What the metrics of the pipeline read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PipelineCounts {
    /// `alertmanager_dispatcher_aggregation_group_limit_reached_total`.
    pub group_limit_reached: u64,
    /// `alertmanager_notifications_suppressed_total` by reason: of silence, inhibition, mute and active time.
    pub suppressed: BTreeMap<Suppression, u64>,
    /// `alertmanager_alerts_subscriber_channel_writes_total`: states that the inhibitor was told.
    pub inhibitor_writes: u64,
    /// The same of the dispatcher.
    pub dispatcher_writes: u64,
    /// By integration, for those that had something to do.
    pub integrations: BTreeMap<IntegrationId, IntegrationCounts>,
    /// Log entries and silences from peers that were news, to be passed on.
    pub entries_propagated: u64,
    /// Silences from peers that were news.
    pub silences_propagated: u64,
}

/// The counts of one integration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrationCounts {
    /// `alertmanager_notifications_total`.
    pub notifications: u64,
    /// `alertmanager_notifications_failed_total` by reason.
    pub failed: BTreeMap<FailureReason, u64>,
    /// `alertmanager_notification_requests_total`.
    pub requests: u64,
    /// `alertmanager_notification_requests_failed_total`.
    pub requests_failed: u64,
}
