//! The instruments of the server itself, and the metrics page.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus::core::Collector;
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::Route;
use super::answer::{self, Answer};

/// What the server counts of its requests and of the alerts in them.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    /// Alerts that came by push, by `status` (firing, resolved); invalid ones included.
    pub(super) received: IntCounterVec,
    /// Alerts that failed validation.
    pub(super) invalid: IntCounter,
    /// Alerts dropped by `alert_relabel_configs`, by the index of the `rule`.
    pub(super) relabel_dropped: IntCounterVec,
    /// Requests that had come through this tocsin before.
    pub(super) looped: IntCounter,
}

impl ApiMetrics {
    /// Registers the instruments; fails when one of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let buckets = vec![0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];
        let durations = HistogramOpts::new(
            "tocsin_http_request_duration_seconds",
            "How long HTTP requests took, the wait for the disk included.",
        );
        let received = counters(
            "tocsin_alerts_received_total",
            "Alerts received by push, invalid ones included.",
            &["status"],
        )?;
        for status in ["firing", "resolved"] {
            received.with_label_values(&[status]);
        }
        Ok(Self {
            requests: counters(
                "tocsin_http_requests_total",
                "HTTP requests.",
                &["handler", "method", "code"],
            )?,
            durations: register(registry, HistogramVec::new(durations.buckets(buckets), &["handler"])?)?,
            received,
            invalid: register(
                registry,
                IntCounter::new("tocsin_alerts_invalid_total", "Received alerts that failed validation.")?,
            )?,
            relabel_dropped: counters(
                "tocsin_alerts_relabel_dropped_total",
                "Received alerts dropped by alert_relabel_configs, by the index of the rule.",
                &["rule"],
            )?,
            looped: register(
                registry,
                IntCounter::new(
                    "tocsin_requests_looped_total",
                    "Pushes that came through this tocsin before and were ignored.",
                )?,
            )?,
        })
    }

    /// Counts a request that was answered.
    pub(super) fn observe(&self, route: Option<Route>, method: &Method, status: StatusCode, took: Duration) {
        let handler = route.map_or("other", Route::handler);
        let method = match *method {
            Method::GET => "get",
            Method::POST => "post",
            Method::HEAD => "head",
            Method::PUT => "put",
            Method::DELETE => "delete",
            Method::OPTIONS => "options",
            _ => "other",
        };
        self.requests.with_label_values(&[handler, method, status.as_str()]).inc();
        self.durations.with_label_values(&[handler]).observe(took.as_secs_f64());
    }
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// `GET /metrics`: everything registered, in the text format.
pub(super) fn page(registry: &Registry) -> Answer {
    let mut body = Vec::with_capacity(16 << 10);
    match TextEncoder::new().encode(&registry.gather(), &mut body) {
        Ok(()) => answer::whole(StatusCode::OK, Some("text/plain; version=0.0.4; charset=utf-8"), body),
        Err(error) => {
            answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot encode the metrics: {error}\n"))
        }
    }
}
