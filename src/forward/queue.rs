//! The bounded FIFO of one Alertmanager. Pure: time comes in as an argument.
//!
//! Alerts are state, not events. Each alert is queued at most once, by its labels as this Alertmanager sees them, in
//! the order first queued; a newer state is merged into the queued one in its place, by the rule by which
//! Alertmanager itself merges ([`Alert::followed_by`]), so that the receiver ends as if it had got both. Where one
//! state cannot do that, since an end is followed by a new episode, the entry keeps the end and sends it first.
//!
//! With distinct alerts this is Prometheus's queue: a full one loses its oldest. What is lost from the queue is still
//! in the store: the queue is then *behind* and asks for a refill once it is empty. A refill that does not fit is
//! *partial*: until the rest has come, states of alerts that are not queued are left to the store, so that a queue
//! that is far behind catches up in the store's order instead of churning.
//!
//! A state that no longer matters when its turn comes is moot and left out: a begin whose `endsAt` has passed, an end
//! a day after its `endsAt`, a repeat of an end that has been told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::item::Item;
use crate::model::{Accepted, Alert, AlertId, Change, HashedMap, Outcome, Refill, Sequence, Timestamp, Told};

/// What waits for one alert.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The newest state, merged with those it replaced here.
    pub item: Arc<Item>,
    /// The untold change that the state carries.
    pub change: Option<Change>,
    /// The end of the episode before, to be sent first.
    pub end_before: Option<Arc<Item>>,
    /// Since when something waits for this alert.
    pub since: Timestamp,
    /// Other alerts of ours that are this one to the Alertmanager, because its relabelling makes their labels equal.
    others: Vec<(AlertId, Sequence, Option<Change>)>,
}

impl Queued {
    fn new(item: Arc<Item>, since: Timestamp) -> Self {
        let change = item.accepted.change;
        Self { item, change, end_before: None, since, others: Vec::new() }
    }

    /// How many alerts of a request this is.
    #[must_use]
    pub fn pieces(&self) -> usize {
        1 + usize::from(self.end_before.is_some())
    }

    /// What to report of it when a request had this outcome.
    pub(super) fn told(&self, outcome: Outcome, told: &mut Vec<Told>) {
        if let Some(end) = &self.end_before {
            let Accepted { id, sequence, .. } = end.accepted;
            told.push(Told { id, sequence, change: Some(Change::End), outcome });
        }
        let other_outcome = if outcome == Outcome::Delivered { Outcome::Superseded } else { outcome };
        for &(id, sequence, change) in &self.others {
            told.push(Told { id, sequence, change, outcome: other_outcome });
        }
        let Accepted { id, sequence, .. } = self.item.accepted;
        told.push(Told { id, sequence, change: self.change, outcome });
    }

    /// Takes a newer state in; an older one changes nothing.
    fn follow(&mut self, newer: &Arc<Item>, change: Option<Change>, now: Timestamp) {
        let (old, new) = (&self.item.accepted, &newer.accepted);
        if new.sequence <= old.sequence {
            return;
        }
        if old.id == new.id {
            let ended = self.change == Some(Change::End) && old.is_resolved_at(now);
            if ended && !new.is_resolved_at(now) && !new.alert.overlaps(&old.alert) {
                self.end_before = Some(Arc::clone(&self.item));
            }
            self.change = change.or(self.change);
        } else {
            self.others.retain(|(id, ..)| *id != new.id && *id != old.id);
            self.others.push((old.id, old.sequence, self.change));
            self.change = change;
        }
        self.item = follow(&self.item, newer);
    }

    fn is_moot(&self, now: Timestamp, end_expiry: Duration) -> bool {
        let alert = &self.item.accepted.alert;
        match self.change {
            // Taken by nobody: what has been taken is told its end.
            Some(Change::Begin) => {
                alert.is_resolved_at(now)
                    && self.others.iter().all(|(_, _, change)| *change == Some(Change::Begin))
            }
            Some(Change::End) | None => alert.is_resolved_at(now) && now.since(alert.ends_at) >= end_expiry,
        }
    }
}

/// The newer item, merged with the older where they overlap.
fn follow(old: &Arc<Item>, newer: &Arc<Item>) -> Arc<Item> {
    let (old, new) = (&old.accepted.alert, &newer.accepted.alert);
    if !new.overlaps(old) {
        return Arc::clone(newer);
    }
    let mut merged = old.merge(Alert::clone(new));
    if merged.timeout && !old.timeout && merged.ends_at == old.ends_at && merged.ends_at != new.ends_at {
        // The end was given, by the older state; left out, it would be a shorter one.
        merged.timeout = false;
    }
    if merged == **new {
        return Arc::clone(newer);
    }
    Item::new(Accepted { alert: Arc::new(merged), ..newer.accepted.clone() })
}

/// What [`Queue::next_batch`] took.
#[derive(Debug, Default)]
pub struct Batch {
    /// What to send, in order.
    pub entries: Vec<Queued>,
    /// How many states were left out because they are moot.
    pub moot: usize,
}

impl Batch {
    /// How many alerts the request has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.iter().map(Queued::pieces).sum()
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The queue of one Alertmanager.
#[derive(Debug)]
pub struct Queue {
    entries: VecDeque<Queued>,
    /// Where an alert is, by the hash of its labels: a number that counts up from the front's.
    places: HashedMap<u64>,
    front: u64,
    capacity: usize,
    end_expiry: Duration,
    behind: bool,
    partial: bool,
    /// Whether what is queued begins with a refill.
    refilled: bool,
}

impl Queue {
    /// An empty queue of `capacity` alerts (at least one), in which an end waits `end_expiry` after its `endsAt`.
    #[must_use]
    pub fn new(capacity: usize, end_expiry: Duration) -> Self {
        Self {
            entries: VecDeque::new(),
            places: HashedMap::default(),
            // In the middle, so that entries can be put back.
            front: 1 << 63,
            capacity: capacity.max(1),
            end_expiry,
            behind: false,
            partial: false,
            refilled: false,
        }
    }

