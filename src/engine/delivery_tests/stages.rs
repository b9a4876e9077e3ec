//! The pipeline from end to end: what its stages let through.

use std::sync::Arc;
use std::time::Duration;

use super::sim::{Answer, START, Sim, labels, matcher, plan, receiver, root, secs, sent, silence_matcher};
use crate::engine::{
    Action, AlertState, Cluster, DeliveryEvent, Event, InhibitRuleDefinition, NamedTimeInterval, Notice,
    Range, RouteDefinition, TimeInterval,
};
use crate::model::{
    FailureReason, IntegrationId, LogEntry, LogKey, Outcome, Silence, Suppression, Timestamp,
};

fn silence(matchers: &[&str], seconds: u64) -> Silence {
    Silence {
        id: "".into(),
        matcher_sets: vec![matchers.iter().map(|text| silence_matcher(text)).collect()],
        starts_at: Timestamp::ZERO,
        ends_at: START + secs(seconds),
        updated_at: Timestamp::ZERO,
        created_by: "me".to_owned(),
        comment: "why".to_owned(),
        annotations: std::collections::BTreeMap::new(),
        wire: None,
    }
}

fn set_silence(sim: &mut Sim, matchers: &[&str], until: u64) {
    let silence = Box::new(silence(matchers, until));
    let handled = sim.handle(Event::SilenceSet { silence, new_id: format!("id-{until}").into() });
    assert!(handled.silence.unwrap().is_ok());
}

fn suppressed(sim: &Sim, reason: Suppression) -> (u64, u64) {
    let delivery = sim.engine.delivery();
    let counted = delivery.counts().suppressed.get(&reason).copied().unwrap_or_default();
    (counted, delivery.balance().count(Outcome::Suppressed(reason)))
}

#[test]
fn a_silenced_alert_leaves_the_notification_and_comes_back() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    set_silence(&mut sim, &["name=a"], 400);
    sim.fire(&[("name", "a")]);
    sim.fire(&[("name", "b")]);
    sim.advance(secs(30));
    assert_eq!(sim.take_sent(), [sent(30, &["b"])]);
    let group = sim.engine.delivery().dispatcher().groups().next().unwrap();
    let states: Vec<AlertState> = group.alerts().map(|(_, state)| state).collect();
    assert_eq!(states, [AlertState::Suppressed, AlertState::Active]);
    assert_eq!(suppressed(&sim, Suppression::Silence), (1, 1));
    let status = sim.engine.delivery().status(&labels(&[("name", "a")]), sim.now);
    assert_eq!(status.silenced_by, ["id-400"]);
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), [sent(630, &["a", "b"])]);
}

#[test]
fn a_stage_that_empties_the_list_ends_the_flush_with_success() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    set_silence(&mut sim, &["name=~.+"], 3600);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(60));
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(300));
    assert_eq!(sim.take_sent(), []);
    assert!(sim.engine.delivery().dispatcher().is_empty(), "the end was dropped with its alert");
    assert!(sim.notices.is_empty());
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0);
    assert_eq!(suppressed(&sim, Suppression::Silence), (2, 2));
}

#[test]
fn what_was_told_and_silenced_is_told_to_end_only_if_wanted() {
    for (wanted, expected) in [(false, vec![]), (true, vec![sent(330, &["-a"])])] {
        let mut definition = plan(vec![root(&[])]);
        definition.options.resolve_when_muted = wanted;
        let mut sim = Sim::new(definition);
        sim.fire(&[("name", "a")]);
        sim.advance(secs(40));
        set_silence(&mut sim, &["name=a"], 4000);
        sim.sent.clear();
        sim.resolve(&[("name", "a")]);
        sim.fire(&[("name", "b"), ("x", "y")]);
        set_silence(&mut sim, &["name=b"], 5000);
        sim.advance(secs(700));
        assert_eq!(sim.take_sent(), expected, "{wanted}");
    }
}

#[test]
fn an_inhibited_alert_is_told_when_its_source_has_ended() {
    let mut definition = plan(vec![root(&[])]);
    definition.inhibit_rules = vec![InhibitRuleDefinition {
        source_matchers: vec![matcher("severity=critical")],
        target_matchers: vec![matcher("severity=warning")],
        equal: vec!["host".into()],
        ..InhibitRuleDefinition::default()
    }];
    let mut sim = Sim::new(definition);
    sim.fire(&[("name", "s"), ("severity", "critical"), ("host", "1")]);
    sim.fire(&[("name", "t"), ("severity", "warning"), ("host", "1")]);
    sim.fire(&[("name", "u"), ("severity", "warning"), ("host", "2")]);
    sim.advance(secs(30));
    assert_eq!(sim.take_sent(), [sent(30, &["u", "s"])].map(sorted));
    assert_eq!(suppressed(&sim, Suppression::Inhibition), (1, 1));
    sim.resolve(&[("name", "s"), ("severity", "critical"), ("host", "1")]);
    sim.advance(secs(300));
    assert_eq!(sim.take_sent().into_iter().map(sorted).collect::<Vec<_>>(), [sent(330, &["-s", "t", "u"])]);
}

