//! The instruments of the server itself, and the metrics page.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus::core::Collector;
use prometheus::{
    DEFAULT_BUCKETS, Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder, exponential_buckets,
};

use super::Route;
use super::answer::{self, Answer};

/// What the server counts of its requests and of the alerts in them.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    alertmanager: AlertmanagerMetrics,
    /// GET requests that are being answered.
    pub(super) in_flight: IntGauge,
    /// GET requests refused because of too many others.
    pub(super) over_limit: IntCounter,
    /// Alerts that came by push, by `status` (firing, resolved); invalid ones included.
    received: IntCounterVec,
    /// Alerts that failed validation.
    invalid: IntCounter,
    /// Alerts dropped by `alert_relabel_configs`, by the index of the `rule`.
    pub(super) relabel_dropped: IntCounterVec,
    /// Requests that had come through this tocsin before.
    pub(super) looped: IntCounter,
}

/// Some of it again under the names that Alertmanager has for it.
#[derive(Debug, Clone)]
struct AlertmanagerMetrics {
    durations: HistogramVec,
    sizes: HistogramVec,
    received: IntCounterVec,
    invalid: IntCounter,
}

impl AlertmanagerMetrics {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let durations =
            HistogramOpts::new("alertmanager_http_request_duration_seconds", "How long HTTP requests took.");
        let durations = durations.buckets(DEFAULT_BUCKETS.to_vec());
        let sizes =
            HistogramOpts::new("alertmanager_http_response_size_bytes", "How large HTTP answers were.");
        let sizes = sizes.buckets(exponential_buckets(100.0, 10.0, 7)?);
        let received =
            Opts::new("alertmanager_alerts_received_total", "Alerts received, invalid ones included.");
        let received = IntCounterVec::new(received.const_label("version", "v2"), &["status"])?;
        for status in ["firing", "resolved"] {
            received.with_label_values(&[status]);
        }
        let invalid = Opts::new("alertmanager_alerts_invalid_total", "Received alerts that were invalid.");
        Ok(Self {
            durations: register(registry, HistogramVec::new(durations, &["handler", "method", "code"])?)?,
            sizes: register(registry, HistogramVec::new(sizes, &["handler", "method"])?)?,
            received: register(registry, received)?,
            invalid: register(registry, IntCounter::with_opts(invalid.const_label("version", "v2"))?)?,
        })
    }
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
        let in_flight =
            Opts::new("alertmanager_http_requests_in_flight", "GET requests that are being answered.");
        let over_limit = Opts::new(
            "alertmanager_http_concurrency_limit_exceeded_total",
            "GET requests refused because of too many others.",
        );
        Ok(Self {
            alertmanager: AlertmanagerMetrics::new(registry)?,
            in_flight: register(registry, IntGauge::with_opts(in_flight.const_label("method", "get"))?)?,
            over_limit: register(registry, IntCounter::with_opts(over_limit.const_label("method", "get"))?)?,
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

    /// Counts alerts that came by push.
    pub(super) fn receive(&self, firing: u64, resolved: u64, invalid: u64) {
        for received in [&self.received, &self.alertmanager.received] {
            received.with_label_values(&["firing"]).inc_by(firing);
            received.with_label_values(&["resolved"]).inc_by(resolved);
        }
        self.invalid.inc_by(invalid);
        self.alertmanager.invalid.inc_by(invalid);
    }

    /// Counts a request that was answered; with the size of the answer in bytes, where it is known and counted.
    pub(super) fn observe(
        &self,
        route: Option<Route>,
        method: &Method,
        status: StatusCode,
        took: Duration,
        size: Option<u64>,
    ) {
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
        if route.is_some() {
            let labels = [handler, method, status.as_str()];
            self.alertmanager.durations.with_label_values(&labels).observe(took.as_secs_f64());
            if let Some(size) = size {
                self.alertmanager.sizes.with_label_values(&[handler, method]).observe(size as f64);
            }
        }
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
