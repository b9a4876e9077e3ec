//! Alertmanagers that come and go: discovery, reload, stop.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_new_alertmanager_gets_all_that_fires_at_once() {
    let rig = Rig::with(&["one"], |_| {}).await;
    rig.push(rig.firing(numbered(0..500)));
    rig.settle().await;
    rig.discover(&[(1, &["one", "two"])]).await;
    rig.settle().await;
    assert_eq!(rig.network.names("two"), numbered(0..500));
    assert_eq!(rig.network.names("one").len(), 500);
}

/// TestHangingNotifier: discovery is heard while one hangs and the other has much to do.
#[tokio::test(start_paused = true)]
async fn a_hanging_alertmanager_can_be_removed() {
    let rig = Rig::with(&["healthy", "hanging"], |options| {
        options.max_batch_size = 1;
        options.drain_on_shutdown = false;
    })
    .await;
    rig.network.set("hanging", Mood::Hangs);
    rig.network.set("healthy", Mood::Slow(Duration::from_millis(100)));
    rig.push(rig.firing(numbered(0..100)));
    rig.settle().await;
    rig.discover(&[(1, &["healthy"])]).await;
    rig.settle().await;
    assert_eq!(rig.manager.alertmanagers().active.len(), 1);
    assert!(rig.network.names("healthy").len() < 10);
    assert_eq!(rig.metric("prometheus_notifications_alertmanagers_discovered", ""), Some(1.0));
}

/// TestReload, TestDroppedAlertmanagers.
#[tokio::test(start_paused = true)]
async fn targets_become_urls_and_dropped_ones_are_listed() {
    let rig = Rig::new(|options| options.listeners = vec!["127.0.0.1:9093".parse().expect("an address")]);
    let drop = rule(RelabelAction::Drop, "__address__", "bad.*", "", "$1");
    rig.apply(vec![SetConfig { relabel_configs: vec![drop], path_prefix: "/p".to_owned(), ..set(1) }]);
    rig.discover(&[(1, &["alertmanager", "bad", "127.0.0.1"])]).await;
    rig.settle().await;
    let shown = rig.manager.alertmanagers();
    let texts = |urls: &[Arc<str>]| urls.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&shown.active), ["http://alertmanager:9093/p/api/v2/alerts"]);
    assert_eq!(
        texts(&shown.dropped),
        ["http://bad:9093/p/api/v2/alerts", "http://127.0.0.1:9093/p/api/v2/alerts"]
    );
}