fn sorted(mut told: (u64, Vec<String>)) -> (u64, Vec<String>) {
    told.1.sort();
    told
}

fn interval(name: &str, hours: (u16, u16)) -> NamedTimeInterval {
    let times = Some(vec![crate::engine::TimeRange { start: hours.0 * 60, end: hours.1 * 60 }]);
    NamedTimeInterval {
        name: Arc::from(name),
        intervals: vec![TimeInterval {
            times,
            weekdays: Some(vec![Range { begin: 0, end: 6 }]),
            ..TimeInterval::default()
        }],
    }
}

#[test]
fn time_intervals_mute_and_mark_the_group() {
    // The story begins at noon.
    let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<Arc<str>>>();
    let cases = [
        (names(&["noon"]), names(&[]), Some(Suppression::MuteTime), vec!["noon"]),
        (names(&["night"]), names(&[]), None, vec![]),
        (names(&[]), names(&["noon", "night"]), None, vec![]),
        (names(&[]), names(&["night", "morning"]), Some(Suppression::ActiveTime), vec!["night", "morning"]),
        (names(&["noon"]), names(&["noon"]), Some(Suppression::MuteTime), vec!["noon"]),
    ];
    for (mute, active, reason, marked) in cases {
        let child = RouteDefinition {
            mute_time_intervals: mute.clone(),
            active_time_intervals: active.clone(),
            ..RouteDefinition::default()
        };
        let mut definition = plan(vec![root(&[]), child]);
        definition.time_intervals =
            vec![interval("noon", (12, 13)), interval("night", (0, 5)), interval("morning", (6, 9))];
        let mut sim = Sim::new(definition);
        sim.fire(&[("name", "a")]);
        sim.advance(secs(30));
        assert_eq!(sim.sent.is_empty(), reason.is_some(), "mute {mute:?} active {active:?}");
        let group = sim.engine.delivery().dispatcher().groups().next().unwrap();
        assert_eq!(group.marker().muted_by(), names(&marked), "mute {mute:?} active {active:?}");
        if let Some(reason) = reason {
            assert_eq!(suppressed(&sim, reason), (1, 1));
        }
    }
}

#[test]
fn an_unsettled_cluster_holds_everything_back_until_it_settles() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    let cluster = |settled| Event::Delivery(DeliveryEvent::ClusterChanged(Cluster { position: 0, settled }));
    sim.handle(cluster(false));
    sim.fire(&[("name", "a")]);
    sim.advance(secs(100));
    assert_eq!(sim.take_sent(), []);
    sim.handle(cluster(true));
    assert_eq!(sim.take_sent(), [sent(100, &["a"])]);
}

#[test]
fn an_unsettled_cluster_fails_the_flush_at_its_deadline() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    let cluster = Cluster { position: 0, settled: false };
    sim.handle(Event::Delivery(DeliveryEvent::ClusterChanged(cluster)));
    sim.fire(&[("name", "a")]);
    sim.advance(secs(331));
    assert!(matches!(&sim.notices[..], [Notice::NotifyFailed { .. }]), "{:?}", sim.notices);
    assert_eq!(sim.engine.delivery().balance().pending, 1);
}

/// A peer's entry: it has just told the `index`th integration that alerts of these names fire.
fn told_by_a_peer(sim: &Sim, group_key: &str, index: u32, firing: &[&str]) -> (LogKey, LogEntry) {
    let integration = IntegrationId { receiver: Arc::from("team"), kind: Arc::from("webhook"), index };
    let entry = LogEntry {
        timestamp: sim.now,
        expires_at: sim.now + secs(7200),
        firing: firing.iter().map(|name| crate::engine::alert_hash(&labels(&[("name", *name)]))).collect(),
        resolved: Arc::from([]),
        receiver_data: None,
        from_peer: true,
    };
    (LogKey { group_key: Arc::from(group_key), integration }, entry)
}

