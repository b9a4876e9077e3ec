//! The metrics of Prometheus's notifier, under its names, labels and buckets, and a few of our own.
//!
//! `queue_capacity` has the label `alertmanager` here, as `queue_length` has, so that upstream's bundled alert
//! PrometheusNotificationQueueRunningFull, which divides one by the other, works.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntGauge, Opts, Registry};

use crate::metrics::SummaryVec;

/// The instruments of forwarding. Counts alerts, not requests.
#[derive(Debug)]
pub struct Metrics {
    pub(super) sent: CounterVec,
    pub(super) errors: CounterVec,
    pub(super) dropped: CounterVec,
    pub(super) queue_length: GaugeVec,
    pub(super) queue_capacity: GaugeVec,
    pub(super) latency: SummaryVec,
    pub(super) latency_histogram: HistogramVec,
    pub(super) discovered: IntGauge,
    pub(super) behind: GaugeVec,
    pub(super) failing: GaugeVec,
    pub(super) inbox_overflows: IntCounter,
    /// How many Alertmanagers stand behind the series of a URL: two sets may have found the same.
    users: Mutex<BTreeMap<String, usize>>,
}

impl Metrics {
    /// Registers the instruments.
    ///
    /// # Errors
    ///
    /// One of the names is taken already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let label = &["alertmanager"];
        let counter = |name: &str, help: &str| CounterVec::new(Opts::new(name, help), label);
        let gauge = |name: &str, help: &str| GaugeVec::new(Opts::new(name, help), label);
        let histogram = HistogramOpts::new(
            "prometheus_notifications_latency_histogram_seconds",
            "Latency histogram for sending alert notifications.",
        );
        let metrics = Self {
            sent: counter("prometheus_notifications_sent_total", "Total number of alerts sent.")?,
            errors: counter(
                "prometheus_notifications_errors_total",
                "Total number of sent alerts affected by errors, once for each failed attempt.",
            )?,
            dropped: counter(
                "prometheus_notifications_dropped_total",
                "Total number of alerts given up: refused by the Alertmanager, or no longer true before it answered.",
            )?,
            queue_length: gauge(
                "prometheus_notifications_queue_length",
                "The number of alert notifications in the queue.",
            )?,
            queue_capacity: gauge(
                "prometheus_notifications_queue_capacity",
                "The capacity of the alert notifications queue.",
            )?,
            latency: SummaryVec::new(
                "prometheus_notifications_latency_seconds",
                "Latency quantiles for sending alert notifications.",
                &["alertmanager"],
            )?,
            latency_histogram: HistogramVec::new(histogram.buckets(vec![0.01, 0.1, 1.0, 10.0]), label)?,
            discovered: IntGauge::new(
                "prometheus_notifications_alertmanagers_discovered",
                "The number of alertmanagers discovered and active.",
            )?,
            behind: gauge(
                "tocsin_alertmanager_behind",
                "Whether alerts that belong to this Alertmanager wait in the store because its queue was full.",
            )?,
            failing: gauge(
                "tocsin_alertmanager_failing",
                "Whether the last request to this Alertmanager failed and is being retried.",
            )?,
            inbox_overflows: IntCounter::new(
                "tocsin_forward_inbox_overflows_total",
                "How often alerts arrived faster than they could be queued, so that all Alertmanagers are refilled.",
            )?,
            users: Mutex::default(),
        };
        for vector in [&metrics.sent, &metrics.errors, &metrics.dropped] {
            registry.register(Box::new(vector.clone()))?;
        }
        for vector in [&metrics.queue_length, &metrics.queue_capacity, &metrics.behind, &metrics.failing] {
            registry.register(Box::new(vector.clone()))?;
        }
        registry.register(Box::new(metrics.latency.clone()))?;
        registry.register(Box::new(metrics.latency_histogram.clone()))?;
        registry.register(Box::new(metrics.discovered.clone()))?;
        registry.register(Box::new(metrics.inbox_overflows.clone()))?;
        Ok(metrics)
    }

    /// Makes the series of an Alertmanager, all zero.
    pub(super) fn add(&self, url: &str, capacity: usize) {
        *self.users.lock().unwrap_or_else(PoisonError::into_inner).entry(url.to_owned()).or_default() += 1;
        let label = &[url];
        for vector in [&self.sent, &self.errors, &self.dropped] {
            vector.with_label_values(label).inc_by(0.0);
        }
        for vector in [&self.queue_length, &self.behind, &self.failing] {
            vector.with_label_values(label).add(0.0);
        }
        self.queue_capacity.with_label_values(label).set(capacity as f64);
    }

    /// Removes the series of an Alertmanager, unless another set has one of this URL.
    pub(super) fn remove(&self, url: &str) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = users.get_mut(url) {
            *count -= 1;
            if *count > 0 {
                return;
            }
        }
        users.remove(url);
        let label = &[url];
        // A series that is not there is as good as removed.
        for vector in [&self.sent, &self.errors, &self.dropped] {
            let _gone = vector.remove_label_values(label);
        }
        for vector in [&self.queue_length, &self.queue_capacity, &self.behind, &self.failing] {
            let _gone = vector.remove_label_values(label);
        }
        let _gone = self.latency_histogram.remove_label_values(label);
        self.latency.remove(&[url]);
    }

    /// Notes how long a delivery took.
    pub(super) fn observe(&self, url: &str, seconds: f64) {
        self.latency.observe(&[url], seconds);
        self.latency_histogram.with_label_values(&[url]).observe(seconds);
    }
}
