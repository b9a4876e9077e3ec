use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{LabelSet, Refill};

const DAY: Duration = Duration::from_secs(86_400);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_700_000_000 + seconds, 0)
}

fn state(id: u64, sequence: u64, change: Option<Change>, starts: i64, ends: i64) -> Arc<Item> {
    // What a rule engine would send: a begin as it begins, an end as it ends, a repeat four minutes ahead.
    let updated = match change {
        Some(Change::Begin) => starts,
        Some(Change::End) => ends,
        None => ends - 240,
    };
    sent(id, sequence, change, (starts, ends), updated, sequence)
}

fn sent(
    id: u64,
    sequence: u64,
    change: Option<Change>,
    (starts, ends): (i64, i64),
    updated: i64,
    value: u64,
) -> Arc<Item> {
    let alert = Alert {
        labels: LabelSet::from_iter([("alertname", id.to_string())]),
        annotations: LabelSet::from_iter([("value", value.to_string())]),
        starts_at: at(starts),
        ends_at: at(ends),
        updated_at: at(updated),
        generator_url: Arc::from(""),
        timeout: false,
    };
    let (id, sequence) = (AlertId(id), Sequence(sequence));
    Item::new(Accepted { id, sequence, alert: Arc::new(alert), change, path: None })
}

/// Distinct firing alerts with these numbers.
fn firing(ids: impl IntoIterator<Item = u64>) -> Vec<Arc<Item>> {
    ids.into_iter().map(|id| state(id, id, Some(Change::Begin), 0, 240)).collect()
}

fn ids(queue: &Queue) -> Vec<u64> {
    queue.iter().map(|queued| queued.item.accepted.id.0).collect()
}

fn taken(batch: &Batch) -> Vec<u64> {
    batch.entries.iter().map(|queued| queued.item.accepted.id.0).collect()
}

fn refill(more: bool, as_of: u64) -> Refill {
    Refill { alerts: Vec::new(), more, as_of: Sequence(as_of) }
}

/// TestAddAlertsToQueue.
#[test]
fn keeps_the_order() {
    let mut queue = Queue::new(10, DAY);
    assert_eq!(queue.push(&firing([1, 2]), at(0)), 0);
    assert_eq!(queue.push(&firing([3, 4]), at(0)), 0);
    assert_eq!((ids(&queue), queue.len(), queue.capacity()), (vec![1, 2, 3, 4], 4, 10));
    assert!(!queue.is_behind());
}

/// TestAddAlertsToQueueExceedingCapacity, TestAddAlertsToQueueExceedingTotalCapacity.
#[test]
fn a_full_queue_keeps_the_newest() {
    let mut queue = Queue::new(3, DAY);
    queue.push(&firing([1, 2]), at(0));
    assert_eq!(queue.push(&firing([3, 4]), at(0)), 1);
    assert_eq!(ids(&queue), [2, 3, 4]);
    assert!(queue.is_behind());

    let mut queue = Queue::new(3, DAY);
    queue.push(&firing([1, 2]), at(0));
    assert_eq!(queue.push(&firing([3, 4, 5, 6]), at(0)), 3);
    assert_eq!(ids(&queue), [4, 5, 6]);
}

/// TestHandlerNextBatch.
#[test]
fn batches_of_513_are_256_256_1() {
    let mut queue = Queue::new(10_000, DAY);
    queue.push(&firing(1..=513), at(0));
    let batches: Vec<_> = (0..4).map(|_| taken(&queue.next_batch(256, at(0)))).collect();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 1, 0]);
    assert_eq!(batches.concat(), (1..=513).collect::<Vec<_>>());
}

/// TestNextBatchAlertsFromQueue.
#[test]
fn batches_of_three() {
    let mut queue = Queue::new(10, DAY);
    queue.push(&firing(1..=3), at(0));
    assert_eq!(taken(&queue.next_batch(3, at(0))), [1, 2, 3]);
    assert!(queue.next_batch(3, at(0)).is_empty());
    queue.push(&firing(1..=5), at(0));
    let sizes: Vec<_> = (0..3).map(|_| queue.next_batch(3, at(0)).len()).collect();
    assert_eq!(sizes, [3, 2, 0]);
}

