//! Start, serving, stop. Sockets are bound early and served late; stopping takes at most its deadlines.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use prometheus::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::backend::DaemonBackend;
use super::cluster::ClusterMember;
use super::delivery_metrics::DeliveryMetrics;
use super::engine_task::{self, EngineHandle};
use super::maintenance::Maintenance;
use super::metrics::DaemonMetrics;
use super::reload::Reloader;
use super::state_files::SharedState;
use super::{
    LocalDelivery, Options, clock, delivery, instance, recovery, systemd, upstream_silences, wiring,
};
use crate::api::{Api, ApiConfig, ApiMetrics, BodyLimits, GetLimit, Intake, RelabelDrops, Web, serve};
use crate::config::{Coordinator, FileKind, WebConfig};
use crate::engine::{Cluster, StoreLimits};
use crate::forward::Manager;
use crate::journal::{self, Disk, Durability, Files, Journal};
use crate::net::{ConnectionLimit, ListenAddress, Listener, SocketOptions, activated};
use crate::notify::{Metrics as NotifyMetrics, Runner};
use crate::{discovery, forward};

/// What we call ourselves in requests.
const USER_AGENT: &str = concat!("tocsin/", env!("CARGO_PKG_VERSION"));
/// How long requests in flight may take to finish when we stop.
const REQUESTS_DEADLINE: Duration = Duration::from_secs(5);
/// How long the last snapshot may take when we stop. Without it the next start replays the log.
const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(20);
/// How often old journal is looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(3600);

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
///
/// It cannot start: a bad configuration, a socket that cannot be bound, a storage directory that cannot be used.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let files = Disk::new(options.storage_path.join("journal"));
    let stop = CancellationToken::new();
    tokio::spawn(signalled(stop.clone()));
    run_until(options, files, stop).await
}

async fn signalled(stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("Cannot listen for SIGTERM; stop with SIGKILL");
        return;
    };
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::warn!(signal = name, "Received an OS signal, exiting gracefully...");
    stop.cancel();
}

/// Runs the daemon on `files` until `stop`.
///
/// # Errors
///
/// As [`run`].
pub async fn run_until(options: Options, files: impl Files, stop: CancellationToken) -> anyhow::Result<()> {
    let started = clock::now();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "Starting tocsin");
    let mut options = options;
    if is_alertmanager(&options.config_files) {
        options.cluster = options.cluster.or_by_default();
    }
    let daemon = Daemon::start(&options, files, started).await?;
    systemd::ready();
    tracing::info!("Server is ready to receive alerts.");
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = expiry.tick() => daemon.journal.expire(clock::system_now()),
        }
    }
    systemd::stopping();
    daemon.stop(&options).await;
    Ok(())
}

/// The running parts.
struct Daemon {
    engine: EngineHandle,
    journal: Journal,
    manager: Manager,
    notifier: tokio::task::JoinHandle<()>,
    servers: JoinSet<()>,
    serving: CancellationToken,
    discovering: CancellationToken,
    ready: Arc<AtomicBool>,
    maintenance: Maintenance,
    maintaining: tokio::task::JoinHandle<()>,
    member: Option<ClusterMember>,
    _gossiping: Option<AbortOnDropHandle<()>>,
    _standing: Option<AbortOnDropHandle<()>>,
}

