//! Random lives: pushes, ends, silences, failures, reloads, clock steps of an hour, kills with replay; the same life
//! twice gives the same, replay gives the same, and the guarantees hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::contact_model::ContactModel;
use super::sim::{Answer, Sim, labels, matcher, plan, receiver, root, secs, silence_matcher};
use crate::engine::{
    ClockStep, Cluster, DeliveryEvent, Engine, Event, InhibitRuleDefinition, PlanDefinition, RouteDefinition,
    StoreLimits,
};
use crate::model::{Destination, Outcome, Silence, Suppression, Timestamp, Told};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Fire {
        alert: u8,
        for_seconds: u64,
    },
    Resolve {
        alert: u8,
    },
    Advance {
        seconds: u64,
    },
    Silence {
        alert: u8,
        seconds: u64,
    },
    Answers {
        receiver: u8,
        answer: u8,
    },
    Latency {
        seconds: u64,
    },
    Reload {
        variant: u8,
    },
    Cluster {
        settled: bool,
    },
    Clock {
        back: bool,
    },
    /// An Alertmanager takes it, or its relabelling drops it; only in fallback.
    Take {
        alert: u8,
        by: u8,
        dropped: bool,
    },
    /// An Alertmanager answers.
    Answer {
        by: u8,
    },
    /// A request to an Alertmanager fails.
    Lose {
        by: u8,
    },
    Snapshot,
    Kill,
}

const ALERTS: u8 = 8;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..ALERTS, 60_u64..4000).prop_map(|(alert, for_seconds)| Step::Fire { alert, for_seconds }),
        4 => (0..ALERTS).prop_map(|alert| Step::Resolve { alert }),
        6 => (1_u64..700).prop_map(|seconds| Step::Advance { seconds }),
        1 => (0..ALERTS, 10_u64..2000).prop_map(|(alert, seconds)| Step::Silence { alert, seconds }),
        2 => (0_u8..2, 0_u8..5).prop_map(|(receiver, answer)| Step::Answers { receiver, answer }),
        1 => (0_u64..20).prop_map(|seconds| Step::Latency { seconds }),
        1 => (0_u8..4).prop_map(|variant| Step::Reload { variant }),
        1 => any::<bool>().prop_map(|settled| Step::Cluster { settled }),
        1 => any::<bool>().prop_map(|back| Step::Clock { back }),
        3 => (0..ALERTS, 0_u8..2, prop::bool::weighted(0.2))
            .prop_map(|(alert, by, dropped)| Step::Take { alert, by, dropped }),
        1 => (0_u8..2).prop_map(|by| Step::Answer { by }),
        1 => (0_u8..2).prop_map(|by| Step::Lose { by }),
        1 => Just(Step::Snapshot),
        2 => Just(Step::Kill),
    ]
}

fn alert_labels(alert: u8) -> [(&'static str, &'static str); 3] {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    [
        ("name", NAMES[usize::from(alert)]),
        ("team", if alert.is_multiple_of(2) { "db" } else { "web" }),
        ("host", if alert < 4 { "1" } else { "2" }),
    ]
}

fn definition(variant: u8, muting: bool, fallback: bool) -> PlanDefinition {
    let db = RouteDefinition {
        matchers: vec![matcher("team=db")],
        receiver: Some(Arc::from("db")),
        continues: variant == 1,
        group_interval: Some(secs(if variant == 2 { 60 } else { 120 })),
        ..RouteDefinition::default()
    };
    let mut definition = plan(vec![root(&["host"]), db]);
    if variant == 3 {
        definition.routes[0].group_by = root(&["name"]).group_by;
    }
    definition.receivers.push(receiver("db", &[true, true]));
    definition.options.resolve_when_muted = true;
    definition.options.fallback_after = fallback.then_some(secs(120));
    if muting {
        definition.inhibit_rules = vec![InhibitRuleDefinition {
            source_matchers: vec![matcher("name=a")],
            target_matchers: vec![matcher("host=1")],
            ..InhibitRuleDefinition::default()
        }];
    }
    definition
}

