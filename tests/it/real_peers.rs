//! A real Prometheus in front, real Alertmanagers behind.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Alertmanager, Prometheus, Sink, TocsinBuilder, ago, eventually, full};

/// The rules of a small shop, with a constant series in place of the CPU's.
const RULES: &str = r#"
groups:
  - name: hosts
    interval: 1s
    rules:
      - alert: InstanceDown
        expr: label_replace(vector(0), "instance", "db1:9100", "", "") == 0
        for: 1s
        labels:
          severity: warning
        annotations:
          summary: "{{ $labels.instance }} is down"
      - alert: CpuHigh
        expr: label_replace(vector(93.456), "instance", "web1:9100", "", "") > 80
        for: 1s
        labels:
          severity: info
        annotations:
          summary: "{{ $labels.instance }}: CPU at {{ humanize $value }} %"
"#;

fn prometheus_yml(tocsin: &str) -> String {
    format!(
        "global:\n  evaluation_interval: 1s\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n    \
         - static_configs:\n        - targets: ['{tocsin}']\n"
    )
}

fn alertmanager_yml(webhook: &Sink) -> String {
    format!(
        "route:\n  receiver: hook\n  group_by: [job]\n  group_wait: 1s\n  group_interval: 1s\n  repeat_interval: 1h\n\
         receivers:\n  - name: hook\n    webhook_configs:\n      - url: 'http://{}/'\n        send_resolved: true\n",
        webhook.address()
    )
}

fn names(alerts: &[Value]) -> BTreeSet<String> {
    alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_fires_and_both_alertmanagers_show_it() {
    let webhook = Sink::start().await;
    let Some(mut first) = Alertmanager::start("0.33", &alertmanager_yml(&webhook)).await else { return };
    let Some(second) = Alertmanager::start("0.33", &alertmanager_yml(&webhook)).await else { return };
    let mut tocsin = TocsinBuilder::new(
        "global:\n  external_labels:\n    site: eu1\n    replica: a\nalerting:\n  alert_relabel_configs:\n    \
         - action: labeldrop\n      regex: replica\n  alertmanagers:\n    - file_sd_configs:\n        - files: [alertmanagers.json]\n",
    )
    .start()
    .await;
    tocsin.set_targets(&[first.address(), second.address()]);
    let Some(prometheus) = Prometheus::start("3.", &prometheus_yml(&tocsin.address()), RULES).await else {
        return;
    };

    for alertmanager in [&first, &second] {
        let alerts = eventually("both alerts at the Alertmanager", || async {
            let alerts = alertmanager.alerts().await;
            (alerts.len() == 2).then_some(alerts)
        })
        .await;
        let cpu = alerts.iter().find(|alert| alert["labels"]["alertname"] == "CpuHigh").expect("CpuHigh");
        assert_eq!(
            cpu["labels"],
            serde_json::json!({
                "alertname": "CpuHigh", "instance": "web1:9100", "severity": "info", "site": "eu1",
            })
        );
        assert_eq!(cpu["annotations"]["summary"], "web1:9100: CPU at 93.46 %");
    }

    // One is killed and comes back empty: it has the alerts again without waiting for Prometheus's next repeat.
    first.kill().await;
    first.start_again().await;
    eventually("the alerts are back", || async { (names(&first.alerts().await).len() == 2).then_some(()) })
        .await;

    // One rule ends.
    let only_down = RULES.replace("vector(93.456)", "vector(13)");
    prometheus.set_rules(&only_down).await;
    eventually("the end of CpuHigh at both", || async {
        let left = [names(&first.alerts().await), names(&second.alerts().await)];
        left.iter().all(|names| names.iter().eq(["InstanceDown"])).then_some(())
    })
    .await;
    tocsin.assert_balance().await;
    assert_eq!(tocsin.stop().await, Some(0));
}

/// Two alerts of one group, paged. The Alertmanager restarts cleanly, and one of them ends meanwhile: the
/// receiver must hear that one ended while the other fires, never that all is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_during_a_restart_does_not_close_the_incident() {
    let webhook = Sink::start().await;
    let Some(mut alertmanager) = Alertmanager::start("0.33", &alertmanager_yml(&webhook)).await else {
        return;
    };
    let tocsin = TocsinBuilder::forwarding_to(&[alertmanager.address()]).start().await;
    let alert = |name: &str, ends_at: &str| alert("shop", name, Some(ends_at));
    let later = "2100-01-01T00:00:00Z";
    assert_eq!(tocsin.push(&serde_json::json!([alert("One", later), alert("Two", later)])).await, Ok(200));
    let pages_both = || {
        webhook
            .bodies()
            .last()
            .is_some_and(|body| body["alerts"].as_array().is_some_and(|alerts| alerts.len() == 2))
    };
    eventually("the page about both", || async { pages_both().then_some(()) }).await;

    alertmanager.stop().await;
    assert_eq!(tocsin.push(&serde_json::json!([alert("One", &ago(1))])).await, Ok(200));
    let before = webhook.received().len();
    alertmanager.start_again().await;
    eventually("news of the end", || async { (webhook.received().len() > before).then_some(()) }).await;
    let statuses = |body: &Value| {
        let alerts = body["alerts"].as_array().cloned().unwrap_or_default();
        alerts
            .iter()
            .map(|alert| alert["status"].as_str().unwrap_or_default().to_owned())
            .collect::<BTreeSet<_>>()
    };
    let news = webhook.bodies().pop().expect("news");
    assert_eq!(statuses(&news), BTreeSet::from(["firing".to_owned(), "resolved".to_owned()]), "{news}");
    for body in webhook.bodies() {
        assert_eq!(
            body["status"],
            "firing",
            "never all resolved: {body}\n{:#?}\n{}",
            webhook.received(),
            tocsin.log()
        );
    }
    tocsin.assert_balance().await;
}

