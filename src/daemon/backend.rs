//! The daemon as the HTTP server sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use smol_str::SmolStr;
use tokio::sync::watch;

use super::clock;
use super::cluster::ClusterMember;
use super::delivery::PreparedDelivery;
use super::delivery_metrics::DeliveryMetrics;
use super::engine_task::{EngineHandle, SilenceResult};
use super::metrics::DaemonMetrics;
use super::reload::Reloader;
use crate::api::{Backend, Pending, Push, Pushed, Readiness, RelabelDrops, SilenceRefusal};
use crate::config::AlertmanagerFile;
use crate::engine::{DeliveryView, GroupView};
use crate::forward::Manager;
use crate::gossip::ClusterView;
use crate::journal::{Journal, Status};
use crate::model::{Alert, Silence, Timestamp};
use crate::notify::{GroupRoute, rendered_route_labels};

/// Handles to the parts of the daemon.
pub(super) struct DaemonBackend {
    pub(super) engine: EngineHandle,
    pub(super) journal: Journal,
    pub(super) manager: Manager,
    pub(super) reloader: Reloader,
    pub(super) drops: Arc<RelabelDrops>,
    pub(super) metrics: DaemonMetrics,
    pub(super) delivery_metrics: Arc<DeliveryMetrics>,
    pub(super) prepared: watch::Receiver<Arc<PreparedDelivery>>,
    pub(super) configuration: watch::Receiver<Arc<str>>,
    pub(super) cluster: Option<ClusterMember>,
    pub(super) started: Timestamp,
    /// Set while requests are served by a configured daemon that is not stopping.
    pub(super) ready: Arc<AtomicBool>,
}

impl DaemonBackend {
    /// Waits until a change of a silence is durable; what it came to.
    async fn silence_kept(&self, result: Option<SilenceResult>) -> Result<SmolStr, SilenceRefusal> {
        let result = result.ok_or(SilenceRefusal::Stopping)?;
        if let Some(position) = result.position {
            self.journal.durable(position).await;
        }
        Ok(result.id?)
    }
}

impl Backend for DaemonBackend {
    fn push(&self, push: Push) -> Pending<'_, Pushed> {
        Box::pin(async move {
            let path = (!push.path.is_empty()).then_some(push.path);
            let Some(result) = self.engine.push(push.alerts, path).await else { return Pushed::Stopping };
            if let Some(position) = result.position {
                // Synced, or kept in memory and said so: either way the alerts are accepted (G1).
                self.journal.durable(position).await;
            }
            if result.refused > 0 { Pushed::Full(result.refused) } else { Pushed::Accepted }
        })
    }

    fn alerts(&self) -> Pending<'_, Vec<Arc<Alert>>> {
        Box::pin(async move { self.engine.alerts().await.unwrap_or_default() })
    }

    fn delivery(&self) -> Pending<'_, Option<DeliveryView>> {
        Box::pin(self.engine.delivery())
    }

    fn groups(&self) -> Pending<'_, Vec<GroupView>> {
        Box::pin(async move { self.engine.groups().await.unwrap_or_default() })
    }

    fn route_labels(&self, group: &GroupView) -> BTreeMap<String, String> {
        let prepared = Arc::clone(&self.prepared.borrow());
        let Some(surroundings) = &prepared.surroundings else { return BTreeMap::new() };
        let route = GroupRoute {
            id: &group.route_id,
            labels: &group.route_labels,
            receiver: &group.receiver,
            group_labels: &group.labels,
        };
        rendered_route_labels(&route, &group.alerts, surroundings)
    }

    fn set_silence(&self, silence: Silence) -> Pending<'_, Result<SmolStr, SilenceRefusal>> {
        Box::pin(async move { self.silence_kept(self.engine.set_silence(silence).await).await })
    }

    fn expire_silence(&self, id: SmolStr) -> Pending<'_, Result<(), SilenceRefusal>> {
        Box::pin(async move { self.silence_kept(self.engine.expire_silence(id).await).await.map(|_id| ()) })
    }

    fn alertmanager_config(&self) -> Option<Arc<AlertmanagerFile>> {
        self.prepared.borrow().file.clone()
    }

    fn reload(&self) -> Pending<'_, Result<(), String>> {
        Box::pin(self.reloader.reload())
    }

    fn readiness(&self) -> Readiness {
        let journal = match &*self.journal.status().borrow() {
            Status::Durable => "durable".to_owned(),
            Status::NotDurable { reason, since } => {
                format!(
                    "not durable for {} s: {reason}; alerts are kept in memory",
                    since.elapsed().as_secs()
                )
            }
            Status::Closed => "closed".to_owned(),
        };
        let configuration = match &self.reloader.status().last_error {
            None => "as in the files".to_owned(),
            Some(error) => format!("the last reload failed, nothing was changed: {error}"),
        };
        let found = self.manager.alertmanagers();
        let alertmanagers = format!("{} active, {} dropped", found.active.len(), found.dropped.len());
        Readiness {
            ready: self.ready.load(Ordering::Acquire),
            details: vec![
                ("journal".to_owned(), journal),
                ("configuration".to_owned(), configuration),
                ("alertmanagers".to_owned(), alertmanagers),
            ],
        }
    }

    fn alertmanagers(&self) -> (Vec<String>, Vec<String>) {
        let found = self.manager.alertmanagers();
        let list = |urls: &[Arc<str>]| urls.iter().map(ToString::to_string).collect();
        (list(&found.active), list(&found.dropped))
    }

    fn queues(&self) -> Pending<'_, Value> {
        Box::pin(async move {
            json!({ "alertmanagers": self.manager.queues().await, "relabelDrops": self.drops.list() })
        })
    }

    fn configuration(&self) -> String {
        self.configuration.borrow().to_string()
    }

    fn cluster(&self) -> Option<ClusterView> {
        self.cluster.as_ref().map(ClusterMember::view)
    }

    fn started(&self) -> Timestamp {
        self.started
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn publish(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            if let Some(figures) = self.engine.figures().await {
                self.metrics.set_engine(&figures);
                self.delivery_metrics.set(&figures.delivery);
            }
            self.metrics.set_journal(&self.journal.status().borrow(), &self.journal.stats());
            let reload = self.reloader.status();
            self.metrics.set_reload(reload.last_error.is_none(), reload.last_success, reload.hash as f64);
            self.metrics.set_ready(self.ready.load(Ordering::Acquire));
            self.metrics.read_process();
        })
    }
}
