//! Reloads: what is wrong changes nothing and is told with its place; what is right is invisible to the queues.

use std::os::unix::fs::symlink;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Reply, Sink, Tocsin, TocsinBuilder, eventually, firing, free_port, numbers, swap};

const SUCCESSFUL: &str = "prometheus_config_last_reload_successful";

/// A `prometheus.yml` with a label that tells which one it is, and one Alertmanager.
fn config(version: &str, target: &str) -> String {
    format!(
        "global:\n  external_labels:\n    version: {version}\nalerting:\n  alertmanagers:\n    - static_configs:\n        - targets: ['{target}']\n"
    )
}

/// The faults, each with what the answer must say.
fn faults(target: &str) -> [(String, &'static [&'static str]); 3] {
    let good = config("bad", target);
    [
        (
            good.replace("    - static_configs", "    - tiemout: 3s\n      static_configs"),
            &["prometheus.yml:6:7: alerting.alertmanagers[0].tiemout", "timeout"],
        ),
        (
            good.replace(
                "    - static_configs",
                "    - tls_config:\n        ca_file: missing.pem\n      static_configs",
            ),
            &["prometheus.yml:", "missing.pem"],
        ),
        (
            good.replace("    - static_configs", "    - basic_auth: [\n      static_configs"),
            &["prometheus.yml:"],
        ),
    ]
}