/// The first tells the begin in time. The end, which comes while we still wait, is the first's to tell at the next
/// tick; ours only if it does not.
#[test]
fn an_end_during_the_wait_for_peers_is_theirs_to_tell_first() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    let cluster = Cluster { position: 1, settled: true };
    sim.handle(Event::Delivery(DeliveryEvent::ClusterChanged(cluster)));
    sim.fire(&[("name", "a")]);
    sim.advance(secs(31));
    let (key, entry) = told_by_a_peer(&sim, "{}:{}", 0, &["a"]);
    sim.handle(Event::Delivery(DeliveryEvent::PeerEntry { key, entry }));
    sim.advance(secs(5));
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(308));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(10));
    assert_eq!(sim.take_sent(), [sent(345, &["-a"])], "after the next tick and the peer timeout");
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0, "{balance:?}");
}

/// Of two integrations the first peer has told one. The other is told how things are at the end of the wait, and the
/// one hears of what ended meanwhile after the next.
#[test]
fn an_end_during_the_wait_for_peers_reaches_each_integration_once() {
    let mut definition = plan(vec![root(&[])]);
    definition.receivers = vec![receiver("team", &[true, true])];
    let mut sim = Sim::new(definition);
    let cluster = Cluster { position: 1, settled: true };
    sim.handle(Event::Delivery(DeliveryEvent::ClusterChanged(cluster)));
    sim.fire(&[("name", "a")]);
    sim.fire(&[("name", "b")]);
    sim.advance(secs(31));
    let (key, entry) = told_by_a_peer(&sim, "{}:{}", 0, &["a", "b"]);
    sim.handle(Event::Delivery(DeliveryEvent::PeerEntry { key, entry }));
    sim.advance(secs(5));
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(15));
    let told: Vec<_> = sim.sent.iter().map(|sent| sent.notification.integration.index).collect();
    assert_eq!(told, [1]);
    assert_eq!(sim.take_sent(), [sent(45, &["-a", "b"])]);
    sim.advance(secs(300));
    let told: Vec<_> = sim.sent.iter().map(|sent| sent.notification.integration.index).collect();
    assert_eq!(told, [0]);
    assert_eq!(sim.take_sent(), [sent(345, &["-a", "b"])]);
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0, "{balance:?}");
}

#[test]
fn the_second_peer_waits_and_tells_only_what_the_first_did_not() {
    let mut sim = Sim::new(plan(vec![root(&["name"])]));
    let cluster = Cluster { position: 1, settled: true };
    sim.handle(Event::Delivery(DeliveryEvent::ClusterChanged(cluster)));
    sim.fire(&[("name", "a")]);
    sim.fire(&[("name", "b")]);
    sim.advance(secs(40));
    assert_eq!(sim.take_sent(), []);
    let (key, entry) = told_by_a_peer(&sim, "{}:{name=\"a\"}", 0, &["a"]);
    sim.handle(Event::Delivery(DeliveryEvent::PeerEntry { key: key.clone(), entry: entry.clone() }));
    assert_eq!(sim.gossip, [Action::GossipEntry(key, entry)]);
    sim.advance(secs(20));
    assert_eq!(sim.take_sent(), [sent(45, &["b"])], "after the peer timeout of 15 s");
    assert_eq!(sim.engine.delivery().balance().count(Outcome::Suppressed(Suppression::Peer)), 1);
}

#[test]
fn a_failing_integration_leaves_the_other_its_log_entry() {
    let good =
        RouteDefinition { receiver: Some(Arc::from("good")), continues: true, ..RouteDefinition::default() };
    let bad = RouteDefinition { receiver: Some(Arc::from("bad")), ..RouteDefinition::default() };
    let mut definition = plan(vec![root(&[]), good, bad]);
    definition.receivers.extend([receiver("good", &[true]), receiver("bad", &[true])]);
    let mut sim = Sim::new(definition);
    sim.answers.insert("bad".to_owned(), Answer::Retry);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(331));
    assert_eq!(sim.take_sent(), [sent(30, &["a"])]);
    let counts = sim.engine.delivery().counts();
    let of = |receiver: &str| {
        let id = IntegrationId { receiver: Arc::from(receiver), kind: Arc::from("webhook"), index: 0 };
        counts.integrations.get(&id).cloned().unwrap_or_default()
    };
    assert_eq!((of("good").notifications, of("good").requests), (1, 1));
    // The second flush has begun.
    assert_eq!(of("bad").notifications, 2);
    assert_eq!(of("bad").failed.get(&FailureReason::ServerError), Some(&1));
    assert!(of("bad").requests > 10 && of("bad").requests_failed == of("bad").requests);
    sim.answers.clear();
    sim.advance(secs(300));
    assert_eq!(sim.take_sent().len(), 1, "only the bad one is told again");
    assert!(sim.notices.iter().any(|notice| matches!(notice, Notice::NotifyRecovered { .. })));
}

