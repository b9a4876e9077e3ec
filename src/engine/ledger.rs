//! Who has been told what: the books of "no silent loss".
//!
//! For every destination there is one byte of flags for each alert in the store, and a [`Balance`] in plain
//! integers. A change is pending from the moment it is accepted until it has its one outcome, so that
//! accepted = outcomes + pending holds after every step.
//!
//! At most two changes of one alert are pending at one destination: the newest, and before a pending begin the end
//! of the episode before it. What else was pending when a newer change arrived is superseded.
//!
//! | what happens | what becomes of the pending changes |
//! |---|---|
//! | the newest state was told, or was decided about | that outcome; an older end is superseded |
//! | a newer change | superseded, except an end when the newer change is a begin: it is still told, first |
//! | the `endsAt` of an untold begin passes | expired (too late) |
//! | an end is [`StoreLimits::end_expiry`](super::StoreLimits::end_expiry) old | expired (too late) |
//! | the destination goes away | superseded, if another set's Alertmanager with the same URL is told everything anew; else expired (destination gone): nobody refused it and nobody took it |
//!
//! A destination that appears has to be told everything: for it the begin of every alert that fires counts as
//! accepted, and so does every end that is in the store, since an Alertmanager that moved has forgotten its alerts
//! but not whom it paged.

use std::sync::Arc;
use std::time::Duration;

use super::alerts::{Alerts, Slot, Stored};
use crate::model::{
    Accepted, AlertId, Balance, Change, Destination, Expiry, Outcome, Refill, Sequence, Suppression,
    Timestamp, Told,
};

/// The begin of the current episode is untold.
const BEGIN: u8 = 1;
/// An end is untold: of the current episode or, with [`BEGIN`], of the one before.
const END: u8 = 2;
/// The begin of the current episode was taken.
const TAKEN: u8 = 4;
/// The newest state was not taken. Not durable: after a restart every destination is refilled.
const STALE: u8 = 8;
/// Was taken, but may have been forgotten since. Not durable.
const FORGOTTEN: u8 = 16;
/// The newest state was taken. Not durable.
const HELD: u8 = 32;
/// The newest change was dropped by the relabelling for this destination.
const DROPPED: u8 = 64;
/// The flags that survive a restart.
pub(super) const DURABLE: u8 = BEGIN | END | TAKEN | DROPPED;

/// A change that got its outcome: what the journal keeps of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) id: AlertId,
    pub(super) change: Change,
    pub(super) outcome: Outcome,
}

/// The books of one destination.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) destination: Destination,
    pub(super) balance: Balance,
    /// It is gone, and only what was accepted before is still told.
    pub(super) draining: bool,
    flags: Vec<u8>,
}

impl Book {
    pub(super) fn new(destination: Destination, balance: Balance) -> Self {
        Self { destination, balance, draining: false, flags: Vec::new() }
    }

    /// The final balance. What is pending is superseded if the same Alertmanager, found by another set, is told
    /// everything anew, else expired.
    fn closed(mut self, told_anew: bool) -> Balance {
        let outcome = if told_anew { Outcome::Superseded } else { Outcome::Expired(Expiry::DestinationGone) };
        let pending = std::mem::take(&mut self.balance.pending);
        self.balance.outcomes[usize::from(outcome.index())] += pending;
        self.balance
    }

    fn flags(&self, slot: Slot) -> u8 {
        self.flags.get(slot as usize).copied().unwrap_or(0)
    }

    pub(super) fn durable_flags(&self, slot: Slot) -> u8 {
        self.flags(slot) & DURABLE
    }

    pub(super) fn set_flags(&mut self, slot: Slot, flags: u8) {
        let place = slot as usize;
        if place >= self.flags.len() {
            if flags == 0 {
                return;
            }
            self.flags.resize(place + 1, 0);
        }
        self.flags[place] = flags;
    }