/// An alert of a job, in the state that `ends_at` says; with `None` it is for the Alertmanager to say when it ends.
fn alert(job: &str, name: &str, ends_at: Option<&str>) -> Value {
    let mut alert = serde_json::json!({
        "labels": { "alertname": name, "job": job },
        "annotations": { "summary": format!("{name} of {job}") },
        "startsAt": "2026-01-01T00:00:00Z",
    });
    if let Some(ends_at) = ends_at {
        alert["endsAt"] = ends_at.into();
    }
    alert
}

/// Groups in every state, all paged. We are stopped and started, and killed and started, also while a rule engine
/// repeats what fires: no Alertmanager says a word because of it, though each looks at its groups again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_restart_makes_no_alertmanager_notify() {
    let webhooks = [Sink::start().await, Sink::start().await];
    let mut alertmanagers = Vec::new();
    for webhook in &webhooks {
        let Some(alertmanager) = Alertmanager::start("0.33", &alertmanager_yml(webhook)).await else {
            return;
        };
        alertmanagers.push(alertmanager);
    }
    let addresses: Vec<_> = alertmanagers.iter().map(Alertmanager::address).collect();
    let mut tocsin = TocsinBuilder::forwarding_to(&addresses).start().await;
    let later = Some("2100-01-01T00:00:00Z");
    let fires = [
        alert("fires", "One", later),
        alert("fires", "Two", later),
        alert("open", "Forever", None),
        alert("partly", "Left", later),
    ];
    let ends = |ends_at: Option<&str>| {
        [alert("partly", "Over", ends_at), alert("over", "One", ends_at), alert("over", "Two", ends_at)]
    };
    assert_eq!(tocsin.push(&Value::from([&fires[..], &ends(later)].concat())).await, Ok(200));
    let told = |webhook: &Sink, status: &str, jobs: &[&str]| {
        let bodies = webhook.bodies();
        let of = |job: &str| bodies.iter().rev().find(|body| body["groupLabels"]["job"] == job);
        jobs.iter().all(|job| {
            of(job).is_some_and(|body| {
                let alerts = body["alerts"].as_array().into_iter().flatten();
                alerts.filter(|alert| alert["status"] == status).count() > 0
            })
        })
    };
    for webhook in &webhooks {
        eventually("the begins are paged", || async {
            told(webhook, "firing", &["fires", "open", "partly", "over"]).then_some(())
        })
        .await;
    }
    assert_eq!(tocsin.push(&Value::from(ends(Some(&ago(1))).to_vec())).await, Ok(200));
    for webhook in &webhooks {
        eventually("the ends are paged", || async {
            told(webhook, "resolved", &["partly", "over"]).then_some(())
        })
        .await;
    }
    tocsin.wait_for_metric("tocsin_changes_pending", 0.0).await;

    let before = webhooks.each_ref().map(|webhook| webhook.received().len());
    let looks = async |alertmanager: &Alertmanager| {
        alertmanager.metric("alertmanager_nflog_queries_total", &[]).await.expect("a number")
    };
    for round in 0..if full() { 10 } else { 2 } {
        if round % 2 == 0 {
            assert_eq!(tocsin.stop().await, Some(0));
        } else {
            assert_eq!(tocsin.push(&Value::from(fires.to_vec())).await, Ok(200));
            tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(0..20))).await;
            tocsin.kill().await;
        }
        tocsin.start().await;
        for alertmanager in &alertmanagers {
            let address = alertmanager.address();
            eventually("it is told again what fires", || async {
                let sent = tocsin.metric("prometheus_notifications_sent_total", &[&address]).await?;
                (sent >= fires.len() as f64).then_some(())
            })
            .await;
            // Three groups are left; it looks at each three times.
            let looked = looks(alertmanager).await;
            eventually("it looks at its groups", || async {
                let now = webhooks.each_ref().map(|webhook| webhook.received().len());
                assert_eq!(now, before, "in round {round}: {:#?}\n{}", webhooks[0].bodies(), tocsin.log());
                (looks(alertmanager).await >= looked + 9.0).then_some(())
            })
            .await;
        }
    }

    // Both still listen, and hear of the rest.
    let ends = fires.clone().map(|mut alert| {
        alert["endsAt"] = ago(1).into();
        alert
    });
    assert_eq!(tocsin.push(&Value::from(ends.to_vec())).await, Ok(200));
    for webhook in &webhooks {
        eventually("all is over", || async {
            told(webhook, "resolved", &["fires", "open", "partly"]).then_some(())
        })
        .await;
    }
    tocsin.assert_balance().await;
}
