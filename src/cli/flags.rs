//! The flags of the sidecar itself, and the run that they describe.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::cluster_flags::ClusterFlags;
use super::features::matcher_mode;
use crate::config::parse_go_duration;
use crate::daemon::{self, LocalDelivery, LogFormat, LogLevel, Options};
use crate::engine;
use crate::model::{self, DurationError, MatcherMode};
use crate::net::ListenAddress;

/// The flags that take `true` or `false` and may be negated as `--no-…`.
pub(super) const SWITCHES: [&str; 8] = [
    "alertmanager.drain-notification-queue-on-shutdown",
    "alerts.relabel",
    "cluster.allow-insecure-public-advertise-address-discovery",
    "config.auto-reload",
    "log.silences",
    "notify.allow-exec",
    "notify.resolve-when-muted",
    "web.systemd-socket",
];

/// How the sidecar runs. Names and defaults are those of Prometheus and Alertmanager where they have the flag.
#[derive(Debug, Args)]
pub struct Flags {
    /// A prometheus.yml, whose `alerting` part says where alerts go, or an alertmanager.yml, by which they are notified
    /// from here. May be given twice: one of each.
    #[arg(long = "config.file", value_name = "FILE", default_value = "prometheus.yml")]
    config_file: Vec<PathBuf>,

    /// The directory of the journal, and of Alertmanager's files `silences` and `nflog`.
    #[arg(long = "storage.path", value_name = "DIR", default_value = "data/")]
    storage_path: PathBuf,

    /// Where to listen: HOST:PORT, or unix:PATH for a socket file. May be repeated. Default: 127.0.0.1:9095 and,
    /// where its directory can be written, unix:/run/tocsin/tocsin.sock (in $RUNTIME_DIRECTORY under systemd).
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    listen_addresses: Vec<ListenAddress>,

    /// Use the sockets that systemd passes instead of listening.
    #[arg(long = "web.systemd-socket", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    systemd_socket: bool,

    /// The file mode of Unix sockets, in octal.
    #[arg(long = "web.socket-mode", value_name = "MODE", default_value = "0660", value_parser = parse_mode)]
    socket_mode: u32,

    /// The group of Unix sockets, by name or number.
    #[arg(long = "web.socket-group", value_name = "GROUP")]
    socket_group: Option<String>,

    /// The file that enables TLS or authentication (the format of Prometheus's exporter-toolkit).
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config_file: Option<PathBuf>,

    /// The URL under which tocsin is reached from outside.
    #[arg(long = "web.external-url", value_name = "URL")]
    external_url: Option<String>,

    /// The prefix of all paths; by default the path of the external URL.
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    route_prefix: Option<String>,

    /// How many connections may be open at once; more wait.
    #[arg(long = "web.max-connections", value_name = "N", default_value_t = 512)]
    max_connections: usize,

    /// How many GET requests are answered at once; 0 for as many as there are processors, but at least 8.
    #[arg(long = "web.get-concurrency", value_name = "N", default_value_t = 0)]
    get_concurrency: usize,

    /// How long a request may take; 0 for any time.
    #[arg(long = "web.timeout", value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    request_timeout: Duration,

    /// How long a client may be silent within a request.
    #[arg(long = "web.read-timeout", value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    read_timeout: Duration,

    /// The largest request body, in bytes.
    #[arg(long = "web.max-body-size", value_name = "BYTES", default_value_t = 32 << 20)]
    max_body_size: usize,

    /// How many alerts may wait for one Alertmanager. What does not fit stays in the store and follows.
    #[arg(long = "alertmanager.notification-queue-capacity", value_name = "N", default_value_t = 10_000)]
    queue_capacity: usize,

    /// How many alerts one request to an Alertmanager carries at most.
    #[arg(long = "alertmanager.notification-batch-size", value_name = "N", default_value_t = 256)]
    batch_size: usize,