/// What the receivers were told, and what may be told twice.
#[derive(Default)]
struct Witness {
    /// By integration, group and alert: the newest state told, and whether it had ended.
    newest: BTreeMap<(String, String, String), (String, bool)>,
    /// By integration and group: the last notification.
    last: BTreeMap<(String, String), (BTreeSet<String>, Timestamp)>,
    /// Notifications that were told twice.
    duplicates: usize,
    seen: usize,
    /// What is compared between two lives.
    log: Vec<String>,
}

impl Witness {
    fn look(&mut self, sim: &Sim) -> Result<(), TestCaseError> {
        for sent in &sim.sent[self.seen..] {
            let notification = &sent.notification;
            let to = notification.integration.to_string();
            let group = notification.group_key.to_string();
            for alert in notification.alerts.iter() {
                let name = alert.labels.get("name").unwrap_or_default().to_owned();
                let ended = notification.is_resolved(alert);
                let number = alert.annotations.get("number").unwrap_or_default().to_owned();
                let entry = self
                    .newest
                    .entry((to.clone(), group.clone(), name))
                    .or_insert_with(|| (number.clone(), ended));
                prop_assert!(number >= entry.0, "G5: an older state after a newer one: {sent:?}");
                *entry = (number, ended);
            }
            // An alert that ended, fired again and ended again is told to end twice, and rightly so.
            let episodes = notification.alerts.iter().map(|alert| alert.starts_at.to_string());
            let names: BTreeSet<String> = sent
                .names()
                .into_iter()
                .zip(episodes)
                .map(|(name, since)| format!("{name} {since}"))
                .collect();
            let repeat = notification.reason.as_str() == "repeat interval elapsed";
            let last = self.last.insert((to.clone(), group.clone()), (names.clone(), sent.at));
            if last.is_some_and(|(last, _)| last == names) && !repeat {
                self.duplicates += 1;
            }
            self.log.push(format!("{} {to} {group} {names:?} {}", sent.at, notification.reason.as_str()));
        }
        self.seen = sim.sent.len();
        Ok(())
    }
}

fn alertmanager(number: u8) -> Destination {
    Destination { set: [1; 16], url: Arc::from(format!("http://{number}/api/v2/alerts")) }
}

/// An Alertmanager takes the newest state of an alert, or its set's relabelling drops it.
fn take(sim: &mut Sim, contact: &mut ContactModel, alert: u8, by: u8, dropped: bool) {
    let labels = labels(&alert_labels(alert));
    let Some(stored) = sim.engine.alerts().get(&labels) else { return };
    contact.taken(stored.id, by, dropped, sim.now);
    let outcome = if dropped { Outcome::Suppressed(Suppression::Relabel) } else { Outcome::Delivered };
    let told = Told { id: stored.id, sequence: stored.newest, change: Some(stored.phase), outcome };
    sim.handle(Event::Outcomes { destination: alertmanager(by), told: vec![told] });
}

struct Life {
    sim: Sim,
    witness: Witness,
    /// How many notifications may have been told twice.
    allowed: usize,
    silences: u64,
    muting: bool,
    fallback: bool,
    stepped: Duration,
    contact: ContactModel,
}

impl Life {
    fn live(steps: &[Step], muting: bool, clock: bool) -> Result<Self, TestCaseError> {
        Self::live_as(steps, muting, clock, false)
    }