    /// How many alerts are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many alerts fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether there are alerts in the store that belong here but did not fit.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// Notes that there are alerts in the store that belong here.
    pub fn set_behind(&mut self) {
        self.behind = true;
    }

    /// Since when the front has waited.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.entries.front().map(|queued| queued.since)
    }

    /// What is queued, from the front.
    pub fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.entries.iter()
    }

    /// Queues states in order (Prometheus's `add`); says how many left a full queue for the store.
    pub fn push(&mut self, items: &[Arc<Item>], now: Timestamp) -> usize {
        items.iter().map(|item| self.push_one(item, now)).sum()
    }

    fn push_one(&mut self, item: &Arc<Item>, now: Timestamp) -> usize {
        if let Some(queued) = self.find(item) {
            queued.follow(item, item.accepted.change, now);
            return 0;
        }
        let told_end = item.accepted.change.is_none() && item.accepted.is_resolved_at(now);
        if told_end {
            return 0;
        }
        if self.partial {
            self.behind = true;
            return 1;
        }
        let full = self.entries.len() >= self.capacity;
        if full {
            self.pop();
            self.behind = true;
        }
        self.append(Queued::new(Arc::clone(item), now));
        usize::from(full)
    }

    /// Takes up to `max` alerts from the front. Alerts that came through different tocsins do not share a batch, and
    /// moot states are left out.
    ///
    /// Of a refill the ends do not share a batch with what fires: an Alertmanager that has forgotten its alerts takes
    /// those of one request in any order, and an end that it takes first closes the incident.
    pub fn next_batch(&mut self, max: usize, now: Timestamp) -> Batch {
        let mut batch = Batch::default();
        let mut taken = 0;
        while let Some(front) = self.entries.front() {
            if front.is_moot(now, self.end_expiry) {
                batch.moot += 1;
                let end = self.pop().and_then(|moot| moot.end_before);
                if let Some(end) = end {
                    self.put_back(vec![Queued::new(end, now)], now);
                }
                continue;
            }
            let first = batch.entries.first().map(|first: &Queued| &first.item.accepted.path);
            let same_path = first.is_none_or(|path| *path == front.item.accepted.path);
            let fires = |queued: &Queued| !queued.item.accepted.is_resolved_at(now);
            let end_of_siblings = self.refilled && !fires(front) && batch.entries.iter().any(fires);
            if taken > 0 && (taken + front.pieces() > max || !same_path || end_of_siblings) {
                break;
            }
            taken += front.pieces();
            batch.entries.extend(self.pop());
            if taken >= max {
                break;
            }
        }
        self.refilled &= !self.entries.is_empty();
        batch
    }

    /// Puts back to the front what could not be sent, merged with what was queued meanwhile; what does not fit is
    /// left to the store.
    pub fn put_back(&mut self, entries: Vec<Queued>, now: Timestamp) {
        for mut older in entries.into_iter().rev() {
            if let Some(queued) = self.find(&older.item) {
                let newer = std::mem::replace(queued, older.clone());
                older.follow(&newer.item, newer.change, now);
                older.end_before = newer.end_before.or(older.end_before);
                older.others.extend(newer.others);
                *queued = older;
            } else if self.entries.len() >= self.capacity {
                self.behind = true;
            } else {
                self.front -= 1;
                self.places.entry(older.item.hash).or_insert(self.front);
                self.entries.push_front(older);
            }
        }
    }

    /// Replaces what is queued by what the store says is due; only states that are newer than the store's answer stay,
    /// behind it.
    pub fn refill(&mut self, items: &[Arc<Item>], refill: &Refill, now: Timestamp) {
        let queued = std::mem::take(&mut self.entries);
        self.places.clear();
        self.behind = refill.more;
        self.partial = false;
        self.refilled = true;
        for item in items {
            if let Some(queued) = self.find(item) {
                queued.follow(item, item.accepted.change, now);
            } else if self.entries.len() < self.capacity {
                self.append(Queued::new(Arc::clone(item), now));
            } else {
                self.behind = true;
            }
        }
        self.partial = self.behind;
        for newer in queued {
            if newer.item.accepted.sequence > refill.as_of {
                self.push_one(&newer.item, now);
            }
        }
    }

    /// Forgets what is queued.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.places.clear();
        self.behind = false;
        self.partial = false;
        self.refilled = false;
    }

    fn append(&mut self, queued: Queued) {
        let place = self.front + self.entries.len() as u64;
        // Another alert with this hash keeps the place: this one is queued all the same, only not merged.
        self.places.entry(queued.item.hash).or_insert(place);
        self.entries.push_back(queued);
    }

    fn pop(&mut self) -> Option<Queued> {
        let queued = self.entries.pop_front()?;
        if self.places.get(&queued.item.hash) == Some(&self.front) {
            self.places.remove(&queued.item.hash);
        }
        self.front += 1;
        Some(queued)
    }

    fn find(&mut self, item: &Item) -> Option<&mut Queued> {
        let place = *self.places.get(&item.hash)?;
        let queued = self.entries.get_mut(usize::try_from(place.checked_sub(self.front)?).ok()?)?;
        (queued.item.accepted.alert.labels == item.accepted.alert.labels).then_some(queued)
    }
}

#[cfg(test)]
mod tests;
