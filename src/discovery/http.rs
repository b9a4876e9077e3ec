use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::http::{HeaderName, HeaderValue, Method, StatusCode, header};

use super::metrics::{Metrics, RefreshMetrics};
use super::refresh::{Updates, poll};
use super::target_group::TargetGroup;
use crate::config::HttpSdConfig;
use crate::net::{ClientOptions, HttpClient, NetError, Request, Response};

/// The largest list that is read.
const MAX_BODY: usize = 64 << 20;
const META_URL: &str = "__meta_url";
const REFRESH_INTERVAL: HeaderName = HeaderName::from_static("x-prometheus-refresh-interval-seconds");

/// Targets from an HTTP server that answers with a JSON list.
#[derive(Debug, Clone)]
pub(super) struct HttpDiscovery {
    config: Arc<HttpSdConfig>,
    client: HttpClient,
    metrics: Metrics,
    /// How many groups the last answer had.
    known: Arc<AtomicUsize>,
}

impl HttpDiscovery {
    pub(super) fn new(config: &HttpSdConfig, user_agent: &str, metrics: Metrics) -> Result<Self, NetError> {
        let options = ClientOptions { user_agent: user_agent.to_owned(), ..ClientOptions::default() };
        let client = HttpClient::new(&config.http_client, options)?;
        Ok(Self { config: Arc::new(config.clone()), client, metrics, known: Arc::default() })
    }

    pub(super) async fn run(self, refresh: RefreshMetrics, updates: Updates) {
        poll(self.config.refresh_interval, refresh, updates, || self.refresh()).await;
    }

    pub(super) async fn refresh(&self) -> Result<Vec<TargetGroup>, String> {
        let result = self.ask().await;
        if result.is_err() {
            self.metrics.http_failures.inc();
        }
        let url = self.config.url.to_string();
        let groups = result.map_err(|error| format!("http_sd {url}: {error}"))?;
        let found = groups.len();
        let source = |index: usize| format!("{url}:{index}");
        let groups = groups.into_iter().enumerate();
        let mut groups: Vec<_> =
            groups.map(|(index, group)| group.found_at(source(index), META_URL, &url)).collect();
        let known = self.known.swap(found, Ordering::Relaxed);
        groups.extend((found..known).map(|index| TargetGroup::gone(source(index))));
        Ok(groups)
    }

    async fn ask(&self) -> Result<Vec<TargetGroup>, String> {
        let interval = self.config.refresh_interval;
        let mut request = Request::new(Method::GET, self.config.url.parsed().clone(), interval);
        request.max_answer = MAX_BODY;
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let seconds = interval.as_secs_f64().to_string();
        request
            .headers
            .insert(REFRESH_INTERVAL, HeaderValue::from_str(&seconds).map_err(|error| error.to_string())?);
        let answer = self.client.send(request).await.map_err(|error| error.to_string())?;
        decode(&answer)
    }
}

/// The groups of an answer.
fn decode(answer: &Response) -> Result<Vec<TargetGroup>, String> {
    if answer.status != StatusCode::OK {
        return Err(format!("server returned HTTP status {}", answer.status_text()));
    }
    let content_type =
        answer.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let content_type = String::from_utf8_lossy(content_type);
    if !is_json(&content_type) {
        return Err(format!("unsupported content type {content_type:?}"));
    }
    if answer.truncated {
        return Err(format!("the answer is larger than {} MiB", MAX_BODY >> 20));
    }
    TargetGroup::from_json(&answer.body).map_err(|error| error.to_string())
}

/// `application/json`, alone or with `charset=utf-8`, in any case (Prometheus's `matchContentType`).
fn is_json(content_type: &str) -> bool {
    let text = content_type.trim().to_ascii_lowercase();
    match text.split_once(';') {
        None => text == "application/json",
        Some((kind, parameter)) => {
            let parameter = parameter.strip_prefix(' ').unwrap_or(parameter);
            kind == "application/json" && matches!(parameter, "charset=utf-8" | "charset=\"utf-8\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;charset=utf-8",
            "application/json;charset=\"utf-8\"",
            "application/JSON;charset=\"utf-8\"",
            "Application/JSON;charset=\"Utf-8\" ",
            "  application/json  ",
        ] {
            assert!(is_json(good), "{good:?}");
        }
        for bad in [
            "",
            "application/vnd.test+json",
            "text/html",
            "application/json; charset=utf-8; x=y",
            "application/json;",
        ] {
            assert!(!is_json(bad), "{bad:?}");
        }
    }
}