    fn live_as(steps: &[Step], muting: bool, clock: bool, fallback: bool) -> Result<Self, TestCaseError> {
        let mut sim = Sim::new(definition(0, muting, fallback));
        if fallback {
            sim.handle(Event::Destinations {
                active: vec![alertmanager(0), alertmanager(1)],
                draining: Vec::new(),
            });
        }
        let mut life = Self {
            sim,
            witness: Witness::default(),
            allowed: 0,
            silences: 0,
            muting,
            fallback,
            stepped: Duration::ZERO,
            contact: ContactModel::default(),
        };
        for step in steps {
            if matches!(step, Step::Clock { .. }) && !clock {
                continue;
            }
            life.step(step)?;
            life.witness.look(&life.sim)?;
            let delivery = life.sim.engine.delivery();
            prop_assert!(delivery.balance().holds(), "{:?}", delivery.balance());
            let fault = life.contact.fault(&life.sim).filter(|_| fallback);
            prop_assert!(fault.is_none(), "{}", fault.unwrap_or_default());
        }
        Ok(life)
    }

    fn push(&mut self, alert: u8, starts_at: Timestamp, ends_at: Timestamp) {
        let labels = labels(&alert_labels(alert));
        let before = self.sim.engine.alerts().get(&labels).cloned();
        self.sim.push(&alert_labels(alert), starts_at, ends_at);
        if let Some(after) = self.sim.engine.alerts().get(&labels) {
            self.contact.pushed(&self.sim, before.as_ref(), after);
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let sim = &mut self.sim;
        match step {
            Step::Fire { alert, for_seconds } => {
                let now = sim.now;
                self.push(*alert, now, now + secs(*for_seconds));
            }
            Step::Resolve { alert } => {
                let now = sim.now;
                self.push(*alert, now - secs(1), now);
            }
            Step::Advance { seconds } => sim.advance(secs(*seconds)),
            Step::Silence { alert, seconds } if self.muting => {
                self.silences += 1;
                let silence = Silence {
                    id: "".into(),
                    matcher_sets: vec![vec![silence_matcher(&format!("name={}", alert_labels(*alert)[0].1))]],
                    starts_at: Timestamp::ZERO,
                    ends_at: sim.now + secs(*seconds),
                    updated_at: Timestamp::ZERO,
                    created_by: String::new(),
                    comment: String::new(),
                    annotations: BTreeMap::new(),
                    wire: None,
                };
                let new_id = format!("silence-{}", self.silences).into();
                let silence = Box::new(silence);
                let handled = sim.handle(Event::SilenceSet { silence, new_id });
                prop_assert!(handled.silence.is_some_and(|result| result.is_ok()));
            }
            Step::Silence { .. } => {}
            Step::Answers { receiver, answer } => {
                let name = ["team", "db"][usize::from(*receiver)].to_owned();
                const ANSWERS: [Answer; 5] =
                    [Answer::Ok, Answer::Ok, Answer::Retry, Answer::Refuse, Answer::Lost];
                let answer = ANSWERS[usize::from(*answer)];
                sim.answers.insert(name, answer);
            }
            Step::Latency { seconds } => sim.latency = secs(*seconds),
            Step::Reload { variant } => sim.apply(definition(*variant, self.muting, self.fallback)),
            Step::Take { alert, by, dropped } if self.fallback => {
                take(sim, &mut self.contact, *alert, *by, *dropped);
            }
            Step::Answer { by } if self.fallback => {
                self.contact.answered(*by, sim.now);
                sim.handle(Event::Answered(alertmanager(*by)));
            }
            Step::Lose { by } if self.fallback => {
                self.contact.lost(*by, sim.now);
                sim.handle(Event::ContactLost(alertmanager(*by)));
            }
            Step::Take { .. } | Step::Answer { .. } | Step::Lose { .. } => {}
            Step::Cluster { settled } => {
                let cluster = Cluster { position: 0, settled: *settled };
                sim.handle(Event::Delivery(DeliveryEvent::ClusterChanged(cluster)));
            }
            Step::Clock { back } => {
                let step = ClockStep { by: Duration::from_hours(1), back: *back };
                sim.step_clock(step);
                self.stepped += step.by;
            }
            Step::Snapshot => sim.checkpoint(),
            Step::Kill => {
                self.same_state()?;
                self.allowed += self.sim.in_flight();
                self.sim.kill();
                self.contact.started(self.sim.now);
            }
        }
        Ok(())
    }

    /// Recovery from the journal gives the engine that is there.
    fn same_state(&self) -> Result<(), TestCaseError> {
        let mut recovered: Engine = self.sim.recovered();
        recovered.poll(self.sim.now);
        let bytes = self.sim.engine.snapshot().to_bytes();
        prop_assert!(bytes == recovered.snapshot().to_bytes(), "replay differs");
        let restored = Engine::restore(StoreLimits::default(), &bytes)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(bytes == restored.snapshot().to_bytes(), "the snapshot differs from itself");
        Ok(())
    }

    /// All receivers are well, all alerts end, and time passes.
    fn end(&mut self) -> Result<(), TestCaseError> {
        self.sim.answers.clear();
        self.sim.latency = Duration::ZERO;
        let cluster = Cluster { position: 0, settled: true };
        self.sim.handle(Event::Delivery(DeliveryEvent::ClusterChanged(cluster)));
        // After a clock that was set back, what ends now must be newer than what was.
        self.sim.advance(self.stepped + secs(4000));
        self.witness.look(&self.sim)?;
        for alert in 0..ALERTS {
            self.sim.resolve(&alert_labels(alert));
        }
        self.sim.advance(secs(4000));
        self.witness.look(&self.sim)
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let delivery = self.sim.engine.delivery();
        let balance = delivery.balance();
        prop_assert!(balance.holds() && balance.pending == 0, "G2: {balance:?}");
        prop_assert!(delivery.dispatcher().groups().next().is_none(), "a group is left");
        for ((to, group, name), (_, ended)) in &self.witness.newest {
            prop_assert!(*ended, "G3: {to} {group} was never told that {name} ended");
        }
        let allowed = self.allowed + self.sim.ambiguous;
        prop_assert!(
            self.witness.duplicates <= allowed,
            "G4: {} duplicates, {} of them may be: {:#?}",
            self.witness.duplicates,
            allowed,
            self.witness.log
        );
        Ok(())
    }
}

/// The same lives at every run, so that nobody's change is refused for what it did not do. Other lives, and more:
/// `PROPTEST_RNG_SEED=2 PROPTEST_CASES=100000 cargo test --release --lib property`.
fn lives() -> ProptestConfig {
    let default = ProptestConfig::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        chosen @ RngSeed::Fixed(_) => chosen,
    };
    ProptestConfig { failure_persistence: None, rng_seed, ..default }
}

