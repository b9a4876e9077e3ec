//! Who is sent what: batches, relabelling, full queues, neighbours, other tocsins.

use super::*;

/// TestHandlerSendAll: failing Alertmanagers hold up nobody, and get what they missed.
#[tokio::test(start_paused = true)]
async fn sends_to_all_and_again_to_those_that_failed() {
    let rig = Rig::with(&["one", "two", "three"], |_| {}).await;
    rig.network.set("two", Mood::Status(404));
    rig.network.set("three", Mood::Status(500));
    rig.push(rig.firing(numbered(0..10)));
    rig.settle().await;
    assert_eq!(rig.network.names("one"), numbered(0..10));
    assert_eq!(rig.metric("prometheus_notifications_sent_total", "one"), Some(10.0));
    assert_eq!(rig.metric("prometheus_notifications_errors_total", "one"), Some(0.0));
    assert_eq!(rig.metric("prometheus_notifications_errors_total", "two"), Some(10.0));
    assert_eq!(rig.metric("prometheus_notifications_dropped_total", "two"), Some(0.0));
    for host in ["two", "three"] {
        rig.network.set(host, Mood::Up);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for host in ["one", "two", "three"] {
        assert_eq!(rig.network.names(host), numbered(0..10), "{host}");
    }
    let (_, balance) = rig.stop().await;
    assert_eq!((balance.pending, balance.count(Outcome::Delivered)), (0, 30));
}

/// TestHandlerSendAllRemapPerAm, TestAlerstRelabelingIsIsolated.
#[tokio::test(start_paused = true)]
async fn every_set_relabels_for_itself() {
    let rig = Rig::new(|_| {});
    let relabelling = |number, rules| SetConfig { alert_relabel_configs: rules, ..set(number) };
    rig.apply(vec![
        set(1),
        relabelling(2, vec![rule(RelabelAction::Drop, "alertname", "alert0001", "", "$1")]),
        relabelling(3, vec![rule(RelabelAction::Drop, "alertname", ".*", "", "$1")]),
        relabelling(4, vec![rule(RelabelAction::Replace, "alertname", "(.*)", "parasite", "$1")]),
        set(5),
    ]);
    rig.discover(&[(1, &["all"]), (2, &["half"]), (3, &["none"]), (4, &["more"]), (5, &[])]).await;
    rig.settle().await;
    rig.push(rig.firing(numbered(0..2)));
    rig.settle().await;
    assert_eq!(rig.network.names("all"), numbered(0..2));
    assert_eq!(rig.network.names("half"), numbered(0..1));
    assert_eq!(rig.network.attempts("none"), 0);
    assert_eq!(rig.network.alerts("more")[0]["labels"]["parasite"], "alert0000");
    assert_eq!(rig.network.alerts("all")[0]["labels"].get("parasite"), None);
    let suppressed = Outcome::Suppressed(crate::model::Suppression::Relabel);
    let (_, balance) = rig.stop().await;
    assert_eq!((balance.pending, balance.count(suppressed), balance.count(Outcome::Delivered)), (0, 3, 5));
}

/// TestHandlerQueuing: the batch in flight is not counted; the one that left the full queue arrives last.
#[tokio::test(start_paused = true)]
async fn a_full_queue_keeps_the_newest_and_the_rest_follows() {
    let rig = Rig::with(&["am"], |options| {
        options.queue_capacity = 30;
        options.max_batch_size = 10;
    })
    .await;
    rig.network.set("am", Mood::Hangs);
    for batch in 0..5 {
        rig.push(rig.firing(numbered(batch * 10..batch * 10 + 10)));
        rig.settle().await;
    }
    let queue = rig.manager.queues().await.remove(0);
    assert_eq!((queue.length, queue.capacity, queue.in_flight, queue.behind), (30, 30, 10, true));
    assert_eq!(rig.metric("prometheus_notifications_queue_length", "am"), Some(30.0));
    assert_eq!(rig.metric("prometheus_notifications_queue_capacity", "am"), Some(30.0));
    rig.network.set("am", Mood::Up);
    rig.settle().await;
    let order: Vec<String> = [0..10, 20..30, 30..40, 40..50, 10..20].into_iter().flat_map(numbered).collect();
    assert_eq!(rig.network.names("am"), order);
    let (_, balance) = rig.stop().await;
    assert_eq!((balance.pending, balance.count(Outcome::Delivered)), (0, 50));
}

#[tokio::test(start_paused = true)]
async fn while_a_request_hangs_the_newest_stay_queued_and_the_others_follow() {
    let rig = Rig::with(&["am"], |options| options.queue_capacity = 100).await;
    rig.network.set("am", Mood::Hangs);
    rig.push(rig.firing(["first".to_owned()]));
    rig.settle().await;
    rig.push(rig.firing(numbered(0..150)));
    rig.settle().await;
    assert_eq!(rig.manager.queues().await[0].length, 100);
    rig.network.set("am", Mood::Up);
    rig.settle().await;
    let order = [vec!["first".to_owned()], numbered(50..150), numbered(0..50)].concat();
    assert_eq!(rig.network.names("am"), order);
}

/// TestNotifierQueueIndependentOfFailedAlertmanager, and the slow, dead and hanging neighbours.
#[tokio::test(start_paused = true)]
async fn a_slow_a_dead_and_a_hanging_neighbour_delay_nobody() {
    let rig = Rig::with(&["healthy", "slow", "dead", "hanging"], |_| {}).await;
    rig.network.set("slow", Mood::Slow(Duration::from_secs(5)));
    rig.network.set("dead", Mood::Down);
    rig.network.set("hanging", Mood::Hangs);
    for batch in 0..40 {
        rig.push(rig.firing(numbered(batch * 100..batch * 100 + 100)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.network.names("healthy"), numbered(0..4000));
}

#[tokio::test(start_paused = true)]
async fn signals_are_not_doubled() {
    let rig = Rig::new(|_| {});
    for _ in 0..1000 {
        rig.manager.set_more();
    }
    let mut more = rig.manager.0.more_receiver.lock().expect("no panic").take().expect("it has not run");
    assert!(more.try_recv().is_ok());
    assert!(more.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn alerts_wait_in_the_store_while_there_is_no_alertmanager() {
    let rig = Rig::new(|_| {});
    rig.push(rig.firing(numbered(0..3)));
    rig.settle().await;
    rig.apply(vec![set(1)]);
    rig.discover(&[(1, &["am"])]).await;
    rig.settle().await;
    assert_eq!(rig.network.names("am"), numbered(0..3));
}

#[tokio::test(start_paused = true)]
async fn what_came_from_a_tocsin_goes_to_no_other() {
    let rig = Rig::with(&["peer", "am"], |_| {}).await;
    rig.network.set("peer", Mood::Tocsin("them"));
    rig.push(rig.firing(numbered(0..1)));
    rig.settle().await;
    rig.push_through("them", rig.firing(numbered(1..2)));
    rig.settle().await;
    assert_eq!(rig.network.names("am"), numbered(0..2));
    assert_eq!(rig.network.names("peer"), numbered(0..1));
    let attempts = rig.network.attempts.lock().expect("no panic").clone();
    let paths: Vec<&str> =
        attempts.iter().filter(|(url, ..)| url.contains("//am")).map(|(_, _, path)| path.as_str()).collect();
    assert_eq!(paths, ["us", "them,us"]);
    let (_, balance) = rig.stop().await;
    let peer = Outcome::Suppressed(crate::model::Suppression::Peer);
    assert_eq!((balance.pending, balance.count(peer)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_ourselves_drops_the_target() {
    let rig = Rig::with(&["alias", "am"], |_| {}).await;
    rig.network.set("alias", Mood::Tocsin("us"));
    rig.push(rig.firing(numbered(0..1)));
    rig.settle().await;
    let shown = rig.manager.alertmanagers();
    assert_eq!((shown.active.len(), shown.dropped.len()), (1, 1));
    rig.push(rig.firing(numbered(1..2)));
    rig.settle().await;
    assert_eq!(rig.network.attempts("alias"), 1);
}
