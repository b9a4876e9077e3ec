//! The daemon's own instruments: the journal, the books of changes, reloads, the process.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{Gauge, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::figures::EngineFigures;
use crate::journal::{Stats, Status};
use crate::model::{Outcome, Timestamp};

/// The instruments that the daemon brings up to date when the metrics page is asked for.
#[derive(Debug)]
pub(super) struct DaemonMetrics {
    journal_durable: IntGauge,
    journal: IntGaugeVec,
    journal_totals: IntCounterVec,
    journal_snapshot_seconds: Gauge,
    changes_accepted: IntCounterVec,
    changes: IntCounterVec,
    changes_pending: IntGauge,
    alerts: IntGauge,
    refused: IntCounterVec,
    reload_successful: [IntGauge; 2],
    reload_seconds: [Gauge; 2],
    config_hash: Gauge,
    ready: IntGauge,
    process: ProcessMetrics,
}

impl DaemonMetrics {
    /// Registers the instruments; fails when one of the names is taken.
    pub(super) fn new(registry: &Registry, started: Timestamp) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| register(registry, IntGauge::new(name, help)?);
        let float = |name: &str, help: &str| register(registry, Gauge::new(name, help)?);
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let build = IntGaugeVec::new(
            Opts::new(
                "alertmanager_build_info",
                "The version of this program, in the form of Alertmanager's metric.",
            ),
            &["branch", "goarch", "goos", "goversion", "revision", "tags", "version"],
        )?;
        let build = register(registry, build)?;
        build
            .with_label_values(&[
                "tocsin",
                std::env::consts::ARCH,
                std::env::consts::OS,
                "",
                concat!("tocsin-", env!("CARGO_PKG_VERSION")),
                "",
                crate::api::ALERTMANAGER_VERSION,
            ])
            .set(1);
        let success = "Whether the last configuration reload attempt was successful.";
        let success_time = "Timestamp of the last successful configuration reload.";
        Ok(Self {
            journal_durable: gauge(
                "tocsin_journal_durable",
                "1 while the answer 200 to a push means that it is on disk; 0 while it is in memory only.",
            )?,
            journal: register(
                registry,
                IntGaugeVec::new(Opts::new("tocsin_journal_bytes", "Sizes of the journal."), &["part"])?,
            )?,
            journal_totals: counters(
                "tocsin_journal_total",
                "What the journal has done since the start.",
                &["event"],
            )?,
            journal_snapshot_seconds: float(
                "tocsin_journal_snapshot_duration_seconds",
                "How long the last snapshot took.",
            )?,
            changes_accepted: counters(
                "tocsin_changes_accepted_total",
                "Begins and ends of alerts accepted, counted once for each destination.",
                &[],
            )?,
            changes: counters(
                "tocsin_changes_total",
                "Begins and ends of alerts that are settled, counted once for each destination.",
                &["outcome", "reason"],
            )?,
            changes_pending: gauge(
                "tocsin_changes_pending",
                "Begins and ends of alerts that are not settled yet, counted once for each destination.",
            )?,
            alerts: gauge("tocsin_alerts", "Alerts in the store, resolved ones included.")?,
            refused: counters(
                "tocsin_alerts_refused_total",
                "Unknown alerts that were not accepted because the store was full.",
                &[],
            )?,
            reload_successful: [
                gauge("prometheus_config_last_reload_successful", success)?,
                gauge("alertmanager_config_last_reload_successful", success)?,
            ],
            reload_seconds: [
                float("prometheus_config_last_reload_success_timestamp_seconds", success_time)?,
                float("alertmanager_config_last_reload_success_timestamp_seconds", success_time)?,
            ],
            config_hash: float("alertmanager_config_hash", "Hash of the currently loaded configuration.")?,
            ready: gauge(
                "prometheus_ready",
                "Whether the first configuration is applied and requests are served.",
            )?,
            process: ProcessMetrics::new(registry, started)?,
        })
    }

    /// Says how the last reload went, and when the last good one was.
    pub(super) fn set_reload(&self, successful: bool, last_success: Option<Timestamp>, hash: f64) {
        for gauge in &self.reload_successful {
            gauge.set(i64::from(successful));
        }
        if let Some(time) = last_success {
            for gauge in &self.reload_seconds {
                gauge.set(time.unix_seconds_f64().floor());
            }
        }
        self.config_hash.set(hash);
    }

    /// Says whether requests are served by a configured daemon.
    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Says how the journal is.
    pub(super) fn set_journal(&self, status: &Status, stats: &Stats) {
        self.journal_durable.set(i64::from(status.is_durable()));
        let sizes = [
            ("log", stats.log_bytes),
            ("snapshot", stats.snapshot_bytes),
            ("disk", stats.disk_bytes),
            ("queued", stats.queued_bytes),
        ];
        for (part, bytes) in sizes {
            self.journal.with_label_values(&[part]).set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        let totals = [
            ("appended", stats.appended),
            ("not_kept", stats.not_kept),
            ("synced", stats.synced),
            ("commit", stats.commits),
            ("failure", stats.failures),
            ("snapshot", stats.snapshots),
            ("snapshot_failure", stats.snapshot_failures),
            ("damaged_record", stats.damaged_records),
            ("damaged_file", stats.damaged_files),
            ("written_byte", stats.written_bytes),
        ];
        for (event, total) in totals {
            raise(&self.journal_totals.with_label_values(&[event]), total);
        }
        self.journal_snapshot_seconds.set(stats.snapshot_duration.as_secs_f64());
    }

    /// Publishes the engine's counts.
    pub(super) fn set_engine(&self, figures: &EngineFigures) {
        let balance = &figures.balance;
        raise(&self.changes_accepted.with_label_values::<&str>(&[]), balance.accepted);
        self.changes_pending.set(i64::try_from(balance.pending).unwrap_or(i64::MAX));
        for outcome in Outcome::ALL {
            raise(
                &self.changes.with_label_values(&[outcome.name(), outcome.reason()]),
                balance.count(outcome),
            );
        }
        self.alerts.set(i64::try_from(figures.alerts).unwrap_or(i64::MAX));
        raise(&self.refused.with_label_values::<&str>(&[]), figures.refused);
    }

    /// Reads what the kernel says of the process.
    pub(super) fn read_process(&self) {
        self.process.read();
    }
}

