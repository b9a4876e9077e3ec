use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::metrics::SummaryVec;

/// The instruments of discovery, under Prometheus's names. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(super) failed_configs: IntGauge,
    pub(super) discovered_targets: IntGaugeVec,
    pub(super) received_updates: IntCounter,
    pub(super) delayed_updates: IntCounter,
    pub(super) sent_updates: IntCounter,
    pub(super) last_update: GaugeVec,
    pub(super) file_read_errors: IntCounter,
    pub(super) file_watcher_errors: IntCounter,
    pub(super) file_scan_duration: SummaryVec,
    pub(super) file_mtime: GaugeVec,
    pub(super) http_failures: IntCounter,
    pub(super) dns_lookups: IntCounter,
    pub(super) dns_lookup_failures: IntCounter,
    refresh_failures: IntCounterVec,
    refresh_duration: SummaryVec,
    refresh_duration_histogram: HistogramVec,
}

impl Metrics {
    /// Makes the instruments and registers them.
    ///
    /// # Errors
    ///
    /// One of the names is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let manager = |name: &str, help: &str| Opts::new(name, help).const_label("name", "notify");
        let metrics = Self {
            failed_configs: IntGauge::with_opts(manager(
                "prometheus_sd_failed_configs",
                "Service discovery sections that could not be set up at the last load.",
            ))?,
            discovered_targets: IntGaugeVec::new(
                manager("prometheus_sd_discovered_targets", "Targets discovered now."),
                &["config"],
            )?,
            received_updates: IntCounter::with_opts(manager(
                "prometheus_sd_received_updates_total",
                "Updates received from the providers of service discovery.",
            ))?,
            delayed_updates: IntCounter::with_opts(manager(
                "prometheus_sd_updates_delayed_total",
                "Updates that could not be handed on at once because the last one was not taken yet.",
            ))?,
            sent_updates: IntCounter::with_opts(manager(
                "prometheus_sd_updates_total",
                "Updates handed on.",
            ))?,
            last_update: GaugeVec::new(
                manager("prometheus_sd_last_update_timestamp_seconds", "When the last update was handed on."),
                &["config"],
            )?,
            file_read_errors: IntCounter::new(
                "prometheus_sd_file_read_errors_total",
                "Files of target groups that could not be read.",
            )?,
            file_watcher_errors: IntCounter::new(
                "prometheus_sd_file_watcher_errors_total",
                "Failures to watch the directories of files of target groups.",
            )?,
            file_scan_duration: SummaryVec::new(
                "prometheus_sd_file_scan_duration_seconds",
                "How long reading all files of target groups took.",
                &[],
            )?,
            file_mtime: GaugeVec::new(
                Opts::new(
                    "prometheus_sd_file_mtime_seconds",
                    "When the file was changed, as of its last reading.",
                ),
                &["filename"],
            )?,
            http_failures: IntCounter::new(
                "prometheus_sd_http_failures_total",
                "Failed requests for target groups.",
            )?,
            dns_lookups: IntCounter::new("prometheus_sd_dns_lookups_total", "Names looked up.")?,
            dns_lookup_failures: IntCounter::new(
                "prometheus_sd_dns_lookup_failures_total",
                "Names that could not be looked up.",
            )?,
            refresh_failures: IntCounterVec::new(
                Opts::new("prometheus_sd_refresh_failures_total", "Failed refreshes."),
                &["mechanism", "config"],
            )?,
            refresh_duration: SummaryVec::new(
                "prometheus_sd_refresh_duration_seconds",
                "How long refreshes took.",
                &["mechanism", "config"],
            )?,
            refresh_duration_histogram: HistogramVec::new(
                HistogramOpts::new(
                    "prometheus_sd_refresh_duration_histogram_seconds",
                    "How long refreshes took.",
                )
                .buckets(vec![0.01, 0.1, 1.0, 10.0]),
                &["mechanism"],
            )?,
        };
        metrics.register(registry)?;
        metrics.file_scan_duration.init(&[]);
        Ok(metrics)
    }

    fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.failed_configs.clone()))?;
        registry.register(Box::new(self.discovered_targets.clone()))?;
        registry.register(Box::new(self.received_updates.clone()))?;
        registry.register(Box::new(self.delayed_updates.clone()))?;
        registry.register(Box::new(self.sent_updates.clone()))?;
        registry.register(Box::new(self.last_update.clone()))?;
        registry.register(Box::new(self.file_read_errors.clone()))?;
        registry.register(Box::new(self.file_watcher_errors.clone()))?;
        registry.register(Box::new(self.file_scan_duration.clone()))?;
        registry.register(Box::new(self.file_mtime.clone()))?;
        registry.register(Box::new(self.http_failures.clone()))?;
        registry.register(Box::new(self.dns_lookups.clone()))?;
        registry.register(Box::new(self.dns_lookup_failures.clone()))?;
        registry.register(Box::new(self.refresh_failures.clone()))?;
        registry.register(Box::new(self.refresh_duration.clone()))?;
        registry.register(Box::new(self.refresh_duration_histogram.clone()))
    }

    /// The instruments of one polling provider.
    pub(super) fn refresh(&self, mechanism: &'static str, config: &str) -> RefreshMetrics {
        self.refresh_duration.init(&[mechanism, config]);
        // Both series show from the start.
        self.refresh_failures.with_label_values(&[mechanism, config]);
        self.refresh_duration_histogram.with_label_values(&[mechanism]);
        RefreshMetrics { metrics: self.clone(), mechanism, config: config.to_owned() }
    }

    /// The gauge of a file's time.
    pub(super) fn mtime(&self, file: &str) -> Gauge {
        self.file_mtime.with_label_values(&[file])
    }

    /// Takes the series of a set away.
    pub(super) fn forget_set(&self, config: &str) {
        // An error says that there was no such series.
        let _ = self.discovered_targets.remove_label_values(&[config]);
        let _ = self.last_update.remove_label_values(&[config]);
        for mechanism in ["dns", "http"] {
            let _ = self.refresh_failures.remove_label_values(&[mechanism, config]);
            self.refresh_duration.remove(&[mechanism, config]);
        }
    }
}

/// The instruments of a polling provider.
#[derive(Debug)]
pub(super) struct RefreshMetrics {
    metrics: Metrics,
    mechanism: &'static str,
    config: String,
}

impl RefreshMetrics {
    pub(super) fn observe(&self, took: Duration, succeeded: bool) {
        let labels = [self.mechanism, self.config.as_str()];
        self.metrics.refresh_duration.observe(&labels, took.as_secs_f64());
        self.metrics
            .refresh_duration_histogram
            .with_label_values(&[self.mechanism])
            .observe(took.as_secs_f64());
        if !succeeded {
            self.metrics.refresh_failures.with_label_values(&labels).inc();
        }
    }
}
