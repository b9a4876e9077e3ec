//! Alertmanagers that are down, or refuse: nothing is lost.

use super::*;

#[tokio::test(start_paused = true)]
async fn after_an_outage_all_arrive_once_and_in_order_although_the_queue_was_too_small() {
    let rig = Rig::with(&["am"], |options| options.queue_capacity = 100).await;
    rig.network.set("am", Mood::Down);
    rig.push(rig.firing(numbered(0..150)));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(rig.network.attempts("am") < 30, "it backs off");
    rig.network.set("am", Mood::Up);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(rig.network.names("am"), numbered(0..150));
    let (_, balance) = rig.stop().await;
    assert_eq!((balance.pending, balance.count(Outcome::Delivered)), (0, 150));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_thirty_repeats_costs_one_state_an_alert() {
    let rig = Rig::with(&["am"], |options| options.queue_capacity = 100).await;
    rig.network.set("am", Mood::Down);
    for minute in 0..30 {
        rig.push(rig.firing(numbered(0..500 - minute)));
        rig.push(rig.ended(numbered(500 - minute..500)));
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    rig.network.set("am", Mood::Up);
    tokio::time::sleep(Duration::from_secs(31)).await;
    let mut last = BTreeMap::new();
    let alerts = rig.network.alerts("am");
    for alert in &alerts {
        last.insert(
            alert["labels"]["alertname"].as_str().expect("a name").to_owned(),
            alert["endsAt"].clone(),
        );
    }
    assert_eq!(last.len(), 500);
    assert!(alerts.len() <= 600, "{} alerts", alerts.len());
    let now = (rig.clock)().to_rfc3339_millis();
    let ended = last.values().filter(|ends| ends.as_str().is_some_and(|ends| ends < now.as_str())).count();
    assert_eq!(ended, 29);
    let (_, balance) = rig.stop().await;
    assert_eq!(balance.pending, 0);
}

#[tokio::test(start_paused = true)]
async fn one_refused_alert_of_256_is_dead_lettered_by_name() {
    let rig = Rig::with(&["am"], |_| {}).await;
    rig.network.set("am", Mood::Refuses("alert0100"));
    rig.push(rig.firing(numbered(0..256)));
    rig.settle().await;
    let mut names = rig.network.names("am");
    names.sort();
    assert_eq!(names, numbered(0..256).into_iter().filter(|name| name != "alert0100").collect::<Vec<_>>());
    let queue = rig.manager.queues().await.remove(0);
    assert_eq!(queue.dead_letters.len(), 1);
    assert_eq!(queue.dead_letters[0].labels["alertname"], "alert0100");
    assert!(queue.dead_letters[0].reason.contains("bad alert0100"), "{:?}", queue.dead_letters);
    assert_eq!(rig.metric("prometheus_notifications_dropped_total", "am"), Some(1.0));
    let (_, balance) = rig.stop().await;
    assert_eq!(
        (balance.pending, balance.count(Outcome::DeadLettered), balance.count(Outcome::Delivered)),
        (0, 1, 255)
    );
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_401_503_or_301_loses_nothing() {
    for code in [401, 403, 404, 301, 303, 429, 503] {
        let rig = Rig::with(&["am"], |_| {}).await;
        rig.network.set("am", Mood::Status(code));
        rig.push(rig.firing(numbered(0..20)));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(rig.metric("prometheus_notifications_dropped_total", "am"), Some(0.0));
        rig.network.set("am", Mood::Up);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(rig.network.names("am"), numbered(0..20), "{code}");
        let (_, balance) = rig.stop().await;
        assert_eq!((balance.pending, balance.count(Outcome::Delivered)), (0, 20));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured() {
    let rig = Rig::with(&["am"], |_| {}).await;
    rig.network.set("am", Mood::RetryAfter(Duration::from_secs(90)));
    rig.push(rig.firing(numbered(0..1)));
    tokio::time::sleep(Duration::from_secs(89)).await;
    assert_eq!(rig.network.attempts("am"), 1);
    rig.network.set("am", Mood::Up);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.network.names("am").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_firing_who_were_told_are_told_their_end_and_restarted_ones_everything() {
    let rig = Rig::with(&["am"], |_| {}).await;
    rig.push(rig.firing(numbered(0..2)));
    rig.settle().await;
    // It restarts: one request fails, one alert ends meanwhile.
    rig.network.set("am", Mood::Down);
    rig.push(rig.ended(numbered(0..1)));
    tokio::time::sleep(Duration::from_secs(3)).await;
    rig.network.set("am", Mood::Up);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(
        rig.network.names("am"),
        ["alert0000", "alert0001", "alert0001", "alert0000"],
        "what fires is told before what ended"
    );
    assert_eq!(rig.network.batches("am"), [2, 1, 1], "and not in one request with it");
}

/// A minute in which it takes nothing, while alerts begin, go on with other annotations, and end: of what it knew
/// and of what it never heard of it is told the last state, each once, however small its queue.
#[tokio::test(start_paused = true)]
async fn after_a_minute_of_refusals_each_last_state_arrives_once() {
    for code in [301, 302, 303, 401, 403, 404, 429, 500, 502, 503, 504] {
        let rig = Rig::with(&["am"], |options| options.queue_capacity = 50).await;
        rig.push(rig.firing(numbered(0..40)));
        rig.settle().await;
        let known = rig.network.alerts("am").len();
        assert_eq!(known, 40);
        rig.network.set("am", Mood::Status(code));
        // What it knows ends from the front, what it does not know from 40 on.
        for (round, ended) in [0, 10, 20, 20].into_iter().enumerate() {
            let over = [numbered(0..ended), numbered(40..40 + ended)].concat();
            let going_on = [numbered(ended..40), numbered(40 + ended..100)].concat();
            let described = |alerts: Vec<Alert>| -> Vec<Alert> {
                let annotations = LabelSet::from_iter([("round", round.to_string())]);
                alerts.into_iter().map(|alert| Alert { annotations: annotations.clone(), ..alert }).collect()
            };
            rig.push(described(rig.firing(going_on)));
            rig.push(described(rig.ended(over)));
            tokio::time::sleep(Duration::from_secs(15)).await;
        }
        assert_eq!(rig.network.alerts("am").len(), known, "{code} takes nothing");
        assert!((3..30).contains(&rig.network.attempts("am")), "{code}: {}", rig.network.attempts("am"));
        rig.network.set("am", Mood::Up);
        tokio::time::sleep(Duration::from_secs(30)).await;

        let told = rig.network.alerts("am").split_off(known);
        let mut names: Vec<&str> =
            told.iter().filter_map(|alert| alert["labels"]["alertname"].as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, numbered(0..100), "{code}: each once");
        let now = (rig.clock)().to_rfc3339_millis();
        for alert in &told {
            let name = alert["labels"]["alertname"].as_str().expect("a name");
            let is_over = numbered(0..20).iter().chain(&numbered(40..60)).any(|over| over == name);
            let ends_at = alert["endsAt"].as_str().expect("a time");
            assert_eq!(
                (&alert["annotations"]["round"], ends_at < now.as_str()),
                (&"3".into(), is_over),
                "{code}: {alert}"
            );
        }
        assert_eq!(rig.metric("prometheus_notifications_dropped_total", "am"), Some(0.0));
        let (_, balance) = rig.stop().await;
        assert_eq!(balance.pending, 0, "{code}");
    }
}

/// The fallback must know from whom nothing is to be expected.
#[tokio::test(start_paused = true)]
async fn a_failure_is_lost_contact_and_a_refusal_is_not() {
    let rig = Rig::with(&["one", "two"], |_| {}).await;
    rig.push(rig.firing(numbered(0..2)));
    rig.settle().await;
    rig.network.set("one", Mood::Refuses("alert0001"));
    rig.network.set("two", Mood::Status(503));
    rig.push(rig.firing(numbered(1..2)));
    rig.settle().await;
    let lost = rig.store.lost.lock().expect("no panic").clone();
    assert_eq!(lost.iter().map(|url| &**url).collect::<Vec<_>>(), ["http://two:9093/api/v2/alerts"]);
    rig.stop().await;
}
