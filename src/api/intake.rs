//! `POST /api/v2/alerts`: from bytes to alerts that are on disk.
//!
//! Decode, validate as Alertmanager does, add external labels and apply the global relabelling as Prometheus
//! does, hand over, and answer when the daemon says that it is durable. The valid alerts of a mixed request are
//! kept, and the answer 400 names each bad one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{HeaderMap, RETRY_AFTER};
use http::{Request, StatusCode};
use hyper::body::Body;
use serde::Serialize;
use tokio::sync::watch;

use super::answer::{self, Answer};
use super::{ApiMetrics, Backend, BodyLimits, Push, Pushed};
use crate::forward::TOCSIN_PATH;
use crate::model::{
    Alert, Fingerprint, LabelSet, LabelSetBuilder, MatcherMode, RelabelRule, RequestError, Timestamp,
    decode_alerts, format_label_set, relabel_builder,
};

/// How many dropped label sets are remembered.
const DROPS_KEPT: usize = 1000;
/// A request whose body is larger is decoded on a thread where that holds up nobody else, in bytes.
const LARGE: usize = 256 << 10;

/// The rules by which pushed alerts are accepted; replaced as a whole by a reload.
#[derive(Debug, Clone, Default)]
pub struct IntakeRules {
    /// `global.external_labels`, expanded; an alert's own label of that name wins unless it is empty.
    pub external_labels: LabelSet,
    /// `alerting.alert_relabel_configs`.
    pub relabel: Vec<RelabelRule>,
    /// How long an alert without `endsAt` is taken to fire.
    pub resolve_timeout: std::time::Duration,
    /// Which label names are valid.
    pub names: MatcherMode,
}

/// A label set that the global relabelling dropped.
#[derive(Debug, Clone, Serialize)]
pub struct RelabelDrop {
    #[serde(skip)]
    fingerprint: Fingerprint,
    /// The labels, external ones included.
    pub labels: String,
    /// The rule that dropped it, counted from 0.
    pub rule: usize,
    /// When it last came.
    pub at: String,
    /// How often it came.
    pub count: u64,
}

/// What the global relabelling dropped lately: the last label sets, each with the rule. Older ones are forgotten.
#[derive(Debug, Default)]
pub struct RelabelDrops(Mutex<VecDeque<RelabelDrop>>);

impl RelabelDrops {
    fn record(&self, labels: &LabelSet, rule: usize, now: Timestamp) {
        let fingerprint = Fingerprint::of(labels);
        let at = now.to_rfc3339_millis();
        let mut drops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |drop: &&mut RelabelDrop| drop.rule == rule && drop.fingerprint == fingerprint;
        if let Some(known) = drops.iter_mut().find(same) {
            known.at = at;
            known.count += 1;
            return;
        }
        if drops.len() == DROPS_KEPT {
            drops.pop_front();
        }
        drops.push_back(RelabelDrop { fingerprint, labels: format_label_set(labels), rule, at, count: 1 });
    }

    /// The drops, the longest known first.
    #[must_use]
    pub fn list(&self) -> Vec<RelabelDrop> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Takes pushes.
#[derive(Debug, Clone)]
pub struct Intake {
    id: Arc<str>,
    rules: watch::Receiver<Arc<IntakeRules>>,
    drops: Arc<RelabelDrops>,
}

impl Intake {
    /// Intake at the tocsin with this `id`, by the newest of `rules`; what relabelling drops is kept in `drops`.
    #[must_use]
    pub fn new(id: Arc<str>, rules: watch::Receiver<Arc<IntakeRules>>, drops: Arc<RelabelDrops>) -> Self {
        Self { id, rules, drops }
    }

    /// How matchers and label names are read.
    pub(super) fn mode(&self) -> MatcherMode {
        self.rules.borrow().names
    }

