use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::config::{HttpClientConfig, HttpSdConfig, Url};
use crate::discovery::http::HttpDiscovery;
use crate::net::testing::{Answer, Server, ok};

fn discovery(server: &Server, metrics: Metrics) -> HttpDiscovery {
    let config = HttpSdConfig {
        url: Url::parse(server.url("/sd").as_str()).unwrap(),
        refresh_interval: Duration::from_millis(30_500),
        http_client: HttpClientConfig::default(),
        position: Position::default(),
    };
    HttpDiscovery::new(&config, "Prometheus/3.14.0", metrics).unwrap()
}

fn json(text: &str) -> Answer {
    (200, vec![("content-type", "application/json; charset=utf-8".to_owned())], text.to_owned())
}

/// Upstream's TestHTTPValidRefresh.
#[tokio::test]
async fn a_list_becomes_groups() {
    let server = Server::start(|_| json(r#"[{"labels":{"k":"v"},"targets":["127.0.0.1"]}]"#)).await;
    let (metrics, registry) = metrics();
    let groups = discovery(&server, metrics).refresh().await.unwrap();
    let url = server.url("/sd").to_string();
    assert_eq!(groups, [group(&format!("{url}:0"), &["127.0.0.1"], &[("k", "v"), ("__meta_url", &url)])]);
    let seen = &server.seen()[0];
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("user-agent"), Some("Prometheus/3.14.0"));
    assert_eq!(seen.header("x-prometheus-refresh-interval-seconds"), Some("30.5"));
    assert_eq!(
        printed(&registry, "prometheus_sd_http_failures_total"),
        "prometheus_sd_http_failures_total 0"
    );
}

/// Upstream's TestHTTPInvalidCode, TestHTTPInvalidFormat and TestContentTypeRegex.
#[tokio::test]
async fn anything_else_is_an_error() {
    let (metrics, registry) = metrics();
    for (answer, text) in [
        ((400, vec![], String::new()), "server returned HTTP status 400 Bad Request"),
        (ok("{}"), "unsupported content type \"\""),
        (
            (200, vec![("content-type", "text/plain".to_owned())], "[]".to_owned()),
            "unsupported content type \"text/plain\"",
        ),
        (json("[null]"), "nil target group item found (index 0)"),
        (json("{}"), "invalid type: map, expected a sequence at line 1 column 0"),
    ] {
        let server = Server::start(move |_| answer.clone()).await;
        let error = discovery(&server, metrics.clone()).refresh().await.unwrap_err();
        assert_eq!(error, format!("http_sd {}: {text}", server.url("/sd")));
    }
    assert_eq!(
        printed(&registry, "prometheus_sd_http_failures_total"),
        "prometheus_sd_http_failures_total 5"
    );
}

/// Upstream's TestSourceDisappeared.
#[tokio::test]
async fn surplus_groups_are_emptied_after_a_success_only() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => json(r#"[{"targets":["a"]},{"targets":["b"]},{"targets":["c"]}]"#),
        1 => (500, vec![], String::new()),
        2 => json(r#"[{"targets":["b"]}]"#),
        _ => json("null"),
    })
    .await;
    let discovery = discovery(&server, metrics().0);
    let shape = |groups: Vec<TargetGroup>| groups.iter().map(|group| group.targets.len()).collect::<Vec<_>>();
    assert_eq!(shape(discovery.refresh().await.unwrap()), [1, 1, 1]);
    discovery.refresh().await.unwrap_err();
    let groups = discovery.refresh().await.unwrap();
    assert_eq!(groups[2].source, format!("{}:2", server.url("/sd")));
    assert_eq!(shape(groups), [1, 0, 0]);
    assert_eq!(shape(discovery.refresh().await.unwrap()), [0]);
}
