use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Alert, Change, Destination, Expiry, LabelSet, Outcome, Sequence, Suppression, Timestamp, Told,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_700_000_000 + seconds, 0)
}

fn alert(name: &str, starts: i64, ends: i64) -> Alert {
    Alert {
        labels: LabelSet::from_iter([("alertname", name), ("instance", "host:9100")]),
        annotations: LabelSet::from_iter([("summary", "it burns"), ("value", "1")]),
        starts_at: at(starts),
        ends_at: at(ends),
        updated_at: Timestamp::ZERO,
        generator_url: Arc::from("http://prometheus:9090/graph?g0.expr=up"),
        timeout: false,
    }
}

fn destination(name: &str) -> Destination {
    Destination { set: [7; 16], url: Arc::from(format!("http://{name}:9093/api/v2/alerts")) }
}

fn alerts(list: Vec<Alert>) -> Event {
    Event::Alerts { alerts: list, path: None }
}

fn active(names: &[&str]) -> Event {
    Event::Destinations { active: names.iter().map(|name| destination(name)).collect(), draining: Vec::new() }
}

fn outcome(name: &str, accepted: &crate::model::Accepted, outcome: Outcome) -> Event {
    let told = Told { id: accepted.id, sequence: accepted.sequence, change: accepted.change, outcome };
    Event::Outcomes { destination: destination(name), told: vec![told] }
}

fn names(refill: &crate::model::Refill) -> Vec<&str> {
    refill.alerts.iter().map(|accepted| accepted.alert.name()).collect()
}

fn count(engine: &Engine, outcome: Outcome) -> u64 {
    engine.ledger().balance().count(outcome)
}

#[test]
fn a_repeat_costs_under_ten_bytes_and_a_changed_annotation_costs_itself() {
    let mut engine = Engine::new(StoreLimits::default());
    let many = |ends: i64| (0..100).map(|n| alert(&format!("alert{n}"), 0, ends)).collect::<Vec<_>>();
    engine.handle(at(0), alerts(many(240)));
    let empty = 20;
    let repeat = engine.handle(at(60), alerts(many(300))).record.expect("something changed");
    assert!(repeat.len() < empty + 100 * 6, "{} bytes", repeat.len());
    let off_the_millisecond = Timestamp::from_unix(1_700_000_120, 123_456_789);
    let repeat = engine.handle(off_the_millisecond, alerts(many(360))).record.expect("something changed");
    assert!(repeat.len() < empty + 100 * 10, "{} bytes", repeat.len());

    let mut changed = alert("alert7", 0, 420);
    changed.annotations = LabelSet::from_iter([("summary", "it burns"), ("value", "12345")]);
    let one = engine.handle(at(180), alerts(vec![changed])).record.expect("something changed");
    assert!(one.len() < empty + 10 + "value12345".len() + 4, "{} bytes", one.len());
}

#[test]
fn refuses_unknown_alerts_beyond_the_limit() {
    let mut engine = Engine::new(StoreLimits { alerts_max: 2, ..StoreLimits::default() });
    let handled =
        engine.handle(at(0), alerts(vec![alert("a", 0, 240), alert("b", 0, 240), alert("c", 0, 240)]));
    assert_eq!((handled.accepted.len(), handled.refused), (2, 1));
    let handled = engine.handle(at(60), alerts(vec![alert("a", 0, 300), alert("c", 0, 300)]));
    assert_eq!((handled.accepted.len(), handled.refused), (1, 1));
}

#[test]
fn what_is_over_leaves_once_everybody_was_told() {
    let mut engine = Engine::new(StoreLimits::default());
    engine.handle(at(0), active(&["am"]));
    engine.handle(at(0), alerts(vec![alert("a", 0, 240)]));
    let ended = engine.handle(at(100), alerts(vec![alert("a", 0, 100)])).accepted;
    engine.poll(at(100 + 3600));
    assert_eq!(engine.alerts().len(), 1, "its end is pending");
    engine.handle(at(3800), outcome("am", &ended[0], Outcome::Delivered));
    engine.poll(at(3900));
    assert_eq!(engine.alerts().len(), 0);
    assert_eq!((count(&engine, Outcome::Superseded), count(&engine, Outcome::Delivered)), (1, 1));
    assert_eq!(engine.alerts().iter().count(), 0);
}

