//! Reloading: one task owns the coordinator and reads the configuration again on SIGHUP, on `POST /-/reload`, and
//! when a file changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

use super::{clock, systemd};
use crate::config::{ConfigError, Coordinator, FileWatcher, ReloadStatus};

/// How many requests to reload may wait.
const WAITING: usize = 16;
/// How often the files are compared where the system does not tell of changes.
const INTERVAL: Duration = Duration::from_secs(30);

type Request = oneshot::Sender<Result<(), String>>;

/// Asks the task that reloads, and sees how the last reload went.
#[derive(Debug, Clone)]
pub(super) struct Reloader {
    requests: mpsc::Sender<Request>,
    status: watch::Receiver<Arc<ReloadStatus>>,
}

impl Reloader {
    /// Applies the configuration for the first time, and starts the task. Fails if the configuration is bad.
    pub(super) fn start(mut coordinator: Coordinator, auto_reload: bool) -> Result<Self, ConfigError> {
        let watcher = auto_reload.then(|| FileWatcher::new(coordinator.paths().to_vec(), INTERVAL));
        coordinator.reload(clock::now())?;
        let (requests, receiver) = mpsc::channel(WAITING);
        let (publish, status) = watch::channel(Arc::new(coordinator.status().clone()));
        tokio::spawn(run(coordinator, watcher, receiver, publish));
        Ok(Self { requests, status })
    }

    /// Reloads, after the reloads that were asked for before.
    pub(super) async fn reload(&self) -> Result<(), String> {
        let stopping = || "tocsin is stopping".to_owned();
        let (reply, answer) = oneshot::channel();
        self.requests.send(reply).await.map_err(|_stopped| stopping())?;
        answer.await.unwrap_or_else(|_stopped| Err(stopping()))
    }

    /// How the last reloads went.
    pub(super) fn status(&self) -> Arc<ReloadStatus> {
        Arc::clone(&self.status.borrow())
    }
}

async fn run(
    mut coordinator: Coordinator,
    mut watcher: Option<FileWatcher>,
    mut requests: mpsc::Receiver<Request>,
    publish: watch::Sender<Arc<ReloadStatus>>,
) {
    let mut hangups = signal(SignalKind::hangup()).ok();
    loop {
        let (request, changed) = tokio::select! {
            request = requests.recv() => match request {
                Some(request) => (Some(request), Vec::new()),
                None => return,
            },
            () = hung_up(&mut hangups) => (None, Vec::new()),
            changed = changed(&mut watcher) => (None, changed),
        };
        let result = reload(&mut coordinator, &changed);
        publish.send_replace(Arc::new(coordinator.status().clone()));
        if let Some(request) = request {
            // Whoever asked may have gone.
            drop(request.send(result));
        }
    }
}

fn reload(coordinator: &mut Coordinator, changed: &[PathBuf]) -> Result<(), String> {
    systemd::reloading();
    tracing::info!(component = "configuration", ?changed, "Loading configuration file");
    let result = coordinator.reload(clock::now());
    match &result {
        Ok(()) => tracing::info!(component = "configuration", "Completed loading of configuration file"),
        Err(error) => {
            tracing::error!(component = "configuration", err = %error, "Loading configuration file failed; nothing was changed");
        }
    }
    systemd::ready();
    result.map_err(|error| error.to_string())
}

async fn hung_up(hangups: &mut Option<tokio::signal::unix::Signal>) {
    if let Some(hangups) = hangups
        && hangups.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

async fn changed(watcher: &mut Option<FileWatcher>) -> Vec<PathBuf> {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}