    /// Send what is queued before stopping.
    #[arg(long = "alertmanager.drain-notification-queue-on-shutdown", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    drain: bool,

    /// How long stopping may take for that. What is left is in the journal and is sent after the next start.
    #[arg(long = "alertmanager.drain-deadline", value_name = "DURATION", default_value = "10s",
        value_parser = parse_duration)]
    drain_deadline: Duration,

    /// How long after its end a resolved alert is still told to an Alertmanager that has not heard of it.
    #[arg(long = "alertmanager.resolved-retention", value_name = "DURATION", default_value = "1d",
        value_parser = parse_duration)]
    resolved_retention: Duration,

    /// How many alerts the store holds. A push with an unknown alert beyond that is answered 503.
    #[arg(long = "alerts.max", value_name = "N", default_value_t = 1_000_000)]
    alerts_max: usize,

    /// How many alerts of one name may fire at the same time; 0 for any number. Alertmanager's flag: unknown alerts
    /// beyond that are dropped, and counted.
    #[arg(
        long = "alerts.per-alertname-limit",
        value_name = "N",
        default_value_t = 0,
        allow_hyphen_values = true
    )]
    per_alertname_limit: i64,

    /// Apply external labels and alert_relabel_configs. Turn off when the Prometheus in front has done it.
    #[arg(long = "alerts.relabel", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    alerts_relabel: bool,

    /// Reload when a configuration file changes.
    #[arg(long = "config.auto-reload", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    auto_reload: bool,

    /// How many bytes of old journal to keep.
    #[arg(long = "journal.retention.size", value_name = "BYTES", default_value_t = 1_000_000_000)]
    journal_size: u64,

    /// How long to keep old journal.
    #[arg(long = "journal.retention.time", value_name = "DURATION", default_value = "7d", value_parser = parse_duration)]
    journal_time: Duration,

    /// How long silences are kept after their end, and what was notified at most.
    #[arg(long = "data.retention", value_name = "DURATION", default_value = "120h", value_parser = parse_positive)]
    retention: Duration,

    /// How often what has expired is removed, and Alertmanager's files `silences` and `nflog` are written.
    #[arg(long = "data.maintenance-interval", value_name = "DURATION", default_value = "15m", value_parser = parse_positive)]
    maintenance_interval: Duration,

    /// How long alerts stay after their end. Default: 20m.
    #[arg(long = "alerts.gc-interval", value_name = "DURATION", value_parser = parse_positive)]
    alerts_gc_interval: Option<Duration>,

    /// How many silences there may be, expired ones included; 0 for any number.
    #[arg(long = "silences.max-silences", value_name = "N", default_value_t = 0)]
    max_silences: usize,

    /// How large one silence may be, in bytes; 0 for any size.
    #[arg(long = "silences.max-silence-size-bytes", value_name = "BYTES", default_value_t = 0)]
    max_silence_size: usize,

    /// Log who sets, changes and ends silences.
    #[arg(long = "log.silences", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    log_silences: bool,

    /// Alertmanager's features, separated by commas. classic-mode and utf8-strict-mode say how matchers and names of
    /// labels are read; the others change nothing here.
    #[arg(long = "enable-feature", value_name = "FEATURES", default_value = "", hide_default_value = true,
        value_parser = matcher_mode)]
    matcher_mode: MatcherMode,

    /// How long after a start all notifications are held back.
    #[arg(long = "dispatch.start-delay", value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    start_delay: Duration,

    /// Accepted for compatibility with Alertmanager, where groups that have lost their alerts are removed so often. Here
    /// they are removed at once: there is nothing left to do.
    #[arg(long = "dispatch.maintenance-interval", value_name = "DURATION", default_value = "30s",
        value_parser = parse_positive)]
    _dispatch_maintenance_interval: Duration,

    /// How many aggregation groups there may be; 0 for any number. Alerts beyond wait until a group is gone.
    #[arg(long = "dispatch.max-aggregation-groups", value_name = "N", default_value_t = 0)]
    max_aggregation_groups: usize,

    /// Tell the end of whatever was notified as firing, although it is silenced, inhibited or muted when it ends.
    #[arg(long = "notify.resolve-when-muted", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    resolve_when_muted: bool,

    /// Let `exec_configs` run programs. Without it a configuration that has them is refused.
    #[arg(long = "notify.allow-exec", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    allow_exec: bool,

    /// With both kinds of configuration, when to notify from here: always, or as a fallback for what no Alertmanager
    /// has taken.
    #[arg(long = "delivery.local", value_name = "WHEN", default_value = "always")]
    local: LocalDelivery,

    /// How long no Alertmanager must have taken an alert before the fallback notifies.
    #[arg(long = "delivery.fallback-after", value_name = "DURATION", default_value = "2m", value_parser = parse_positive)]
    fallback_after: Duration,

    #[command(flatten)]
    cluster: ClusterFlags,

    /// The least important messages to log: debug, info, warn or error.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,

    /// The form of the log: logfmt or json.
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "logfmt")]
    log_format: LogFormat,
}