#[test]
fn two_integrations_of_one_receiver_are_told_on_their_own() {
    let mut definition = plan(vec![root(&[])]);
    definition.receivers = vec![receiver("team", &[true, false])];
    let mut sim = Sim::new(definition);
    sim.fire(&[("name", "a")]);
    sim.fire(&[("name", "b")]);
    sim.advance(secs(40));
    assert_eq!(sim.take_sent(), [sent(30, &["a", "b"]), sent(30, &["a", "b"])]);
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(300));
    assert_eq!(sim.take_sent(), [sent(330, &["-a", "b"])], "the second does not want to hear of ends");
    sim.resolve(&[("name", "b")]);
    sim.advance(secs(300));
    assert_eq!(sim.take_sent(), [sent(630, &["-b"])]);
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0, "{balance:?}");
    assert_eq!(balance.count(Outcome::Suppressed(Suppression::SendResolved)), 2);
    // The log says for both that all has ended: if it fires again, it is a first notification.
    sim.fire(&[("name", "a")]);
    sim.advance(secs(40));
    assert_eq!(sim.sent.len(), 2);
    assert!(sim.sent.iter().all(|sent| sent.notification.reason.as_str() == "first notification"));
}

#[test]
fn a_request_beyond_the_deadline_is_cancelled_and_its_success_still_counts() {
    let route = RouteDefinition { group_interval: Some(secs(10)), ..root(&[]) };
    let mut sim = Sim::new(plan(vec![route]));
    sim.answers.insert("team".to_owned(), Answer::Never);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(50));
    // Told at 30, given up at 45, told again at the tick that waited.
    assert_eq!(sim.take_sent(), [sent(30, &["a"]), sent(45, &["a"])]);
    let id = IntegrationId { receiver: Arc::from("team"), kind: Arc::from("webhook"), index: 0 };
    let counts = sim.engine.delivery().counts().integrations.get(&id).cloned().unwrap_or_default();
    assert_eq!(counts.failed.get(&FailureReason::ContextDeadlineExceeded), Some(&1));
}

#[test]
fn a_receiver_without_integrations_is_told_nothing_and_all_is_well() {
    let mut definition = plan(vec![root(&[])]);
    definition.receivers = vec![receiver("team", &[])];
    let mut sim = Sim::new(definition);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(40));
    sim.resolve(&[("name", "a")]);
    sim.advance(Duration::from_secs(300));
    assert!(sim.engine.delivery().dispatcher().is_empty());
    assert!(sim.engine.delivery().nflog().is_empty());
    assert_eq!(sim.engine.delivery().balance().accepted, 0);
}

#[test]
fn silences_and_log_entries_leave_after_their_retention() {
    let mut definition = plan(vec![root(&[])]);
    definition.options.retention = secs(3600);
    definition.options.maintenance_interval = secs(1);
    let mut sim = Sim::new(definition);
    set_silence(&mut sim, &["name=x"], 100);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(3629));
    assert_eq!(sim.engine.delivery().nflog().len(), 1, "a second before it expires");
    assert_eq!(sim.engine.delivery().silences().len(), 1);
    sim.advance(secs(70));
    assert_eq!(sim.engine.delivery().silences().len(), 1, "100 s and the retention are not over");
    sim.advance(secs(2));
    assert_eq!(sim.engine.delivery().silences().len(), 0);
}

/// A connection that broke after the request, or an integration's own `timeout`: the receiver may show an incident.
#[test]
fn the_end_is_told_of_what_a_lost_connection_may_have_delivered() {
    // A kill leaves the attempt of that moment in doubt too, so that with one even a refusal is followed by an end.
    for (answer, kill, ends) in [(Answer::Lost, false, 1), (Answer::Lost, true, 1), (Answer::Retry, false, 0)]
    {
        let mut sim = Sim::new(plan(vec![root(&[])]));
        sim.answers.insert("team".to_owned(), answer);
        sim.fire(&[("name", "a")]);
        sim.advance(secs(320));
        // The last attempts reach nobody, the alert ends, and the flush is given up.
        sim.answers.insert("team".to_owned(), Answer::Retry);
        sim.resolve(&[("name", "a")]);
        sim.take_sent();
        sim.advance(secs(12));
        sim.answers.clear();
        if kill {
            sim.kill();
        }
        sim.advance(secs(600));
        let ended = sim.take_sent().iter().filter(|(_, names)| *names == ["-a"]).count();
        assert_eq!(ended, ends, "{answer:?}, killed: {kill}");
        assert!(sim.engine.delivery().balance().holds());
    }
}