    /// The id of this tocsin.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) async fn post<B>(
        &self,
        backend: &dyn Backend,
        limits: &BodyLimits,
        metrics: &ApiMetrics,
        request: Request<B>,
    ) -> Answer
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        if let Some(refusal) = answer::refuse_content_type(request.headers()) {
            return refusal;
        }
        let not_acceptable = answer::refuse_accept(request.headers());
        let path = came_through(request.headers());
        let looped = path.split(',').any(|id| id.trim() == &*self.id);
        let body = match limits.read(request).await {
            Ok(body) => body,
            Err(error) => return answer::json_string(error.status(), &error.to_string()),
        };
        // go-openapi asks what the answer may be only where there is no body.
        if let Some(refusal) = not_acceptable.filter(|_| body.as_ref().is_empty()) {
            return refusal;
        }
        if looped {
            metrics.looped.inc();
            return answer::empty(StatusCode::OK);
        }
        let now = backend.now();
        let rules = Arc::clone(&self.rules.borrow());
        let accept = || accept(body.as_ref(), &rules, now, metrics, &self.drops);
        let batch = if body.as_ref().len() > LARGE { in_place(accept) } else { accept() };
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                return answer::json(status, error.to_json());
            }
        };
        let pushed = if batch.alerts.is_empty() {
            Pushed::Accepted
        } else {
            backend.push(Push { alerts: batch.alerts, path }).await
        };
        answer_push(pushed, &batch.invalid)
    }
}

/// Runs a long computation without holding up the other tasks of this thread, where the runtime can.
fn in_place<T>(compute: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(compute),
        _ => compute(),
    }
}

/// What a request brought.
struct Batch {
    alerts: Vec<Alert>,
    invalid: Vec<String>,
}

fn accept(
    body: &[u8],
    rules: &IntakeRules,
    now: Timestamp,
    metrics: &ApiMetrics,
    drops: &RelabelDrops,
) -> Result<Batch, RequestError> {
    let posted = decode_alerts(body)?;
    let mut batch = Batch { alerts: Vec::with_capacity(posted.len()), invalid: Vec::new() };
    let (mut firing, mut resolved) = (0, 0);
    for posted in posted {
        if posted.is_firing_at(now) {
            firing += 1;
        } else {
            resolved += 1;
        }
        let mut alert = match posted.validate(now, rules.resolve_timeout, rules.names) {
            Ok(alert) => alert,
            Err(error) => {
                batch.invalid.push(error.to_string());
                continue;
            }
        };
        let mut labels = LabelSetBuilder::new(&alert.labels);
        for (name, value) in &rules.external_labels {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        match relabel_builder(&rules.relabel, &mut labels) {
            None => {
                alert.labels = labels.build();
                batch.alerts.push(alert);
            }
            Some(rule) => {
                metrics.relabel_dropped.with_label_values(&[&rule.to_string()]).inc();
                let labels = labels.build();
                tracing::debug!(
                    component = "intake",
                    rule,
                    labels = format_label_set(&labels),
                    "Alert dropped by alert_relabel_configs"
                );
                drops.record(&labels, rule, now);
            }
        }
    }
    metrics.receive(firing, resolved, batch.invalid.len() as u64);
    Ok(batch)
}

/// The ids in the request's [`TOCSIN_PATH`] headers.
fn came_through(headers: &HeaderMap) -> Arc<str> {
    let ids: Vec<_> = headers.get_all(TOCSIN_PATH).iter().filter_map(|value| value.to_str().ok()).collect();
    Arc::from(ids.join(","))
}

fn answer_push(pushed: Pushed, invalid: &[String]) -> Answer {
    match pushed {
        Pushed::Full(refused) => {
            let message = format!("the store is full: {refused} unknown alerts were not accepted");
            answer::with_header(
                answer::json_string(StatusCode::SERVICE_UNAVAILABLE, &message),
                RETRY_AFTER,
                "60",
            )
        }
        Pushed::Stopping => {
            let message = "tocsin is stopping: nothing was accepted";
            answer::with_header(
                answer::json_string(StatusCode::SERVICE_UNAVAILABLE, message),
                RETRY_AFTER,
                "1",
            )
        }
        Pushed::Accepted if invalid.is_empty() => answer::empty(StatusCode::OK),
        Pushed::Accepted => answer::json_string(StatusCode::BAD_REQUEST, &invalid.join("\n")),
    }
}