#[test]
fn an_end_nobody_takes_expires_after_a_day_and_a_begin_with_its_end_time() {
    let mut engine = Engine::new(StoreLimits::default());
    let expired = Outcome::Expired(Expiry::TooLate);
    engine.handle(at(0), active(&["am"]));
    engine.handle(at(0), alerts(vec![alert("ends", 0, 0), alert("begins", 0, 240)]));
    engine.poll(at(200));
    assert_eq!(count(&engine, expired), 0);
    engine.poll(at(360));
    assert_eq!(count(&engine, expired), 1);
    engine.poll(at(24 * 3600 - 61));
    assert_eq!(count(&engine, expired), 1);
    engine.poll(at(24 * 3600 + 60));
    assert_eq!((count(&engine, expired), engine.alerts().len()), (2, 0));
    assert!(engine.ledger().balance().holds());
}

#[test]
fn refill_lists_begins_then_the_forgotten_then_ends_then_repeats() {
    let mut engine = Engine::new(StoreLimits::default());
    let am = destination("am");
    engine.handle(at(0), active(&["am"]));
    let push = |engine: &mut Engine, now, name: &str, ends| {
        engine.handle(at(now), alerts(vec![alert(name, 0, ends)])).accepted.remove(0)
    };
    for name in ["taken", "ended", "repeated"] {
        let accepted = push(&mut engine, 0, name, 240);
        engine.handle(at(0), outcome("am", &accepted, Outcome::Delivered));
    }
    push(&mut engine, 60, "ended", 60);
    push(&mut engine, 61, "new", 300);
    push(&mut engine, 62, "repeated", 300);
    let refill = engine.refill(at(63), &am, false, 100);
    assert_eq!(names(&refill), ["new", "ended", "repeated"]);
    assert!(!refill.more);
    let refill = engine.refill(at(63), &am, true, 100);
    assert_eq!(names(&refill), ["new", "taken", "repeated", "ended"]);
    let changes: Vec<_> = refill.alerts.iter().map(|accepted| accepted.change).collect();
    assert_eq!(changes, [Some(Change::Begin), None, None, Some(Change::End)]);

    // What does not fit is listed next, and what may be forgotten stays so until it was told.
    let first = engine.refill(at(63), &am, false, 2);
    assert_eq!((names(&first), first.more), (vec!["new", "taken"], true));
    for accepted in &first.alerts {
        engine.handle(at(64), outcome("am", accepted, Outcome::Delivered));
    }
    let second = engine.refill(at(65), &am, false, 2);
    assert_eq!((names(&second), second.more), (vec!["repeated", "ended"], false));
    for accepted in &second.alerts {
        engine.handle(at(66), outcome("am", accepted, Outcome::Delivered));
    }
    assert!(engine.refill(at(67), &am, false, 2).alerts.is_empty());
    assert_eq!(engine.ledger().balance().pending, 0);
}

#[test]
fn a_new_destination_has_to_be_told_everything_and_one_gone_closes_its_books() {
    let mut engine = Engine::new(StoreLimits::default());
    engine.handle(at(0), alerts(vec![alert("a", 0, 240), alert("b", 0, 240)]));
    assert_eq!(engine.ledger().balance().accepted, 0);
    engine.handle(at(1), active(&["one"]));
    engine.handle(at(1), active(&["one", "two"]));
    assert_eq!(engine.ledger().balance().pending, 4);
    assert_eq!(names(&engine.refill(at(2), &destination("two"), true, 10)), ["a", "b"]);
    engine.handle(at(3), active(&["two"]));
    let gone = Outcome::Expired(Expiry::DestinationGone);
    assert_eq!((count(&engine, gone), engine.ledger().balance().pending), (2, 2));
    // The same Alertmanager under another set's configuration is told anew.
    let moved = Destination { set: [8; 16], ..destination("two") };
    engine.handle(at(4), Event::Destinations { active: vec![moved], draining: Vec::new() });
    assert_eq!((count(&engine, Outcome::Superseded), engine.ledger().balance().pending), (2, 2));
    assert!(engine.ledger().balance().holds());
}

#[test]
fn an_end_before_a_new_begin_is_told_too() {
    let mut engine = Engine::new(StoreLimits::default());
    engine.handle(at(0), active(&["am"]));
    let states = [alert("a", 0, 240), alert("a", 0, 60), alert("a", 90, 330)];
    let accepted: Vec<_> = [0, 60, 90]
        .into_iter()
        .zip(states)
        .map(|(now, state)| engine.handle(at(now), alerts(vec![state])).accepted.remove(0))
        .collect();
    assert_eq!(engine.ledger().balance().pending, 2);
    assert_eq!(count(&engine, Outcome::Superseded), 1);
    engine.handle(at(91), outcome("am", &accepted[1], Outcome::Delivered));
    engine.handle(at(91), outcome("am", &accepted[2], Outcome::Delivered));
    assert_eq!((count(&engine, Outcome::Delivered), engine.ledger().balance().pending), (2, 0));
}

