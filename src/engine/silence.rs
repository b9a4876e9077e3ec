//! The store of silences: validation, what may be changed in place, expiry, retention, and which silences hold
//! an alert.
//!
//! Every version of a silence carries its time; of two versions the later wins, wherever they come from, so that
//! peers converge. Nothing is deleted before its retention is over: to delete is to end now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use super::matcher_index::MatcherIndex;
use super::plan::Options;
use super::route::matches_all;
use crate::model::{
    LabelSet, MatchType, Matcher, Regex, Silence, SilenceMatcher, SilenceState, Timestamp,
    is_legacy_label_name, quote,
};

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

/// What a query asks for; the default is everything.
#[derive(Debug, Clone, Default)]
pub struct SilenceQuery {
    /// Only these ids.
    pub ids: Option<Vec<SmolStr>>,
    /// Only silences that have each of these, literally, in one of their sets.
    pub matchers: Vec<SilenceMatcher>,
    /// Only these states; none means all.
    pub states: Vec<SilenceState>,
}

/// Numbers for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SilenceCounts {
    /// Silences that hold now.
    pub active: usize,
    /// Silences that will.
    pub pending: usize,
    /// Silences that did.
    pub expired: usize,
}

#[derive(Debug, Clone)]
struct Stored {
    silence: Arc<Silence>,
    expires_at: Timestamp,
    /// The silence's sets, compiled; one with a matcher that does not compile is left out.
    sets: Vec<Vec<Matcher>>,
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

/// The silences as they were at some moment: what readers see.
#[derive(Debug, Clone, Default)]
pub struct SilenceTable {
    /// By the order in which their ids were first heard.
    stored: BTreeMap<u32, Stored>,
    by_id: HashMap<SmolStr, u32>,
    index: MatcherIndex,
    next: u32,
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

impl SilenceTable {
    /// The silence with this id, expired ones included.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Silence>> {
        self.by_id.get(id).and_then(|number| self.stored.get(number)).map(|stored| &stored.silence)
    }

    /// The ids of the active silences that match `labels`, in the order in which they were first heard of.
    #[must_use]
    pub fn muting(&self, labels: &LabelSet, now: Timestamp) -> Vec<SmolStr> {
        let mut candidates = Vec::new();
        self.index.candidates(labels, &mut candidates);
        candidates
            .iter()
            .filter_map(|number| self.stored.get(number))
            .filter(|stored| stored.holds(labels, now))
            .map(|stored| stored.silence.id.clone())
            .collect()
    }

    /// The silences that `query` asks for, as API v2 lists them: active ones by end, pending ones by start,
    /// expired ones by end from the latest on.
    #[must_use]
    pub fn query(&self, query: &SilenceQuery, now: Timestamp) -> Vec<Arc<Silence>> {
        let mut found: Vec<(SilenceState, Arc<Silence>)> = self
            .stored
            .values()
            .map(|stored| (stored.silence.shown_state_at(now), &stored.silence))
            .filter(|(state, silence)| {
                query.ids.as_ref().is_none_or(|ids| ids.contains(&silence.id))
                    && (query.states.is_empty() || query.states.contains(state))
                    && has_matchers(silence, &query.matchers)
            })
            .map(|(state, silence)| (state, Arc::clone(silence)))
            .collect();
        found.sort_by(|(left_state, left), (right_state, right)| {
            left_state.cmp(right_state).then_with(|| match left_state {
                SilenceState::Active => left.ends_at.cmp(&right.ends_at),
                SilenceState::Pending => left.starts_at.cmp(&right.starts_at),
                SilenceState::Expired => right.ends_at.cmp(&left.ends_at),
            })
        });
        found.into_iter().map(|(_, silence)| silence).collect()
    }

    /// All silences with the end of their retention, in the order in which their ids were first heard.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<Silence>, Timestamp)> {
        self.stored.values().map(|stored| (&stored.silence, stored.expires_at))
    }

    /// How many silences are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// How many silences are in which state.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> SilenceCounts {
        let mut counts = SilenceCounts::default();
        for stored in self.stored.values() {
            match stored.silence.state_at(now) {
                SilenceState::Active => counts.active += 1,
                SilenceState::Pending => counts.pending += 1,
                SilenceState::Expired => counts.expired += 1,
            }
        }
        counts
    }

    /// Takes a version that is newer than the one there is. How many of its sets do not compile.
    fn put(&mut self, silence: Silence, expires_at: Timestamp) -> u64 {
        let known = self.by_id.get(&silence.id).copied();
        if let Some(number) = known
            && let Some(stored) = self.stored.get_mut(&number)
        {
            let same_matchers = stored.silence.matcher_sets == silence.matcher_sets;
            stored.silence = Arc::new(silence);
            stored.expires_at = expires_at;
            if same_matchers {
                return 0;
            }
            self.index.remove(number);
            return self.file(number);
        }
        let number = self.next;
        self.next += 1;
        self.by_id.insert(silence.id.clone(), number);
        self.stored.insert(number, Stored { silence: Arc::new(silence), expires_at, sets: Vec::new() });
        self.file(number)
    }

    fn remove(&mut self, number: u32) {
        if let Some(stored) = self.stored.remove(&number) {
            self.by_id.remove(&stored.silence.id);
            self.index.remove(number);
        }
    }

    fn file(&mut self, number: u32) -> u64 {
        let Some(stored) = self.stored.get_mut(&number) else { return 0 };
        stored.sets.clear();
        let mut errors = 0;
        for set in stored.silence.matcher_sets.iter().filter(|set| !set.is_empty()) {
            let compiled: Result<Vec<Matcher>, _> =
                set.iter().map(|matcher| Matcher::new(matcher.kind, &matcher.name, &matcher.value)).collect();
            match compiled {
                Ok(set) => {
                    self.index.insert(number, &set);
                    stored.sets.push(set);
                }
                Err(_) => errors += 1,
            }
        }
        errors
    }
}

