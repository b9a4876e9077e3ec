//! Contact with the Alertmanagers: which begins they took and may not have told yet.
//!
//! An Alertmanager that takes a begin waits for its route's `group_wait` before it tells anybody; if it dies before
//! that, it never does. So a begin that was taken is proven, and with that the Alertmanager's business for good, only by
//! an answer of that Alertmanager that comes `group_wait` after it or later: the longest one of the routes that the alert
//! reaches here. If contact is lost before, the begin counts as not taken by it.
//!
//! | what happens | what it means |
//! |---|---|
//! | a push was taken, or a question for silences answered | contact: what it took `group_wait` ago is proven |
//! | a push failed, for whatever reason that is tried again | contact is lost, and was so since the last answer: nobody knows when in between it died, and to be told twice is better than not at all |
//! | it is no longer discovered, nor drained | the same |
//! | several took the begin | one that proves it is enough; it is lost with the last of them |
//! | it answers again | it is told all that fires, since it may have forgotten it; what it takes counts from then on |
//! | it flaps | a begin is held back while nobody has it and let go when somebody takes it: only one that nobody has for `--delivery.fallback-after` at a stretch is told from here |
//! | we start | all contact counts as lost: nobody knows what happened meanwhile. The refill at a start brings it back within seconds |
//!
//! An Alertmanager that dies and comes back between two requests is not noticed; the next repeat brings it the alert.

use std::collections::{BTreeMap, BTreeSet};

use super::action::ClockStep;
use super::codec::{DecodeError, Reader, Writer};
use super::record::{push_destination, take_destination};
use crate::model::{AlertId, Destination, Timestamp};

/// The begins that Alertmanagers took and that nothing proves yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Contacts(Vec<Contact>);

/// One Alertmanager, as long as something is unproven.
#[derive(Debug, Clone)]
struct Contact {
    destination: Destination,
    /// From when on an answer proves that the alert's begin was told.
    proof: BTreeMap<AlertId, Timestamp>,
    /// The same, by time.
    due: BTreeSet<(Timestamp, AlertId)>,
}

impl Contact {
    fn remove(&mut self, id: AlertId) -> bool {
        let Some(at) = self.proof.remove(&id) else { return false };
        self.due.remove(&(at, id))
    }
}

impl Contacts {
    /// Whether nothing is unproven.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an Alertmanager took the begin of this alert, and nothing proves that it was told.
    pub(super) fn has(&self, id: AlertId) -> bool {
        self.0.iter().any(|contact| contact.proof.contains_key(&id))
    }

    /// An Alertmanager took a begin; an answer at `proof` or later proves that it was told. Whether that is news: what
    /// it took again it has already.
    pub(super) fn take(&mut self, destination: &Destination, id: AlertId, proof: Timestamp) -> bool {
        let place = self.0.binary_search_by(|contact| contact.destination.cmp(destination));
        let place = place.unwrap_or_else(|place| {
            let destination = destination.clone();
            self.0.insert(place, Contact { destination, proof: BTreeMap::new(), due: BTreeSet::new() });
            place
        });
        let contact = &mut self.0[place];
        if contact.proof.contains_key(&id) {
            return false;
        }
        contact.proof.insert(id, proof);
        contact.due.insert((proof, id))
    }

    /// Forgets an alert. Whether there was something to forget.
    pub(super) fn remove(&mut self, id: AlertId) -> bool {
        // Everybody is asked: several may have it.
        let found = self.0.iter_mut().fold(false, |found, contact| contact.remove(id) | found);
        self.drop_empty();
        found
    }

    /// An Alertmanager answers at `now`: the begins that this proves, which are forgotten here.
    pub(super) fn answered(&mut self, destination: &Destination, now: Timestamp) -> Vec<AlertId> {
        let contact = self.0.iter().find(|contact| contact.destination == *destination);
        let due = contact.into_iter().flat_map(|contact| contact.due.iter().take_while(|(at, _)| *at <= now));
        let proven: Vec<AlertId> = due.map(|(_, id)| *id).collect();
        for contact in &mut self.0 {
            for id in &proven {
                contact.remove(*id);
            }
        }
        self.drop_empty();
        proven
    }

    /// Contact is lost with those that `is_lost` says: the begins that nobody has any longer. `None` if none of them had
    /// anything.
    pub(super) fn lose(&mut self, is_lost: impl Fn(&Destination) -> bool) -> Option<Vec<AlertId>> {
        let (lost, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|contact| is_lost(&contact.destination));
        self.0 = kept;
        let ids: BTreeSet<AlertId> = lost.iter().flat_map(|contact| contact.proof.keys()).copied().collect();
        (!lost.is_empty()).then(|| ids.into_iter().filter(|id| !self.has(*id)).collect())
    }

    /// Follows a clock that was set.
    pub(super) fn step_clock(&mut self, step: ClockStep) {
        for contact in &mut self.0 {
            contact.proof.values_mut().for_each(|at| *at = step.apply(*at));
            contact.due = contact.proof.iter().map(|(id, at)| (*at, *id)).collect();
        }
    }

    fn drop_empty(&mut self) {
        self.0.retain(|contact| !contact.proof.is_empty());
    }

    /// As a snapshot keeps it: one Alertmanager after the other: destination, number of alerts, each: id and time.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        for contact in &self.0 {
            push_destination(&mut writer, &contact.destination);
            writer.number(contact.proof.len() as u64);
            for (id, at) in &contact.proof {
                writer.number(id.0);
                writer.time(*at);
            }
        }
        writer.bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut contacts = Self::default();
        while !reader.is_empty() {
            let destination = take_destination(reader)?;
            for _ in 0..reader.number("number of begins taken")? {
                let id = AlertId(reader.number("begin taken")?);
                contacts.take(&destination, id, reader.time("time of proof")?);
            }
        }
        Ok(contacts)
    }
}
