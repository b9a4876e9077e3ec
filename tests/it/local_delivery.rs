//! An `alertmanager.yml` from outside: from a push to a webhook, across kills, restarts and reloads.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::BytesMut;
use serde_json::{Value, json};
use tocsin::model::statepb::{encode_silence, push_entry};
use tocsin::model::{MatchType, Silence, SilenceMatcher, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::harness::{
    Alertmanager, Api, Peer, Reply, Sink, Tocsin, TocsinBuilder, ago, eventually, ok, scaled,
};

/// One route for everything, to a webhook at the sink.
fn alertmanager_yml(sink: &Sink, group_wait: &str, group_interval: &str) -> String {
    format!(
        "route: {{receiver: team, group_by: [alertname], group_wait: {group_wait}, group_interval: {group_interval}, \
         repeat_interval: 4h}}\n\
         receivers:\n  - name: team\n    webhook_configs: [{{url: 'http://{}/hook'}}]\n",
        sink.address()
    )
}

/// Alone: without the flag an `alertmanager.yml` alone makes a member of a cluster at Alertmanager's port.
fn alone(yaml: &str) -> TocsinBuilder {
    TocsinBuilder::new(yaml).flag("--cluster.listen-address=")
}

async fn notifying(yaml: &str) -> Tocsin {
    alone(yaml).start().await
}

fn firing(name: &str) -> Value {
    json!([{ "labels": { "alertname": name, "instance": "a" }, "startsAt": ago(1) }])
}

fn ended(name: &str) -> Value {
    json!([{ "labels": { "alertname": name, "instance": "a" }, "startsAt": ago(5), "endsAt": ago(0) }])
}

/// What the sink was told and took: the alert's name and the status of the message, in order.
fn told(sink: &Sink) -> Vec<(String, String)> {
    let taken = sink.received().into_iter().filter(|request| request.taken);
    taken
        .map(|request| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&request.body["groupLabels"]["alertname"]), text(&request.body["status"]))
        })
        .collect()
}

async fn wait_told(sink: &Sink, count: usize) -> Vec<(String, String)> {
    eventually(&format!("{count} notifications"), || async {
        let told = told(sink);
        (told.len() >= count).then_some(told)
    })
    .await
}

fn message(name: &str, status: &str) -> (String, String) {
    (name.to_owned(), status.to_owned())
}