/// The two checks that come before all others, and before a missing start is set to now.
pub fn check_times(silence: &Silence, now: Timestamp) -> Result<(), SilenceError> {
    if silence.starts_at >= silence.ends_at {
        return Err(SilenceError::StartAfterEnd);
    }
    if silence.ends_at < now {
        return Err(SilenceError::EndInPast);
    }
    Ok(())
}

/// What is wrong with a silence, in Alertmanager's words.
pub fn validate(silence: &Silence, classic_mode: bool) -> Result<(), String> {
    if silence.matcher_sets.is_empty() {
        return Err("at least one matcher set required".to_owned());
    }
    for (place, set) in silence.matcher_sets.iter().enumerate() {
        if set.is_empty() {
            return Err(format!("matcher set {place} is empty"));
        }
        for (number, matcher) in set.iter().enumerate() {
            validate_matcher(matcher, classic_mode)
                .map_err(|error| format!("invalid label matcher {number} in set {place}: {error}"))?;
        }
        if set.iter().all(matches_empty) {
            return Err(format!("matcher set {place}: at least one matcher must not match the empty string"));
        }
    }
    if silence.starts_at.is_zero() {
        return Err("invalid zero start timestamp".to_owned());
    }
    if silence.ends_at.is_zero() {
        return Err("invalid zero end timestamp".to_owned());
    }
    if silence.ends_at < silence.starts_at {
        return Err("end time must not be before start time".to_owned());
    }
    Ok(())
}

fn validate_matcher(matcher: &SilenceMatcher, classic_mode: bool) -> Result<(), String> {
    let name = matcher.name.as_str();
    let valid = if classic_mode { is_legacy_label_name(name) } else { !name.is_empty() };
    if !valid {
        return Err(format!("invalid label name {}", quote(name)));
    }
    if matcher.kind.is_regex() {
        // Alertmanager compiles it without the anchors here, so they must not show in the error.
        Regex::matcher(&matcher.value).map_err(|error| {
            let error = error.to_string().replace(&format!("^(?:{})$", matcher.value), &matcher.value);
            let error = error.strip_suffix(")$`").map(|rest| format!("{rest}`")).unwrap_or(error);
            format!("invalid regular expression {}: {error}", quote(&matcher.value))
        })?;
    }
    Ok(())
}

/// Whether the matcher matches the empty text. A negative one never counts.
fn matches_empty(matcher: &SilenceMatcher) -> bool {
    match matcher.kind {
        MatchType::Equal => matcher.value.is_empty(),
        MatchType::Regex => Regex::matcher(&matcher.value).is_ok_and(|regex| regex.is_match("")),
        MatchType::NotEqual | MatchType::NotRegex => false,
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

impl Stored {
    fn holds(&self, labels: &LabelSet, now: Timestamp) -> bool {
        self.silence.state_at(now) == SilenceState::Active
            && self.sets.iter().any(|set| matches_all(set, labels))
    }
}

fn has_matchers(silence: &Silence, wanted: &[SilenceMatcher]) -> bool {
    wanted.is_empty()
        || silence.matcher_sets.iter().any(|set| wanted.iter().all(|matcher| set.contains(matcher)))
}

fn check_size(silence: &Silence, options: &Options) -> Result<(), SilenceError> {
    let limit = options.max_silence_size_bytes;
    let size = if limit > 0 { encoded_len(silence, silence.ends_at + options.retention) } else { 0 };
    if size > limit { Err(SilenceError::TooLarge { size, limit }) } else { Ok(()) }
}

/// The bytes of `silencepb.MeshSilence` without the copy of the matchers in field 2.
fn encoded_len(silence: &Silence, expires_at: Timestamp) -> usize {
    let sets = silence.matcher_sets.iter().map(|set| {
        let matchers = set.iter().map(|matcher| {
            let kind = if matcher.kind == MatchType::Equal { 0 } else { 2 };
            delimited(kind + text(&matcher.name) + text(&matcher.value))
        });
        delimited(matchers.sum())
    });
    let annotations = silence.annotations.iter().map(|(key, value)| delimited(text(key) + text(value)));
    let inner = text(&silence.id)
        + time(silence.starts_at)
        + time(silence.ends_at)
        + time(silence.updated_at)
        + text(&silence.created_by)
        + text(&silence.comment)
        + annotations.sum::<usize>()
        + sets.sum::<usize>();
    delimited(inner) + time(expires_at)
}

fn text(text: &str) -> usize {
    if text.is_empty() { 0 } else { delimited(text.len()) }
}

fn time(time: Timestamp) -> usize {
    let number = |number: i64| if number == 0 { 0 } else { 1 + varint(number.cast_unsigned()) };
    delimited(number(time.unix_seconds()) + number(i64::from(time.subsec_nanos())))
}

/// A field with a number below 16 whose content has `length` bytes.
fn delimited(length: usize) -> usize {
    1 + varint(length as u64) + length
}

fn varint(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}
