//! What the command line says about a run.

use std::path::PathBuf;
use std::time::Duration;

use crate::net::ListenAddress;

/// How the daemon runs; one field a flag (see `cli::Flags`, where each is explained).
#[derive(Debug, Clone)]
pub struct Options {
    /// `--config.file`
    pub config_files: Vec<PathBuf>,
    /// `--storage.path`
    pub storage_path: PathBuf,
    /// `--web.listen-address`; empty: the defaults of a sidecar.
    pub listen_addresses: Vec<ListenAddress>,
    /// `--web.systemd-socket`
    pub systemd_socket: bool,
    /// `--web.socket-mode`
    pub socket_mode: u32,
    /// `--web.socket-group`
    pub socket_group: Option<String>,
    /// `--web.config.file`
    pub web_config_file: Option<PathBuf>,
    /// `--web.external-url`
    pub external_url: Option<String>,
    /// `--web.route-prefix`
    pub route_prefix: Option<String>,
    /// `--web.max-connections`
    pub max_connections: usize,
    /// `--web.read-timeout`
    pub read_timeout: Duration,
    /// `--web.max-body-size`, in bytes
    pub max_body_size: usize,
    /// `--alertmanager.notification-queue-capacity`
    pub queue_capacity: usize,
    /// `--alertmanager.notification-batch-size`
    pub batch_size: usize,
    /// `--alertmanager.drain-notification-queue-on-shutdown`
    pub drain: bool,
    /// `--alertmanager.drain-deadline`
    pub drain_deadline: Duration,
    /// `--alertmanager.resolved-retention`
    pub resolved_retention: Duration,
    /// `--alerts.max`
    pub alerts_max: usize,
    /// `--alerts.relabel`
    pub alerts_relabel: bool,
    /// `--config.auto-reload`
    pub auto_reload: bool,
    /// `--journal.retention.size`, in bytes
    pub journal_size: u64,
    /// `--journal.retention.time`
    pub journal_time: Duration,
}
