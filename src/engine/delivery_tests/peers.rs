//! In a cluster: waiting for the peers before us, and what is told when alerts change meanwhile.

use std::sync::Arc;

use super::sim::{Sim, labels, plan, root, secs, sent};
use crate::engine::{Cluster, DeliveryEvent, Event, alert_hash};
use crate::model::{IntegrationId, LogEntry, LogKey, Outcome, Suppression};

/// The second of two, whose group has all alerts: it waits from 30 s to 45 s.
fn second() -> Sim {
    let mut sim = Sim::new(plan(vec![root(&[])]));
    let cluster = Cluster { position: 1, settled: true };
    sim.handle(Event::Delivery(DeliveryEvent::ClusterChanged(cluster)));
    sim
}

/// The first one has told that this alert ended.
fn the_first_told_the_end(sim: &mut Sim, name: &str) {
    let entry = LogEntry {
        timestamp: sim.now,
        expires_at: sim.now + secs(7200),
        firing: Arc::from([]),
        resolved: Arc::from([alert_hash(&labels(&[("name", name)]))]),
        receiver_data: None,
        from_peer: true,
    };
    let integration = IntegrationId { receiver: Arc::from("team"), kind: Arc::from("webhook"), index: 0 };
    let key = LogKey { group_key: Arc::from("{}:{}"), integration };
    sim.handle(Event::Delivery(DeliveryEvent::PeerEntry { key, entry }));
}

/// The state that was told last of an alert: its annotation counts the pushes.
fn newest_told(sim: &Sim, name: &str) -> Option<String> {
    let mut alerts = sim.sent.iter().rev().flat_map(|sent| sent.notification.alerts.iter());
    let newest = alerts.find(|alert| alert.labels.get("name") == Some(name))?;
    newest.annotations.get("number").map(str::to_owned)
}

/// How many changes had this outcome, once nothing is pending.
fn count(sim: &Sim, outcome: Outcome) -> u64 {
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0, "{balance:?}");
    balance.count(outcome)
}

#[test]
fn what_ends_during_the_wait_is_told_to_have_ended() {
    let mut sim = second();
    sim.fire(&[("name", "a")]);
    sim.fire(&[("name", "b")]);
    sim.advance(secs(40));
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(5));
    assert_eq!(newest_told(&sim, "a").as_deref(), Some("000003"));
    assert_eq!(sim.take_sent(), [sent(45, &["-a", "b"])]);
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), []);
    // The begin of `a` gave way to its end; that of `b` was no news.
    assert_eq!((count(&sim, Outcome::Superseded), count(&sim, Outcome::Delivered)), (1, 2));
}

#[test]
fn what_the_first_told_to_have_ended_is_not_told_to_fire() {
    let mut sim = second();
    sim.fire(&[("name", "a")]);
    sim.advance(secs(35));
    // The first one had the end before us.
    the_first_told_the_end(&mut sim, "a");
    sim.advance(secs(5));
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), []);
    assert_eq!(
        (count(&sim, Outcome::Superseded), count(&sim, Outcome::Suppressed(Suppression::Peer))),
        (1, 1)
    );
    assert!(sim.engine.delivery().dispatcher().is_empty());
}

#[test]
fn what_began_and_ended_during_the_wait_was_nothing() {
    let mut sim = second();
    sim.fire(&[("name", "a")]);
    sim.advance(secs(40));
    sim.resolve(&[("name", "a")]);
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), []);
    assert_eq!(count(&sim, Outcome::Suppressed(Suppression::NothingNew)), 1);
    assert!(sim.engine.delivery().dispatcher().is_empty());
}

#[test]
fn what_begins_again_during_the_wait_is_told_to_fire() {
    let mut sim = second();
    sim.fire(&[("name", "a")]);
    sim.fire(&[("name", "b")]);
    sim.advance(secs(200));
    assert_eq!(sim.take_sent(), [sent(45, &["a", "b"])]);
    sim.resolve(&[("name", "a")]);
    // The tick at 330 s finds `a` ended; before its wait is over it fires again, and `b` has ended.
    sim.advance(secs(135));
    sim.fire(&[("name", "a")]);
    sim.advance(secs(5));
    sim.resolve(&[("name", "b")]);
    // What is new in the group waits for the next tick.
    sim.fire(&[("name", "c")]);
    sim.advance(secs(100));
    assert_eq!(newest_told(&sim, "a").as_deref(), Some("000004"));
    assert_eq!(newest_told(&sim, "b").as_deref(), Some("000005"));
    assert_eq!(sim.take_sent(), [sent(345, &["a", "-b"])]);
    sim.advance(secs(400));
    assert_eq!(sim.take_sent(), [sent(645, &["a", "c"])]);
    // The end of `a` gave way to its next begin.
    assert_eq!((count(&sim, Outcome::Superseded), count(&sim, Outcome::Delivered)), (1, 5));
}
