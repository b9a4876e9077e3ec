//! The silences as readers see them: by the order in which they were first heard of, by id, and by what they match.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;

use super::matcher_index::MatcherIndex;
use super::route::matches_all;
use crate::model::{LabelSet, Matcher, Silence, SilenceMatcher, SilenceState, Timestamp};

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

/// A silence as the table has it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    silence: Arc<Silence>,
    pub(super) expires_at: Timestamp,
    /// The silence's sets, compiled; one with a matcher that does not compile is left out.
    sets: Vec<Vec<Matcher>>,
}

/// The silences as they were at some moment: what readers see.
#[derive(Debug, Clone, Default)]
pub struct SilenceTable {
    /// By the order in which their ids were first heard.
    pub(super) stored: BTreeMap<u32, Stored>,
    by_id: HashMap<SmolStr, u32>,
    pub(super) index: MatcherIndex,
    next: u32,
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
    pub(super) fn put(&mut self, silence: Silence, expires_at: Timestamp) -> u64 {
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

    pub(super) fn remove(&mut self, number: u32) {
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

impl Stored {
    pub(super) fn holds(&self, labels: &LabelSet, now: Timestamp) -> bool {
        self.silence.state_at(now) == SilenceState::Active
            && self.sets.iter().any(|set| matches_all(set, labels))
    }
}

fn has_matchers(silence: &Silence, wanted: &[SilenceMatcher]) -> bool {
    wanted.is_empty()
        || silence.matcher_sets.iter().any(|set| wanted.iter().all(|matcher| set.contains(matcher)))
}
