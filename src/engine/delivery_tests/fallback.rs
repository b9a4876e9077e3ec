//! Fallback: what Alertmanagers take is theirs, the rest is told from here.

use std::sync::Arc;

use super::sim::{Sim, labels, matcher, plan, root, secs, sent};
use crate::engine::{ClockStep, Engine, Event, Options, PlanDefinition, RouteDefinition, StoreLimits};
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
    taken_by(sim, alertmanager(), state);
}

fn taken_by(sim: &mut Sim, destination: Destination, state: &Accepted) {
    let told =
        Told { id: state.id, sequence: state.sequence, change: state.change, outcome: Outcome::Delivered };
    sim.handle(Event::Outcomes { destination, told: vec![told] });
    same_state(sim);
}

/// A second one.
fn other() -> Destination {
    Destination { url: Arc::from("http://b/api/v2/alerts"), ..alertmanager() }
}

fn sim_of_two() -> Sim {
    let mut sim = sim();
    sim.handle(Event::Destinations { active: vec![alertmanager(), other()], draining: Vec::new() });
    sim
}

fn answer(sim: &mut Sim, destination: Destination) {
    sim.handle(Event::Answered(destination));
    same_state(sim);
}

fn lose(sim: &mut Sim, destination: Destination) {
    sim.handle(Event::ContactLost(destination));
    same_state(sim);
}

/// What is in the journal gives the engine that is there, and so does its snapshot.
fn same_state(sim: &Sim) {
    let mut recovered = sim.recovered();
    recovered.poll(sim.now);
    let bytes = sim.engine.snapshot().to_bytes();
    assert_eq!(recovered.snapshot().to_bytes(), bytes);
    let restored = Engine::restore(StoreLimits::default(), &bytes).unwrap();
    assert_eq!(restored.snapshot().to_bytes(), bytes);
}

/// How many changes were nobody's business here; the books hold and nothing is open.
fn idle(sim: &Sim) -> u64 {
    let balance = sim.engine.delivery().balance();
    assert!(balance.holds() && balance.pending == 0, "{balance:?}");
    balance.count(Outcome::Suppressed(Suppression::FallbackIdle))
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
    assert_eq!(idle(&sim), 1);
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
    answer(&mut sim, alertmanager());
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

#[test]
fn what_was_taken_just_before_contact_was_lost_is_told_from_here() {
    let mut sim = sim();
    let (old, new) = (fire(&mut sim, "old"), fire(&mut sim, "new"));
    take(&mut sim, &old);
    sim.advance(secs(1));
    take(&mut sim, &new);
    assert_eq!(idle(&sim), 0);
    // The last that is heard of it comes when one of them has just waited long enough.
    sim.advance(secs(29));
    answer(&mut sim, alertmanager());
    assert_eq!(idle(&sim), 1);
    sim.advance(secs(30));
    lose(&mut sim, alertmanager());
    sim.advance(secs(119));
    assert_eq!(sim.take_sent(), []);
    sim.advance(secs(1));
    assert_eq!(sim.take_sent(), [sent(180, &["new"])]);
    // Who told the begin tells the end.
    resolve(&mut sim, "old");
    resolve(&mut sim, "new");
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), [sent(480, &["-new"])]);
    assert_eq!(idle(&sim), 1);
}

#[test]
fn contact_is_lost_with_the_last_of_those_that_took_it() {
    let mut sim = sim_of_two();
    let (both, one) = (fire(&mut sim, "both"), fire(&mut sim, "one"));
    taken_by(&mut sim, alertmanager(), &both);
    taken_by(&mut sim, alertmanager(), &one);
    sim.advance(secs(10));
    taken_by(&mut sim, other(), &both);
    sim.advance(secs(10));
    lose(&mut sim, alertmanager());
    // An answer of one that did not take it proves nothing.
    sim.advance(secs(20));
    answer(&mut sim, other());
    assert_eq!(idle(&sim), 1);
    lose(&mut sim, other());
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), [sent(140, &["one"])]);
}

#[test]
fn both_gone_at_once_is_as_one_gone() {
    let mut sim = sim_of_two();
    let begin = fire(&mut sim, "a");
    taken_by(&mut sim, alertmanager(), &begin);
    taken_by(&mut sim, other(), &begin);
    sim.advance(secs(5));
    lose(&mut sim, alertmanager());
    sim.advance(secs(5));
    // The other one is no longer discovered.
    sim.handle(Event::Destinations { active: vec![alertmanager()], draining: vec![other()] });
    same_state(&sim);
    sim.advance(secs(5));
    sim.handle(Event::Destinations { active: vec![alertmanager()], draining: Vec::new() });
    same_state(&sim);
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), [sent(135, &["a"])]);
}

#[test]
fn one_that_answers_again_and_takes_it_again_has_it() {
    let mut sim = sim();
    let begin = fire(&mut sim, "a");
    take(&mut sim, &begin);
    sim.advance(secs(10));
    lose(&mut sim, alertmanager());
    // Another failure does not begin the time anew.
    sim.advance(secs(100));
    lose(&mut sim, alertmanager());
    sim.advance(secs(15));
    let refilled = Accepted { change: None, ..begin.clone() };
    take(&mut sim, &refilled);
    sim.advance(secs(10));
    assert_eq!(sim.take_sent(), []);
    // What it takes once more counts from the first time.
    take(&mut sim, &refilled);
    sim.advance(secs(10));
    lose(&mut sim, alertmanager());
    sim.advance(secs(119));
    assert_eq!(sim.take_sent(), []);
    take(&mut sim, &refilled);
    sim.advance(secs(30));
    take(&mut sim, &refilled);
    assert_eq!(idle(&sim), 1);
    lose(&mut sim, alertmanager());
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), []);
}

