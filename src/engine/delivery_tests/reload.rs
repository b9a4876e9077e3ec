//! What a new plan changes, and what it leaves alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::sim::{Sim, matcher, plan, receiver, root, secs, sent};
use crate::engine::{Event, Plan, PlanDefinition, RouteDefinition};

fn two_routes(group_interval: u64) -> PlanDefinition {
    let db = RouteDefinition {
        matchers: vec![matcher("team=db")],
        receiver: Some(Arc::from("db")),
        group_interval: Some(secs(group_interval)),
        ..RouteDefinition::default()
    };
    let mut definition = plan(vec![root(&["name"]), db]);
    definition.receivers.push(receiver("db", &[true]));
    definition
}

#[test]
fn the_same_group_keeps_its_timers_and_tells_nothing_twice() {
    let mut sim = Sim::new(two_routes(300));
    sim.fire(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(20));
    sim.apply(two_routes(100));
    sim.advance(secs(10));
    assert_eq!(sim.take_sent(), [sent(30, &["a"])]);
    sim.advance(secs(50));
    sim.apply(two_routes(700));
    sim.resolve(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(300));
    assert_eq!(sim.take_sent(), [sent(130, &["-a"])], "the tick set before the reload stands");
    assert!(sim.engine.delivery().balance().holds());
}

#[test]
fn a_request_in_flight_finishes() {
    let mut sim = Sim::new(two_routes(300));
    sim.latency = secs(5);
    sim.fire(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(32));
    // A second webhook comes first; the one at work is the second now.
    let mut changed = two_routes(300);
    changed.receivers[1]
        .integrations
        .insert(0, crate::engine::Integration { kind: Arc::from("email"), index: 0, send_resolved: true });
    sim.apply(changed);
    sim.advance(secs(10));
    assert_eq!(sim.take_sent(), [sent(30, &["a"])]);
    sim.advance(secs(330));
    let told: Vec<String> = sim.sent.iter().map(|sent| sent.notification.integration.to_string()).collect();
    assert_eq!(told, ["db/email/0"], "the new one is told at the next tick, the old one knows");
}

#[test]
fn a_receiver_that_was_told_hears_the_end_although_its_route_is_gone() {
    let mut sim = Sim::new(two_routes(300));
    sim.fire(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(40));
    assert_eq!(sim.take_sent(), [sent(30, &["a"])]);
    let mut moved = two_routes(300);
    moved.routes[1].matchers = vec![matcher("team=other")];
    sim.apply(moved);
    sim.advance(secs(400));
    let to: Vec<String> =
        sim.sent.drain(..).map(|sent| sent.notification.integration.receiver.to_string()).collect();
    assert_eq!(to, ["team"], "the alert goes to the root's receiver now");
    sim.resolve(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(700));
    let mut to: Vec<(String, Vec<String>)> = sim
        .sent
        .drain(..)
        .map(|sent| (sent.notification.integration.receiver.to_string(), sent.names()))
        .collect();
    to.sort();
    assert_eq!(to, [("db".to_owned(), vec!["-a".to_owned()]), ("team".to_owned(), vec!["-a".to_owned()])]);
    assert!(sim.engine.delivery().dispatcher().groups().next().is_none());
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0, "{balance:?}");
}

#[test]
fn a_receiver_that_is_gone_is_told_nothing() {
    let mut sim = Sim::new(two_routes(300));
    sim.fire(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(40));
    sim.sent.clear();
    sim.apply(plan(vec![root(&["name"])]));
    sim.resolve(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(700));
    assert!(sim.sent.iter().all(|sent| &*sent.notification.integration.receiver == "team"));
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0, "{balance:?}");
}

#[test]
fn a_new_route_takes_the_alerts_that_fire() {
    let mut sim = Sim::new(plan(vec![root(&["name"])]));
    sim.fire(&[("name", "a"), ("team", "db")]);
    sim.fire(&[("name", "b")]);
    sim.advance(secs(40));
    sim.sent.clear();
    sim.apply(two_routes(300));
    sim.advance(secs(1));
    let to: Vec<(String, Vec<String>)> = sim
        .sent
        .drain(..)
        .map(|sent| (sent.notification.integration.receiver.to_string(), sent.names()))
        .collect();
    assert_eq!(to, [("db".to_owned(), vec!["a".to_owned()])]);
}

#[test]
fn recovery_has_the_plan_and_the_timers() {
    let mut sim = Sim::new(two_routes(300));
    sim.fire(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(40));
    sim.checkpoint();
    sim.fire(&[("name", "b"), ("team", "db")]);
    sim.advance(secs(10));
    sim.kill();
    assert_eq!(sim.take_sent(), [sent(30, &["a"])]);
    sim.resolve(&[("name", "a"), ("team", "db")]);
    sim.advance(secs(400));
    assert_eq!(sim.take_sent(), [sent(70, &["b"]), sent(330, &["-a"])]);
}

#[test]
fn without_a_plan_nothing_is_told_and_the_books_are_closed() {
    let mut sim = Sim::new(two_routes(300));
    sim.latency = secs(5);
    sim.fire(&[("name", "a")]);
    sim.fire(&[("name", "b"), ("team", "db")]);
    sim.advance(secs(40));
    sim.take_sent();
    sim.fire(&[("name", "c")]);
    sim.handle(Event::PlanRemoved);
    sim.advance(secs(3600));
    assert_eq!(sim.engine.delivery().dispatcher().groups().count(), 0);
    assert!(sim.engine.delivery().balance().holds());
    assert_eq!(sim.engine.delivery().balance().pending, 0);
    assert_eq!(sim.take_sent(), []);
    sim.apply(two_routes(300));
    sim.advance(secs(30));
    assert_eq!(sim.take_sent(), [sent(3640, &["c"])], "of the others the log knows that they were told");
}

/// Fifty groups flush each second and a request takes one: a reload each second is nowhere to be seen.
#[test]
fn a_thousand_groups_do_not_notice_ten_reloads_in_ten_seconds() {
    let mut sim = Sim::new(two_routes(300));
    sim.latency = secs(1);
    let step = Duration::from_millis(20);
    let names: Vec<String> = (0..1000).map(|number| format!("{number:03}")).collect();
    let start = sim.now;
    for (number, name) in names.iter().enumerate() {
        sim.advance((start + step * number as u32).since(sim.now));
        sim.fire(&[("name", name), ("team", if number % 2 == 0 { "db" } else { "web" })]);
    }
    sim.advance((start + secs(35)).since(sim.now));
    for reload in 0..10 {
        assert!(sim.in_flight() >= 49, "{} requests in flight", sim.in_flight());
        if reload == 5 {
            let mut bad = two_routes(300);
            bad.routes[1].receiver = Some(Arc::from("nobody"));
            assert!(Plan::new(bad).is_err());
        } else {
            sim.apply(two_routes(if reload % 2 == 0 { 100 } else { 300 }));
        }
        sim.advance(secs(1));
    }
    sim.advance(secs(1000));
    let mut told: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for sent in sim.sent.drain(..) {
        told.entry(sent.names().join(" ")).or_default().push(sent.at.since(start));
    }
    for (number, name) in names.iter().enumerate() {
        assert_eq!(told[name], [secs(30) + step * number as u32], "{name}");
    }
    assert_eq!((told.len(), sim.attempts, sim.ambiguous), (1000, 1000, 0));
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0, "{balance:?}");
}