    /// Counts what is pending from the flags: a snapshot with damage in it must not break the books.
    pub(super) fn recount(&mut self) {
        let pending = self.flags.iter().map(|flags| u64::from((flags & (BEGIN | END)).count_ones())).sum();
        self.balance.pending = pending;
        self.balance.accepted = pending + self.balance.outcomes.iter().sum::<u64>();
    }

    fn accept(&mut self, slot: Slot, change: Change) {
        let mut flags = self.flags(slot);
        let replaced = match change {
            Change::Begin => flags & BEGIN,
            Change::End => flags & (BEGIN | END),
        };
        self.close(replaced, Outcome::Superseded);
        flags &= !replaced;
        flags |= match change {
            Change::Begin => BEGIN | STALE,
            Change::End => END | STALE,
        };
        if change == Change::Begin {
            flags &= !(TAKEN | FORGOTTEN);
        }
        flags &= !(HELD | DROPPED);
        self.balance.accepted += 1;
        self.balance.pending += 1;
        self.set_flags(slot, flags);
    }

    /// Counts the changes in `flags` as closed with `outcome`.
    fn close(&mut self, flags: u8, outcome: Outcome) {
        let count = u64::from((flags & (BEGIN | END)).count_ones());
        self.balance.pending -= count;
        self.balance.outcomes[usize::from(outcome.index())] += count;
    }

    /// Gives a pending change its outcome; `false` if it is not pending.
    fn settle(&mut self, slot: Slot, change: Change, outcome: Outcome) -> bool {
        let flag = match change {
            Change::Begin => BEGIN,
            Change::End => END,
        };
        let mut flags = self.flags(slot);
        if flags & flag == 0 {
            return false;
        }
        self.close(flag, outcome);
        flags &= !flag;
        if change == Change::Begin && matches!(outcome, Outcome::Delivered | Outcome::Superseded) {
            flags |= TAKEN;
        }
        if outcome == Outcome::Suppressed(Suppression::Relabel) {
            flags |= DROPPED;
        }
        self.set_flags(slot, flags);
        true
    }

    /// The changes that a report about a state closes.
    fn closes(&self, slot: Slot, stored: &Stored, told: &Told) -> [Option<Settled>; 2] {
        let flags = self.flags(slot);
        let settled = |change, outcome| Some(Settled { id: told.id, change, outcome });
        if told.sequence < stored.changed {
            // About a state before the last change: all that can be open of those is the earlier end.
            let earlier_end = flags & END != 0 && stored.phase == Change::Begin;
            return match told.change {
                Some(Change::End) if earlier_end => [settled(Change::End, told.outcome), None],
                _ => [None, None],
            };
        }
        match stored.phase {
            Change::End if flags & END != 0 => [settled(Change::End, told.outcome), None],
            Change::End => [None, None],
            Change::Begin => [
                (flags & END != 0).then_some(Settled {
                    id: told.id,
                    change: Change::End,
                    outcome: Outcome::Superseded,
                }),
                (flags & BEGIN != 0).then_some(Settled {
                    id: told.id,
                    change: Change::Begin,
                    outcome: told.outcome,
                }),
            ],
        }
    }

