//! One Alertmanager as the manager sees it: its queue, whether a request is in flight, its back-off, its dead letters
//! (Prometheus's `sendLoop`, without a loop of its own).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::item::Item;
use super::queue::{Batch, Queue, Queued};
use crate::model::{Destination, Outcome, Refill, Suppression, Timestamp, Told};

/// The first pause after a failed request; doubled with each further one, up to [`LONGEST_BACK_OFF`].
const SHORTEST_BACK_OFF: Duration = Duration::from_millis(500);
/// The longest pause that we take by ourselves: an Alertmanager that is back is heard within it.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5);
/// The longest that we wait because an Alertmanager says so.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);
/// How many dead letters are kept for `tocsin queues`; the oldest leaves first, and is counted all the same.
const DEAD_LETTERS_MAX: usize = 100;

/// An alert that an Alertmanager refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its labels, as the Alertmanager was told them.
    pub labels: std::collections::BTreeMap<String, String>,
    /// The answer's status and text.
    pub reason: String,
    /// When it was refused last.
    pub at: String,
    /// How often it was refused.
    pub times: u64,
}

/// The last answer of an Alertmanager, or the reason why there was none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastAnswer {
    /// When.
    pub at: String,
    /// Whether the alerts were taken.
    pub delivered: bool,
    /// Why not; empty if they were.
    pub error: String,
}

/// What the manager is doing for an Alertmanager, apart from waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    No,
    /// A request is in flight, with this many alerts.
    Posting(usize),
    /// The store was asked for a refill.
    Refilling,
    /// What was decided without a request is being reported.
    Reporting,
}

/// What can be done for an Alertmanager now.
#[derive(Debug)]
pub(super) enum Step {
    Nothing,
    Post(Batch),
    Refill { forgotten: bool },
    Report,
}

#[derive(Debug)]
pub(super) struct Alertmanager {
    pub(super) destination: Destination,
    pub(super) queue: Queue,
    pub(super) busy: Busy,
    /// The task that keeps it busy.
    pub(super) task: Option<tokio::task::Id>,
    /// Parts of a batch that was refused whole, to be tried next.
    split: VecDeque<Vec<Queued>>,
    failures: u32,
    back_off_until: Option<Instant>,
    /// Whether a refill is due, and whether what was taken may have been forgotten.
    due: Option<bool>,
    /// The id by which it says that it is a tocsin.
    pub(super) tocsin: Option<Arc<str>>,
    /// Outcomes that were decided without a request.
    pub(super) unreported: Vec<Told>,
    pub(super) last_answer: Option<LastAnswer>,
    pub(super) dead_letters: VecDeque<DeadLetter>,
    /// Until when its queue is drained: it is no longer discovered.
    pub(super) drain_until: Option<Instant>,
}

impl Alertmanager {
    /// A newly discovered one: it has to be told everything.
    pub(super) fn new(destination: Destination, queue: Queue) -> Self {
        Self {
            destination,
            queue,
            busy: Busy::No,
            task: None,
            split: VecDeque::new(),
            failures: 0,
            back_off_until: None,
            due: Some(true),
            tocsin: None,
            unreported: Vec::new(),
            last_answer: None,
            dead_letters: VecDeque::new(),
            drain_until: None,
        }
    }

    /// How many alerts wait, without those in flight.
    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.split.iter().map(Vec::len).sum::<usize>()
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// The end of the back-off, if one is running at `now`.
    pub(super) fn back_off(&self, now: Instant) -> Option<Instant> {
        self.back_off_until.filter(|until| *until > now)
    }

    /// Whether nothing is queued, in flight, to be reported or to be fetched from the store.
    pub(super) fn is_idle(&self) -> bool {
        self.busy == Busy::No
            && self.len() == 0
            && self.unreported.is_empty()
            && self.due.is_none()
            && !self.queue.is_behind()
    }

    /// Asks for a refill from the store.
    pub(super) fn refill_due(&mut self, forgotten: bool) {
        self.due = Some(forgotten || self.due == Some(true));
    }

    /// Queues states. Those that came through a tocsin are not told to another.
    pub(super) fn push(&mut self, items: &[Arc<Item>], now: Timestamp) -> usize {
        if self.tocsin.is_none() {
            return self.queue.push(items, now);
        }
        let (own, passed): (Vec<_>, Vec<_>) =
            items.iter().cloned().partition(|item| item.accepted.path.is_none());
        let suppressed = Outcome::Suppressed(Suppression::Peer);
        self.unreported.extend(passed.iter().map(|item| told(item, suppressed)));
        self.queue.push(&own, now)
    }