impl Flags {
    /// Runs the sidecar until it is told to stop.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        daemon::start_logging(self.log_level, self.log_format);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("tocsin")
            .build()
            .context("cannot start the threads of the runtime")?;
        runtime.block_on(daemon::run(self.into_options()))?;
        Ok(ExitCode::SUCCESS)
    }

    fn into_options(self) -> Options {
        let cluster = self.cluster.into_options();
        Options {
            config_files: self.config_file,
            storage_path: self.storage_path,
            listen_addresses: self.listen_addresses,
            systemd_socket: self.systemd_socket,
            socket_mode: self.socket_mode,
            socket_group: self.socket_group,
            web_config_file: self.web_config_file,
            external_url: self.external_url,
            route_prefix: self.route_prefix,
            max_connections: self.max_connections,
            get_concurrency: self.get_concurrency,
            request_timeout: self.request_timeout,
            read_timeout: self.read_timeout,
            max_body_size: self.max_body_size,
            queue_capacity: self.queue_capacity.max(1),
            batch_size: if self.batch_size == 0 { 256 } else { self.batch_size },
            drain: self.drain,
            drain_deadline: self.drain_deadline,
            resolved_retention: self.resolved_retention,
            alerts_max: self.alerts_max,
            per_alertname: usize::try_from(self.per_alertname_limit).unwrap_or(0),
            alerts_relabel: self.alerts_relabel,
            auto_reload: self.auto_reload,
            journal_size: self.journal_size,
            journal_time: self.journal_time,
            engine: engine::Options {
                max_aggregation_groups: self.max_aggregation_groups,
                start_delay: self.start_delay,
                resolve_when_muted: self.resolve_when_muted,
                retention: self.retention,
                maintenance_interval: self.maintenance_interval,
                max_silences: self.max_silences,
                max_silence_size_bytes: self.max_silence_size,
                peer_timeout: cluster.peer_timeout,
                classic_mode: self.matcher_mode == MatcherMode::Classic,
                ..engine::Options::default()
            },
            matcher_mode: self.matcher_mode,
            alerts_gc_interval: self.alerts_gc_interval,
            log_silences: self.log_silences,
            allow_exec: self.allow_exec,
            local: self.local,
            fallback_after: self.fallback_after,
            cluster,
        }
    }

    #[cfg(test)]
    pub(super) fn drain(&self) -> bool {
        self.drain
    }
}

/// A duration as files have it, or as the flags of Alertmanager take it: with fractions, such as `1.5h`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    model::parse_duration(text).or_else(|error| parse_go_duration(text).ok_or(error))
}

/// Like [`parse_duration`]; zero is none.
pub(super) fn parse_positive(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("must be greater than zero".to_owned()) } else { Ok(duration) }
}

fn parse_mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| format!("{text:?} is not a file mode: expected octal digits such as 0660"))
}