#[test]
fn a_newer_state_takes_its_place() {
    let mut queue = Queue::new(10, DAY);
    queue.push(&firing([1, 2]), at(0));
    queue.push(&[state(1, 3, None, 0, 300)], at(60));
    assert_eq!(ids(&queue), [1, 2]);
    let batch = queue.next_batch(10, at(60));
    let first = &batch.entries[0];
    assert_eq!((first.change, first.item.accepted.sequence), (Some(Change::Begin), Sequence(3)));
    assert_eq!((first.item.accepted.alert.ends_at, first.since), (at(300), at(0)));
    // A state that is older than what is queued changes nothing.
    queue.push(&[state(2, 9, None, 0, 300)], at(61));
    queue.push(&[state(2, 8, None, 0, 240)], at(62));
    assert_eq!(queue.next_batch(10, at(62)).entries[0].item.accepted.sequence, Sequence(9));
}

#[test]
fn of_a_refill_the_ends_travel_apart_from_what_fires() {
    let ends = |id| state(id, id, Some(Change::End), 0, 60);
    let mut queue = Queue::new(10, DAY);
    queue.refill(&[firing([1, 2]), vec![ends(3), ends(4)]].concat(), &refill(false, 4), at(60));
    assert_eq!(taken(&queue.next_batch(10, at(60))), [1, 2]);
    assert_eq!(taken(&queue.next_batch(10, at(60))), [3, 4]);
    // Once the refill has gone, the order of arrival is enough.
    queue.push(&[firing([5]), vec![ends(6)]].concat(), at(60));
    assert_eq!(taken(&queue.next_batch(10, at(60))), [5, 6]);
}

#[test]
fn a_new_episode_does_not_hide_the_end_of_the_last() {
    let mut queue = Queue::new(10, DAY);
    queue.push(&[state(1, 2, Some(Change::End), 0, 60)], at(60));
    queue.push(&[state(1, 3, Some(Change::Begin), 90, 330)], at(90));
    assert_eq!(queue.len(), 1);
    let batch = queue.next_batch(10, at(91));
    assert_eq!(batch.len(), 2);
    let mut told = Vec::new();
    batch.entries[0].told(Outcome::Delivered, &mut told);
    let told: Vec<_> = told.iter().map(|told| (told.sequence.0, told.change)).collect();
    assert_eq!(told, [(2, Some(Change::End)), (3, Some(Change::Begin))]);
}

#[test]
fn moot_states_are_left_out() {
    let mut queue = Queue::new(10, DAY);
    let states = [
        state(1, 1, Some(Change::Begin), 0, 240),
        // It was taken while it fired, so its end is told.
        state(2, 2, None, 0, 240),
        state(3, 3, Some(Change::End), 0, 0),
        // Its end has been told.
        state(4, 4, None, 0, 0),
    ];
    queue.push(&states, at(0));
    assert_eq!(ids(&queue), [1, 2, 3]);
    let batch = queue.next_batch(10, at(241));
    assert_eq!((taken(&batch), batch.moot), (vec![2, 3], 1));
    queue.push(&states[2..3], at(0));
    let batch = queue.next_batch(10, at(86_400));
    assert_eq!((taken(&batch), batch.moot), (vec![], 1));
}

#[test]
fn what_could_not_be_sent_goes_back_in_front() {
    let mut queue = Queue::new(4, DAY);
    queue.push(&firing([1, 2, 3]), at(0));
    let batch = queue.next_batch(2, at(0));
    queue.push(&[state(1, 5, Some(Change::End), 0, 30), state(4, 6, Some(Change::Begin), 0, 240)], at(30));
    queue.put_back(batch.entries, at(30));
    assert_eq!(ids(&queue), [2, 3, 1, 4]);
    let end = queue.next_batch(10, at(30)).entries.remove(2);
    assert_eq!((end.change, end.item.accepted.sequence), (Some(Change::End), Sequence(5)));

    queue.push(&firing([1, 2, 3, 4]), at(31));
    let batch = queue.next_batch(2, at(31));
    queue.push(&firing([5, 6]), at(31));
    queue.put_back(batch.entries, at(31));
    assert_eq!(ids(&queue), [3, 4, 5, 6], "what does not fit is left to the store");
    assert!(queue.is_behind());
}

