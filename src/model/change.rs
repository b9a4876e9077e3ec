//! The words in which the engine and whoever delivers speak of what has to be told: which alert, which change of
//! it, to whom, and what became of it.

use std::fmt;
use std::sync::Arc;

use super::{Alert, Timestamp};

/// The number of an alert in the store: given when a label set is first accepted, ascending, never given again,
/// and the same after recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub u64);

/// The number of an accepted state: ascending over all alerts in the order of acceptance.
///
/// A report names the state it is about by this number, so that the answer to an older state is never taken for
/// that to a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

/// What a receiver has to be told: an episode of an alert began, or it ended. A state that is neither is a
/// *repeat*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The alert fires and did not before.
    Begin,
    /// The alert fired and no longer does, or is first heard of by its end.
    End,
}

/// One that has to be told of every change: an Alertmanager, by the set it was discovered for and its push URL.
///
/// An Alertmanager whose set's configuration changed is another destination: a changed relabelling, credential
/// or path may mean that what was told to the old one was not told to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// The hash of the configuration of the set (`config::ConfigHash`).
    pub set: [u8; 16],
    /// The push URL.
    pub url: Arc<str>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:02x}{:02x}…", self.url, self.set[0], self.set[1])
    }
}

/// Why a change was not told although it could have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suppression {
    /// A relabelling rule of the Alertmanager's set dropped the alert.
    Relabel,
    /// A silence.
    Silence,
    /// Another alert inhibits it.
    Inhibition,
    /// A mute time interval.
    MuteTime,
    /// Outside the active time intervals.
    ActiveTime,
    /// The receiver does not want resolved alerts.
    SendResolved,
    /// The notification log says that the receiver has been told the same.
    NothingNew,
    /// A peer has told it, or the alert came from the tocsin that would be told.
    Peer,
    /// Fallback delivery was not needed: an Alertmanager has the alert.
    FallbackIdle,
}

/// Why a change was given up although nobody refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expiry {
    /// The state is over: a begin whose `endsAt` has passed untold, or an end that could not be told in time.
    TooLate,
    /// The destination went away (it left service discovery, or its configuration was removed) and what was
    /// left for it was not or could not be drained.
    DestinationGone,
}

/// What became of a change at one destination; every accepted change has exactly one of these, or is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The destination has acknowledged it.
    Delivered,
    /// A newer state of the alert took its place before it was told.
    Superseded,
    /// It was decided not to tell.
    Suppressed(Suppression),
    /// It could not be told while it mattered.
    Expired(Expiry),
    /// The destination refused it for good.
    DeadLettered,
}

impl Outcome {
    /// Every outcome, in the order of [`Self::index`].
    pub const ALL: [Self; 14] = [
        Self::Delivered,
        Self::Superseded,
        Self::Suppressed(Suppression::Relabel),
        Self::Suppressed(Suppression::Silence),
        Self::Suppressed(Suppression::Inhibition),
        Self::Suppressed(Suppression::MuteTime),
        Self::Suppressed(Suppression::ActiveTime),
        Self::Suppressed(Suppression::SendResolved),
        Self::Suppressed(Suppression::NothingNew),
        Self::Suppressed(Suppression::Peer),
        Self::Suppressed(Suppression::FallbackIdle),
        Self::Expired(Expiry::TooLate),
        Self::Expired(Expiry::DestinationGone),
        Self::DeadLettered,
    ];

    /// The place of this outcome in [`Self::ALL`]: its number in the journal, which never changes.
    #[must_use]
    pub const fn index(self) -> u8 {
        match self {
            Self::Delivered => 0,
            Self::Superseded => 1,
            Self::Suppressed(Suppression::Relabel) => 2,
            Self::Suppressed(Suppression::Silence) => 3,
            Self::Suppressed(Suppression::Inhibition) => 4,
            Self::Suppressed(Suppression::MuteTime) => 5,
            Self::Suppressed(Suppression::ActiveTime) => 6,
            Self::Suppressed(Suppression::SendResolved) => 7,
            Self::Suppressed(Suppression::NothingNew) => 8,
            Self::Suppressed(Suppression::Peer) => 9,
            Self::Suppressed(Suppression::FallbackIdle) => 10,
            Self::Expired(Expiry::TooLate) => 11,
            Self::Expired(Expiry::DestinationGone) => 12,
            Self::DeadLettered => 13,
        }
    }

