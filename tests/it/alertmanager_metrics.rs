//! Alertmanager's metrics: each is there with its labels, or dashboards and rules find nothing.

use serde_json::json;

use crate::harness::{TocsinBuilder, eventually, free_port};

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

#[tokio::test]
async fn every_metric_of_alertmanager_is_there_with_its_labels() {
    let yaml = "route: {receiver: team, group_wait: 0s}\nreceivers: [{name: team, webhook_configs: \
                [{url: 'http://127.0.0.1:1/'}]}]\n";
    let cluster = format!("--cluster.listen-address=127.0.0.1:{}", free_port());
    let tocsin = TocsinBuilder::new(yaml).flag(cluster).flag("--alerts.per-alertname-limit=2").start().await;
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