/// TestStop_DrainingDisabled, TestStop_DrainingEnabled.
#[tokio::test(start_paused = true)]
async fn stopping_drains_the_queue_unless_that_is_off() {
    for (draining, expected) in [(true, 2), (false, 1)] {
        let rig = Rig::with(&["am"], |options| {
            options.max_batch_size = 1;
            options.drain_on_shutdown = draining;
        })
        .await;
        rig.network.set("am", Mood::Slow(Duration::from_secs(1)));
        rig.push(rig.firing(numbered(0..2)));
        rig.settle().await;
        let (network, balance) = rig.stop().await;
        assert_eq!(network.names("am").len(), expected);
        assert_eq!(balance.pending, 2 - expected as u64, "what is left follows after the next start");
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_the_dead() {
    let rig = Rig::with(&["dead", "hanging"], |_| {}).await;
    rig.network.set("dead", Mood::Down);
    rig.network.set("hanging", Mood::Hangs);
    rig.push(rig.firing(numbered(0..2)));
    rig.settle().await;
    let started = Instant::now();
    let (_, balance) = rig.stop().await;
    assert!(started.elapsed() <= Duration::from_secs(20));
    assert_eq!(balance.pending, 4);
}

/// TestQueuesDrainingOnApplyConfig.
#[tokio::test(start_paused = true)]
async fn what_is_queued_for_a_removed_entry_is_sent_unless_that_is_off() {
    for (draining, expected) in [(true, 20), (false, 10)] {
        let rig = Rig::with(&["am"], |options| {
            options.max_batch_size = 10;
            options.drain_on_shutdown = draining;
        })
        .await;
        rig.network.set("am", Mood::Slow(Duration::from_secs(1)));
        rig.push(rig.firing(numbered(0..20)));
        rig.settle().await;
        rig.apply(Vec::new());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(rig.network.names("am").len(), expected);
        assert!(rig.manager.alertmanagers().active.is_empty());
        assert!(rig.manager.queues().await.is_empty());
        assert_eq!(rig.metric("prometheus_notifications_sent_total", "am"), None, "its series is gone");
        let (_, balance) = rig.stop().await;
        let gone = Outcome::Expired(crate::model::Expiry::DestinationGone);
        assert_eq!((balance.pending, balance.count(gone)), (0, 20 - expected as u64));
    }
}

/// TestApplyConfig, TestApplyConfigSendLoopsNotStoppedOnKeyChange, TestApplyConfigDuplicateHashSharesSendLoops,
/// TestApplyConfigHashChangeLeaksSendLoops.
#[tokio::test(start_paused = true)]
async fn sets_survive_a_reload_wherever_their_entries_move() {
    let rig = Rig::new(|_| {});
    rig.apply(vec![set(1), set(2)]);
    rig.discover(&[(1, &["one"]), (2, &["two"])]).await;
    rig.settle().await;
    rig.network.set("one", Mood::Hangs);
    rig.push(rig.firing(numbered(0..5)));
    rig.settle().await;
    rig.push(rig.firing(numbered(5..10)));
    rig.settle().await;
    rig.apply(vec![set(2), set(1), set(1)]);
    rig.settle().await;
    assert_eq!(rig.manager.alertmanagers().active.len(), 2, "the same entry twice is one set");
    let queues = rig.manager.queues().await;
    assert_eq!(queues.iter().map(|queue| queue.length).sum::<usize>(), 5, "the queue moved along");
    // Either copy goes away: the queue stays.
    rig.apply(vec![set(1), set(2)]);
    rig.network.set("one", Mood::Up);
    rig.settle().await;
    assert_eq!(rig.network.names("one"), numbered(0..10), "each once");

    rig.apply(vec![SetConfig { path_prefix: "/new".to_owned(), ..set(3) }, set(2)]);
    rig.settle().await;
    assert_eq!(rig.manager.alertmanagers().active.len(), 1, "a changed entry waits for its targets");
    rig.discover(&[(3, &["one"]), (2, &["two"])]).await;
    rig.settle().await;
    assert_eq!(rig.network.names("one/new").len() + rig.network.names("one:9093/new").len(), 10);
}

/// TestManagerClosedTargetSetsChannel.
#[tokio::test(start_paused = true)]
async fn the_end_of_discovery_is_not_the_end() {
    let mut rig = Rig::with(&["am"], |_| {}).await;
    rig.targets = None;
    rig.settle().await;
    rig.push(rig.firing(numbered(0..3)));
    rig.settle().await;
    assert_eq!(rig.network.names("am").len(), 3);
    assert!(!rig.task.is_finished());
}

/// TestMetrics: series exist from the start, are removed with the Alertmanager, and can come again.
#[tokio::test(start_paused = true)]
async fn series_come_and_go_with_their_alertmanager() {
    let rig = Rig::with(&["am"], |_| {}).await;
    let names = ["sent_total", "errors_total", "dropped_total", "queue_length"];
    let values = |rig: &Rig| names.map(|name| rig.metric(&format!("prometheus_notifications_{name}"), "am"));
    assert_eq!(values(&rig), [Some(0.0); 4]);
    rig.discover(&[(1, &[])]).await;
    rig.settle().await;
    assert_eq!(values(&rig), [None; 4]);
    rig.discover(&[(1, &["am"])]).await;
    rig.settle().await;
    assert_eq!(values(&rig), [Some(0.0); 4]);
    rig.push(rig.firing(numbered(0..1)));
    rig.settle().await;
    let text = prometheus::TextEncoder::new().encode_to_string(&rig.registry.gather()).expect("text");
    assert!(text.contains("prometheus_notifications_latency_seconds{alertmanager=\"http://am:9093/api/v2/alerts\",quantile=\"0.99\"}"), "{text}");
    assert!(text.contains("prometheus_notifications_latency_histogram_seconds_bucket{alertmanager=\"http://am:9093/api/v2/alerts\",le=\"0.01\"}"));
}
