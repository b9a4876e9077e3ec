//! The state that the cluster shares: silences and the notification log, as entries that the last writer wins.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use crate::model::nflogpb::MeshEntry;
use crate::model::silencepb::{MatcherType, MeshSilence, Silence};
use crate::model::statepb::{self, EntriesError, entry_len, push_entry, time_or_epoch};
use crate::model::{MatchType, Matcher, Timestamp};

/// Which state, by the key under which Alertmanager knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKey {
    /// Silences, `sil`.
    Silences,
    /// The notification log, `nfl`.
    Log,
}

impl StateKey {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Silences, Self::Log];

    /// The key on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silences => "sil",
            Self::Log => "nfl",
        }
    }

    /// The state of a key on the wire.
    #[must_use]
    pub fn from_wire(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == key)
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry of a state: what merging needs to know of it, and its bytes as its author wrote them. They are relayed
/// as they are, so that fields of later versions survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which state it belongs to.
    pub key: StateKey,
    /// The id of the silence, or the key of the log entry.
    pub id: Box<[u8]>,
    /// When it was written; the newer one wins.
    pub updated_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
    /// The protobuf: a `MeshSilence` or a `MeshEntry`.
    pub bytes: Bytes,
}

/// Why an entry of a peer, or of our own, is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not the protobuf that belongs there.
    #[error("not a valid message: {0}")]
    Protobuf(String),
    /// The entry says nothing.
    #[error("the {0} is missing")]
    Missing(&'static str),
    /// The run of entries is damaged, or a time is.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// The engine would not take it: a matcher that matches everything, a regular expression that Go or we cannot read.
    #[error("{0}")]
    Invalid(String),
    /// There is no room for more.
    #[error("the state is full at {0} bytes")]
    Full(usize),
}

/// What is said about a silence of a peer before it is taken: an error's text refuses it.
pub type SilenceCheck = fn(&MeshSilence) -> Result<(), String>;

/// Refuses a silence that Alertmanager would not let a user make: without matchers, or with a regular expression
/// that Go cannot read. One such silence makes Alertmanagers fail every query for silences; it goes no further here.
pub fn check_silence(mesh: &MeshSilence) -> Result<(), String> {
    let Some(silence) = mesh.silence.clone().map(Silence::upgraded) else { return Ok(()) };
    if silence.matcher_sets.is_empty() {
        return Err(format!("silence {:?} has no matchers", silence.id));
    }
    for set in &silence.matcher_sets {
        let mut matches_everything = true;
        for matcher in &set.matchers {
            let wrong = |what: &dyn fmt::Display| {
                format!("silence {:?}: matcher of label {:?}: {what}", silence.id, matcher.name)
            };
            let kind = match MatcherType::try_from(matcher.r#type) {
                Ok(MatcherType::Equal) => MatchType::Equal,
                Ok(MatcherType::NotEqual) => MatchType::NotEqual,
                Ok(MatcherType::Regexp) => MatchType::Regex,
                Ok(MatcherType::NotRegexp) => MatchType::NotRegex,
                Err(unknown) => return Err(wrong(&unknown)),
            };
            if matcher.name.is_empty() {
                return Err(wrong(&"the name is empty"));
            }
            let compiled = Matcher::new(kind, &matcher.name, &matcher.pattern).map_err(|err| wrong(&err))?;
            matches_everything &= compiled.matches_value("");
        }
        if matches_everything {
            return Err(format!(
                "silence {:?}: at least one matcher must not match the empty text",
                silence.id
            ));
        }
    }
    Ok(())
}

impl Entry {
    /// Reads what merging needs from the bytes of one entry.
    pub fn decode(key: StateKey, bytes: Bytes) -> Result<Self, EntryError> {
        let (id, updated_at, expires_at) = match key {
            StateKey::Silences => {
                let mesh = decode::<MeshSilence>(&bytes)?;
                let silence = mesh.silence.ok_or(EntryError::Missing("silence"))?;
                if silence.id.is_empty() {
                    return Err(EntryError::Missing("silence's id"));
                }
                time_or_epoch(silence.starts_at)?;
                time_or_epoch(silence.ends_at)?;
                (silence.id.into_bytes(), silence.updated_at, mesh.expires_at)
            }
            StateKey::Log => {
                let mesh = decode::<MeshEntry>(&bytes)?;
                let entry = mesh.entry.ok_or(EntryError::Missing("entry"))?;
                let id = entry.log_key().ok_or(EntryError::Missing("entry's receiver"))?;
                (id, entry.timestamp, mesh.expires_at)
            }
        };
        Ok(Self {
            key,
            id: id.into(),
            updated_at: time_or_epoch(updated_at)?,
            expires_at: time_or_epoch(expires_at)?,
            bytes,
        })
    }

