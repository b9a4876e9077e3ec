//! The metrics of attempts that are measured where they run; the engine counts the rest.

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use super::kind::KINDS;

/// The instruments.
#[derive(Debug, Clone)]
pub struct Metrics {
    latency: HistogramVec,
    template_failures: IntCounterVec,
}

impl Metrics {
    /// Makes the instruments, one series for each kind of integration.
    ///
    /// # Errors
    ///
    /// One of the names is not valid.
    pub fn new() -> Result<Self, prometheus::Error> {
        let label = &["integration"];
        let latency = HistogramOpts::new(
            "alertmanager_notification_latency_seconds",
            "The latency of notifications in seconds.",
        );
        let latency = HistogramVec::new(latency.buckets(vec![1.0, 5.0, 10.0, 15.0, 20.0]), label)?;
        let template_failures = IntCounterVec::new(
            Opts::new(
                "tocsin_notification_template_failures_total",
                "Templates that failed while a notification was written, which was then sent in plain words.",
            ),
            label,
        )?;
        for kind in KINDS {
            latency.with_label_values(&[kind.name]);
            template_failures.with_label_values(&[kind.name]);
        }
        Ok(Self { latency, template_failures })
    }

    /// Shows the instruments on the metrics page.
    ///
    /// # Errors
    ///
    /// One of the names is taken already.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.latency.clone()))?;
        registry.register(Box::new(self.template_failures.clone()))
    }

    pub(super) fn latency(&self, kind: &str) -> Histogram {
        self.latency.with_label_values(&[kind])
    }

    pub(super) fn template_failed(&self, kind: &str) {
        self.template_failures.with_label_values(&[kind]).inc();
    }
}