/// Brings a counter up to a total that somebody else counted. A restored total may begin above zero; one that is
/// smaller than shown (the books of a lost journal) starts anew, as counters do.
pub(super) fn raise(counter: &prometheus::IntCounter, total: u64) {
    let shown = counter.get();
    if total < shown {
        counter.reset();
        counter.inc_by(total);
    } else {
        counter.inc_by(total - shown);
    }
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// `process_*`, as every Prometheus client exports them.
#[derive(Debug)]
struct ProcessMetrics {
    cpu_seconds: prometheus::Counter,
    resident: IntGauge,
    virtual_memory: IntGauge,
    open_files: IntGauge,
    max_files: IntGauge,
}

impl ProcessMetrics {
    fn new(registry: &Registry, started: Timestamp) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| register(registry, IntGauge::new(name, help)?);
        let start = register(
            registry,
            Gauge::new(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
            )?,
        )?;
        start.set(started.unix_seconds_f64());
        Ok(Self {
            cpu_seconds: register(
                registry,
                prometheus::Counter::new(
                    "process_cpu_seconds_total",
                    "Total user and system CPU time spent in seconds.",
                )?,
            )?,
            resident: gauge("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            virtual_memory: gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")?,
            open_files: gauge("process_open_fds", "Number of open file descriptors.")?,
            max_files: gauge("process_max_fds", "Maximum number of open file descriptors.")?,
        })
    }

    fn read(&self) {
        if let Some((cpu, resident, virtual_memory)) = read_stat() {
            let more = cpu.as_secs_f64() - self.cpu_seconds.get();
            if more > 0.0 {
                self.cpu_seconds.inc_by(more);
            }
            self.resident.set(resident);
            self.virtual_memory.set(virtual_memory);
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let most = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        if let Some(most) = most.and_then(|rest| rest.split_whitespace().next()?.parse().ok()) {
            self.max_files.set(most);
        }
    }
}

/// CPU time, resident and virtual bytes, from `/proc` (proc_pid_stat(5)): ticks are hundredths of a second and
/// pages 4096 bytes on every Linux that we run on.
fn read_stat() -> Option<(Duration, i64, i64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<i64>().ok();
    let ticks = number(11)? + number(12)?;
    Some((Duration::from_millis(u64::try_from(ticks).ok()? * 10), number(21)? * 4096, number(20)?))
}
