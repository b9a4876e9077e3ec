//! What arrives at Alertmanagers that are slow, down, added, removed, or that refuse.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::harness::{DEADLINE, Reply, Sink, Tocsin, TocsinBuilder, ago, eventually, free_port, scaled};

/// Firing alerts `first..first + count`, told apart by their label `n`.
fn firing(first: usize, count: usize) -> Value {
    alerts(first, count, "2100-01-01T00:00:00Z")
}

/// The same alerts, ended just now.
fn resolved(first: usize, count: usize) -> Value {
    alerts(first, count, &ago(1))
}

fn alerts(first: usize, count: usize, ends_at: &str) -> Value {
    (first..first + count)
        .map(|number| {
            json!({
                "labels": { "alertname": format!("Alert{number}"), "n": number.to_string(), "job": "test" },
                "annotations": { "summary": format!("number {number}") },
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": ends_at,
                "generatorURL": "http://prometheus.example/graph?g0.expr=up",
            })
        })
        .collect()
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn start(sinks: &[&Sink]) -> Tocsin {
    let addresses: Vec<_> = sinks.iter().map(|sink| sink.address().to_string()).collect();
    TocsinBuilder::forwarding_to(&addresses).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_alertmanager_does_not_wait_for_another() {
    let (slow, silent, healthy) = (Sink::start().await, Sink::start().await, Sink::start().await);
    slow.set_reply(Reply::Slow(Duration::from_secs(5)));
    silent.set_reply(Reply::Never);
    let addresses = [
        slow.address().to_string(),
        format!("127.0.0.1:{}", free_port()),
        silent.address().to_string(),
        healthy.address().to_string(),
    ];
    let tocsin = TocsinBuilder::forwarding_to(&addresses).start().await;

    let mut longest = Duration::ZERO;
    for batch in 0..20 {
        let began = Instant::now();
        assert_eq!(tocsin.push_over_socket(&firing(batch * 200, 200)).await, 200);
        longest = longest.max(began.elapsed());
    }
    let pushed = Instant::now();
    healthy.wait_for(4000).await;
    println!("longest push {longest:?}; the last alert was there {:?} after the last push", pushed.elapsed());
    assert!(longest < Duration::from_secs(5), "a push waited {longest:?}");
    assert_eq!(healthy.taken_labels("n").into_iter().collect::<BTreeSet<_>>().len(), 4000);
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_full_queue_loses_nothing_while_the_alertmanager_is_down() {
    let address = format!("127.0.0.1:{}", free_port());
    let tocsin = TocsinBuilder::forwarding_to(std::slice::from_ref(&address))
        .flag("--alertmanager.notification-queue-capacity=100")
        .start()
        .await;
    assert_eq!(tocsin.push(&firing(0, 150)).await, Ok(200));
    eventually("a failed request", || async {
        tocsin.metric("prometheus_notifications_errors_total", &[]).await.filter(|errors| *errors > 0.0)
    })
    .await;

    let sink = Sink::start_at(address.parse().unwrap()).await;
    sink.wait_for(150).await;
    assert_eq!(sink.taken_labels("n"), numbers(0..150));
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn what_left_a_full_queue_follows_when_a_hanging_request_ends() {
    let sink = Sink::start().await;
    sink.set_reply(Reply::Slow(Duration::from_secs(2)));
    let tocsin = TocsinBuilder::forwarding_to(&[sink.address().to_string()])
        .flag("--alertmanager.notification-queue-capacity=100")
        .flag("--alertmanager.notification-batch-size=10")
        .start()
        .await;
    assert_eq!(tocsin.push(&firing(1000, 1)).await, Ok(200));
    sink.wait_for(1).await;
    assert_eq!(tocsin.push(&firing(0, 150)).await, Ok(200));
    let queue = tocsin.json("/api/v1/queues").await;
    assert_eq!(queue["data"]["alertmanagers"][0]["length"], 100, "{queue}");
    sink.set_reply(Reply::Ok);
    sink.wait_for(151).await;
    let order = sink.taken_labels("n");
    assert_eq!(order[1..101], numbers(50..150), "the newest hundred first");
    assert_eq!(order[101..], numbers(0..50), "then those that had left");
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn batches_are_as_large_as_they_may_be() {
    let sink = Sink::start().await;
    sink.set_reply(Reply::Slow(Duration::from_millis(500)));
    let tocsin = start(&[&sink]).await;
    assert_eq!(tocsin.push(&firing(9999, 1)).await, Ok(200));
    sink.wait_for(1).await;
    assert_eq!(tocsin.push(&firing(0, 513)).await, Ok(200));
    sink.wait_for(514).await;
    let sizes: Vec<_> = sink.received().iter().map(|request| request.alerts.len()).collect();
    assert_eq!(sizes, [1, 256, 256, 1]);
}

#[tokio::test]
async fn an_alertmanager_that_is_added_gets_what_fires() {
    let (first, second) = (Sink::start().await, Sink::start().await);
    let tocsin = start(&[&first]).await;
    assert_eq!(tocsin.push(&firing(0, 500)).await, Ok(200));
    first.wait_for(500).await;
    let added = Instant::now();
    tocsin.set_targets(&[first.address().to_string(), second.address().to_string()]);
    second.wait_for(500).await;
    println!("500 alerts at the new Alertmanager after {:?}", added.elapsed());
    assert_eq!(second.taken_labels("n"), numbers(0..500));
    assert_eq!(first.taken().len(), 500, "the first heard nothing again");
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn an_outage_costs_the_last_state_of_each_alert() {
    let address = format!("127.0.0.1:{}", free_port());
    let tocsin = TocsinBuilder::forwarding_to(std::slice::from_ref(&address))
        .flag("--alertmanager.notification-queue-capacity=100")
        .start()
        .await;
    for _repeat in 0..30 {
        assert_eq!(tocsin.push(&firing(0, 500)).await, Ok(200));
    }
    assert_eq!(tocsin.push(&resolved(0, 250)).await, Ok(200));
    let sink = Sink::start_at(address.parse().unwrap()).await;
    eventually("the last state of all 500", || async {
        let taken = sink.taken();
        let last = |number: usize| {
            let number = number.to_string();
            taken
                .iter()
                .rev()
                .find(|alert| alert["labels"]["n"] == number)
                .map(|alert| alert["endsAt"].as_str().unwrap_or_default() < "2099")
        };
        (0..500).all(|number| last(number) == Some(number < 250)).then_some(())
    })
    .await;
    let sent = sink.taken().len();
    println!("{sent} alerts sent after the outage");
    assert!(sent <= 600, "{sent} alerts sent");
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn one_alert_that_is_refused_does_not_hold_up_the_others() {
    let sink = Sink::start().await;
    sink.set_reply(Reply::Refuse("Alert77".to_owned()));
    let tocsin = start(&[&sink]).await;
    assert_eq!(tocsin.push(&firing(0, 256)).await, Ok(200));
    sink.wait_for(255).await;
    let queues = eventually("a dead letter", || async {
        let queues = tocsin.json("/api/v1/queues").await;
        (queues["data"]["alertmanagers"][0]["deadLetters"].as_array()?.len() == 1).then_some(queues)
    })
    .await;
    let letter = &queues["data"]["alertmanagers"][0]["deadLetters"][0];
    assert_eq!(letter["labels"]["alertname"], "Alert77");
    assert!(
        letter["reason"].as_str().is_some_and(|reason| reason.contains("start time must be before end time"))
    );
    let mut expected: Vec<_> = numbers(0..77);
    expected.extend(numbers(78..256));
    let mut taken = sink.taken_labels("n");
    taken.sort_by_key(|number| number.parse::<usize>().unwrap_or_default());
    assert_eq!(taken, expected);
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn refusals_that_pass_lose_nothing() {
    for status in [401, 503, 301] {
        let sink = Sink::start().await;
        sink.set_reply(Reply::Status(status));
        let tocsin = start(&[&sink]).await;
        assert_eq!(tocsin.push(&firing(0, 300)).await, Ok(200));
        let attempts = 2 + scaled(20);
        eventually("some attempts", || async { (sink.received().len() >= attempts.min(5)).then_some(()) })
            .await;
        sink.set_reply(Reply::Ok);
        sink.wait_for(300).await;
        assert_eq!(sink.taken_labels("n"), numbers(0..300), "after {status}");
        tocsin.assert_balance().await;
    }
}

#[tokio::test]
async fn tocsins_that_list_each_other_do_not_talk_in_circles() {
    let sink = Sink::start().await;
    let mut first = TocsinBuilder::forwarding_to(&[]).start().await;
    let second = TocsinBuilder::forwarding_to(&[]).start().await;
    let everybody = [first.address(), second.address(), sink.address().to_string()];
    first.set_targets(&everybody);
    second.set_targets(&everybody);
    for tocsin in [&first, &second] {
        eventually("itself is dropped", || async {
            let page = tocsin.json("/api/v1/alertmanagers").await;
            (page["data"]["activeAlertmanagers"].as_array()?.len() == 2
                && page["data"]["droppedAlertmanagers"].as_array()?.len() == 1)
                .then_some(())
        })
        .await;
    }
    assert_eq!(first.push(&firing(0, 100)).await, Ok(200));
    eventually("100 alerts at the sink", || async {
        (sink.taken_labels("n").into_iter().collect::<BTreeSet<_>>().len() == 100).then_some(())
    })
    .await;
    let posts = |tocsin: &Tocsin| {
        let url = tocsin.url("/metrics");
        async move {
            let page = reqwest::get(url).await.expect("an answer").text().await.expect("a page");
            page.lines()
                .filter(|line| {
                    line.starts_with("tocsin_http_requests_total") && line.contains("method=\"post\"")
                })
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum::<f64>()
        }
    };
    let deadline = Instant::now() + DEADLINE;
    let mut last = (posts(&first).await, posts(&second).await);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = (posts(&first).await, posts(&second).await);
        if now == last {
            break;
        }
        last = now;
        assert!(Instant::now() < deadline, "they still talk");
    }
    println!("pushes received: {last:?}");
    assert!(last.0 <= 2.0 && last.1 <= 2.0, "pushes received: {last:?}");
    assert_eq!(first.stop().await, Some(0));
}