    fn refill(&mut self, alerts: &Alerts, forgotten: bool, limit: usize, now: Timestamp) -> Refill {
        let mut due: Vec<(u8, Sequence, Slot)> = Vec::new();
        let mut as_of = Sequence(0);
        for (slot, stored) in alerts.slots() {
            as_of = as_of.max(stored.newest);
            let mut flags = self.flags(slot);
            let firing = stored.is_firing_at(now);
            if forgotten && flags & (BEGIN | END) == 0 && (firing || stored.phase == Change::End) {
                flags = (flags | FORGOTTEN | STALE) & !HELD;
                self.set_flags(slot, flags);
            }
            let class = match stored.phase {
                Change::Begin if firing && flags & BEGIN != 0 => 0,
                Change::Begin if firing && flags & FORGOTTEN != 0 => 1,
                Change::Begin if firing && flags & STALE != 0 => 3,
                // It lapsed, and what was taken of it said that it lasts less long or fires still.
                Change::Begin if flags & TAKEN != 0 && flags & STALE != 0 => 2,
                Change::End if flags & (END | FORGOTTEN) != 0 => 2,
                _ => continue,
            };
            due.push((class, stored.changed, slot));
        }
        let more = due.len() > limit;
        if more {
            due.select_nth_unstable(limit);
            due.truncate(limit);
        }
        due.sort_unstable();
        let listed = due.into_iter().filter_map(|(class, _, slot)| {
            let stored = alerts.at(slot)?;
            Some(Accepted {
                id: stored.id,
                sequence: stored.newest,
                alert: Arc::clone(&stored.alert),
                change: match (class, stored.phase) {
                    (0, _) => Some(Change::Begin),
                    (_, Change::End) if self.flags(slot) & END != 0 => Some(Change::End),
                    _ => None,
                },
                path: stored.path.clone(),
            })
        });
        Refill { alerts: listed.collect(), more, as_of }
    }
}

/// The books of all destinations.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    books: Vec<Book>,
    /// The closed books of those that went away.
    gone: Balance,
}