#[tokio::test]
async fn an_alert_reaches_the_webhook_and_so_does_its_end() {
    let sink = Sink::start().await;
    let tocsin = notifying(&alertmanager_yml(&sink, "0s", "1s")).await;
    assert_eq!(tocsin.push(&firing("Down")).await, Ok(200));
    wait_told(&sink, 1).await;
    assert_eq!(tocsin.push(&ended("Down")).await, Ok(200));
    assert_eq!(wait_told(&sink, 2).await, [message("Down", "firing"), message("Down", "resolved")]);
    let first = &sink.received()[0];
    assert_eq!(first.path, "/hook");
    assert_eq!(first.body["version"], "4");
    assert_eq!(first.body["groupKey"], "{}:{alertname=\"Down\"}");
    assert_eq!(first.body["receiver"], "team");
    assert_eq!(first.body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    tocsin.assert_balance().await;
    assert_eq!(
        tocsin.metric("alertmanager_notifications_total", &["integration=\"webhook\""]).await,
        Some(2.0)
    );
    assert_eq!(
        tocsin.metric("alertmanager_notification_latency_seconds_count", &["\"webhook\""]).await,
        Some(2.0)
    );
    assert_eq!(tocsin.metric("alertmanager_receivers", &[]).await, Some(1.0));
    assert_eq!(tocsin.metric("tocsin_changes_pending", &[]).await, Some(0.0));
}

#[tokio::test]
async fn a_webhook_that_fails_is_tried_again() {
    let sink = Sink::start().await;
    sink.set_reply(Reply::Status(503));
    let tocsin = notifying(&alertmanager_yml(&sink, "0s", "10s")).await;
    tocsin.push(&firing("Down")).await.unwrap();
    eventually("two attempts", || async { (sink.received().len() >= 2).then_some(()) }).await;
    assert_eq!(told(&sink), []);
    sink.set_reply(Reply::Ok);
    assert_eq!(wait_told(&sink, 1).await, [message("Down", "firing")]);
    eventually("the attempts are counted", || async {
        let failed =
            tocsin.metric("alertmanager_notification_requests_failed_total", &["\"webhook\""]).await?;
        let failed_for_good =
            tocsin.metric("alertmanager_notifications_failed_total", &["\"webhook\""]).await?;
        (failed >= 2.0 && failed_for_good == 0.0).then_some(())
    })
    .await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_clean_restart_repeats_nothing_and_forgets_nothing() {
    let sink = Sink::start().await;
    let mut tocsin = notifying(&alertmanager_yml(&sink, "0s", "1s")).await;
    tocsin.push(&firing("Down")).await.unwrap();
    wait_told(&sink, 1).await;
    for _ in 0..2 {
        assert_eq!(tocsin.stop().await, Some(0));
        tocsin.start().await;
    }
    tocsin.push(&firing("Other")).await.unwrap();
    tocsin.push(&ended("Down")).await.unwrap();
    let mut told = wait_told(&sink, 3).await;
    told[1..].sort();
    assert_eq!(told, [message("Down", "firing"), message("Down", "resolved"), message("Other", "firing")]);
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_group_keeps_its_timer_when_we_are_killed() {
    let sink = Sink::start().await;
    let mut tocsin = notifying(&alertmanager_yml(&sink, "8s", "1m")).await;
    let pushed = Instant::now();
    // Not older than the group waits, or it would be told at once.
    let alert = json!([{ "labels": { "alertname": "Down" } }]);
    tocsin.push(&alert).await.unwrap();
    tokio::time::sleep_until(pushed + Duration::from_secs(4)).await;
    tocsin.kill().await;
    tocsin.start().await;
    let started = Instant::now();
    wait_told(&sink, 1).await;
    assert!(pushed.elapsed() >= Duration::from_secs(8), "{:?}", pushed.elapsed());
    assert!(started.elapsed() < Duration::from_secs(8), "it began to wait anew");
}

/// Alerts that begin and end while the process is killed again and again.
struct Load {
    random: fastrand::Rng,
    /// Those that fire.
    alive: Vec<String>,
    /// Those that have ended, of which the tocsin may not know yet.
    ended: Vec<String>,
    count: usize,
}

impl Load {
    /// Pushes what a rule engine would: everything that fires, with a new alert or without one that fired until now,
    /// and the ends of late. Whether the tocsin took it.
    async fn push(&mut self, tocsin: &Tocsin) -> bool {
        if self.alive.len() < 8 && self.random.bool() {
            self.alive.push(format!("Alert{}", self.count));
            self.count += 1;
        } else if self.alive.len() > 2 {
            let place = self.random.usize(..self.alive.len());
            self.ended.push(self.alive.swap_remove(place));
        }
        let alerts = |names: &[String], ends: bool| -> Vec<Value> {
            let alert = |name: &String| if ends { ended(name)[0].clone() } else { firing(name)[0].clone() };
            names.iter().map(alert).collect()
        };
        let mut all = alerts(&self.alive, false);
        all.extend(alerts(&self.ended, true));
        let taken = tocsin.push(&json!(all)).await == Ok(200);
        if taken {
            self.ended.clear();
        }
        taken
    }
}

/// What each receiver was told of each alert: the status, and how many requests had come before, for every message
/// that was taken.
fn stories(sink: &Sink) -> BTreeMap<(String, String), Vec<(String, usize)>> {
    let mut stories: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (place, request) in sink.received().into_iter().enumerate().filter(|(_, request)| request.taken) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&request.body["groupLabels"]["alertname"]);
        stories.entry((request.path, name)).or_default().push((text(&request.body["status"]), place));
    }
    stories
}

/// After every kill nothing is lost, and for each kill at most one message of each group and receiver comes twice.
#[tokio::test]
async fn killed_again_and_again_nobody_is_left_with_a_stale_incident() {
    let sink = Sink::start().await;
    let yaml = alertmanager_yml(&sink, "0s", "1s").replace(
        "webhook_configs: [",
        &format!("webhook_configs: [{{url: 'http://{}/other'}}, ", sink.address()),
    );
    let mut tocsin = notifying(&yaml).await;
    let random = fastrand::Rng::with_seed(7);
    let mut load = Load { random, alive: Vec::new(), ended: Vec::new(), count: 0 };
    let mut kills = Vec::new();
    for _ in 0..scaled(200) {
        let until = Instant::now() + Duration::from_millis(load.random.u64(20..400));
        while Instant::now() < until {
            for path in ["/hook", "/other"] {
                let fails = load.random.u8(..4) == 0;
                sink.set_reply_at(path, if fails { Reply::Status(503) } else { Reply::Ok });
            }
            load.push(&tocsin).await;
            tokio::time::sleep(Duration::from_millis(load.random.u64(..30))).await;
        }
        tocsin.kill().await;
        kills.push(sink.received().len());
        tocsin.start().await;
    }
    sink.set_reply_at("/hook", Reply::Ok);
    sink.set_reply_at("/other", Reply::Ok);
    assert!(load.push(&tocsin).await);
    eventually("everybody is told of what fires", || async {
        let stories = stories(&sink);
        let told = |name: &String| {
            ["/hook", "/other"].iter().all(|&path| stories.contains_key(&(path.to_owned(), name.clone())))
        };
        load.alive.iter().all(told).then_some(())
    })
    .await;
    for name in &load.alive {
        assert_eq!(tocsin.push(&ended(name)).await, Ok(200));
    }
    eventually("every change is told", || async {
        (tocsin.metric("tocsin_changes_pending", &[]).await? == 0.0).then_some(())
    })
    .await;
    let stories = stories(&sink);
    for (of, story) in &stories {
        assert_eq!(story.last().map(|(status, _)| status.as_str()), Some("resolved"), "{of:?}: {story:?}");
        for pair in story.windows(2) {
            let [(before, from), (after, to)] = pair else { continue };
            assert!(before != "resolved" || after == "resolved", "an older state later: {of:?}: {story:?}");
            let killed = kills.iter().any(|kill| (from + 1..=*to).contains(kill));
            assert!(before != after || killed, "twice without a kill: {of:?}: {story:?}, kills at {kills:?}");
        }
    }
    // An alert that began and ended between two flushes that both failed need not have been told at all.
    assert!(stories.len() > load.count, "{} stories of {} alerts", stories.len(), load.count);
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn alertmanagers_files_are_merged_in_and_written() {
    let sink = Sink::start().await;
    let yaml = alertmanager_yml(&sink, "0s", "1s");
    let builder = alone(&yaml);
    let now = Timestamp::from_unix(jiff::Timestamp::now().as_second(), 0);
    let silence = Silence {
        id: "3f0a6f0e-6a0b-4f5c-9d3c-3a1f2b7c8d9e".into(),
        matcher_sets: vec![vec![SilenceMatcher {
            kind: MatchType::Equal,
            name: "alertname".into(),
            value: "Quiet".into(),
        }]],
        starts_at: now - Duration::from_secs(60),
        ends_at: now + Duration::from_hours(1),
        updated_at: now - Duration::from_secs(60),
        created_by: "alice".to_owned(),
        comment: "maintenance".to_owned(),
        annotations: BTreeMap::new(),
        wire: None,
    };
    let mut file = BytesMut::new();
    push_entry(&mut file, &encode_silence(&silence, now + Duration::from_hours(100)));
    std::fs::create_dir_all(builder.directory().join("data")).unwrap();
    std::fs::write(builder.directory().join("data/silences"), &file).unwrap();
    let mut tocsin = builder.start().await;
    tocsin.push(&firing("Quiet")).await.unwrap();
    tocsin.push(&firing("Loud")).await.unwrap();
    assert_eq!(wait_told(&sink, 1).await, [message("Loud", "firing")]);
    eventually("the silence is counted", || async {
        let suppressed =
            tocsin.metric("alertmanager_notifications_suppressed_total", &["reason=\"silence\""]).await?;
        (suppressed >= 1.0).then_some(())
    })
    .await;
    assert_eq!(tocsin.metric("alertmanager_silences", &["state=\"active\""]).await, Some(1.0));
    assert_eq!(tocsin.stop().await, Some(0));
    assert_eq!(std::fs::read(tocsin.directory().join("data/silences")).unwrap(), file);
    // As if one had come from Alertmanager: the files are there, the journal is not.
    std::fs::remove_dir_all(tocsin.directory().join("data/journal")).unwrap();
    tocsin.start().await;
    tocsin.push(&firing("Loud")).await.unwrap();
    tocsin.push(&firing("Quiet")).await.unwrap();
    tocsin.push(&firing("New")).await.unwrap();
    assert_eq!(wait_told(&sink, 2).await, [message("Loud", "firing"), message("New", "firing")]);
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_reload_is_invisible_and_a_bad_file_changes_nothing() {
    let sink = Sink::start().await;
    let tocsin = notifying(&alertmanager_yml(&sink, "0s", "1s")).await;
    tocsin.push(&firing("Down")).await.unwrap();
    wait_told(&sink, 1).await;
    let file = tocsin.directory().join("prometheus.yml");
    let good = std::fs::read_to_string(&file).unwrap();
    for round in 0..6 {
        let text =
            if round == 3 { good.replace("receiver: team,", "receiver: nobody,") } else { good.clone() };
        std::fs::write(&file, format!("{text}# {round}\n")).unwrap();
        tocsin.signal("HUP").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eventually("the last file is in effect", || async {
        (tocsin.metric("alertmanager_config_last_reload_successful", &[]).await? == 1.0).then_some(())
    })
    .await;
    assert!(tocsin.log().contains("undefined receiver"), "{}", tocsin.log());
    tocsin.push(&firing("Other")).await.unwrap();
    tocsin.push(&ended("Down")).await.unwrap();
    let mut told = wait_told(&sink, 3).await;
    told[1..].sort();
    assert_eq!(told, [message("Down", "firing"), message("Down", "resolved"), message("Other", "firing")]);
    tocsin.assert_balance().await;
}

/// A slow receiver costs the other one nothing.
#[tokio::test]
async fn a_dead_receiver_holds_up_nobody() {
    let (dead, alive) = (Sink::start().await, Sink::start().await);
    dead.set_reply(Reply::Never);
    let yaml = format!(
        "route:\n  receiver: alive\n  group_by: [alertname]\n  group_wait: 0s\n  routes:\n    \
         - {{receiver: dead, continue: true}}\n    - {{receiver: alive}}\n\
         receivers:\n  - name: alive\n    webhook_configs: [{{url: 'http://{}/'}}]\n  \
         - name: dead\n    webhook_configs: [{{url: 'http://{}/'}}]\n",
        alive.address(),
        dead.address()
    );
    let tocsin = notifying(&yaml).await;
    for number in 0..50 {
        assert_eq!(tocsin.push(&firing(&format!("Alert{number}"))).await, Ok(200));
    }
    wait_told(&alive, 50).await;
    eventually("the dead one is asked as well", || async { (dead.received().len() == 50).then_some(()) })
        .await;
    tocsin.assert_balance().await;
}

/// Both halves at once: whatever is forwarded is notified from here as well.
#[tokio::test]
async fn with_both_kinds_of_file_an_alert_is_forwarded_and_notified() {
    let (alertmanager, hook) = (Sink::start().await, Sink::start().await);
    let tocsin = TocsinBuilder::forwarding_to(&[alertmanager.address().to_string()])
        .file("alertmanager.yml", alertmanager_yml(&hook, "0s", "1s"))
        .flag("--config.file=alertmanager.yml")
        .start()
        .await;
    tocsin.push(&firing("Down")).await.unwrap();
    wait_told(&hook, 1).await;
    alertmanager.wait_for(1).await;
    assert!(tocsin.log().contains("told twice"), "{}", tocsin.log());
    tocsin.assert_balance().await;
}

/// The fallback tells what no Alertmanager takes, and the end of what it told, whoever is back by then.
#[tokio::test]
async fn the_fallback_tells_only_what_no_alertmanager_takes() {
    let (alertmanager, hook) = (Sink::start().await, Sink::start().await);
    let mut tocsin = TocsinBuilder::forwarding_to(&[alertmanager.address().to_string()])
        .file("alertmanager.yml", alertmanager_yml(&hook, "0s", "1s"))
        .flag("--config.file=alertmanager.yml")
        .flag("--delivery.local=fallback")
        .flag("--delivery.fallback-after=3s")
        .start()
        .await;
    tocsin.push(&firing("Theirs")).await.unwrap();
    eventually("the Alertmanager's answer is in the books", || async {
        let idle = tocsin.metric("tocsin_changes_total", &["reason=\"fallback_idle\""]).await?;
        (idle == 1.0).then_some(())
    })
    .await;
    alertmanager.set_reply(Reply::Status(503));
    for number in 0..5 {
        tocsin.push(&firing(&format!("Ours{number}"))).await.unwrap();
    }
    // A kill in between loses nothing of what is held back.
    tocsin.kill().await;
    tocsin.start().await;
    tocsin.push(&firing("Theirs")).await.unwrap();
    let told = wait_told(&hook, 5).await;
    assert!(told.iter().all(|(name, status)| name.starts_with("Ours") && status == "firing"), "{told:?}");
    alertmanager.set_reply(Reply::Ok);
    for number in 0..5 {
        tocsin.push(&ended(&format!("Ours{number}"))).await.unwrap();
    }
    tocsin.push(&ended("Theirs")).await.unwrap();
    let told = wait_told(&hook, 10).await;
    let ends = told.iter().filter(|(name, status)| name.starts_with("Ours") && status == "resolved");
    assert_eq!(ends.count(), 5, "{told:?}");
    assert!(told.iter().all(|(name, _)| name != "Theirs"), "{told:?}");
    tocsin.assert_balance().await;
}

/// An Alertmanager takes an alert and dies before its group has waited: nobody was told, so the fallback tells it.
#[tokio::test]
async fn the_fallback_tells_what_an_alertmanager_took_and_could_not_tell() {
    let (alertmanager, hook) = (Sink::start().await, Sink::start().await);
    let tocsin = TocsinBuilder::forwarding_to(&[alertmanager.address().to_string()])
        .file("alertmanager.yml", alertmanager_yml(&hook, "1h", "1s"))
        .flag("--config.file=alertmanager.yml")
        .flag("--delivery.local=fallback")
        .flag("--delivery.fallback-after=1s")
        .start()
        .await;
    let late = json!([{ "labels": { "alertname": "Late", "instance": "a" }, "startsAt": ago(7200) }]);
    tocsin.push(&late).await.unwrap();
    alertmanager.wait_for(1).await;
    alertmanager.set_reply(Reply::Status(503));
    tocsin.push(&late).await.unwrap();
    assert_eq!(wait_told(&hook, 1).await, [message("Late", "firing")]);
    alertmanager.set_reply(Reply::Ok);
    tocsin.push(&ended("Late")).await.unwrap();
    assert_eq!(wait_told(&hook, 2).await[1..], [message("Late", "resolved")]);
    tocsin.assert_balance().await;
}

/// A silence that an Alertmanager has holds back the fallback too, when that Alertmanager has died.
#[tokio::test]
async fn the_fallback_minds_the_alertmanagers_silences() {
    let hook = Sink::start().await;
    let (pushes, _) = watch::channel(0);
    let counted = pushes.clone();
    let alertmanager = Peer::start(move |seen| {
        if seen.uri.path() != "/api/v2/silences" {
            counted.send_modify(|count| *count += 1);
            return (503, Vec::new(), String::new());
        }
        let silence = json!([{
            "id": "3f0a6f0e-6a0b-4f5c-9d3c-3a1f2b7c8d9e", "status": { "state": "active" }, "updatedAt": ago(60),
            "startsAt": ago(60), "endsAt": ago(-3600), "createdBy": "alice", "comment": "maintenance",
            "matchers": [{ "name": "alertname", "value": "Quiet", "isRegex": false, "isEqual": true }],
        }]);
        ok(silence.to_string())
    })
    .await;
    let tocsin = TocsinBuilder::forwarding_to(&[alertmanager.address().to_string()])
        .file("alertmanager.yml", alertmanager_yml(&hook, "0s", "1s"))
        .flag("--config.file=alertmanager.yml")
        .flag("--delivery.local=fallback")
        .flag("--delivery.fallback-after=1s")
        .start()
        .await;
    eventually("its silence is known", || async {
        let active = tocsin.metric("alertmanager_silences", &["state=\"active\""]).await?;
        (active == 1.0).then_some(())
    })
    .await;
    tocsin.push(&firing("Quiet")).await.unwrap();
    tocsin.push(&firing("Loud")).await.unwrap();
    assert_eq!(wait_told(&hook, 1).await, [message("Loud", "firing")]);
    eventually("the other one is silenced", || async {
        let silenced = tocsin.metric("tocsin_changes_total", &["reason=\"silence\""]).await?;
        (silenced == 1.0).then_some(())
    })
    .await;
    assert!(*pushes.borrow() > 0, "the Alertmanager is asked first");
    tocsin.assert_balance().await;
}

/// Carries what an Alertmanager keeps from one directory of data to another.
fn carry(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for file in ["silences", "nflog"] {
        std::fs::copy(from.join(file), to.join(file)).expect("a copy");
    }
}

/// From a real Alertmanager to us and back: the silences are the same, and nobody is told twice.
#[tokio::test]
async fn people_come_from_a_real_alertmanager_and_go_back() {
    let sink = Sink::start().await;
    let yaml = alertmanager_yml(&sink, "0s", "1s");
    let Some(mut alertmanager) = Alertmanager::start("0.33", &yaml).await else { return };
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let theirs = Api::asked_by(client, format!("http://{}", alertmanager.address()));
    let silence = json!({
        "startsAt": ago(1), "endsAt": ago(-3600), "createdBy": "alice", "comment": "maintenance",
        "matchers": [{ "name": "alertname", "value": "Quiet", "isRegex": false, "isEqual": true }],
    });
    let set = theirs.request(reqwest::Method::POST, "/api/v2/silences").json(&silence).send().await;
    assert!(set.expect("an answer").status().is_success());
    theirs.push(&firing("Loud")).await.unwrap();
    wait_told(&sink, 1).await;
    let silences = theirs.json("/api/v2/silences").await;
    alertmanager.stop().await;

    let builder = alone(&yaml);
    carry(&alertmanager.directory().join("data"), &builder.directory().join("data"));
    let mut tocsin = builder.start().await;
    assert_eq!(tocsin.json("/api/v2/silences").await, silences);
    for name in ["Loud", "Quiet", "New"] {
        tocsin.push(&firing(name)).await.unwrap();
    }
    let told = wait_told(&sink, 2).await;
    assert_eq!(told, [message("Loud", "firing"), message("New", "firing")]);
    tocsin.assert_balance().await;
    assert_eq!(tocsin.stop().await, Some(0));

    carry(&tocsin.directory().join("data"), &alertmanager.directory().join("data"));
    alertmanager.start_again().await;
    assert_eq!(theirs.json("/api/v2/silences").await, silences);
    for name in ["Loud", "Quiet", "New", "Newest"] {
        theirs.push(&firing(name)).await.unwrap();
    }
    eventually("the Alertmanager has looked at all of them", || async {
        let silenced = theirs.metric("alertmanager_notifications_suppressed_total", &["\"silence\""]).await?;
        let asked = theirs.metric("alertmanager_nflog_queries_total", &[]).await?;
        (silenced >= 1.0 && asked >= 3.0).then_some(())
    })
    .await;
    let told = wait_told(&sink, 3).await;
    assert_eq!(told[2..], [message("Newest", "firing")]);
}
