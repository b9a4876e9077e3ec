//! Groups, timers and routing of alerts into them.

use std::sync::Arc;
use std::time::Duration;

use super::sim::{Answer, START, Sim, labels, matcher, plan, receiver, root, secs, sent};
use crate::engine::{GroupBy, Notice, RouteDefinition};

#[test]
fn a_group_waits_then_flushes_every_interval() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    sim.fire(&[("name", "a")]);
    sim.advance(secs(10));
    sim.fire(&[("name", "b")]);
    sim.advance(secs(19));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(1));
    assert_eq!(sim.take_sent(), [sent(30, &["a", "b"])]);
    sim.fire(&[("name", "c")]);
    sim.advance(secs(299));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(1));
    assert_eq!(sim.take_sent(), [sent(330, &["a", "b", "c"])]);
    sim.resolve(&[("name", "a")]);
    sim.resolve(&[("name", "b")]);
    sim.resolve(&[("name", "c")]);
    sim.advance(secs(300));
    assert_eq!(sim.take_sent(), [sent(630, &["-a", "-b", "-c"])]);
    assert!(sim.engine.delivery().dispatcher().is_empty(), "the group is gone with its last alert");
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0 && balance.accepted == 6, "{balance:?}");
}

#[test]
fn an_old_alert_is_told_at_once() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    sim.push(&[("name", "a")], START - secs(31), START + Duration::from_hours(9));
    assert_eq!(sim.take_sent(), [sent(0, &["a"])]);
    // Only the creating alert counts.
    sim.push(&[("name", "b")], START - secs(3600), START + Duration::from_hours(9));
    sim.advance(secs(299));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(1));
    assert_eq!(sim.take_sent(), [sent(300, &["a", "b"])]);
}

#[test]
fn with_group_wait_zero_the_first_alert_is_in_the_first_notification() {
    let route = RouteDefinition { group_wait: Some(Duration::ZERO), ..root(&["name"]) };
    let mut sim = Sim::new(plan(vec![route]));
    for number in 0..100 {
        sim.fire(&[("name", &number.to_string())]);
    }
    let told = sim.take_sent();
    assert_eq!(told.len(), 100);
    assert!(told.iter().all(|(at, names)| *at == 0 && names.len() == 1));
}

#[test]
fn groups_by_the_labels_that_are_there() {
    let mut route = root(&["cluster", "zone"]);
    let mut sim = Sim::new(plan(vec![route.clone()]));
    sim.fire(&[("name", "a"), ("cluster", "x")]);
    sim.fire(&[("name", "b"), ("cluster", "x"), ("zone", "1")]);
    sim.fire(&[("name", "c")]);
    let keys: Vec<String> =
        sim.engine.delivery().dispatcher().groups().map(|group| group.key().to_string()).collect();
    assert_eq!(keys, ["{}:{cluster=\"x\"}", "{}:{cluster=\"x\", zone=\"1\"}", "{}:{}"]);

    route.group_by = Some(GroupBy::All);
    let mut sim = Sim::new(plan(vec![route]));
    sim.fire(&[("name", "a"), ("cluster", "x")]);
    let group = sim.engine.delivery().dispatcher().groups().next().unwrap();
    assert_eq!(*group.labels(), labels(&[("name", "a"), ("cluster", "x")]));
}

#[test]
fn an_alert_is_in_a_group_of_every_route_that_it_reaches() {
    let continuing = RouteDefinition {
        matchers: vec![matcher("team=db")],
        continues: true,
        receiver: Some(Arc::from("first")),
        ..RouteDefinition::default()
    };
    let second = RouteDefinition {
        continues: false,
        receiver: Some(Arc::from("second")),
        group_wait: Some(secs(60)),
        ..continuing.clone()
    };
    let mut definition = plan(vec![root(&[]), continuing, second.clone(), second]);
    definition.receivers.extend([receiver("first", &[true]), receiver("second", &[true])]);
    let mut sim = Sim::new(definition);
    sim.fire(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(60));
    let to: Vec<(u64, String)> = sim
        .sent
        .iter()
        .map(|sent| (sent.at.since(START).as_secs(), sent.notification.integration.receiver.to_string()))
        .collect();
    assert_eq!(to, [(30, "first".to_owned()), (60, "second".to_owned())]);
    let receivers = sim.engine.delivery().receivers(&labels(&[("team", "db")]));
    assert_eq!(receivers, [Arc::from("first"), Arc::from("second")]);
}

