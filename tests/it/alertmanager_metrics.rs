//! Alertmanager's metrics: each is there with its labels, or dashboards and rules find nothing.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use crate::harness::{Tocsin, TocsinBuilder, eventually, free_port, program};

/// The name, then the labels as the page shows them. Left out is what only appears with a peer, or with TLS in the
/// cluster.
const METRICS: &str = r#"
alertmanager_alerts state="active"
alertmanager_alerts state="suppressed"
alertmanager_alerts state="unprocessed"
alertmanager_alerts_received_total status="firing",version="v2"
alertmanager_alerts_received_total status="resolved",version="v2"
alertmanager_alerts_invalid_total version="v2"
alertmanager_alerts_per_alert_limit
alertmanager_alerts_limited_total
alertmanager_alerts_subscriber_channel_writes_total subscriber="inhibitor"
alertmanager_alerts_subscriber_channel_writes_total subscriber="dispatcher"
alertmanager_build_info version="
alertmanager_config_hash
alertmanager_config_last_reload_successful
alertmanager_config_last_reload_success_timestamp_seconds
alertmanager_receivers
alertmanager_integrations
alertmanager_inhibition_rules
alertmanager_dispatcher_aggregation_groups
alertmanager_dispatcher_alert_processing_duration_seconds_count
alertmanager_dispatcher_alert_processing_duration_seconds_sum
alertmanager_dispatcher_aggregation_group_limit_reached_total
alertmanager_dispatcher_aggregation_group_creation_retries_total
alertmanager_dispatcher_aggregation_group_creation_given_up_total
alertmanager_notifications_total integration="webhook"
alertmanager_notifications_failed_total integration="webhook",reason="clientError"
alertmanager_notifications_failed_total integration="email",reason="contextDeadlineExceeded"
alertmanager_notification_requests_total integration="webhook"
alertmanager_notification_requests_failed_total integration="webhook"
alertmanager_notification_latency_seconds_bucket integration="webhook",le="20"
alertmanager_notifications_suppressed_total reason="silence"
alertmanager_notifications_suppressed_total reason="inhibition"
alertmanager_notifications_suppressed_total reason="mute_time_interval"
alertmanager_notifications_suppressed_total reason="active_time_interval"
alertmanager_nflog_gc_duration_seconds_count
alertmanager_nflog_snapshot_duration_seconds_count
alertmanager_nflog_snapshot_size_bytes
alertmanager_nflog_maintenance_total
alertmanager_nflog_maintenance_errors_total
alertmanager_nflog_queries_total
alertmanager_nflog_query_errors_total
alertmanager_nflog_query_duration_seconds_bucket le="10"
alertmanager_nflog_gossip_messages_propagated_total
alertmanager_silences state="active"
alertmanager_silences state="pending"
alertmanager_silences state="expired"
alertmanager_silences_gc_duration_seconds_count
alertmanager_silences_gc_errors_total
alertmanager_silences_snapshot_duration_seconds_count
alertmanager_silences_snapshot_size_bytes
alertmanager_silences_maintenance_total
alertmanager_silences_maintenance_errors_total
alertmanager_silences_matcher_compile_errors_total stage="index"
alertmanager_silences_matcher_compile_errors_total stage="load_snapshot"
alertmanager_silences_queries_total
alertmanager_silences_query_errors_total
alertmanager_silences_query_duration_seconds_bucket le="0.005"
alertmanager_silences_query_silences_scanned_total
alertmanager_silences_query_silences_skipped_total
alertmanager_silences_gossip_messages_propagated_total
alertmanager_silences_state_size
alertmanager_silences_matcher_index_size
alertmanager_silences_version_index_size
alertmanager_http_request_duration_seconds_bucket code="200",handler="/metrics",method="get",le="10"
alertmanager_http_response_size_bytes_bucket handler="/metrics",method="get",le="100"
alertmanager_http_requests_in_flight method="get"
alertmanager_http_concurrency_limit_exceeded_total method="get"
alertmanager_cluster_enabled
alertmanager_cluster_members
alertmanager_cluster_failed_peers
alertmanager_cluster_health_score
alertmanager_cluster_messages_queued
alertmanager_peer_position
alertmanager_cluster_peer_info peer="
alertmanager_cluster_reconnections_total
alertmanager_cluster_reconnections_failed_total
alertmanager_cluster_refresh_join_total
alertmanager_cluster_refresh_join_failed_total
alertmanager_cluster_peers_joined_total
alertmanager_cluster_peers_left_total
alertmanager_cluster_peers_update_total
alertmanager_cluster_messages_pruned_total
alertmanager_cluster_peer_name_conflicts_total
alertmanager_cluster_messages_received_total msg_type="full_state"
alertmanager_cluster_messages_received_size_total msg_type="update"
alertmanager_cluster_messages_sent_total msg_type="update"
alertmanager_cluster_messages_sent_size_total msg_type="full_state"
alertmanager_oversized_gossip_message_sent_total key="nfl"
alertmanager_oversized_gossip_message_failure_total key="sil"
alertmanager_oversized_gossip_message_dropped_total key="sil"
alertmanager_oversize_gossip_message_duration_seconds_bucket key="nfl",le="10"
"#;