impl Ledger {
    /// Everybody's books together; never goes back when a destination goes away.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let mut sum = self.gone;
        for book in &self.books {
            sum.add(&book.balance);
        }
        sum
    }

    /// The books of each destination, in the order of destinations.
    pub fn balances(&self) -> impl Iterator<Item = (&Destination, &Balance)> {
        self.books.iter().map(|book| (&book.destination, &book.balance))
    }

    pub(super) fn restore(books: Vec<Book>, gone: Balance) -> Self {
        let mut ledger = Self { books, gone };
        ledger.books.sort_by(|left, right| left.destination.cmp(&right.destination));
        ledger
    }

    pub(super) fn books(&self) -> &[Book] {
        &self.books
    }

    pub(super) fn gone(&self) -> &Balance {
        &self.gone
    }

    /// Opens books for destinations that appeared and closes those of destinations that went away; the books of those
    /// `draining` stay, but nothing is added to them. `false` when nothing changed.
    pub(super) fn set_destinations(
        &mut self,
        active: &[Destination],
        draining: &[Destination],
        alerts: &Alerts,
        now: Timestamp,
    ) -> bool {
        let mut changed = false;
        let mut kept = Vec::with_capacity(active.len() + draining.len());
        for mut book in std::mem::take(&mut self.books) {
            let drains = draining.contains(&book.destination);
            if drains || (active.contains(&book.destination) && !book.draining) {
                changed |= drains != book.draining;
                book.draining = drains;
                kept.push(book);
            } else {
                // Gone, or back after changes that its books do not have.
                changed = true;
                let told_anew = active.iter().any(|destination| destination.url == book.destination.url);
                self.gone.add(&book.closed(told_anew));
            }
        }
        for destination in active {
            if kept.iter().any(|book| book.destination == *destination) {
                continue;
            }
            let mut book = Book::new(destination.clone(), Balance::default());
            for (slot, stored) in alerts.slots() {
                if stored.phase == Change::End || stored.is_firing_at(now) {
                    book.accept(slot, stored.phase);
                }
            }
            kept.push(book);
            changed = true;
        }
        kept.sort_by(|left, right| left.destination.cmp(&right.destination));
        self.books = kept;
        changed
    }

    /// A state was accepted that everybody has to be told of.
    pub(super) fn accept(&mut self, slot: Slot, change: Option<Change>) {
        for book in self.books.iter_mut().filter(|book| !book.draining) {
            match change {
                Some(change) => book.accept(slot, change),
                None => book.set_flags(slot, (book.flags(slot) & !HELD) | STALE),
            }
        }
    }

    /// Takes a report; says which changes it closed.
    pub(super) fn told(&mut self, destination: &Destination, told: &[Told], alerts: &Alerts) -> Vec<Settled> {
        let mut all = Vec::new();
        let Some(book) = self.books.iter_mut().find(|book| book.destination == *destination) else {
            return all;
        };
        for told in told {
            let Some((slot, stored)) =
                alerts.slot_of_id(told.id).and_then(|slot| Some((slot, alerts.at(slot)?)))
            else {
                continue;
            };
            for settled in book.closes(slot, stored, told).into_iter().flatten() {
                if book.settle(slot, settled.change, settled.outcome) {
                    all.push(settled);
                }
            }
            let mut flags = book.flags(slot);
            if told.sequence >= stored.changed {
                flags &= !FORGOTTEN;
            }
            if told.sequence >= stored.newest {
                flags &= !STALE;
                if told.outcome == Outcome::Delivered {
                    flags |= HELD;
                }
            }
            book.set_flags(slot, flags);
        }
        all
    }

    /// Takes what a report once closed, from the journal.
    pub(super) fn settle(&mut self, destination: &Destination, settled: &Settled, alerts: &Alerts) -> bool {
        let Some(slot) = alerts.slot_of_id(settled.id) else { return false };
        let book = self.books.iter_mut().find(|book| book.destination == *destination);
        book.is_some_and(|book| book.settle(slot, settled.change, settled.outcome))
    }

    /// Closes what can no longer be told in time.
    pub(super) fn expire(&mut self, alerts: &Alerts, end_expiry: Duration, now: Timestamp) {
        if self.books.iter().all(|book| book.balance.pending == 0) {
            return;
        }
        let too_late = Outcome::Expired(Expiry::TooLate);
        for (slot, stored) in alerts.slots() {
            let over = match stored.phase {
                Change::Begin => stored.alert.is_resolved_at(now),
                Change::End => now.since(stored.alert.ends_at) >= end_expiry,
            };
            if !over {
                continue;
            }
            for book in &mut self.books {
                if stored.phase == Change::Begin && book.flags(slot) & BEGIN != 0 {
                    book.settle(slot, Change::End, Outcome::Superseded);
                    book.settle(slot, Change::Begin, too_late);
                } else if stored.phase == Change::End {
                    book.settle(slot, Change::End, too_late);
                }
            }
        }
    }

    /// Whether any destination has yet to be told of a change of this alert.
    pub(super) fn is_pending(&self, slot: Slot) -> bool {
        self.books.iter().any(|book| book.flags(slot) & (BEGIN | END) != 0)
    }

    /// Whether a destination has taken the newest state of this alert (what Prometheus's sendAll returns).
    pub(super) fn is_taken(&self, slot: Slot) -> bool {
        self.books.iter().any(|book| book.flags(slot) & HELD != 0)
    }

    /// Whether a destination has taken the begin of this alert's episode.
    pub(super) fn has_taken_begin(&self, slot: Slot) -> bool {
        self.books.iter().any(|book| book.flags(slot) & TAKEN != 0)
    }

    /// Whether every destination's relabelling drops the alert, as of its newest change.
    pub(super) fn is_dropped_by_all(&self, slot: Slot) -> bool {
        let mut books = self.books.iter().filter(|book| !book.draining).peekable();
        books.peek().is_some() && books.all(|book| book.flags(slot) & DROPPED != 0)
    }

    /// Forgets an alert that left the store.
    pub(super) fn release(&mut self, slot: Slot) {
        for book in &mut self.books {
            let open = book.flags(slot) & (BEGIN | END);
            book.close(open, Outcome::Superseded);
            book.set_flags(slot, 0);
        }
    }

    /// What the destination has to be told to catch up; see [`Engine::refill`](super::Engine::refill).
    pub(super) fn refill(
        &mut self,
        destination: &Destination,
        alerts: &Alerts,
        forgotten: bool,
        limit: usize,
        now: Timestamp,
    ) -> Refill {
        let book = self.books.iter_mut().find(|book| book.destination == *destination);
        book.map_or_else(Refill::default, |book| book.refill(alerts, forgotten, limit, now))
    }
}