#[test]
fn beyond_the_limit_alerts_wait_until_a_group_is_gone() {
    let mut definition = plan(vec![root(&["name"])]);
    definition.options.max_aggregation_groups = 2;
    let mut sim = Sim::new(definition);
    for name in ["a", "b", "c"] {
        sim.fire(&[("name", name)]);
    }
    sim.fire(&[("name", "c")]);
    assert_eq!(sim.engine.delivery().dispatcher().len(), 2);
    assert_eq!(sim.engine.delivery().counts().group_limit_reached, 2);
    let limit = Notice::GroupLimitReached { groups: 2, limit: 2, alert: String::new() };
    assert_eq!(sim.notices, [limit.clone(), limit]);
    sim.advance(secs(60));
    assert_eq!(sim.take_sent(), [sent(30, &["a"]), sent(30, &["b"])]);
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(270));
    assert_eq!(
        sim.take_sent(),
        [sent(330, &["-a"]), sent(330, &["c"])],
        "c is older than group_wait when it is let in"
    );
    assert!(sim.engine.delivery().balance().holds());
}

#[test]
fn an_alert_that_changed_during_the_flush_stays() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    sim.latency = secs(5);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(40));
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(292));
    // The end is on its way; the alert fires again.
    sim.fire(&[("name", "a")]);
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), [sent(30, &["a"]), sent(330, &["-a"]), sent(630, &["a"])]);
}

#[test]
fn a_tick_that_finds_a_flush_at_work_waits_for_its_end() {
    let route = RouteDefinition { group_interval: Some(secs(5)), ..root(&[]) };
    let mut sim = Sim::new(plan(vec![route]));
    sim.latency = secs(8);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(31));
    sim.fire(&[("name", "b")]);
    sim.advance(secs(60));
    assert_eq!(sim.take_sent(), [sent(30, &["a"]), sent(38, &["a", "b"])]);
}

#[test]
fn the_start_delay_holds_all_groups_back() {
    let mut definition = plan(vec![root(&["name"])]);
    definition.options.start_delay = secs(100);
    let mut sim = Sim::new(definition);
    sim.fire(&[("name", "a")]);
    sim.push(&[("name", "b")], START - secs(60), START + Duration::from_hours(9));
    sim.advance(secs(80));
    sim.fire(&[("name", "c")]);
    sim.advance(secs(19));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(20));
    assert_eq!(sim.take_sent(), [sent(100, &["a"]), sent(100, &["b"]), sent(110, &["c"])]);
}

#[test]
fn repeats_after_the_repeat_interval() {
    let route = RouteDefinition { repeat_interval: Some(secs(600)), ..root(&[]) };
    let mut sim = Sim::new(plan(vec![route]));
    sim.latency = Duration::from_millis(20);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(1600));
    // The log says 30.02 s, so that the tick at 630 s comes too early.
    assert_eq!(sim.take_sent(), [sent(30, &["a"]), sent(930, &["a"])]);
}

#[test]
fn a_failed_flush_is_made_again_at_the_next_tick() {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    sim.answers.insert("team".to_owned(), Answer::Refuse);
    sim.fire(&[("name", "a")]);
    sim.advance(secs(100));
    assert_eq!(sim.attempts, 1, "an error that cannot be retried ends the flush");
    assert!(matches!(&sim.notices[..], [Notice::NotifyFailed { alerts: 1, errors, .. }]
        if errors[0] == "team/webhook/0: notify failed after 1 attempts: 400 Bad Request"));
    sim.answers.clear();
    sim.advance(secs(230));
    assert_eq!(sim.take_sent(), [sent(330, &["a"])]);
}

#[test]
fn a_clock_that_is_set_moves_the_timers_along() {
    use crate::engine::{ClockStep, DeliveryEvent, Event};
    for back in [false, true] {
        let mut sim = Sim::new(plan(vec![root(&[])]));
        sim.fire(&[("name", "a")]);
        sim.advance(secs(10));
        let step = ClockStep { by: Duration::from_hours(1), back };
        sim.now = step.apply(sim.now);
        sim.handle(Event::Delivery(DeliveryEvent::ClockStepped(step)));
        let began = sim.now;
        sim.advance(secs(60));
        assert_eq!(sim.sent.len(), 1);
        assert_eq!(sim.sent[0].at.since(began), secs(20));
    }
}
