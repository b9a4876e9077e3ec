//! Alertmanager's instruments of local delivery, under its names.

use std::collections::BTreeMap;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::figures::DeliveryFigures;
use super::metrics::raise;
use super::state_files::Written;
use crate::engine::{AlertState, IntegrationCounts};
use crate::metrics::SummaryVec;
use crate::model::{FailureReason, Suppression};
use crate::notify::KINDS;

/// What was counted of everything that has the label `integration`.
#[derive(Debug)]
struct IntegrationMetrics {
    notifications: IntCounterVec,
    failed: IntCounterVec,
    requests: IntCounterVec,
    requests_failed: IntCounterVec,
}

/// The instruments of one of the two states that are kept in files.
#[derive(Debug)]
struct StateMetrics {
    snapshot_size: IntGauge,
    snapshot_duration: SummaryVec,
    gc_duration: SummaryVec,
    maintenance: IntCounter,
    maintenance_errors: IntCounter,
    queries: IntCounter,
    query_errors: IntCounter,
    query_duration: Histogram,
    propagated: IntCounter,
}

/// The instruments that are brought up to date when the metrics page is asked for.
#[derive(Debug)]
pub(super) struct DeliveryMetrics {
    alerts: IntGaugeVec,
    groups: IntGauge,
    group_limit_reached: IntCounter,
    receivers: IntGauge,
    integrations: IntGauge,
    inhibition_rules: IntGauge,
    suppressed: IntCounterVec,
    by_integration: IntegrationMetrics,
    nflog: StateMetrics,
    silences_state: StateMetrics,
    silences: IntGaugeVec,
    silences_sizes: [IntGauge; 3],
    silences_scanned: IntCounter,
    compile_errors: IntCounterVec,
    alertname_limit: IntGauge,
    limited: IntCounter,
    subscriber_writes: IntCounterVec,
    processing: SummaryVec,
}

/// The labels of suppressions by the pipeline.
const SUPPRESSIONS: [(Suppression, &str); 4] = [
    (Suppression::Silence, "silence"),
    (Suppression::Inhibition, "inhibition"),
    (Suppression::MuteTime, "mute_time_interval"),
    (Suppression::ActiveTime, "active_time_interval"),
];

/// The mean of what a question to the engine's tables costs is far below the first bucket.
const QUERY_SECONDS: f64 = 1e-6;