proptest! {
    #![proptest_config(lives())]

    #[test]
    fn the_guarantees_hold(steps in prop::collection::vec(step(), 1..60)) {
        let mut life = Life::live(&steps, false, false)?;
        life.end()?;
        life.check()?;
    }

    #[test]
    fn the_guarantees_hold_while_alerts_are_muted(steps in prop::collection::vec(step(), 1..60)) {
        let mut life = Life::live(&steps, true, false)?;
        life.end()?;
        life.check()?;
    }

    #[test]
    fn the_guarantees_hold_in_fallback(steps in prop::collection::vec(step(), 1..60)) {
        let mut life = Life::live_as(&steps, false, false, true)?;
        life.end()?;
        life.check()?;
    }

    #[test]
    fn the_guarantees_hold_while_the_clock_is_set(steps in prop::collection::vec(step(), 1..60)) {
        let mut life = Life::live(&steps, false, true)?;
        life.end()?;
        life.check()?;
    }

    #[test]
    fn the_same_life_twice_is_the_same(steps in prop::collection::vec(step(), 1..60)) {
        let first = Life::live(&steps, true, true)?;
        let second = Life::live(&steps, true, true)?;
        prop_assert_eq!(&first.witness.log, &second.witness.log);
        first.same_state()?;
        second.same_state()?;
        prop_assert!(first.sim.engine.snapshot().to_bytes() == second.sim.engine.snapshot().to_bytes());
    }
}
