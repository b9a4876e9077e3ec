//! What the engine's task says of itself for the metrics page.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::{AlertState, LocalDelivery, PipelineCounts, SilenceCounts};
use crate::model::{Balance, Timestamp};

/// The engine's counts.
#[derive(Debug, Clone, Default)]
pub(super) struct EngineFigures {
    /// Alerts in the store.
    pub(super) alerts: usize,
    /// The books of all destinations together, Alertmanagers and integrations.
    pub(super) balance: Balance,
    /// Alerts refused because the store was full.
    pub(super) refused: u64,
    /// Of local delivery.
    pub(super) delivery: DeliveryFigures,
}

/// The counts of local delivery.
#[derive(Debug, Clone, Default)]
pub(super) struct DeliveryFigures {
    /// Whether an `alertmanager.yml` is loaded.
    pub(super) running: bool,
    /// Alerts that fire in groups, by state.
    pub(super) alerts: BTreeMap<AlertState, usize>,
    /// Live groups.
    pub(super) groups: usize,
    /// What the pipeline counted.
    pub(super) pipeline: PipelineCounts,
    /// Silences by state.
    pub(super) silences: SilenceCounts,
    /// How often silences were asked for an alert, and how many were looked at.
    pub(super) silence_queries: (u64, u64),
    /// Sets of matchers that did not compile.
    pub(super) silence_compile_errors: u64,
    /// How often the notification log was asked, and had no answer.
    pub(super) log_queries: (u64, u64),
    /// Receivers that routes lead to, and their integrations.
    pub(super) receivers: (usize, usize),
    /// Inhibition rules.
    pub(super) inhibit_rules: usize,
    /// `--alerts.per-alertname-limit`, and how many alerts it dropped.
    pub(super) per_alertname: (usize, u64),
    /// How many alerts went through routing and grouping, and how long that took in all.
    pub(super) processed: (u64, Duration),
}

impl DeliveryFigures {
    pub(super) fn of(delivery: &LocalDelivery, now: Timestamp) -> Self {
        let silences = delivery.silences();
        let mut figures = Self {
            running: delivery.plan().is_some(),
            alerts: delivery.alert_states(now),
            groups: delivery.dispatcher().len(),
            pipeline: delivery.counts().clone(),
            silences: silences.counts(now),
            silence_queries: (silences.queries, silences.scanned),
            silence_compile_errors: silences.compile_errors,
            log_queries: (delivery.nflog().queries, delivery.nflog().not_found),
            ..Self::default()
        };
        if let Some(plan) = delivery.plan() {
            let mut routed: Vec<_> = plan.routes.iter().map(|route| &route.options.receiver).collect();
            routed.sort_unstable();
            routed.dedup();
            let integrations = routed.iter().filter_map(|name| plan.receiver(name));
            figures.receivers = (routed.len(), integrations.map(|known| known.integrations.len()).sum());
            figures.inhibit_rules = plan.inhibit_rules.len();
        }
        figures
    }
}
