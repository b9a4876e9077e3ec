//! The store: every alert once, in its newest state.
//!
//! Alerts live in a slab of dense slots; two maps lead to a slot, one from the labels' hash and one from the
//! [`AlertId`]. A state that arrives for a known alert is merged by Alertmanager's rule
//! ([`Alert::followed_by`]) and takes over the texts that did not change, so that a repeat leaves nothing behind
//! but the state it replaced. The order of slots never shows: whatever lists alerts sorts them by what they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Alert, AlertId, Change, HashedMap, LabelSet, Sequence, Timestamp, hash_labels};

/// The place of an alert in the slab; given to another alert once this one is gone.
pub(super) type Slot = u32;

/// An alert as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub id: AlertId,
    /// Its newest state, merged.
    pub alert: Arc<Alert>,
    /// Whether its last change was its begin or its end.
    pub phase: Change,
    /// The state that brought that change.
    pub changed: Sequence,
    /// The newest state.
    pub newest: Sequence,
    /// The tocsins that the newest state came through.
    pub path: Option<Arc<str>>,
}

impl Stored {
    /// Whether the alert fires at `now`: it began, and its `endsAt` has not passed.
    #[must_use]
    pub fn is_firing_at(&self, now: Timestamp) -> bool {
        self.phase == Change::Begin && !self.alert.is_resolved_at(now)
    }
}

/// The store is full: an unknown alert was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store holds as many alerts as --alerts.max allows")]
pub struct Full;

/// What [`Alerts::put`] did.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) slot: Slot,
    /// The state as received, with shared texts.
    pub(super) received: Arc<Alert>,
    pub(super) change: Option<Change>,
    /// The state before; `None` when the alert was unknown.
    pub(super) previous: Option<Arc<Alert>>,
}

/// Alertmanager's `provider.Alerts`: Put and Get; instead of Subscribe the engine handles the change in the same
/// step.
#[derive(Debug)]
pub struct Alerts {
    slots: Vec<Option<Stored>>,
    free: Vec<Slot>,
    by_hash: HashedMap<Slot>,
    /// Alerts whose hash belongs to another label set already.
    collided: BTreeMap<Box<str>, Slot>,
    by_id: HashedMap<Slot>,
    hash: fn(&LabelSet) -> u64,
    next_id: u64,
    /// The generator URL of the alert that came last: alerts of one rule come together and have the same.
    last_url: Arc<str>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self::with_hash(hash_labels)
    }
}