    /// Notes that the set's relabelling drops these.
    pub(super) fn suppress<'a>(&mut self, dropped: impl Iterator<Item = &'a Arc<Item>>) {
        let suppressed = Outcome::Suppressed(Suppression::Relabel);
        self.unreported.extend(dropped.map(|item| told(item, suppressed)));
    }

    /// Takes what the store says is due.
    pub(super) fn refill(&mut self, items: &[Arc<Item>], refill: &Refill, now: Timestamp) {
        self.busy = Busy::No;
        let (own, passed): (Vec<_>, Vec<_>) =
            items.iter().cloned().partition(|item| self.tocsin.is_none() || item.accepted.path.is_none());
        let suppressed = Outcome::Suppressed(Suppression::Peer);
        self.unreported.extend(passed.iter().map(|item| told(item, suppressed)));
        self.queue.refill(&own, refill, now);
    }

    /// Says what to do next, and marks it as being done.
    pub(super) fn step(&mut self, max: usize, now: Timestamp, instant: Instant, moot: &mut usize) -> Step {
        if self.busy != Busy::No || self.back_off(instant).is_some() {
            return Step::Nothing;
        }
        if self.split.is_empty() {
            let behind = self.queue.is_empty() && self.queue.is_behind();
            if let Some(forgotten) = self.due.take().or_else(|| behind.then_some(false)) {
                self.busy = Busy::Refilling;
                return Step::Refill { forgotten };
            }
        }
        let batch = match self.split.pop_front() {
            Some(entries) => Batch { entries, moot: 0 },
            None => self.queue.next_batch(max, now),
        };
        *moot += batch.moot;
        if !batch.is_empty() {
            self.busy = Busy::Posting(batch.len());
            return Step::Post(batch);
        }
        if self.queue.is_behind() {
            self.busy = Busy::Refilling;
            return Step::Refill { forgotten: false };
        }
        if self.unreported.is_empty() {
            return Step::Nothing;
        }
        self.busy = Busy::Reporting;
        Step::Report
    }

    /// It said which tocsin it is, or not.
    pub(super) fn set_tocsin(&mut self, id: Option<Arc<str>>) {
        if let Some(id) = id {
            if self.tocsin.is_none() {
                // What is queued may have come through a tocsin.
                self.refill_due(false);
            }
            self.tocsin = Some(id);
        }
    }

    /// It works, whatever it said.
    pub(super) fn answered(&mut self) {
        self.failures = 0;
        self.back_off_until = None;
    }

    /// The batch failed: all of it waits again, and once the back-off is over the store says what is due, since the
    /// Alertmanager may have forgotten what it had.
    pub(super) fn failed(
        &mut self,
        entries: Vec<Queued>,
        retry_after: Option<Duration>,
        jitter: f64,
        now: Timestamp,
        instant: Instant,
    ) {
        for part in std::mem::take(&mut self.split).into_iter().rev() {
            self.queue.put_back(part, now);
        }
        self.queue.put_back(entries, now);
        self.refill_due(true);
        let doubled = SHORTEST_BACK_OFF.saturating_mul(1 << self.failures.min(16)).min(LONGEST_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        // Between half and the whole: those that failed together do not come back together.
        let jittered = doubled.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        let pause = jittered.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER));
        self.back_off_until = Some(instant + pause);
    }

    /// The batch was refused: its halves are tried. Gives back the entry, if it was a single one: a dead letter.
    pub(super) fn refused(&mut self, mut entries: Vec<Queued>) -> Option<Queued> {
        self.answered();
        if entries.len() <= 1 {
            return entries.pop();
        }
        let second = entries.split_off(entries.len().div_ceil(2));
        self.split.push_front(second);
        self.split.push_front(entries);
        None
    }

    /// Keeps a dead letter where an operator finds it.
    pub(super) fn bury(&mut self, letter: &Queued, reason: &str, now: Timestamp) {
        let labels = &letter.item.accepted.alert.labels;
        let labels: std::collections::BTreeMap<String, String> =
            labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let before = self.dead_letters.iter().position(|letter| letter.labels == labels);
        let times =
            before.and_then(|place| self.dead_letters.remove(place)).map_or(1, |letter| letter.times + 1);
        if self.dead_letters.len() >= DEAD_LETTERS_MAX {
            self.dead_letters.pop_front();
        }
        let at = now.to_rfc3339_millis();
        self.dead_letters.push_back(DeadLetter { labels, reason: reason.to_owned(), at, times });
    }

    /// Gives up what is queued; says how much that was.
    pub(super) fn clear(&mut self) -> usize {
        let left = self.len();
        self.queue.clear();
        self.split.clear();
        self.due = None;
        left
    }
}

/// A report about a state that was not queued.
pub(super) fn told(item: &Item, outcome: Outcome) -> Told {
    let accepted = &item.accepted;
    Told { id: accepted.id, sequence: accepted.sequence, change: accepted.change, outcome }
}
