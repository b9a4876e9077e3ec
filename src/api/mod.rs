//! The HTTP server: intake of alerts, Alertmanager's API v2, the part of Prometheus's API that concerns a forwarder,
//! and the pages for operators. One file a resource.
//!
//! Handlers hold no state of their own. What they need they ask of a [`Backend`], which the daemon is; so the
//! room can be tested without one. Every error has the shape that clients of the original know.

mod alert_filter;
mod alerts;
pub mod answer;
mod cors;
mod get_limit;
mod groups;
mod intake;
mod metrics;
mod openapi;
mod operations;
mod query;
mod receivers;
mod request_body;
mod route;
mod server;
mod silence;
mod silences;
mod status;
mod web;

pub use get_limit::GetLimit;
pub use intake::{Intake, IntakeRules, RelabelDrops};
pub use metrics::ApiMetrics;
pub use request_body::{BodyError, BodyLimits};
pub use route::{NoRoute, Route, below_prefix, route};
pub use server::{Api, ApiConfig, serve};
pub use status::ALERTMANAGER_VERSION;
pub use web::Web;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::config::AlertmanagerFile;
use crate::engine::{DeliveryView, GroupView, SilenceError};
use crate::gossip::ClusterView;
use crate::model::{Alert, Silence, Timestamp};

/// A future that a [`Backend`] gives back.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a push brings to the engine.
#[derive(Debug)]
pub struct Push {
    /// The valid alerts, relabelled.
    pub alerts: Vec<Alert>,
    /// The ids of the tocsins that the request came through, separated by commas; empty for a rule engine.
    pub path: Arc<str>,
}

/// What became of a push, once it is on disk or the journal has said that it cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Every alert is accepted.
    Accepted,
    /// So many unknown alerts were not accepted: the store is full.
    Full(usize),
    /// The daemon is stopping; nothing was accepted.
    Stopping,
}

/// Why a silence was not set or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceRefusal {
    /// It says something wrong, or there is no such silence.
    #[error(transparent)]
    Refused(#[from] SilenceError),
    /// The daemon is stopping; nothing was changed.
    #[error("tocsin is stopping")]
    Stopping,
}

/// Whether requests find a configured daemon, and what an operator should know.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Whether the first configuration is applied and the daemon is not stopping.
    pub ready: bool,
    /// One line a part: its name and how it is.
    pub details: Vec<(String, String)>,
}

/// The daemon, as the server sees it.
pub trait Backend: Send + Sync + 'static {
    /// Hands alerts to the engine and waits until they are durable (G1).
    fn push(&self, push: Push) -> Pending<'_, Pushed>;
    /// All alerts of the store that have not ended, in no particular order.
    fn alerts(&self) -> Pending<'_, Vec<Arc<Alert>>>;
    /// Local delivery as it is now: where alerts go, what holds them, and the silences; `None` without an
    /// `alertmanager.yml`. Asking it holds up nobody.
    fn delivery(&self) -> Pending<'_, Option<DeliveryView>>;
    /// The aggregation groups with their alerts, oldest first.
    fn groups(&self) -> Pending<'_, Vec<GroupView>>;
    /// The labels of the group's route, rendered for it; one that cannot be rendered is left out.
    fn route_labels(&self, group: &GroupView) -> BTreeMap<String, String>;
    /// Sets a silence, new or, with an id, in place of another, and waits until it is durable (G1); gives the id of the
    /// silence that holds what was asked for. A zero start means now.
    fn set_silence(&self, silence: Silence) -> Pending<'_, Result<SmolStr, SilenceRefusal>>;
    /// Ends a silence now, and waits until that is durable. One that has ended already stays as it is.
    fn expire_silence(&self, id: SmolStr) -> Pending<'_, Result<(), SilenceRefusal>>;
    /// The `alertmanager.yml` in use, for receivers with their labels and for the status page; `None` without one.
    fn alertmanager_config(&self) -> Option<Arc<AlertmanagerFile>>;
    /// Reads the configuration again; the error says what was wrong, and nothing was changed.
    fn reload(&self) -> Pending<'_, Result<(), String>>;
    /// How ready the daemon is.
    fn readiness(&self) -> Readiness;
    /// The Alertmanagers' push URLs: active ones and dropped ones.
    fn alertmanagers(&self) -> (Vec<String>, Vec<String>);
    /// The state of every queue, as `GET /api/v1/queues` shows it.
    fn queues(&self) -> Pending<'_, serde_json::Value>;
    /// The configuration as it was read, without secrets.
    fn configuration(&self) -> String;
    /// Our part in a cluster; `None` where there is none.
    fn cluster(&self) -> Option<ClusterView>;
    /// When the daemon started.
    fn started(&self) -> Timestamp;
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Brings the instruments up to date before the metrics page is made.
    fn publish(&self) -> Pending<'_, ()>;
}