#[test]
fn an_answer_to_an_older_state_settles_nothing_newer() {
    let mut engine = Engine::new(StoreLimits::default());
    engine.handle(at(0), active(&["am"]));
    let begin = engine.handle(at(0), alerts(vec![alert("a", 0, 240)])).accepted.remove(0);
    engine.handle(at(60), alerts(vec![alert("a", 0, 60)]));
    engine.handle(at(61), outcome("am", &begin, Outcome::Delivered));
    assert_eq!(engine.ledger().balance().pending, 1, "the end is still untold");
    assert!(!engine.is_taken(&begin.alert.labels));
}

#[test]
fn the_newest_state_is_taken_once_one_has_it() {
    let mut engine = Engine::new(StoreLimits::default());
    engine.handle(at(0), active(&["one", "two"]));
    let begin = engine.handle(at(0), alerts(vec![alert("a", 0, 240)])).accepted.remove(0);
    assert!(!engine.is_taken(&begin.alert.labels));
    engine.handle(at(1), outcome("two", &begin, Outcome::Delivered));
    assert!(engine.is_taken(&begin.alert.labels));
    let repeat = engine.handle(at(60), alerts(vec![alert("a", 0, 300)])).accepted.remove(0);
    assert!(!engine.is_taken(&begin.alert.labels));
    engine.handle(at(61), outcome("one", &repeat, Outcome::Suppressed(Suppression::Relabel)));
    assert!(!engine.is_taken(&begin.alert.labels), "relabelling dropped it");
    engine.handle(at(62), outcome("two", &repeat, Outcome::Delivered));
    assert!(engine.is_taken(&begin.alert.labels));
}

#[test]
fn a_damaged_record_costs_only_what_it_first_named() {
    let mut engine = Engine::new(StoreLimits::default());
    let records: Vec<Vec<u8>> = [
        (0, alert("a", 0, 240)),
        (1, alert("b", 0, 240)),
        (2, alert("a", 0, 300)),
        (3, alert("b", 0, 300)),
        (4, alert("c", 0, 300)),
    ]
    .into_iter()
    .filter_map(|(now, state)| engine.handle(at(now), alerts(vec![state])).record)
    .collect();
    let mut recovered = Engine::new(StoreLimits::default());
    let replayed: Vec<_> = records
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != 1)
        .map(|(_, record)| recovered.replay(record).expect("it is intact"))
        .collect();
    assert_eq!(replayed.iter().map(|replayed| replayed.skipped).collect::<Vec<_>>(), [0, 0, 1, 0]);
    for name in ["a", "c"] {
        let labels = alert(name, 0, 0).labels;
        assert_eq!(
            recovered.alerts().get(&labels).map(|stored| &stored.alert),
            engine.alerts().get(&labels).map(|stored| &stored.alert)
        );
    }
    recovered.handle(at(60), alerts(vec![alert("b", 0, 360)]));
    assert_eq!(recovered.alerts().len(), 3);
}

/// What a rule engine, two Alertmanagers and service discovery can do.
#[derive(Debug, Clone)]
enum Deed {
    Push { alert: u8, starts: i64, lasts: i64, annotation: u8, timeout: bool },
    Told { destination: u8, nth: usize, outcome: u8 },
    Active { which: u8, draining: u8 },
    Refill { destination: u8 },
    Poll,
}

fn deeds() -> impl Strategy<Value = Vec<(i64, Deed)>> {
    let push = (0..6_u8, -200..10_i64, -60..400_i64, 0..4_u8, any::<bool>()).prop_map(
        |(alert, starts, lasts, annotation, timeout)| Deed::Push {
            alert,
            starts,
            lasts,
            annotation,
            timeout,
        },
    );
    let told = (0..3_u8, 0..100_usize, 0..14_u8).prop_map(|(destination, nth, outcome)| Deed::Told {
        destination,
        nth,
        outcome,
    });
    let deed = prop_oneof![
        6 => push,
        4 => told,
        1 => (0..8_u8, 0..8_u8).prop_map(|(which, draining)| Deed::Active { which, draining }),
        1 => (0..3_u8).prop_map(|destination| Deed::Refill { destination }),
        1 => Just(Deed::Poll),
    ];
    prop::collection::vec((prop_oneof![0..90_i64, 0..90_000_i64], deed), 1..80)
}

