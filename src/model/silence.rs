//! Silences: who must not be told of what, from when until when.

use std::collections::BTreeMap;

use bytes::Bytes;
use smol_str::SmolStr;

use super::{MatchType, Timestamp};

/// A matcher as a silence carries it: a peer may send one whose regular expression does not compile, and it is
/// kept and passed on all the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SilenceMatcher {
    /// How it compares.
    pub kind: MatchType,
    /// The label's name.
    pub name: SmolStr,
    /// The value or the regular expression.
    pub value: SmolStr,
}

/// One version of a silence, as the store, API v2 and the cluster exchange it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// A UUID in lower case; empty while the silence has not been stored yet.
    pub id: SmolStr,
    /// The silence matches an alert if every matcher of any one set does. API v2 knows silences of one set only.
    pub matcher_sets: Vec<Vec<SilenceMatcher>>,
    /// From when on it silences.
    pub starts_at: Timestamp,
    /// Until when it silences.
    pub ends_at: Timestamp,
    /// When this version was made; of two versions the later wins.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Free notes.
    pub annotations: BTreeMap<String, String>,
    /// The bytes in which a peer sent this version, with fields that we do not know. They are sent on as they are;
    /// a local edit drops them.
    pub wire: Option<Bytes>,
}

/// What a silence does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SilenceState {
    /// It silences.
    Active,
    /// It will.
    Pending,
    /// It did, or was ended.
    Expired,
}

impl SilenceState {
    /// The word that API v2 and the metric `alertmanager_silences` use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

impl Silence {
    /// What the silence does at `now`; both of its bounds count as active (Alertmanager's `getState`).
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now > self.ends_at {
            SilenceState::Expired
        } else {
            SilenceState::Active
        }
    }

    /// The state that API v2 shows: at `ends_at` itself the silence is already expired
    /// (Alertmanager's `CurrentState`).
    #[must_use]
    pub fn shown_state_at(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now < self.ends_at {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }
}
