//! What the command line says about a run.

use std::path::PathBuf;
use std::time::Duration;

use crate::engine;
use crate::gossip::ClusterOptions;
use crate::model::MatcherMode;
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
    /// `--web.get-concurrency`
    pub get_concurrency: usize,
    /// `--web.timeout`
    pub request_timeout: Duration,
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
    /// `--alerts.per-alertname-limit`; 0 for none
    pub per_alertname: usize,
    /// `--alerts.relabel`
    pub alerts_relabel: bool,
    /// `--config.auto-reload`
    pub auto_reload: bool,
    /// `--journal.retention.size`, in bytes
    pub journal_size: u64,
    /// `--journal.retention.time`
    pub journal_time: Duration,
    /// What flags say to local delivery: `--data.*`, `--dispatch.*`, `--silences.*`, `--notify.*`.
    pub engine: engine::Options,
    /// `--enable-feature`: how matchers and names of labels are read.
    pub matcher_mode: MatcherMode,
    /// `--alerts.gc-interval`: how long alerts stay after their end; `None` for our own choice.
    pub alerts_gc_interval: Option<Duration>,
    /// `--log.silences`
    pub log_silences: bool,
    /// `--notify.allow-exec`
    pub allow_exec: bool,
    /// `--delivery.local`
    pub local: LocalDelivery,
    /// `--delivery.fallback-after`
    pub fallback_after: Duration,
    /// `--cluster.*`
    pub cluster: ClusterOptions,
}

/// When alerts are notified here although they are forwarded too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalDelivery {
    /// Always.
    Always,
    /// What no Alertmanager has taken for some time.
    Fallback,
}

impl std::str::FromStr for LocalDelivery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "always" => Ok(Self::Always),
            "fallback" => Ok(Self::Fallback),
            _ => Err(format!("{text:?} is not a way of local delivery: expected always or fallback")),
        }
    }
}