#[test]
fn the_longest_wait_of_its_routes_counts() {
    let slow = RouteDefinition {
        matchers: vec![matcher("name=a")],
        continues: true,
        group_wait: Some(secs(90)),
        ..RouteDefinition::default()
    };
    let fast = |name: &str, group_wait| RouteDefinition {
        matchers: vec![matcher(name)],
        group_wait: Some(secs(group_wait)),
        ..RouteDefinition::default()
    };
    let mut definition = fallback(Some(120));
    definition.routes.extend([slow, fast("name=~a|b", 5), fast("name=now", 0)]);
    let mut sim = sim();
    sim.apply(definition);
    for name in ["a", "b", "c", "now"] {
        let begin = fire(&mut sim, name);
        take(&mut sim, &begin);
    }
    // One that does not wait is told at once: both routes of `a` are counted, each with its receiver.
    assert_eq!(idle(&sim), 1);
    for (passes, proven) in [(5, 2), (25, 3), (59, 3), (1, 5)] {
        sim.advance(secs(passes));
        answer(&mut sim, alertmanager());
        assert_eq!(idle(&sim), proven);
    }
}

#[test]
fn a_start_loses_contact_with_everybody() {
    let mut sim = sim();
    let (a, b) = (fire(&mut sim, "a"), fire(&mut sim, "b"));
    take(&mut sim, &a);
    take(&mut sim, &b);
    sim.advance(secs(40));
    for _ in 0..2 {
        sim.kill();
        same_state(&sim);
        sim.checkpoint();
        same_state(&sim);
    }
    // It is refilled with one of them and dies.
    take(&mut sim, &Accepted { change: None, ..a });
    sim.advance(secs(60));
    take(&mut sim, &Accepted { change: None, ..b.clone() });
    assert_eq!(idle(&sim), 1);
    sim.advance(secs(10));
    sim.kill();
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), [sent(230, &["b"])]);
}

#[test]
fn what_ends_before_anybody_was_told_is_nobodys() {
    let mut sim = sim();
    let begin = fire(&mut sim, "a");
    take(&mut sim, &begin);
    sim.advance(secs(10));
    let end = resolve(&mut sim, "a");
    take(&mut sim, &end);
    lose(&mut sim, alertmanager());
    sim.advance(secs(600));
    assert_eq!((idle(&sim), sim.take_sent()), (2, Vec::new()));
    // One that lapsed is not told either: there is nothing to begin any longer.
    let ends_at = sim.now + secs(60);
    let begin = push(&mut sim, "b", ends_at);
    take(&mut sim, &begin);
    sim.advance(secs(10));
    lose(&mut sim, alertmanager());
    sim.advance(secs(600));
    assert_eq!(sim.take_sent(), []);
    assert!(sim.engine.delivery().balance().holds());
}

#[test]
fn contact_lasts_while_the_clock_is_set() {
    let mut sim = sim();
    let begin = fire(&mut sim, "a");
    take(&mut sim, &begin);
    let step = ClockStep { by: secs(3600), back: false };
    sim.advance(secs(10));
    sim.step_clock(step);
    answer(&mut sim, alertmanager());
    assert_eq!(idle(&sim), 0);
    sim.advance(secs(20));
    answer(&mut sim, alertmanager());
    assert_eq!(idle(&sim), 1);
}

#[test]
fn a_reload_keeps_what_is_unproven() {
    let mut sim = sim();
    let begin = fire(&mut sim, "a");
    take(&mut sim, &begin);
    let options = Options { fallback_after: Some(secs(120)), max_silences: 7, ..Options::default() };
    sim.apply(PlanDefinition { options, ..fallback(None) });
    same_state(&sim);
    sim.advance(secs(200));
    assert_eq!(sim.take_sent(), []);
    lose(&mut sim, alertmanager());
    sim.advance(secs(120));
    assert_eq!(sim.take_sent(), [sent(320, &["a"])]);
}

#[test]
fn what_may_have_been_told_from_here_is_told_in_time_when_contact_is_lost() {
    let mut sim = sim();
    let begin = fire(&mut sim, "a");
    // The answer is on its way when it dies.
    sim.latency = secs(5);
    sim.advance(secs(121));
    assert_eq!(sim.take_sent(), [sent(120, &["a"])]);
    sim.kill();
    sim.latency = secs(0);
    take(&mut sim, &begin);
    sim.advance(secs(10));
    lose(&mut sim, alertmanager());
    sim.advance(secs(120));
    assert_eq!(sim.take_sent(), [sent(251, &["a"])]);
    resolve(&mut sim, "a");
    sim.advance(secs(300));
    assert_eq!(sim.take_sent(), [sent(551, &["-a"])]);
    assert_eq!(idle(&sim), 0);
}