#[test]
fn a_refill_replaces_what_is_older_and_keeps_what_is_newer() {
    let mut queue = Queue::new(3, DAY);
    queue.push(&firing([4, 5, 9]), at(0));
    queue.refill(&firing([1, 2]), &refill(false, 8), at(0));
    assert_eq!(ids(&queue), [1, 2, 9]);
    assert!(!queue.is_behind());
    queue.refill(&firing([1, 2, 3]), &refill(true, 9), at(0));
    assert!(queue.is_behind());
    // While the refill is partial, unknown alerts are left to the store, known ones are merged.
    queue.push(&[state(10, 10, Some(Change::Begin), 0, 240), state(2, 11, None, 0, 300)], at(0));
    assert_eq!(ids(&queue), [1, 2, 3]);
    assert_eq!(queue.iter().nth(1).map(|queued| queued.item.accepted.sequence), Some(Sequence(11)));
}

#[test]
fn alerts_that_relabelling_makes_equal_are_one() {
    let mut queue = Queue::new(10, DAY);
    let same = |id, sequence| {
        state(id, sequence, Some(Change::Begin), 0, 240)
            .relabelled(LabelSet::from_iter([("alertname", "same")]))
    };
    queue.push(&[same(1, 1), same(2, 2), same(1, 3)], at(0));
    assert_eq!(queue.len(), 1);
    let mut told = Vec::new();
    queue.next_batch(10, at(0)).entries[0].told(Outcome::Delivered, &mut told);
    let mut told: Vec<_> = told.iter().map(|told| (told.id.0, told.sequence.0, told.outcome)).collect();
    told.sort_by_key(|told| told.0);
    assert_eq!(told, [(1, 3, Outcome::Delivered), (2, 2, Outcome::Superseded)]);
}

#[test]
fn alerts_that_came_through_different_tocsins_do_not_share_a_batch() {
    let mut queue = Queue::new(10, DAY);
    let through = |id, path: Option<&str>| {
        let plain = state(id, id, Some(Change::Begin), 0, 240);
        Item::new(Accepted { path: path.map(Arc::from), ..plain.accepted.clone() })
    };
    queue.push(&[through(1, None), through(2, None), through(3, Some("a")), through(4, None)], at(0));
    let batches: Vec<_> = (0..3).map(|_| taken(&queue.next_batch(10, at(0)))).collect();
    assert_eq!(batches, [vec![1, 2], vec![3], vec![4]]);
}

/// A model of Alertmanager's store: what arrives at `now`, merged by its rule.
#[derive(Debug, Default, PartialEq)]
struct Receiver(BTreeMap<String, Alert>);

impl Receiver {
    fn take(&mut self, alert: &Alert, now: Timestamp) {
        let alert = Alert { updated_at: now, ..alert.clone() };
        let name = alert.name().to_owned();
        let next = match self.0.get(&name) {
            Some(old) => old.followed_by(alert),
            None => alert,
        };
        self.0.insert(name, next);
    }

    fn take_batch(&mut self, batch: &Batch, now: Timestamp) {
        for queued in &batch.entries {
            for item in queued.end_before.iter().chain([&queued.item]) {
                self.take(&item.accepted.alert, now);
            }
        }
    }

    /// What can be seen of it: all but the time of arrival.
    fn seen(&self) -> Vec<(String, LabelSet, Timestamp, Timestamp)> {
        let seen = |(name, alert): (&String, &Alert)| {
            (name.clone(), alert.annotations.clone(), alert.starts_at, alert.ends_at)
        };
        self.0.iter().map(seen).collect()
    }
}

/// What a rule engine does each interval of 30 seconds, for each of four alerts: fires or not.
fn evaluations() -> impl Strategy<Value = Vec<([bool; 4], bool, u8)>> {
    prop::collection::vec((any::<[bool; 4]>(), prop::bool::weighted(0.1), 0..4_u8), 1..60)
}