impl Alerts {
    fn with_hash(hash: fn(&LabelSet) -> u64) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_hash: HashedMap::default(),
            collided: BTreeMap::new(),
            by_id: HashedMap::default(),
            hash,
            next_id: 1,
            last_url: Arc::from(""),
        }
    }

    /// How many alerts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no alert.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The alert with these labels.
    #[must_use]
    pub fn get(&self, labels: &LabelSet) -> Option<&Stored> {
        self.at(self.slot_of(labels)?)
    }

    /// The alert with this number.
    #[must_use]
    pub fn get_by_id(&self, id: AlertId) -> Option<&Stored> {
        self.at(self.slot_of_id(id)?)
    }

    /// All alerts, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Stored> {
        self.slots.iter().flatten()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (Slot, &Stored)> {
        (0..).zip(&self.slots).filter_map(|(slot, stored)| Some((slot, stored.as_ref()?)))
    }

    pub(super) fn at(&self, slot: Slot) -> Option<&Stored> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn slot_of_id(&self, id: AlertId) -> Option<Slot> {
        self.by_id.get(&id.0).copied()
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    pub(super) fn reserve_ids(&mut self, next_id: u64) {
        self.next_id = self.next_id.max(next_id);
    }

    /// After the clock was set back: no state is from later than `now`, or it would seem newer than those that come.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        for stored in self.slots.iter_mut().flatten().filter(|stored| stored.alert.updated_at > now) {
            let alert = Alert { updated_at: now, ..Alert::clone(&stored.alert) };
            stored.alert = Arc::new(alert);
        }
    }

    fn slot_of(&self, labels: &LabelSet) -> Option<Slot> {
        if let Some(&slot) = self.by_hash.get(&(self.hash)(labels))
            && self.at(slot).is_some_and(|stored| stored.alert.labels == *labels)
        {
            return Some(slot);
        }
        if self.collided.is_empty() { None } else { self.collided.get(labels.as_packed()).copied() }
    }

    /// Accepts a state. An unknown alert gets `id`, or the next number; beyond `max` alerts it is refused.
    pub(super) fn put(
        &mut self,
        mut received: Alert,
        sequence: Sequence,
        path: Option<Arc<str>>,
        id: Option<AlertId>,
        max: usize,
    ) -> Result<Put, Full> {
        let now = received.updated_at;
        let Some(slot) = self.slot_of(&received.labels) else {
            if self.len() >= max {
                return Err(Full);
            }
            let phase = phase_at(&received, now);
            self.share_url(&mut received);
            let received = Arc::new(received);
            let id = id.unwrap_or(AlertId(self.next_id));
            let alert = Arc::clone(&received);
            let slot = self.insert(Stored { id, alert, phase, changed: sequence, newest: sequence, path });
            return Ok(Put { slot, received, change: Some(phase), previous: None });
        };
        let Some(stored) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else {
            return Err(Full);
        };
        let old = Arc::clone(&stored.alert);
        share_texts(&old, &mut received);
        let received = Arc::new(received);
        let merged = follow(&old, &received);
        let phase = phase_at(&merged, now);
        let lapsed = stored.phase == Change::Begin && old.is_resolved_at(now);
        let change = (phase != stored.phase || (phase == Change::Begin && lapsed)).then_some(phase);
        stored.alert = merged;
        stored.newest = sequence;
        stored.path = path;
        if change.is_some() {
            stored.phase = phase;
            stored.changed = sequence;
        }
        Ok(Put { slot, received, change, previous: Some(old) })
    }

    /// Gives the alert the URL text of the one before it, if that is the same.
    pub(super) fn share_url(&mut self, alert: &mut Alert) {
        if alert.generator_url == self.last_url {
            alert.generator_url = Arc::clone(&self.last_url);
        } else {
            self.last_url = Arc::clone(&alert.generator_url);
        }
    }

    /// Stores an alert as it is; an alert with the same labels or number is replaced.
    pub(super) fn insert(&mut self, stored: Stored) -> Slot {
        for known in [self.slot_of(&stored.alert.labels), self.slot_of_id(stored.id)].into_iter().flatten() {
            self.remove(known);
        }
        self.reserve_ids(stored.id.0.saturating_add(1));
        let (id, labels) = (stored.id, stored.alert.labels.clone());
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(stored);
            slot
        } else {
            self.slots.push(Some(stored));
            (self.slots.len() - 1) as Slot
        };
        self.by_id.insert(id.0, slot);
        let hash = (self.hash)(&labels);
        if *self.by_hash.entry(hash).or_insert(slot) != slot {
            self.collided.insert(labels.as_packed().into(), slot);
        }
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(stored) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return };
        self.by_id.remove(&stored.id.0);
        let hash = (self.hash)(&stored.alert.labels);
        if self.by_hash.get(&hash) == Some(&slot) {
            self.by_hash.remove(&hash);
        } else {
            self.collided.remove(stored.alert.labels.as_packed());
        }
        self.free.push(slot);
    }
}

fn phase_at(alert: &Alert, now: Timestamp) -> Change {
    if alert.is_resolved_at(now) { Change::End } else { Change::Begin }
}

fn share_texts(old: &Alert, received: &mut Alert) {
    received.labels = old.labels.clone();
    if received.annotations == old.annotations {
        received.annotations = old.annotations.clone();
    }
    if received.generator_url == old.generator_url {
        received.generator_url = Arc::clone(&old.generator_url);
    }
}