    /// The outcome with this number, if there is one.
    #[must_use]
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The value of the metrics' label `outcome`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Superseded => "superseded",
            Self::Suppressed(_) => "suppressed",
            Self::Expired(_) => "expired",
            Self::DeadLettered => "dead_lettered",
        }
    }

    /// The value of the metrics' label `reason`; empty where the outcome says everything.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Delivered | Self::Superseded | Self::DeadLettered => "",
            Self::Suppressed(Suppression::Relabel) => "relabel",
            Self::Suppressed(Suppression::Silence) => "silence",
            Self::Suppressed(Suppression::Inhibition) => "inhibition",
            Self::Suppressed(Suppression::MuteTime) => "mute_time",
            Self::Suppressed(Suppression::ActiveTime) => "active_time",
            Self::Suppressed(Suppression::SendResolved) => "send_resolved",
            Self::Suppressed(Suppression::NothingNew) => "nothing_new",
            Self::Suppressed(Suppression::Peer) => "peer",
            Self::Suppressed(Suppression::FallbackIdle) => "fallback_idle",
            Self::Expired(Expiry::TooLate) => "too_late",
            Self::Expired(Expiry::DestinationGone) => "destination_gone",
        }
    }
}

/// A state that was accepted, on its way to those who have to be told.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Which alert.
    pub id: AlertId,
    /// Which state of all.
    pub sequence: Sequence,
    /// The state as it was received; from a refill, as the store has it.
    pub alert: Arc<Alert>,
    /// What the state changes; `None` for a repeat.
    pub change: Option<Change>,
    /// The ids of the tocsins it came through, separated by commas; `None` when a rule engine sent it.
    pub path: Option<Arc<str>>,
}

/// What became of one state at one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Which alert.
    pub id: AlertId,
    /// Which state of it.
    pub sequence: Sequence,
    /// The change that the state carried; `None` for a repeat.
    pub change: Option<Change>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a destination has to be told to catch up, in the order in which to tell it.
#[derive(Debug, Clone, Default)]
pub struct Refill {
    /// The states, at most as many as were asked for.
    pub alerts: Vec<Accepted>,
    /// Whether there are more; ask again when these have been told.
    pub more: bool,
    /// The newest state that the store had: what is newer was not looked at.
    pub as_of: Sequence,
}

/// How often a change has been told or not, to one destination or to all: the books of "no silent loss".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Changes that had to be told.
    pub accepted: u64,
    /// Changes whose outcome is open.
    pub pending: u64,
    /// How many changes had which outcome, by [`Outcome::index`].
    pub outcomes: [u64; Outcome::ALL.len()],
}

impl Balance {
    /// Whether the books are right: accepted = outcomes + pending.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.accepted == self.pending + self.outcomes.iter().sum::<u64>()
    }

    /// Adds another's books to these.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.pending += other.pending;
        for (sum, count) in self.outcomes.iter_mut().zip(other.outcomes) {
            *sum += count;
        }
    }

    /// How many changes had this outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[usize::from(outcome.index())]
    }
}

impl Accepted {
    /// Whether this state is resolved at `now`.
    #[must_use]
    pub fn is_resolved_at(&self, now: Timestamp) -> bool {
        self.alert.is_resolved_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_number_and_its_words() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(outcome.index()), place);
            assert_eq!(Outcome::from_index(outcome.index()), Some(outcome));
            assert!(!outcome.name().is_empty());
        }
        assert_eq!(Outcome::from_index(14), None);
    }
}
