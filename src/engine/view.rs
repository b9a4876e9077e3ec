//! What readers outside see of local delivery: cheap copies that share their contents with the engine, so that a slow
//! reader holds up nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::inhibit::Inhibitor;
use super::local_delivery::{AlertStatus, LocalDelivery};
use super::plan::Plan;
use super::silence_table::SilenceTable;
use crate::model::{Alert, LabelSet, Timestamp};

/// Plan, silences and inhibition at one moment: says of any alert where it goes and what holds it.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    plan: Arc<Plan>,
    silences: Arc<SilenceTable>,
    inhibitor: Inhibitor,
}

/// An aggregation group at one moment.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// The labels that its alerts share.
    pub labels: LabelSet,
    /// Its key.
    pub key: Arc<str>,
    /// Who is told.
    pub receiver: Arc<str>,
    /// The id of its route.
    pub route_id: Arc<str>,
    /// The labels of its route as configured: templates.
    pub route_labels: Arc<BTreeMap<SmolStr, String>>,
    /// Its alerts as receivers see them in order, ended ones included.
    pub alerts: Vec<Arc<Alert>>,
    /// The names of the time intervals that muted it at its last flush.
    pub muted_by: Vec<Arc<str>>,
}

impl DeliveryView {
    /// Routes, receivers and options.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The silences.
    #[must_use]
    pub fn silences(&self) -> &SilenceTable {
        &self.silences
    }

    /// Which silences hold an alert with `labels` at `now`, and which alerts inhibit it.
    #[must_use]
    pub fn status(&self, labels: &LabelSet, now: Timestamp) -> AlertStatus {
        AlertStatus {
            silenced_by: self.silences.muting(labels, now),
            inhibited_by: self.inhibitor.inhibitors(&self.plan, labels, now),
        }
    }

    /// The names of the receivers that an alert with `labels` goes to, in the order of the routes.
    #[must_use]
    pub fn receivers(&self, labels: &LabelSet) -> Vec<Arc<str>> {
        self.plan.receivers_of(labels)
    }
}

impl LocalDelivery {
    /// Plan, silences and inhibition as they are now; `None` without a plan.
    #[must_use]
    pub fn view(&self) -> Option<DeliveryView> {
        Some(DeliveryView {
            plan: Arc::clone(self.plan()?),
            silences: Arc::clone(self.silences().table()),
            inhibitor: self.inhibitor.clone(),
        })
    }

    /// The groups as they are now, oldest first, without those that wait for room.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupView> {
        let groups = self.dispatcher().groups().filter(|group| group.admitted && !group.members.is_empty());
        groups
            .map(|group| GroupView {
                labels: group.labels().clone(),
                key: Arc::clone(group.key()),
                receiver: Arc::clone(&group.options().receiver),
                route_id: Arc::clone(group.route_id()),
                route_labels: Arc::clone(&group.options().labels),
                alerts: group.sorted_alerts(),
                muted_by: group.marker().muted_by().to_vec(),
            })
            .collect()
    }
}