impl Daemon {
    async fn start(
        options: &Options,
        files: impl Files,
        started: crate::model::Timestamp,
    ) -> anyhow::Result<Self> {
        let web = Arc::new(web(options.web_config_file.as_deref())?);
        let listeners = bind(options).await?;
        let registry = Registry::new();
        let daemon_metrics = DaemonMetrics::new(&registry, started)?;
        std::fs::create_dir_all(&options.storage_path)
            .with_context(|| format!("cannot make {}", options.storage_path.display()))?;
        let id = instance::id(&options.storage_path);

        let mut coordinator =
            Coordinator::new(options.config_files.clone(), Box::new(|name| std::env::var(name).ok()))
                .with_matcher_mode(options.matcher_mode);
        let rules = wiring::subscribe_intake(&mut coordinator, options.alerts_relabel, options.matcher_mode);
        let configuration = wiring::subscribe_status(&mut coordinator);
        let external_url = external_url(options, &listeners);
        let fallback_after = (options.local == LocalDelivery::Fallback).then_some(options.fallback_after);
        let upstream = fallback_after.map(|_after| upstream_silences::subscribe(&mut coordinator));
        let prepared = delivery::subscribe(
            &mut coordinator,
            options.engine.clone(),
            fallback_after,
            external_url.as_str().into(),
            options.allow_exec,
        );

        let (engine_handle, commands) = EngineHandle::new();
        let addresses = listeners.iter().filter_map(Listener::local_addr).collect();
        let manager = Manager::new(
            forward_options(options, Arc::clone(&id), addresses),
            Arc::new(engine_handle.clone()),
            forward::Metrics::new(&registry)?,
        );
        let (discovery, discovery_task, targets) =
            discovery::Manager::new(discovery::Metrics::new(&registry)?, USER_AGENT.to_owned());
        wiring::subscribe_forwarding(&mut coordinator, &manager, &discovery);

        // A bad configuration ends the start before anything is read or sent.
        let reloader = Reloader::start(coordinator, options.auto_reload)?;
        let (journal_options, plan) = (journal_options(options), plan(options));
        let storage = options.storage_path.clone();
        let (engine, journal, files) = tokio::task::spawn_blocking(move || {
            let (engine, journal) = recovery::recover(files, journal_options, &plan)?;
            anyhow::Ok((engine, journal, SharedState::read(&storage)))
        })
        .await??;
        let member = ClusterMember::start(options, &registry).await?;
        let (cluster, standing) = match &member {
            Some(member) => {
                let (cluster, task) = member.standing();
                (cluster, Some(task))
            }
            None => (watch::channel(Cluster::default()).1, None),
        };
        let notify_metrics = NotifyMetrics::new()?;
        notify_metrics.register(&registry)?;
        let parts = engine_task::Parts {
            engine,
            journal: journal.clone(),
            manager: manager.clone(),
            runner: Runner::new(Arc::new(notify_metrics)),
            prepared: prepared.clone(),
            files,
            announcer: member.as_ref().map(ClusterMember::announcer),
            cluster,
            log_silences: options.log_silences,
        };
        engine_task::start(parts, commands);
        if let Some(clients) = upstream {
            let (engine, retention) = (engine_handle.clone(), options.engine.retention);
            let active = engine.active();
            tokio::spawn(upstream_silences::run(engine, clients, active, retention));
        }
        let gossiping = match &member {
            Some(member) => Some(member.join(engine_handle.clone(), options.cluster.settle_timeout).await?),
            None => None,
        };
        let delivery_metrics = Arc::new(DeliveryMetrics::new(&registry)?);
        let maintenance = Maintenance {
            storage: options.storage_path.clone(),
            engine: engine_handle.clone(),
            metrics: Arc::clone(&delivery_metrics),
        };
        let maintaining = tokio::spawn(maintenance.clone().run(options.engine.maintenance_interval));
        let discovering = CancellationToken::new();
        tokio::spawn(discovery_task.run(discovering.clone()));
        let notifier = tokio::spawn({
            let manager = manager.clone();
            async move { manager.run(targets).await }
        });

        let ready = Arc::new(AtomicBool::new(true));
        let drops = Arc::new(RelabelDrops::default());
        let api = Arc::new(Api::new(ApiConfig {
            intake: Intake::new(id, rules, Arc::clone(&drops)),
            backend: Arc::new(DaemonBackend {
                engine: engine_handle.clone(),
                journal: journal.clone(),
                manager: manager.clone(),
                reloader,
                drops,
                metrics: daemon_metrics,
                delivery_metrics,
                prepared,
                configuration,
                cluster: member.clone(),
                started,
                ready: Arc::clone(&ready),
            }),
            limits: BodyLimits::new(options.max_body_size, options.read_timeout),
            get_limit: GetLimit::new(options.get_concurrency),
            timeout: options.request_timeout,
            route_prefix: route_prefix(options)?,
            metrics: ApiMetrics::new(&registry)?,
            registry,
        }));
        let serving = CancellationToken::new();
        let mut servers = JoinSet::new();
        for listener in listeners {
            tracing::info!(
                component = "web",
                address = listener.address(),
                tls = web.is_tls(),
                "Listening on"
            );
            servers.spawn(serve(listener, Arc::clone(&api), Arc::clone(&web), serving.clone()));
        }
        Ok(Self {
            engine: engine_handle,
            journal,
            manager,
            notifier,
            servers,
            serving,
            discovering,
            ready,
            maintenance,
            maintaining,
            member,
            _gossiping: gossiping,
            _standing: standing,
        })
    }

    /// Requests in flight finish, queues are drained, the journal gets its last snapshot.
    async fn stop(mut self, options: &Options) {
        self.ready.store(false, Ordering::Release);
        self.serving.cancel();
        let finished = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(REQUESTS_DEADLINE, finished).await.is_err() {
            tracing::warn!(component = "web", "Requests were cut off: they took too long to finish");
        }
        self.discovering.cancel();
        self.manager.stop();
        // The manager keeps its own deadline; this one is for a manager that does not.
        if tokio::time::timeout(options.drain_deadline + REQUESTS_DEADLINE, &mut self.notifier).await.is_err()
        {
            self.notifier.abort();
        }
        if let Some(member) = &self.member {
            member.leave().await;
        }
        self.maintaining.abort();
        self.maintenance.write().await;
        match tokio::time::timeout(SNAPSHOT_DEADLINE, self.engine.stop()).await {
            Ok(Some(Durability::Synced)) => tracing::info!(component = "journal", "Journal closed"),
            Ok(_) => {
                tracing::error!(component = "journal", "The journal was not written: the disk does not work")
            }
            Err(_elapsed) => tracing::error!(component = "journal", "The journal was not closed in time"),
        }
        tracing::info!("See you next time!");
    }
}