const YAML: &str = "route: {receiver: team, group_wait: 0s}\nreceivers: [{name: team, webhook_configs: \
                    [{url: 'http://127.0.0.1:1/'}]}]\n";

/// One with a cluster and a limit, in which each part has had something to do; and its page of metrics.
async fn busy() -> (Tocsin, String) {
    let cluster = format!("--cluster.listen-address=127.0.0.1:{}", free_port());
    let tocsin = TocsinBuilder::new(YAML).flag(cluster).flag("--alerts.per-alertname-limit=2").start().await;
    let alerts: Vec<_> = (0..3)
        .map(|number| json!({ "labels": { "alertname": "Down", "instance": number.to_string() } }))
        .collect();
    assert_eq!(tocsin.push(&json!(alerts)).await, Ok(200));
    eventually("a request is counted", || async {
        let requests =
            tocsin.metric("alertmanager_notification_latency_seconds_count", &["\"webhook\""]).await?;
        (requests > 0.0).then_some(())
    })
    .await;
    let page = tocsin.get("/metrics").await.expect("a page");
    (tocsin, page)
}

#[tokio::test]
async fn every_metric_of_alertmanager_is_there_with_its_labels() {
    let (tocsin, page) = busy().await;
    let missing: Vec<&str> = METRICS
        .lines()
        .filter(|wanted| {
            let (name, labels) = wanted.split_once(' ').unwrap_or((wanted, ""));
            !page.lines().any(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                    && labels.split(',').all(|label| line.contains(label))
            })
        })
        .filter(|wanted| !wanted.is_empty())
        .collect();
    assert!(missing.is_empty(), "{missing:#?} not in\n{page}");
    for (name, labels, value) in [
        ("alertmanager_alerts_per_alert_limit", "", 2.0),
        ("alertmanager_alerts_limited_total", "", 1.0),
        ("alertmanager_alerts_subscriber_channel_writes_total", "dispatcher", 2.0),
        ("alertmanager_alerts_received_total", "firing", 3.0),
        ("alertmanager_dispatcher_alert_processing_duration_seconds_count", "", 2.0),
    ] {
        assert_eq!(tocsin.metric(name, &[labels]).await, Some(value), "{name}");
    }
}

/// As with Alertmanager, which says so too.
#[tokio::test]
async fn one_alone_says_that_it_has_no_cluster() {
    let tocsin = TocsinBuilder::new(YAML).flag("--cluster.listen-address=").start().await;
    assert_eq!(tocsin.metric("alertmanager_cluster_enabled", &[]).await, Some(0.0));
}

const RULES: &str = include_str!("../../examples/alertmanager.rules.yml");

/// The expressions in [`RULES`], one after the other: what stands between `expr:` and the next key.
fn expressions() -> Vec<String> {
    let after = RULES.split("expr: ").skip(1);
    let ends = ["\n        for:", "\n        labels:"];
    after
        .map(|rest| ends.iter().fold(rest, |rest, end| rest.split(end).next().unwrap_or(rest)).to_owned())
        .collect()
}

/// The words between each `open` and the `close` after it, split at commas.
fn lists<'a>(text: &'a str, open: &str, close: char) -> Vec<&'a str> {
    let parts = text.split(open).skip(1).filter_map(|rest| rest.split(close).next());
    parts.flat_map(|list| list.split(',')).map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// What the mixin's rules ask about is there: rules about names that nobody exports never fire and never say so.
#[tokio::test]
async fn the_rules_name_only_metrics_and_labels_that_are_there() {
    let (_tocsin, page) = busy().await;
    let expressions = expressions();
    assert_eq!(expressions.len(), RULES.matches("- alert:").count());
    for expression in expressions {
        let mut series = String::new();
        for (before, selector) in expression.split('{').zip(expression.split('{').skip(1)) {
            let name =
                before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
            // Prometheus makes it.
            if name == "up" {
                continue;
            }
            let lines: String = page
                .lines()
                .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
                .collect();
            assert!(!lines.is_empty(), "no {name} in\n{page}");
            for matcher in selector.split('}').next().unwrap_or_default().split(", ") {
                let label = matcher.split(['=', '!']).next().unwrap_or_default();
                assert!(label == "job" || lines.contains(&format!("{label}=\"")), "no {label} in {lines}");
            }
            series += &lines;
        }
        for label in ["by (", "on (", "without ("].iter().flat_map(|word| lists(&expression, word, ')')) {
            let there = ["job", "instance"].contains(&label) || series.contains(&format!("{label}=\""));
            assert!(there, "no {label} in {series}");
        }
    }
    for label in RULES.split("$labels.").skip(1).filter_map(|rest| rest.split(' ').next()) {
        assert!(["job", "instance", "integration"].contains(&label), "{label}");
    }
}

/// Prometheus's own tool reads the rules, and they fire when they should.
#[tokio::test]
async fn the_rules_fire_when_they_should() {
    let Some(promtool) = program("prometheus", "2.42", "promtool") else { return };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for arguments in
        [["check", "rules", "alertmanager.rules.yml"], ["test", "rules", "alertmanager.rules.test.yml"]]
    {
        let output = Command::new(&promtool).args(arguments).current_dir(&examples).output().await;
        let output = output.expect("promtool runs");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("SUCCESS"), "{text}");
    }
}
