//! Fallback: what Alertmanagers take is theirs, the rest is told from here.

use std::sync::Arc;

use super::sim::{Sim, labels, plan, root, secs, sent};
use crate::engine::{Event, Options, PlanDefinition};
use crate::model::{Accepted, Alert, Destination, Outcome, Suppression, Timestamp, Told};

fn fallback(after: Option<u64>) -> PlanDefinition {
    let options = Options { fallback_after: after.map(secs), ..Options::default() };
    PlanDefinition { options, ..plan(vec![root(&["name"])]) }
}

fn alertmanager() -> Destination {
    Destination { set: [1; 16], url: Arc::from("http://am/api/v2/alerts") }
}

fn sim() -> Sim {
    let mut sim = Sim::new(fallback(Some(120)));
    sim.handle(Event::Destinations { active: vec![alertmanager()], draining: Vec::new() });
    sim
}

/// A state arrives; what was accepted.
fn push(sim: &mut Sim, name: &str, ends_at: Timestamp) -> Accepted {
    let alert = Alert {
        labels: labels(&[("name", name)]),
        annotations: labels(&[]),
        starts_at: sim.now,
        ends_at,
        updated_at: sim.now,
        generator_url: Arc::from(""),
        timeout: false,
    };
    sim.handle(Event::Alerts { alerts: vec![alert], path: None }).accepted.remove(0)
}

fn fire(sim: &mut Sim, name: &str) -> Accepted {
    push(sim, name, sim.now + secs(100_000))
}

fn resolve(sim: &mut Sim, name: &str) -> Accepted {
    push(sim, name, sim.now)
}

fn take(sim: &mut Sim, state: &Accepted) {
    let told =
        Told { id: state.id, sequence: state.sequence, change: state.change, outcome: Outcome::Delivered };
    sim.handle(Event::Outcomes { destination: alertmanager(), told: vec![told] });
}

#[test]
fn what_an_alertmanager_takes_is_its_business() {
    let mut sim = sim();
    let begin = fire(&mut sim, "a");
    sim.advance(secs(60));
    take(&mut sim, &begin);
    fire(&mut sim, "a");
    sim.advance(secs(600));
    // It dies: the end is not taken, and not told from here, where nobody was told of the begin.
    resolve(&mut sim, "a");
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), []);
    let idle = Outcome::Suppressed(Suppression::FallbackIdle);
    assert_eq!(sim.engine.delivery().balance().count(idle), 1);
    assert!(sim.engine.delivery().balance().holds());
    assert_eq!(sim.engine.delivery().balance().pending, 0);
}

#[test]
fn what_nobody_takes_is_told_from_here_with_its_end() {
    let mut sim = sim();
    fire(&mut sim, "a");
    sim.advance(secs(119));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(1));
    assert_eq!(sim.take_sent(), [sent(120, &["a"])]);
    // The Alertmanager is back and takes everything: the end is told from here all the same.
    let repeat = fire(&mut sim, "a");
    take(&mut sim, &repeat);
    sim.advance(secs(10));
    let end = resolve(&mut sim, "a");
    take(&mut sim, &end);
    sim.advance(secs(300));
    assert_eq!(sim.take_sent(), [sent(420, &["-a"])]);
    // The next episode is the Alertmanager's again.
    let begin = fire(&mut sim, "a");
    take(&mut sim, &begin);
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), []);
}

#[test]
fn what_came_and_went_meanwhile_is_not_told() {
    let mut sim = sim();
    fire(&mut sim, "a");
    sim.advance(secs(60));
    resolve(&mut sim, "a");
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), []);
    assert!(sim.engine.delivery().balance().holds());
}

#[test]
fn a_start_gives_every_alertmanager_its_time_anew_and_forgets_nothing() {
    let mut sim = sim();
    fire(&mut sim, "a");
    let taken = fire(&mut sim, "b");
    take(&mut sim, &taken);
    sim.advance(secs(100));
    for _ in 0..2 {
        sim.kill();
        sim.checkpoint();
    }
    sim.advance(secs(119));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(1));
    assert_eq!(sim.take_sent(), [sent(220, &["a"])]);
}

#[test]
fn a_reload_moves_nothing_between_the_halves() {
    let mut sim = sim();
    let taken = fire(&mut sim, "theirs");
    take(&mut sim, &taken);
    fire(&mut sim, "ours");
    sim.advance(secs(120));
    assert_eq!(sim.take_sent(), [sent(120, &["ours"])]);
    fire(&mut sim, "held");
    let other = Options { fallback_after: Some(secs(120)), max_silences: 7, ..Options::default() };
    sim.apply(PlanDefinition { options: other, ..fallback(None) });
    sim.advance(secs(119));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(1));
    assert_eq!(sim.take_sent(), [sent(240, &["held"])]);
    // From now on everything is told from here.
    sim.apply(fallback(None));
    sim.advance(secs(30));
    assert_eq!(sim.take_sent(), [sent(240, &["theirs"])]);
}

/// They are not to tell it, so there is nothing to step in for; but one that would have told it and is dead is missed.
#[test]
fn what_the_relabelling_for_every_alertmanager_drops_is_not_told() {
    let mut sim = sim();
    let other = Destination { url: "http://b/api/v2/alerts".into(), ..alertmanager() };
    sim.handle(Event::Destinations { active: vec![alertmanager(), other.clone()], draining: Vec::new() });
    let dropped = |sim: &mut Sim, state: &Accepted, destination: Destination| {
        let outcome = Outcome::Suppressed(Suppression::Relabel);
        let told = Told { id: state.id, sequence: state.sequence, change: state.change, outcome };
        sim.handle(Event::Outcomes { destination, told: vec![told] });
    };
    let (both, one) = (fire(&mut sim, "both"), fire(&mut sim, "one"));
    dropped(&mut sim, &both, alertmanager());
    dropped(&mut sim, &both, other);
    dropped(&mut sim, &one, alertmanager());
    // Neither a crash nor a reload forgets it.
    sim.kill();
    sim.checkpoint();
    sim.kill();
    let options = Options { fallback_after: Some(secs(120)), max_silences: 7, ..Options::default() };
    sim.apply(PlanDefinition { options, ..fallback(None) });
    sim.advance(secs(1000));
    assert!(sim.sent.iter().all(|sent| sent.notification.fallback), "they are marked");
    assert_eq!(sim.take_sent(), [sent(120, &["one"])]);
    assert!(sim.engine.delivery().balance().holds());
}

#[test]
fn what_came_due_as_it_died_is_told_its_end() {
    let mut sim = sim();
    fire(&mut sim, "a");
    let begin = fire(&mut sim, "b");
    // The answers are on their way when it dies.
    sim.latency = secs(5);
    sim.advance(secs(121));
    assert_eq!(sim.take_sent(), [sent(120, &["a"]), sent(120, &["b"])]);
    sim.kill();
    sim.latency = secs(0);
    // The Alertmanager takes one of the begins; the other one's end comes before its time.
    take(&mut sim, &begin);
    sim.advance(secs(10));
    assert_eq!(sim.take_sent(), []);
    let ends = [resolve(&mut sim, "a"), resolve(&mut sim, "b")];
    ends.iter().for_each(|end| take(&mut sim, end));
    sim.advance(secs(300));
    assert_eq!(sim.take_sent(), [sent(131, &["-a"]), sent(131, &["-b"])]);
}
