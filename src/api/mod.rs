//! The HTTP server: intake of alerts, the parts of Prometheus's and Alertmanager's APIs that concern a
//! forwarder, and the pages for operators.
//!
//! Handlers hold no state of their own. What they need they ask of a [`Backend`], which the daemon is; so the
//! room can be tested without one. Every error has the shape that clients of the original know.

mod alerts;
pub mod answer;
mod intake;
mod metrics;
mod operations;
mod query;
mod request_body;
mod route;
mod server;
mod web;

pub use intake::{Intake, IntakeRules, RelabelDrops};
pub use metrics::ApiMetrics;
pub use request_body::{BodyError, BodyLimits};
pub use route::{NoRoute, Route, below_prefix, route};
pub use server::{Api, ApiConfig, serve};
pub use web::Web;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::{Alert, Timestamp};

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
    /// When the daemon started.
    fn started(&self) -> Timestamp;
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Brings the instruments up to date before the metrics page is made.
    fn publish(&self) -> Pending<'_, ()>;
}
