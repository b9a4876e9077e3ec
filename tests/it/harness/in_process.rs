//! A tocsin in this process, on a disk that does as the test says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tocsin::daemon::{LocalDelivery, Options, run_until};
use tocsin::journal::SimulatedDisk;
use tocsin::net::ListenAddress;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::{Api, eventually, free_port};

/// A running daemon with a runtime of its own, so that it can be ended as a kill would end it.
#[derive(Debug)]
pub(crate) struct InProcess {
    /// What it answers.
    pub(crate) api: Api,
    runtime: Option<Runtime>,
    _directory: TempDir,
}

impl InProcess {
    /// Starts on `disk` and sends to the Alertmanagers at `targets`; returns when it is ready.
    pub(crate) async fn start(disk: SimulatedDisk, targets: &[String]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let configuration =
            json!({ "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": targets }] }] } });
        std::fs::write(directory.path().join("prometheus.yml"), configuration.to_string())
            .expect("the configuration");
        let port = free_port();
        let options = options(directory.path(), port);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.spawn(async move {
            run_until(options, disk, CancellationToken::new()).await.expect("a daemon that runs");
        });
        let api = Api::new(port);
        eventually("the daemon in this process is ready", || async {
            api.get("/-/ready").await.filter(|answer| answer == "OK")
        })
        .await;
        Self { api, runtime: Some(runtime), _directory: directory }
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) async fn kill(mut self) {
        let runtime = self.runtime.take().expect("a running daemon");
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(10)));
        ended.await.expect("the end of its runtime");
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn options(directory: &Path, port: u16) -> Options {
    Options {
        config_files: vec![directory.join("prometheus.yml")],
        storage_path: PathBuf::from(directory),
        listen_addresses: vec![ListenAddress::Tcp { host: "127.0.0.1".to_owned(), port }],
        systemd_socket: false,
        socket_mode: 0o660,
        socket_group: None,
        web_config_file: None,
        external_url: None,
        route_prefix: None,
        max_connections: 512,
        get_concurrency: 0,
        request_timeout: Duration::ZERO,
        read_timeout: Duration::from_secs(60),
        max_body_size: 32 << 20,
        queue_capacity: 10_000,
        batch_size: 256,
        drain: true,
        drain_deadline: Duration::from_secs(10),
        resolved_retention: Duration::from_secs(24 * 3600),
        alerts_max: 1_000_000,
        per_alertname: 0,
        alerts_relabel: true,
        auto_reload: false,
        journal_size: 1_000_000_000,
        journal_time: Duration::from_secs(7 * 24 * 3600),
        engine: tocsin::engine::Options::default(),
        alerts_gc_interval: None,
        log_silences: false,
        matcher_mode: tocsin::model::MatcherMode::default(),
        cluster: tocsin::gossip::ClusterOptions::default(),
        allow_exec: false,
        local: LocalDelivery::Always,
        fallback_after: Duration::from_secs(120),
    }
}