/// The value of the label `version` of the newest alert at the sink, after a push.
async fn version_at(tocsin: &Tocsin, sink: &Sink, number: usize) -> String {
    let wanted = number.to_string();
    assert_eq!(tocsin.push(&firing(number..number + 1)).await, Ok(200));
    let alert = eventually("the alert at the sink", || async {
        sink.taken().into_iter().find(|alert| alert["labels"]["n"] == *wanted)
    })
    .await;
    alert["labels"]["version"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_is_told_with_its_place() {
    let sink = Sink::start().await;
    let target = sink.address().to_string();
    let tocsin = TocsinBuilder::new(&config("a", &target)).flag("--no-config.auto-reload").start().await;
    assert_eq!(version_at(&tocsin, &sink, 0).await, "a");
    let (started, mut number) = (tocsin.json("/api/v2/status").await, 1);
    for (text, told) in faults(&target) {
        tocsin.set_config(&text);
        let (status, answer) = tocsin.reload().await;
        assert_eq!(status, 500);
        assert!(answer.starts_with("failed to reload config: "), "{answer}");
        let place = answer.split("prometheus.yml:").nth(1).expect("the file");
        let mut place = place.split(':').map(str::trim);
        assert!(place.by_ref().take(2).all(|number| number.parse::<u32>().is_ok()), "{answer}");
        assert!(told.iter().all(|part| answer.contains(part)), "{answer}");
        assert_eq!(tocsin.metric(SUCCESSFUL, &[]).await, Some(0.0));
        let ready = tocsin.get("/-/ready?verbose").await.expect("an answer");
        assert!(ready.starts_with("OK\n") && ready.contains("nothing was changed: "), "{ready}");
        assert_eq!(tocsin.json("/api/v2/status").await, started);
        assert_eq!(version_at(&tocsin, &sink, number).await, "a", "delivery goes on as before");

        tocsin.set_config(&config("a", &target));
        assert_eq!(tocsin.reload().await, (200, String::new()));
        assert_eq!(tocsin.metric(SUCCESSFUL, &[]).await, Some(1.0));
        number += 1;
    }
    tocsin.set_config(&config("b", &target));
    assert_eq!(tocsin.reload().await.0, 200);
    assert_eq!(version_at(&tocsin, &sink, number).await, "b");
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn sighup_reloads() {
    let sink = Sink::start().await;
    let target = sink.address().to_string();
    let tocsin = TocsinBuilder::new(&config("a", &target)).flag("--no-config.auto-reload").start().await;
    for (number, (text, told)) in faults(&target).into_iter().enumerate() {
        tocsin.set_config(&text);
        tocsin.signal("HUP").await;
        tocsin.wait_for_metric(SUCCESSFUL, 0.0).await;
        let mut parts = vec!["level=ERROR", "Loading configuration file failed", "component=configuration"];
        parts.extend(told);
        tocsin.wait_for_log(&parts).await;
        assert_eq!(version_at(&tocsin, &sink, number).await, "a");
        tocsin.set_config(&config("a", &target));
        tocsin.signal("HUP").await;
        tocsin.wait_for_metric(SUCCESSFUL, 1.0).await;
    }
    tocsin.set_config(&config("b", &target));
    tocsin.signal("HUP").await;
    becomes(&tocsin, &sink, 10, "b").await;
    tocsin.assert_balance().await;
}

/// Waits until pushed alerts carry this version.
async fn becomes(tocsin: &Tocsin, sink: &Sink, first: usize, version: &str) {
    for number in first..first + 500 {
        if version_at(tocsin, sink, number).await == version {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("version {version} is not in force");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_read_again() {
    let sink = Sink::start().await;
    let target = sink.address().to_string();
    let tocsin = TocsinBuilder::new(&config("a", &target)).start().await;
    for (number, (text, _)) in faults(&target).into_iter().enumerate() {
        tocsin.set_config(&text);
        tocsin.wait_for_metric(SUCCESSFUL, 0.0).await;
        assert_eq!(version_at(&tocsin, &sink, number).await, "a");
        tocsin.set_config(&config("a", &target));
        tocsin.wait_for_metric(SUCCESSFUL, 1.0).await;
    }
    tocsin.set_config(&config("b", &target));
    becomes(&tocsin, &sink, 10, "b").await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_config_map_that_is_swapped_is_read_again() {
    let sink = Sink::start().await;
    let target = sink.address().to_string();
    let builder = TocsinBuilder::new("");
    std::fs::remove_file(builder.directory().join("prometheus.yml")).expect("the file");
    swap(builder.directory(), "prometheus.yml", "1", &config("a", &target));
    symlink("..data/prometheus.yml", builder.directory().join("prometheus.yml")).expect("a link");
    let tocsin = builder.start().await;
    assert_eq!(version_at(&tocsin, &sink, 0).await, "a");

    swap(tocsin.directory(), "prometheus.yml", "2", &config("b", &target));
    becomes(&tocsin, &sink, 10, "b").await;
    std::fs::remove_dir_all(tocsin.directory().join("..1")).expect("the old directory");
    swap(tocsin.directory(), "prometheus.yml", "3", &faults(&target)[0].0);
    tocsin.wait_for_metric(SUCCESSFUL, 0.0).await;
    assert_eq!(version_at(&tocsin, &sink, 1).await, "b");
    swap(tocsin.directory(), "prometheus.yml", "4", &config("c", &target));
    becomes(&tocsin, &sink, 600, "c").await;
    tocsin.assert_balance().await;
}

/// The entry of `target` in a list of Alertmanagers.
fn entry(target: &str, more: &str) -> String {
    format!("    - static_configs:\n        - targets: ['{target}']\n{more}")
}

fn alerting(entries: &[String]) -> String {
    format!("alerting:\n  alertmanagers:\n{}", entries.concat())
}

async fn queue(tocsin: &Tocsin, url: &str) -> Option<Value> {
    let queues = tocsin.json("/api/v1/queues").await;
    let queues = queues["data"]["alertmanagers"].as_array()?.clone();
    queues.into_iter().find(|queue| queue["alertmanager"] == url)
}

#[tokio::test]
async fn a_queue_survives_when_its_entry_moves() {
    let address = format!("127.0.0.1:{}", free_port());
    let other = Sink::start().await;
    let url = format!("http://{address}/api/v2/alerts");
    let tocsin = TocsinBuilder::new(&alerting(&[entry(&address, "")])).start().await;
    assert_eq!(tocsin.push(&firing(0..50)).await, Ok(200));
    let before = eventually("a failed request", || async {
        queue(&tocsin, &url).await.filter(|queue| queue["length"] == 50 && queue["lastAnswer"].is_object())
    })
    .await;

    tocsin.set_config(&alerting(&[entry(&other.address().to_string(), ""), entry(&address, "")]));
    assert_eq!(tocsin.reload().await.0, 200);
    other.wait_for(50).await;
    let after = queue(&tocsin, &url).await.expect("the queue");
    for field in ["oldest", "capacity"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(tocsin.push(&firing(50..60)).await, Ok(200));
    let sink = Sink::start_at(address.parse().expect("an address")).await;
    sink.wait_for(60).await;
    assert_eq!(sink.taken_labels("n"), numbers(0..60));
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_set_whose_path_changes_is_drained() {
    let sink = Sink::start().await;
    sink.set_reply(Reply::Slow(Duration::from_millis(300)));
    let address = sink.address().to_string();
    let tocsin = TocsinBuilder::new(&alerting(&[entry(&address, "")]))
        .flag("--alertmanager.notification-batch-size=10")
        .start()
        .await;
    assert_eq!(tocsin.push(&firing(0..100)).await, Ok(200));
    sink.wait_for(10).await;
    tocsin.set_config(&alerting(&[entry(&address, "      path_prefix: /new\n")]));
    assert_eq!(tocsin.reload().await.0, 200);
    for path in ["/api/v2/alerts", "/new/api/v2/alerts"] {
        eventually(&format!("100 alerts at {path}"), || async {
            let received = sink.received();
            let alerts =
                received.iter().filter(|request| request.path == path).flat_map(|request| &request.alerts);
            let found: Vec<_> = alerts.filter_map(|alert| alert["labels"]["n"].as_str()).collect();
            numbers(0..100).iter().eq(found).then_some(())
        })
        .await;
    }
    eventually("the old queue is gone", || async {
        queue(&tocsin, &format!("http://{address}/api/v2/alerts")).await.is_none().then_some(())
    })
    .await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_set_that_becomes_another_loses_nothing() {
    let address = format!("127.0.0.1:{}", free_port());
    let tocsin = TocsinBuilder::new(&alerting(&[entry(&address, "")])).start().await;
    assert_eq!(tocsin.push(&firing(0..50)).await, Ok(200));
    tocsin.set_config(&alerting(&[entry(&address, "      timeout: 7s\n")]));
    assert_eq!(tocsin.reload().await.0, 200);
    let sink = Sink::start_at(address.parse().expect("an address")).await;
    sink.wait_for(50).await;
    assert_eq!(sink.taken_labels("n"), numbers(0..50));
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn two_entries_with_one_configuration_are_one_set() {
    let address = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{address}/api/v2/alerts");
    let same = || entry(&address, "");
    let tocsin = TocsinBuilder::new(&alerting(&[same(), same()])).start().await;
    tocsin.wait_for_log(&["level=WARN", "Two entries of alerting.alertmanagers are the same"]).await;
    assert_eq!(tocsin.push(&firing(0..50)).await, Ok(200));
    let before = eventually("a failed request", || async {
        queue(&tocsin, &url).await.filter(|queue| queue["length"] == 50 && queue["lastAnswer"].is_object())
    })
    .await;
    let other = Sink::start().await;
    let queues = tocsin.json("/api/v1/queues").await;
    assert_eq!(queues["data"]["alertmanagers"].as_array().map(Vec::len), Some(1), "{queues}");
    // Whichever copy goes, what is queued stays.
    for entries in [vec![entry(&other.address().to_string(), ""), same()], vec![same(), same()], vec![same()]]
    {
        tocsin.set_config(&alerting(&entries));
        assert_eq!(tocsin.reload().await.0, 200);
        let after = queue(&tocsin, &url).await.expect("the queue");
        assert_eq!((&after["oldest"], &after["length"]), (&before["oldest"], &before["length"]));
    }
    let sink = Sink::start_at(address.parse().expect("an address")).await;
    sink.wait_for(50).await;
    assert_eq!(tocsin.push(&firing(50..60)).await, Ok(200));
    sink.wait_for(60).await;
    assert_eq!(sink.taken_labels("n"), numbers(0..60), "each once");
    tocsin.assert_balance().await;
}
