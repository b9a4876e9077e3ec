//! The store of silences: what may be changed in place, expiry, retention, and which silences hold an alert.
//!
//! Every version of a silence carries its time; of two versions the later wins, wherever they come from, so that
//! peers converge. Nothing is deleted before its retention is over: to delete is to end now.

use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use super::plan::Options;
use super::silence_table::{SilenceCounts, SilenceQuery, SilenceTable};
use super::silence_validation::{check_size, validate};
use crate::model::{LabelSet, Silence, SilenceState, Timestamp};

/// Why a silence was not taken. The texts are Alertmanager's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// It would end before it starts.
    #[error("Failed to create silence: start time must be before end time")]
    StartAfterEnd,
    /// It would never be active.
    #[error("Failed to create silence: end time can't be in the past")]
    EndInPast,
    /// It says nothing, or something wrong.
    #[error("invalid silence: {0}")]
    Invalid(String),
    /// There is no silence with this id.
    #[error("silence not found")]
    NotFound,
    /// There are as many as there may be.
    #[error("exceeded maximum number of silences: {count} (limit: {limit})")]
    TooMany {
        /// How many there are, expired ones included.
        count: usize,
        /// `--silences.max-silences`.
        limit: usize,
    },
    /// It is larger than one may be.
    #[error("silence exceeded maximum size: {size} bytes (limit: {limit} bytes)")]
    TooLarge {
        /// Its size in the cluster's encoding, without the copy of its matchers for old versions.
        size: usize,
        /// `--silences.max-silence-size-bytes`.
        limit: usize,
    },
}

/// What setting or expiring a silence did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SilenceChange {
    /// The id of the silence that now holds what was asked for.
    pub id: SmolStr,
    /// The versions that are new, for the peers, in the order in which they were made.
    pub changed: Vec<Arc<Silence>>,
}

/// All silences that are known.
#[derive(Debug, Default)]
pub struct Silences {
    /// Shared with the views of readers; copied at the next change while one of them is still there.
    table: Arc<SilenceTable>,
    /// How often somebody asked which silences hold an alert, and how many silences were looked at for it.
    pub queries: u64,
    /// The silences looked at.
    pub scanned: u64,
    /// How many sets of matchers from peers did not compile. They silence nothing.
    pub compile_errors: u64,
}

impl Silences {
    /// The silences as they are now. What happens later does not show there.
    #[must_use]
    pub fn table(&self) -> &Arc<SilenceTable> {
        &self.table
    }

    /// Sets a silence: new, or if it has an id, changed in place where that rewrites no history, else expired
    /// and made anew under `new_id`.
    pub fn set(
        &mut self,
        mut silence: Silence,
        new_id: SmolStr,
        now: Timestamp,
        options: &Options,
    ) -> Result<SilenceChange, SilenceError> {
        if silence.starts_at.is_zero() {
            silence.starts_at = now;
        }
        validate(&silence, options.classic_mode).map_err(SilenceError::Invalid)?;
        silence.wire = None;
        let old = if silence.id.is_empty() {
            None
        } else {
            Some(self.get(&silence.id).cloned().ok_or(SilenceError::NotFound)?)
        };
        silence.updated_at = now;
        if old.as_ref().is_some_and(|old| can_update(old, &silence, now)) {
            check_size(&silence, options)?;
            let id = silence.id.clone();
            let changed = self.keep_own(silence, now, options.retention);
            return Ok(SilenceChange { id, changed });
        }
        if options.max_silences > 0 && self.table.len() + 1 > options.max_silences {
            return Err(SilenceError::TooMany { count: self.table.len(), limit: options.max_silences });
        }
        silence.id = new_id.clone();
        silence.starts_at = silence.starts_at.max(now);
        check_size(&silence, options)?;
        let mut changed = Vec::new();
        if let Some(old) = old {
            changed.extend(self.expire(&old.id, now, options.retention)?.changed);
        }
        changed.extend(self.keep_own(silence, now, options.retention));
        Ok(SilenceChange { id: new_id, changed })
    }