impl DeliveryMetrics {
    /// Registers the instruments; fails when one of the names is taken.
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| register(registry, IntGauge::new(name, help)?);
        let gauges = |name: &str, help: &str, label: &str| {
            register(registry, IntGaugeVec::new(Opts::new(name, help), &[label])?)
        };
        let counters = |name: &str, help: &str, label: &str| {
            register(registry, IntCounterVec::new(Opts::new(name, help), &[label])?)
        };
        let counter = |name: &str, help: &str| register(registry, IntCounter::new(name, help)?);
        // Alertmanager's dispatcher makes groups concurrently; ours does not, and never gives up.
        for (name, help) in [
            (
                "alertmanager_dispatcher_aggregation_group_creation_retries_total",
                "Retries of creating an aggregation group: none here.",
            ),
            (
                "alertmanager_dispatcher_aggregation_group_creation_given_up_total",
                "Alerts dropped because their group could not be created: none here.",
            ),
            ("alertmanager_silences_gc_errors_total", "Errors of removing expired silences: none here."),
            (
                "alertmanager_silences_query_silences_skipped_total",
                "Silences that the index spared a question: not counted here, where only those that can match are looked at.",
            ),
        ] {
            counter(name, help)?;
        }
        let processing = SummaryVec::new(
            "alertmanager_dispatcher_alert_processing_duration_seconds",
            "Summary of latencies for the processing of alerts.",
            &[],
        )?;
        processing.init(&[]);
        Ok(Self {
            alertname_limit: gauge(
                "alertmanager_alerts_per_alert_limit",
                "Current limit on number of alerts per alert name",
            )?,
            limited: counter(
                "alertmanager_alerts_limited_total",
                "Total number of alerts that were dropped due to per alert name limit",
            )?,
            subscriber_writes: counters(
                "alertmanager_alerts_subscriber_channel_writes_total",
                "Number of times alerts were handed to a subscriber.",
                "subscriber",
            )?,
            processing: register(registry, processing)?,
            alerts: gauges("alertmanager_alerts", "How many alerts by state.", "state")?,
            groups: gauge(
                "alertmanager_dispatcher_aggregation_groups",
                "Number of active aggregation groups",
            )?,
            group_limit_reached: counter(
                "alertmanager_dispatcher_aggregation_group_limit_reached_total",
                "Number of times when dispatcher failed to create new aggregation group due to limit.",
            )?,
            receivers: gauge("alertmanager_receivers", "Number of configured receivers.")?,
            integrations: gauge("alertmanager_integrations", "Number of configured integrations.")?,
            inhibition_rules: gauge(
                "alertmanager_inhibition_rules",
                "Number of configured inhibition rules.",
            )?,
            suppressed: counters(
                "alertmanager_notifications_suppressed_total",
                "The total number of notifications suppressed for being silenced, inhibited, outside of active time \
                 intervals or within muted time intervals.",
                "reason",
            )?,
            by_integration: IntegrationMetrics::new(registry)?,
            nflog: StateMetrics::new(registry, "nflog", "notification log")?,
            silences_state: StateMetrics::new(registry, "silences", "silences")?,
            silences: gauges("alertmanager_silences", "How many silences by state.", "state")?,
            silences_sizes: [
                gauge("alertmanager_silences_state_size", "Silences that are kept.")?,
                gauge("alertmanager_silences_matcher_index_size", "Silences in the index of matchers.")?,
                gauge("alertmanager_silences_version_index_size", "Silences in the order of their coming.")?,
            ],
            silences_scanned: counter(
                "alertmanager_silences_query_silences_scanned_total",
                "The number of silences looked at to answer which silence an alert.",
            )?,
            compile_errors: counters(
                "alertmanager_silences_matcher_compile_errors_total",
                "Matchers of silences that do not compile.",
                "stage",
            )?,
        })
    }

    /// Brings the instruments up to date.
    pub(super) fn set(&self, figures: &DeliveryFigures) {
        self.alerts.reset();
        if figures.running {
            for state in [AlertState::Active, AlertState::Suppressed, AlertState::Unprocessed] {
                let count = figures.alerts.get(&state).copied().unwrap_or_default();
                self.alerts.with_label_values(&[state.as_str()]).set(whole(count));
            }
        }
        self.alertname_limit.set(whole(figures.per_alertname.0));
        raise(&self.limited, figures.per_alertname.1);
        let (inhibitor, dispatcher) = (figures.pipeline.inhibitor_writes, figures.pipeline.dispatcher_writes);
        for (subscriber, count) in [("inhibitor", inhibitor), ("dispatcher", dispatcher)] {
            raise(&self.subscriber_writes.with_label_values(&[subscriber]), count);
        }
        let (count, took) = figures.processed;
        self.processing.advance_to(&[], count, took.as_secs_f64());
        self.groups.set(whole(figures.groups));
        raise(&self.group_limit_reached, figures.pipeline.group_limit_reached);
        self.receivers.set(whole(figures.receivers.0));
        self.integrations.set(whole(figures.receivers.1));
        self.inhibition_rules.set(whole(figures.inhibit_rules));
        for (suppression, reason) in SUPPRESSIONS {
            let count = figures.pipeline.suppressed.get(&suppression).copied().unwrap_or_default();
            raise(&self.suppressed.with_label_values(&[reason]), count);
        }
        let counts = figures.pipeline.integrations.iter();
        self.by_integration.set(counts.map(|(id, counts)| (&*id.kind, counts)));
        let (queries, not_found) = figures.log_queries;
        self.nflog.set(queries, not_found, figures.pipeline.entries_propagated);
        let (queries, scanned) = figures.silence_queries;
        self.silences_state.set(queries, 0, figures.pipeline.silences_propagated);
        raise(&self.silences_scanned, scanned);
        let silences = figures.silences;
        let by_state =
            [("active", silences.active), ("pending", silences.pending), ("expired", silences.expired)];
        for (state, count) in by_state {
            self.silences.with_label_values(&[state]).set(whole(count));
        }
        let all = silences.active + silences.pending + silences.expired;
        self.silences_sizes.iter().for_each(|gauge| gauge.set(whole(all)));
        raise(&self.compile_errors.with_label_values(&["index"]), figures.silence_compile_errors);
        self.compile_errors.with_label_values(&["load_snapshot"]);
    }

    /// Counts that one of the files was written, or that it could not be.
    pub(super) fn maintained(&self, file: &str, written: Option<Written>) {
        let state = if file == "nflog" { &self.nflog } else { &self.silences_state };
        state.maintenance.inc();
        // The engine removes what has expired by itself, in the same interval; it takes no time to speak of.
        state.gc_duration.observe(&[], 0.0);
        match written {
            Some(written) => {
                state.snapshot_size.set(whole(written.size));
                state.snapshot_duration.observe(&[], written.took.as_secs_f64());
            }
            None => state.maintenance_errors.inc(),
        }
    }
}