    /// The silence, where the entry is one.
    #[must_use]
    pub fn silence(&self) -> Option<MeshSilence> {
        (self.key == StateKey::Silences).then(|| MeshSilence::decode(self.bytes.clone()).ok()).flatten()
    }

    /// The entry of the notification log, where it is one.
    #[must_use]
    pub fn log_entry(&self) -> Option<MeshEntry> {
        (self.key == StateKey::Log).then(|| MeshEntry::decode(self.bytes.clone()).ok()).flatten()
    }
}

fn decode<M: prost::Message + Default>(bytes: &Bytes) -> Result<M, EntryError> {
    M::decode(bytes.clone()).map_err(|err| EntryError::Protobuf(err.to_string()))
}

/// What merging an entry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// It is newer than what we had.
    Changed,
    /// We have it, or something newer.
    Old,
    /// It is past its expiry.
    Expired,
    /// There is no room.
    Full,
}

/// One of the shared states, as this node holds it.
///
/// Bounded by bytes: beyond the bound a new entry is refused, a newer version of a known one is taken. Expired
/// entries leave; a silence's id and time are remembered as long again as its retention, so that a node that
/// slept cannot bring back an older version of it.
#[derive(Debug)]
pub struct Replica {
    key: StateKey,
    entries: BTreeMap<Box<[u8]>, Entry>,
    expiries: BTreeSet<(Timestamp, Box<[u8]>)>,
    forgotten: BTreeMap<Box<[u8]>, Timestamp>,
    forgotten_until: BTreeSet<(Timestamp, Box<[u8]>)>,
    bytes: usize,
    retention: Duration,
    max_bytes: usize,
}

/// How many forgotten silences are remembered by id; beyond it those that end first are not.
const MAX_FORGOTTEN: usize = 100_000;

impl Replica {
    /// An empty state; `retention` is how long silences are kept after their end (`--data.retention`), `max_bytes`
    /// bounds the entries.
    #[must_use]
    pub fn new(key: StateKey, retention: Duration, max_bytes: usize) -> Self {
        Self {
            key,
            entries: BTreeMap::new(),
            expiries: BTreeSet::new(),
            forgotten: BTreeMap::new(),
            forgotten_until: BTreeSet::new(),
            bytes: 0,
            retention,
            max_bytes,
        }
    }

    /// Takes `entry` if it is newer than what is here (Alertmanager: `updated_at` or `timestamp`, strictly).
    pub fn merge(&mut self, now: Timestamp, entry: Entry) -> Merged {
        if entry.expires_at < now {
            return Merged::Expired;
        }
        if self.forgotten.get(&entry.id).is_some_and(|updated_at| entry.updated_at <= *updated_at) {
            return Merged::Old;
        }
        if let Some(known) = self.entries.get(&entry.id) {
            if entry.updated_at <= known.updated_at {
                return Merged::Old;
            }
        } else if self.bytes + entry.bytes.len() > self.max_bytes {
            return Merged::Full;
        }
        self.expiries.insert((entry.expires_at, entry.id.clone()));
        self.bytes += entry.bytes.len();
        let (id, expires_at) = (entry.id.clone(), entry.expires_at);
        if let Some(old) = self.entries.insert(id.clone(), entry) {
            self.bytes -= old.bytes.len();
            if old.expires_at != expires_at {
                self.expiries.remove(&(old.expires_at, id));
            }
        }
        Merged::Changed
    }

    /// Takes an entry from before a restart: as [`Self::merge`], but a silence past its expiry is remembered as one
    /// that has expired here would be.
    pub fn restore(&mut self, now: Timestamp, entry: Entry) -> Merged {
        let until = entry.expires_at + self.retention;
        if self.key == StateKey::Silences && entry.expires_at < now && now < until {
            self.forget(entry.id, entry.updated_at, until);
            return Merged::Expired;
        }
        self.merge(now, entry)
    }

    /// Forgets what has expired at `now`.
    pub fn collect_garbage(&mut self, now: Timestamp) {
        while let Some((expires_at, _)) = self.expiries.first()
            && *expires_at <= now
        {
            let Some((expires_at, id)) = self.expiries.pop_first() else { break };
            let Some(entry) = self.entries.remove(&id) else { continue };
            self.bytes -= entry.bytes.len();
            if self.key == StateKey::Silences {
                self.forget(id, entry.updated_at, expires_at + self.retention);
            }
        }
        while let Some((until, _)) = self.forgotten_until.first()
            && (*until <= now || self.forgotten.len() > MAX_FORGOTTEN)
        {
            let Some((_, id)) = self.forgotten_until.pop_first() else { break };
            self.forgotten.remove(&id);
        }
    }