const NAMES: [&str; 3] = ["one", "two", "three"];

fn event(deed: &Deed, now: i64, told: &[crate::model::Accepted]) -> Option<Event> {
    match *deed {
        Deed::Push { alert: number, starts, lasts, annotation, timeout } => {
            let mut state = alert(&format!("alert{number}"), now + starts, now + starts.max(lasts));
            state.annotations = (0..annotation).map(|n| (format!("a{n}"), format!("{now}"))).collect();
            state.timeout = timeout;
            Some(alerts(vec![state]))
        }
        Deed::Told { destination: which, nth, outcome: index } => {
            let accepted = told.get(told.len().checked_sub(nth % told.len().max(1) + 1)?)?;
            Some(outcome(NAMES[usize::from(which)], accepted, Outcome::from_index(index)?))
        }
        Deed::Active { which, draining } => {
            let list = |bits: u8| {
                let named = NAMES.iter().enumerate().filter(|(place, _)| bits & 1 << place != 0);
                named.map(|(_, name)| destination(name)).collect()
            };
            Some(Event::Destinations { active: list(which), draining: list(draining & !which) })
        }
        Deed::Refill { .. } | Deed::Poll => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A snapshot at any point and the records since give the very state; the books hold after every step.
    #[test]
    fn replay_gives_the_same_state(deeds in deeds(), cut in 0..80_usize) {
        let mut engine = Engine::new(StoreLimits::default());
        let (mut snapshot, mut records) = (engine.snapshot().to_bytes(), Vec::new());
        let (mut now, mut told) = (0, Vec::new());
        for (step, (pause, deed)) in deeds.iter().enumerate() {
            now += pause;
            if step == cut {
                (snapshot, records) = (engine.snapshot().to_bytes(), Vec::new());
            }
            if let Deed::Refill { destination: which } = deed {
                engine.refill(at(now), &destination(NAMES[usize::from(*which)]), pause % 2 == 0, 3);
            } else if let Some(event) = event(deed, now, &told) {
                let handled = engine.handle(at(now), event);
                records.extend(handled.record);
                told.extend(handled.accepted);
            } else {
                engine.poll(at(now));
            }
            prop_assert!(engine.ledger().balance().holds());
            for (_, balance) in engine.ledger().balances() {
                prop_assert!(balance.holds());
            }
        }
        engine.poll(at(now));
        let mut recovered = Engine::restore(StoreLimits::default(), &snapshot).expect("it is intact");
        for record in &records {
            let replayed = recovered.replay(record).expect("it is intact");
            prop_assert_eq!(replayed.skipped, 0);
        }
        recovered.poll(at(now));
        prop_assert_eq!(recovered.snapshot().to_bytes(), engine.snapshot().to_bytes());
        prop_assert_eq!(recovered.ledger().balance(), engine.ledger().balance());
    }

    /// Refilling and telling what it lists always comes to an end, with nothing pending that still matters.
    #[test]
    fn refilling_ends(deeds in deeds()) {
        let mut engine = Engine::new(StoreLimits::default());
        let mut now = 0;
        engine.handle(at(0), active(&["one"]));
        for (pause, deed) in &deeds {
            now += pause;
            if let (Deed::Push { .. }, Some(event)) = (deed, event(deed, now, &[])) {
                engine.handle(at(now), event);
            }
        }
        let mut forgotten = true;
        for _ in 0..10 {
            let refill = engine.refill(at(now), &destination("one"), forgotten, 2);
            forgotten = false;
            for accepted in &refill.alerts {
                engine.handle(at(now), outcome("one", accepted, Outcome::Delivered));
            }
            if !refill.more {
                break;
            }
        }
        prop_assert!(engine.refill(at(now), &destination("one"), false, 2).alerts.is_empty());
        engine.poll(at(now + 60));
        prop_assert_eq!(engine.ledger().balance().pending, 0);
    }

    /// Any bytes are read or refused, and a state that is read can go on.
    #[test]
    fn decoding_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200), flip in any::<prop::sample::Index>()) {
        let _refused = decode_record(&bytes);
        let _refused = Snapshot::decode(&bytes);
        let mut engine = Engine::new(StoreLimits::default());
        engine.handle(at(0), active(&["one"]));
        let mut record = engine.handle(at(0), alerts(vec![alert("a", 0, 9), alert("b", 0, 9)])).record.unwrap_or_default();
        let mut snapshot = engine.snapshot().to_bytes();
        if let Some(byte) = bytes.first() {
            let place = flip.index(record.len());
            record[place] ^= byte;
            let place = flip.index(snapshot.len());
            snapshot[place] ^= byte;
        }
        if let Ok(mut damaged) = Engine::restore(StoreLimits::default(), &snapshot) {
            let _refused = damaged.replay(&record);
            damaged.handle(at(60), alerts(vec![alert("a", 0, 300)]));
            prop_assert!(damaged.ledger().balances().all(|(_, balance)| balance.holds()));
        }
    }
}