    /// Ends a silence now. One that has ended already stays as it is.
    pub fn expire(
        &mut self,
        id: &str,
        now: Timestamp,
        retention: Duration,
    ) -> Result<SilenceChange, SilenceError> {
        let old = self.get(id).ok_or(SilenceError::NotFound)?;
        let mut silence = Silence::clone(old);
        match silence.state_at(now) {
            SilenceState::Expired => {
                return Ok(SilenceChange { id: silence.id, changed: Vec::new() });
            }
            SilenceState::Active => silence.ends_at = now,
            SilenceState::Pending => {
                silence.starts_at = now;
                silence.ends_at = now;
            }
        }
        silence.updated_at = now;
        silence.wire = None;
        let id = silence.id.clone();
        Ok(SilenceChange { id, changed: self.keep_own(silence, now, retention) })
    }

    /// Takes a version from a peer or a file: the later of two wins, one past its retention is ignored. Whether
    /// anything changed. Nothing else is checked, as with Alertmanager: all peers must end with the same.
    pub fn merge(&mut self, silence: Silence, expires_at: Timestamp, now: Timestamp) -> bool {
        if expires_at < now {
            return false;
        }
        if self.get(&silence.id).is_some_and(|old| silence.updated_at <= old.updated_at) {
            return false;
        }
        self.compile_errors += Arc::make_mut(&mut self.table).put(silence, expires_at);
        true
    }

    /// Removes what is past its retention; how many there were.
    pub fn gc(&mut self, now: Timestamp) -> usize {
        let stored = self.table.stored.iter();
        let gone: Vec<u32> =
            stored.filter(|(_, stored)| stored.expires_at <= now).map(|(number, _)| *number).collect();
        if !gone.is_empty() {
            let table = Arc::make_mut(&mut self.table);
            gone.iter().for_each(|number| table.remove(*number));
        }
        gone.len()
    }

    /// The silence with this id, expired ones included.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Silence>> {
        self.table.get(id)
    }

    /// Whether an active silence matches `labels`.
    #[must_use]
    pub fn mutes(&mut self, labels: &LabelSet, now: Timestamp, scratch: &mut Vec<u32>) -> bool {
        self.queries += 1;
        self.table.index.candidates(labels, scratch);
        for number in scratch.iter() {
            self.scanned += 1;
            if self.table.stored.get(number).is_some_and(|stored| stored.holds(labels, now)) {
                return true;
            }
        }
        false
    }

    /// The ids of the active silences that match `labels` ([`SilenceTable::muting`]).
    #[must_use]
    pub fn muting(&self, labels: &LabelSet, now: Timestamp) -> Vec<SmolStr> {
        self.table.muting(labels, now)
    }

    /// The silences that `query` asks for ([`SilenceTable::query`]).
    #[must_use]
    pub fn query(&self, query: &SilenceQuery, now: Timestamp) -> Vec<Arc<Silence>> {
        self.table.query(query, now)
    }

    /// All silences with the end of their retention, in the order in which their ids were first heard.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<Silence>, Timestamp)> {
        self.table.iter()
    }

    /// How many silences are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// How many silences are in which state.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> SilenceCounts {
        self.table.counts(now)
    }

    fn keep_own(&mut self, silence: Silence, now: Timestamp, retention: Duration) -> Vec<Arc<Silence>> {
        let id = silence.id.clone();
        let expires_at = silence.ends_at + retention;
        // A clock that was set back must not let an edit lose against the version it edits.
        let mut silence = silence;
        if let Some(old) = self.get(&id)
            && old.updated_at >= silence.updated_at
        {
            silence.updated_at = old.updated_at + Duration::from_nanos(1);
        }
        if !self.merge(silence, expires_at, now) {
            return Vec::new();
        }
        self.get(&id).cloned().into_iter().collect()
    }
}

/// Whether `new` may take the place of `old` without rewriting what `old` has silenced.
fn can_update(old: &Silence, new: &Silence, now: Timestamp) -> bool {
    if old.matcher_sets != new.matcher_sets {
        return false;
    }
    match old.state_at(now) {
        SilenceState::Active => {
            old.starts_at.unix_seconds() == new.starts_at.unix_seconds() && new.ends_at >= now
        }
        SilenceState::Pending => new.starts_at >= now,
        SilenceState::Expired => false,
    }
}