impl IntegrationMetrics {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let metrics = Self {
            notifications: counters(
                "alertmanager_notifications_total",
                "The total number of attempted notifications.",
                &["integration"],
            )?,
            failed: counters(
                "alertmanager_notifications_failed_total",
                "The total number of failed notifications.",
                &["integration", "reason"],
            )?,
            requests: counters(
                "alertmanager_notification_requests_total",
                "The total number of attempted notification requests.",
                &["integration"],
            )?,
            requests_failed: counters(
                "alertmanager_notification_requests_failed_total",
                "The total number of failed notification requests.",
                &["integration"],
            )?,
        };
        metrics.set(std::iter::empty());
        Ok(metrics)
    }

    fn set<'a>(&self, counts: impl Iterator<Item = (&'a str, &'a IntegrationCounts)>) {
        let mut sums: BTreeMap<&str, IntegrationCounts> =
            KINDS.iter().map(|kind| (kind.name, IntegrationCounts::default())).collect();
        for (kind, counts) in counts {
            let sum = sums.entry(kind).or_default();
            sum.notifications += counts.notifications;
            sum.requests += counts.requests;
            sum.requests_failed += counts.requests_failed;
            for (reason, count) in &counts.failed {
                *sum.failed.entry(*reason).or_default() += count;
            }
        }
        for (kind, sum) in sums {
            raise(&self.notifications.with_label_values(&[kind]), sum.notifications);
            raise(&self.requests.with_label_values(&[kind]), sum.requests);
            raise(&self.requests_failed.with_label_values(&[kind]), sum.requests_failed);
            for reason in FailureReason::ALL {
                let count = sum.failed.get(&reason).copied().unwrap_or_default();
                raise(&self.failed.with_label_values(&[kind, reason.as_str()]), count);
            }
        }
    }
}

impl StateMetrics {
    fn new(registry: &Registry, state: &str, what: &str) -> Result<Self, prometheus::Error> {
        let name = |rest: &str| format!("alertmanager_{state}_{rest}");
        let counter = |rest: &str, help: String| register(registry, IntCounter::new(name(rest), help)?);
        let summary = |rest: &str, help: String| {
            let summary = register(registry, SummaryVec::new(&name(rest), &help, &[])?)?;
            summary.init(&[]);
            Ok::<_, prometheus::Error>(summary)
        };
        let duration = HistogramOpts::new(
            name("query_duration_seconds"),
            format!("Duration of {what} query evaluation."),
        );
        Ok(Self {
            snapshot_size: register(
                registry,
                IntGauge::new(
                    name("snapshot_size_bytes"),
                    format!("Size of the last {what} snapshot in bytes."),
                )?,
            )?,
            snapshot_duration: summary(
                "snapshot_duration_seconds",
                format!("Duration of the last {what} snapshot."),
            )?,
            gc_duration: summary(
                "gc_duration_seconds",
                format!("Duration of the last {what} garbage collection cycle."),
            )?,
            maintenance: counter(
                "maintenance_total",
                format!("How many maintenances were executed for the {what}."),
            )?,
            maintenance_errors: counter(
                "maintenance_errors_total",
                format!("How many maintenances were executed for the {what} that failed."),
            )?,
            queries: counter("queries_total", format!("Number of {what} queries were received."))?,
            query_errors: counter(
                "query_errors_total",
                format!("Number of {what} received queries that failed."),
            )?,
            query_duration: register(registry, Histogram::with_opts(duration)?)?,
            propagated: counter(
                "gossip_messages_propagated_total",
                format!("Number of received gossip messages of the {what} that have been further gossiped."),
            )?,
        })
    }

    fn set(&self, queries: u64, errors: u64, propagated: u64) {
        for _ in self.queries.get()..queries {
            self.query_duration.observe(QUERY_SECONDS);
        }
        raise(&self.queries, queries);
        raise(&self.query_errors, errors);
        raise(&self.propagated, propagated);
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