#[test]
fn sweeps_are_not_late_however_long_the_pause() {
    let mut engine =
        Engine::new(StoreLimits { resolved_retention: Duration::from_secs(900), ..StoreLimits::default() });
    engine.handle(at(0), alerts(vec![alert("a", 0, 60)]));
    let next = engine.next_timeout().expect("there is an alert");
    assert!(next > at(0) && next <= at(60));
    let again = engine.handle(at(86_400), alerts(vec![alert("a", 86_400, 86_640)])).accepted.remove(0);
    assert_eq!((again.change, again.sequence), (Some(Change::Begin), Sequence(2)));
    assert_ne!(again.id.0, 1, "the old one had left");
}

/// Not a test but a measurement: `cargo test --release --lib engine::tests::what_an_alert_costs -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn what_an_alert_costs() {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
    };
    let big = |n: usize, ends: i64| {
        let mut one = alert(&format!("SomethingIsWrongWithTheService{n}"), 0, ends);
        let labels = (0..9).map(|l| (format!("label_{l}"), format!("value-{l}-of-{n}-and-more")));
        one.labels = labels.chain([("alertname".to_owned(), format!("Alert{n}"))]).collect();
        one.annotations =
            (0..3).map(|a| (format!("annotation_{a}"), format!("{n} {}", "text ".repeat(22)))).collect();
        one
    };
    const COUNT: usize = 100_000;
    let mut engine = Engine::new(StoreLimits::default());
    engine.handle(at(0), active(&["one", "two", "three"]));
    let before = resident();
    let mut spent = Duration::ZERO;
    for (round, ends) in [240, 300, 360].into_iter().enumerate() {
        for chunk in 0..COUNT / 256 {
            let states: Vec<_> = (chunk * 256..chunk * 256 + 256).map(|n| big(n, ends)).collect();
            let start = tokio::time::Instant::now();
            drop(engine.handle(at(60 * round as i64), alerts(states)));
            spent += start.elapsed();
        }
        let per_alert = spent.as_nanos() as usize / COUNT;
        println!("round {round}: {per_alert} ns an alert, {} bytes an alert", (resident() - before) / COUNT);
        spent = Duration::ZERO;
    }
}

#[test]
fn an_alertname_has_its_limit_and_what_has_ended_makes_room() {
    let limits = StoreLimits { per_alertname: 2, ..StoreLimits::default() };
    let mut engine = Engine::new(limits.clone());
    let at = |seconds| Timestamp::from_unix(1_000_000 + seconds, 0);
    let alert = |instance: &str, name: &str, ends: i64| Alert {
        labels: [("alertname", name), ("instance", instance)].into_iter().collect(),
        annotations: LabelSet::default(),
        starts_at: at(0),
        ends_at: at(ends),
        updated_at: at(0),
        generator_url: Arc::from(""),
        timeout: false,
    };
    let push = |engine: &mut Engine, now: i64, alerts: Vec<Alert>| {
        let handled = engine.handle(at(now), Event::Alerts { alerts, path: None });
        (handled.accepted.len(), handled.limited, handled.refused)
    };
    let three = vec![alert("1", "A", 100), alert("2", "A", 500), alert("3", "A", 500), alert("3", "B", 500)];
    assert_eq!(push(&mut engine, 1, three), (3, 1, 0));
    // A known one always passes; a restart does not change what counts.
    assert_eq!(push(&mut engine, 2, vec![alert("2", "A", 600)]), (1, 0, 0));
    let mut engine = Engine::restore(limits, &engine.snapshot().to_bytes()).unwrap();
    assert_eq!(push(&mut engine, 99, vec![alert("3", "A", 500)]), (0, 1, 0));
    assert_eq!(push(&mut engine, 101, vec![alert("3", "A", 500), alert("4", "A", 500)]), (1, 1, 0));
}