fn web(file: Option<&Path>) -> anyhow::Result<Web> {
    let config = match file {
        Some(file) => WebConfig::load(file).context("--web.config.file")?,
        None => WebConfig::default(),
    };
    Ok(Web::new(&config)?)
}

async fn bind(options: &Options) -> anyhow::Result<Vec<Listener>> {
    let limit = ConnectionLimit::new(options.max_connections);
    if options.systemd_socket {
        let listeners = activated(&limit)?;
        anyhow::ensure!(!listeners.is_empty(), "--web.systemd-socket: systemd passed no sockets");
        return Ok(listeners);
    }
    let socket = SocketOptions { mode: options.socket_mode, group: options.socket_group.clone() };
    let addresses = if options.listen_addresses.is_empty() {
        default_addresses(&options.config_files)
    } else {
        options.listen_addresses.clone()
    };
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in &addresses {
        listeners.push(Listener::bind(address, &socket, limit.clone()).await?);
    }
    Ok(listeners)
}

/// Whether there is nothing but an `alertmanager.yml`.
fn is_alertmanager(config_files: &[PathBuf]) -> bool {
    let is_one = |path: &PathBuf| {
        std::fs::read_to_string(path).is_ok_and(|text| FileKind::of(&text) == FileKind::Alertmanager)
    };
    !config_files.is_empty() && config_files.iter().all(is_one)
}

/// Alertmanager's, where there is nothing but an `alertmanager.yml`; else a sidecar's: loopback and, where its
/// directory can be written, a Unix socket.
fn default_addresses(config_files: &[PathBuf]) -> Vec<ListenAddress> {
    if is_alertmanager(config_files) {
        return vec![ListenAddress::Tcp { host: String::new(), port: 9093 }];
    }
    let mut addresses = vec![ListenAddress::Tcp { host: "127.0.0.1".to_owned(), port: 9095 }];
    let directory =
        std::env::var_os("RUNTIME_DIRECTORY").map_or_else(|| PathBuf::from("/run/tocsin"), PathBuf::from);
    let writable = std::fs::create_dir_all(&directory).is_ok()
        && tempfile_in(&directory).is_ok_and(|probe| std::fs::remove_file(probe).is_ok());
    if writable {
        addresses.push(ListenAddress::Unix(directory.join("tocsin.sock")));
    } else {
        tracing::info!(directory = %directory.display(), "No Unix socket: its directory cannot be written");
    }
    addresses
}

fn tempfile_in(directory: &Path) -> std::io::Result<PathBuf> {
    let probe = directory.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&probe, b"")?;
    Ok(probe)
}

fn forward_options(options: &Options, id: Arc<str>, listeners: Vec<SocketAddr>) -> forward::Options {
    forward::Options {
        queue_capacity: options.queue_capacity,
        max_batch_size: options.batch_size,
        drain_on_shutdown: options.drain,
        drain_timeout: options.drain_deadline,
        end_expiry: options.resolved_retention,
        id,
        listeners,
        clock: Arc::new(clock::now),
        seed: fastrand::u64(..),
    }
}

fn journal_options(options: &Options) -> journal::Options {
    journal::Options {
        retention_bytes: options.journal_size,
        retention_age: options.journal_time,
        ..journal::Options::default()
    }
}

fn plan(options: &Options) -> StoreLimits {
    StoreLimits {
        alerts_max: options.alerts_max,
        per_alertname: options.per_alertname,
        end_expiry: options.resolved_retention,
        resolved_retention: options
            .alerts_gc_interval
            .unwrap_or_else(|| StoreLimits::default().resolved_retention),
    }
}

/// `--web.external-url`, or where we listen: what links in notifications begin with, without a slash at the end.
fn external_url(options: &Options, listeners: &[Listener]) -> String {
    if let Some(external) = &options.external_url {
        return external.trim_end_matches('/').to_owned();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    match listeners.iter().find_map(Listener::local_addr) {
        Some(address) => format!("http://{host}:{}", address.port()),
        None => format!("http://{host}"),
    }
}

/// `--web.route-prefix`, or the path of `--web.external-url`: a slash first and none at the end.
fn route_prefix(options: &Options) -> anyhow::Result<String> {
    let prefix = match (&options.route_prefix, &options.external_url) {
        (Some(prefix), _) => prefix.clone(),
        (None, Some(external)) => {
            let url =
                url::Url::parse(external).with_context(|| format!("--web.external-url {external:?}"))?;
            url.path().to_owned()
        }
        (None, None) => String::new(),
    };
    Ok(format!("/{}", prefix.trim_matches('/')))
}