/// The states that Prometheus sends of these evaluations (reference 3.2, resend delay one minute), each with the time
/// of its evaluation.
fn rule_engine(evaluations: &[([bool; 4], bool, u8)]) -> Vec<Vec<Arc<Item>>> {
    #[derive(Default, Clone, Copy)]
    struct Rule {
        fired: Option<i64>,
        resolved: Option<i64>,
        sent: Option<i64>,
        /// What the annotation says: it changes while the alert fires.
        value: u64,
    }
    let mut rules = [Rule::default(); 4];
    let mut sequence = 0;
    let mut rounds = Vec::new();
    for (round, (fires, restarted, _)) in (0_i64..).zip(evaluations) {
        let now = round * 30;
        if *restarted {
            rules = [Rule::default(); 4];
        }
        let mut states = Vec::new();
        for (id, (rule, fires)) in (1_u64..).zip(rules.iter_mut().zip(fires)) {
            match (*fires, rule.fired, rule.resolved) {
                (true, None, _) | (true, _, Some(_)) => {
                    *rule = Rule { fired: Some(now), resolved: None, sent: None, value: 0 };
                }
                (false, Some(_), None) => rule.resolved = Some(now),
                (false, Some(_), Some(at)) if now - at > 900 => *rule = Rule::default(),
                _ => {}
            }
            let Some(fired) = rule.fired else { continue };
            let due = rule.sent.is_none_or(|sent| sent + 60 < now)
                || rule.resolved.is_some_and(|at| rule.sent.is_none_or(|sent| at > sent));
            if due {
                let ends = rule.resolved.unwrap_or(now + 240);
                let change = match (rule.resolved, rule.sent) {
                    (Some(at), Some(sent)) if at <= sent => None,
                    (Some(_), _) => Some(Change::End),
                    (None, None) => Some(Change::Begin),
                    (None, Some(_)) => None,
                };
                rule.sent = Some(now);
                sequence += 1;
                if rule.resolved.is_none() {
                    rule.value = sequence;
                }
                states.push(sent(id, sequence, change, (fired, ends), now, rule.value));
            }
        }
        rounds.push(states);
    }
    rounds
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Whenever batches leave, and whether their requests fail, Alertmanager ends as if it had got every state by
    /// itself, at once, as long as none that it has ran out while others waited. (Then even each state by itself
    /// would be merged otherwise, for having come late.)
    #[test]
    fn the_receiver_ends_as_if_it_had_got_everything(evaluations in evaluations()) {
        let evaluations: Vec<_> = evaluations.into_iter().map(|(fires, _, deed)| (fires, false, deed)).collect();
        let mut queue = Queue::new(100, DAY);
        let (mut receiver, mut model) = (Receiver::default(), Receiver::default());
        for (round, (sent, (_, _, deed))) in (0_i64..).zip(rule_engine(&evaluations).into_iter().zip(&evaluations)) {
            let now = at(round * 30);
            sent.iter().for_each(|item| model.take(&item.accepted.alert, now));
            queue.push(&sent, now);
            prop_assert!(queue.len() <= 4);
            // At most three intervals pass without a delivery: the shortest state lasts longer.
            let stuck = *deed == 0 && round % 4 != 3;
            if stuck {
                let batch = queue.next_batch(3, now);
                queue.put_back(batch.entries, now);
            } else {
                let mut batch = queue.next_batch(3, now);
                while !batch.is_empty() {
                    receiver.take_batch(&batch, now);
                    batch = queue.next_batch(3, now);
                }
                prop_assert_eq!(receiver.seen(), model.seen(), "round {}", round);
            }
        }
    }

    /// However long the outage: what fires in the end fires at the receiver, in its newest state, and nothing else
    /// does.
    #[test]
    fn after_an_outage_the_receiver_knows_what_fires(evaluations in evaluations(), first in 0..60_usize) {
        let mut queue = Queue::new(100, DAY);
        let (mut receiver, mut model) = (Receiver::default(), Receiver::default());
        let rounds = rule_engine(&evaluations);
        let end = at(rounds.len() as i64 * 30);
        for (round, sent) in (0_i64..).zip(rounds) {
            let now = at(round * 30);
            sent.iter().for_each(|item| model.take(&item.accepted.alert, now));
            queue.push(&sent, now);
            if round < first as i64 {
                let batch = queue.next_batch(100, now);
                receiver.take_batch(&batch, now);
            }
        }
        receiver.take_batch(&queue.next_batch(100, end), end);
        let firing = |receiver: &Receiver| {
            let firing = receiver.0.values().filter(|alert| !alert.is_resolved_at(end));
            firing.map(|alert| (alert.labels.clone(), alert.annotations.clone(), alert.ends_at)).collect::<Vec<_>>()
        };
        prop_assert_eq!(firing(&receiver), firing(&model));
    }
}