/// [`Alert::followed_by`], without a second copy where the newer state wins whole.
fn follow(old: &Arc<Alert>, received: &Arc<Alert>) -> Arc<Alert> {
    if !received.overlaps(old) {
        return Arc::clone(received);
    }
    let merged = old.merge(Alert::clone(received));
    if merged == **received { Arc::clone(received) } else { Arc::new(merged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str, starts: i64, ends: i64, updated: i64) -> Alert {
        Alert {
            labels: LabelSet::from_iter([("alertname", name)]),
            annotations: LabelSet::from_iter([("summary", "text")]),
            starts_at: Timestamp::from_unix(starts, 0),
            ends_at: Timestamp::from_unix(ends, 0),
            updated_at: Timestamp::from_unix(updated, 0),
            generator_url: Arc::from("http://prometheus/graph"),
            timeout: false,
        }
    }

    fn put(alerts: &mut Alerts, alert: Alert, sequence: u64) -> Put {
        alerts.put(alert, Sequence(sequence), None, None, 10).expect("there is room")
    }

    #[test]
    fn tells_begins_ends_and_repeats_apart() {
        let mut alerts = Alerts::default();
        let changes = [
            (state("a", 0, 240, 0), Some(Change::Begin)),
            (state("a", 0, 300, 60), None),
            (state("a", 0, 120, 120), Some(Change::End)),
            (state("a", 0, 120, 180), None),
            (state("a", 200, 440, 200), Some(Change::Begin)),
            // It lapsed at 440, so what fires at 500 begins anew.
            (state("a", 200, 740, 500), Some(Change::Begin)),
            (state("b", 0, 120, 600), Some(Change::End)),
        ];
        for (sequence, (alert, change)) in (1..).zip(changes) {
            assert_eq!(put(&mut alerts, alert, sequence).change, change, "state {sequence}");
        }
        assert_eq!(alerts.len(), 2);
    }

    #[test]
    fn a_repeat_keeps_the_texts_that_are_there() {
        let mut alerts = Alerts::default();
        put(&mut alerts, state("a", 0, 240, 0), 1);
        let repeat = put(&mut alerts, state("a", 0, 300, 60), 2);
        let old = repeat.previous.expect("it is known");
        assert!(Arc::ptr_eq(&old.generator_url, &repeat.received.generator_url));
        let stored = alerts.at(repeat.slot).expect("it is stored");
        assert!(Arc::ptr_eq(&stored.alert, &repeat.received));
        assert_eq!(old.labels.as_packed().as_ptr(), stored.alert.labels.as_packed().as_ptr());
        assert_eq!(old.annotations.as_packed().as_ptr(), stored.alert.annotations.as_packed().as_ptr());
    }

    #[test]
    fn refuses_the_unknown_when_full_but_never_the_known() {
        let mut alerts = Alerts::default();
        for (sequence, name) in (1..).zip(["a", "b"]) {
            assert!(alerts.put(state(name, 0, 9, 0), Sequence(sequence), None, None, 2).is_ok());
        }
        assert_eq!(alerts.put(state("c", 0, 9, 0), Sequence(3), None, None, 2).err(), Some(Full));
        assert!(alerts.put(state("a", 0, 10, 1), Sequence(4), None, None, 2).is_ok());
    }

    #[test]
    fn label_sets_with_one_hash_are_kept_apart() {
        let mut alerts = Alerts::with_hash(|_labels| 7);
        for (sequence, name) in (1..).zip(["a", "b", "c"]) {
            put(&mut alerts, state(name, 0, 9, 0), sequence);
        }
        for name in ["a", "b", "c"] {
            let labels = LabelSet::from_iter([("alertname", name)]);
            assert_eq!(alerts.get(&labels).map(|stored| stored.alert.name()), Some(name));
        }
        let first = alerts.slot_of(&LabelSet::from_iter([("alertname", "a")])).expect("it is there");
        alerts.remove(first);
        for (name, there) in [("a", false), ("b", true), ("c", true)] {
            assert_eq!(alerts.get(&LabelSet::from_iter([("alertname", name)])).is_some(), there, "{name}");
        }
        put(&mut alerts, state("a", 0, 9, 0), 4);
        assert_eq!(alerts.len(), 3);
        assert_eq!(alerts.get_by_id(AlertId(4)).map(|stored| stored.alert.name()), Some("a"));
    }
}