    fn forget(&mut self, id: Box<[u8]>, updated_at: Timestamp, until: Timestamp) {
        self.forgotten_until.insert((until, id.clone()));
        self.forgotten.insert(id, updated_at);
    }

    /// The entries, by id.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entry `id`.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries as runs with lengths: the first of at most `first` bytes, the others of at most `further`
    /// (a larger entry stands alone).
    #[must_use]
    pub fn encode(&self, first: usize, further: usize) -> Vec<Bytes> {
        let mut runs = Vec::new();
        let mut run = BytesMut::with_capacity(self.bytes.min(first) + self.entries.len() * 3);
        let mut limit = first;
        for entry in self.entries.values() {
            let may_end = runs.is_empty() || !run.is_empty();
            if may_end && run.len() + entry_len(entry.bytes.len()) > limit {
                runs.push(std::mem::take(&mut run).freeze());
                limit = further;
            }
            push_entry(&mut run, &entry.bytes);
        }
        runs.push(run.freeze());
        runs
    }
}

/// The entries of a run of bytes, each read or refused alone.
pub fn decode_entries(
    key: StateKey,
    data: Bytes,
    check: SilenceCheck,
) -> impl Iterator<Item = Result<Entry, EntryError>> {
    statepb::entries(data).map(move |bytes| {
        let entry = Entry::decode(key, bytes?)?;
        if let Some(silence) = entry.silence() {
            check(&silence).map_err(EntryError::Invalid)?;
        }
        Ok(entry)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{nflogpb, silencepb};

    const HOUR: Duration = Duration::from_hours(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds, 0)
    }

    fn silence(id: &str, updated: i64, expires: i64) -> Entry {
        let silence = Silence {
            id: id.into(),
            matchers: vec![silencepb::Matcher { r#type: 0, name: "a".into(), pattern: "b".into() }],
            updated_at: Some(at(updated).into()),
            ..Default::default()
        };
        let mesh = MeshSilence { silence: Some(silence), expires_at: Some(at(expires).into()) };
        Entry::decode(StateKey::Silences, mesh.encode_to_vec().into()).unwrap()
    }

    fn replica() -> Replica {
        Replica::new(StateKey::Silences, HOUR, 1000)
    }

    #[test]
    fn the_newer_version_wins_whatever_the_order() {
        let mut replica = replica();
        assert_eq!(replica.merge(at(0), silence("s", 10, 100)), Merged::Changed);
        assert_eq!(replica.merge(at(0), silence("s", 10, 200)), Merged::Old);
        assert_eq!(replica.merge(at(0), silence("s", 9, 200)), Merged::Old);
        assert_eq!(replica.merge(at(0), silence("s", 11, 50)), Merged::Changed);
        assert_eq!(replica.merge(at(0), silence("t", 11, -1)), Merged::Expired);
        assert_eq!(replica.merge(at(0), silence("u", 400_000_000, 500_000_000)), Merged::Changed);
        assert_eq!(replica.len(), 2);
    }

    #[test]
    fn an_expired_silence_does_not_come_back_in_an_older_version() {
        let mut replica = replica();
        let old = silence("s", 0, 1_000_000);
        replica.merge(at(0), old.clone());
        replica.merge(at(10), silence("s", 10, 100));
        replica.collect_garbage(at(99));
        assert_eq!(replica.len(), 1);
        replica.collect_garbage(at(100));
        assert_eq!((replica.len(), replica.bytes), (0, 0));
        assert_eq!(replica.merge(at(101), old.clone()), Merged::Old);
        assert_eq!(replica.merge(at(101), silence("s", 11, 1_000_000)), Merged::Changed);
        replica.collect_garbage(at(101 + 3600));
        assert_eq!(replica.forgotten.len(), 0);
    }

    #[test]
    fn a_restart_does_not_bring_an_expired_silence_back() {
        let mut replica = replica();
        assert_eq!(replica.restore(at(50), silence("s", 10, 40)), Merged::Expired);
        assert_eq!(replica.merge(at(50), silence("s", 9, 1_000_000)), Merged::Old);
        assert_eq!(replica.merge(at(50), silence("s", 11, 1_000_000)), Merged::Changed);
        assert_eq!(replica.restore(at(5000), silence("t", 10, 40)), Merged::Expired);
        assert_eq!(replica.merge(at(5000), silence("t", 9, 1_000_000)), Merged::Changed, "an hour is over");
    }

    #[test]
    fn the_bound_refuses_new_entries_and_takes_newer_versions() {
        let mut replica = replica();
        let count =
            (0..).take_while(|n| replica.merge(at(0), silence(&format!("{n:036}"), 1, 9)) != Merged::Full);
        let count = count.count();
        assert!((10..20).contains(&count), "{count}");
        assert_eq!(replica.merge(at(0), silence(&format!("{:036}", 0), 2, 9)), Merged::Changed);
    }

    #[test]
    fn a_state_is_written_in_runs_of_whole_entries() {
        let mut replica = replica();
        for n in 0..10 {
            replica.merge(at(0), silence(&format!("{n}"), 1, 9));
        }
        let whole = replica.encode(10_000, 10_000);
        assert_eq!(whole.len(), 1);
        for (first, further) in [(100, 60), (60, 1), (0, 1000)] {
            let runs = replica.encode(first, further);
            assert!(runs[0].len() <= first);
            assert!(runs[1..].iter().all(|run| !run.is_empty()));
            assert_eq!(runs.concat(), whole[0].to_vec());
            let entries: usize = runs.iter().map(|run| statepb::entries(run.clone()).count()).sum();
            assert_eq!(entries, 10);
        }
    }

    #[test]
    fn a_bad_entry_is_refused_alone() {
        let mut data = BytesMut::new();
        let good = silence("good", 1, 9);
        let mut poison = good.clone();
        poison.bytes = {
            let mut mesh = good.silence().unwrap();
            mesh.silence.as_mut().unwrap().id = "poison".into();
            mesh.encode_to_vec().into()
        };
        let receiver_less = MeshSilence::default().encode_to_vec();
        for bytes in [&poison.bytes[..], &[0xff, 0xff], &receiver_less, &good.bytes] {
            push_entry(&mut data, bytes);
        }
        let check: SilenceCheck = |mesh| match &mesh.silence {
            Some(silence) if silence.id == "poison" => Err("bad regex".into()),
            _ => Ok(()),
        };
        let found: Vec<_> = decode_entries(StateKey::Silences, data.freeze(), check).collect();
        assert_eq!(found[0], Err(EntryError::Invalid("bad regex".into())));
        assert!(matches!(found[1], Err(EntryError::Protobuf(_))));
        assert_eq!(found[2], Err(EntryError::Missing("silence")));
        assert_eq!(found[3], Ok(good));
    }

    #[test]
    fn silences_that_would_poison_others_are_refused() {
        let with = |matchers: &[(MatcherType, &str, &str)]| {
            let matchers = matchers
                .iter()
                .map(|(kind, name, pattern)| silencepb::Matcher {
                    r#type: (*kind).into(),
                    name: (*name).into(),
                    pattern: (*pattern).into(),
                })
                .collect();
            check_silence(&MeshSilence {
                silence: Some(Silence { id: "s".into(), matchers, ..Default::default() }),
                expires_at: None,
            })
        };
        use MatcherType::{Equal, NotEqual, NotRegexp, Regexp};
        assert_eq!(with(&[(Equal, "a", "b"), (NotRegexp, "c", "d.*")]), Ok(()));
        assert_eq!(with(&[(Regexp, "a", r"\Qa.b\E|c")]), Ok(()), "Go reads it");
        for bad in [
            &[][..],
            &[(Equal, "", "b")],
            &[(Regexp, "a", "(")],
            &[(Regexp, "a", "b"), (NotRegexp, "a", "x{1001}")],
            &[(Regexp, "a", ".*")],
            &[(NotEqual, "a", "b")],
        ] {
            assert!(with(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn log_entries_are_known_by_group_and_receiver() {
        let mesh = MeshEntry {
            entry: Some(nflogpb::Entry {
                group_key: b"{}:{a=\"b\"}".to_vec(),
                receiver: Some(nflogpb::Receiver {
                    group_name: "hook".into(),
                    integration: "webhook".into(),
                    idx: 1,
                }),
                ..Default::default()
            }),
            expires_at: None,
        };
        let entry = Entry::decode(StateKey::Log, mesh.encode_to_vec().into()).unwrap();
        assert_eq!(&entry.id[..], b"{}:{a=\"b\"}:hook/webhook/1");
        assert_eq!(entry.log_entry(), Some(mesh));
        assert_eq!(entry.silence(), None);
    }
}
