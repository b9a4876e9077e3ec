//! What may be deleted: files that no recovery needs, when there are too many bytes of them or they are too old.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::files::Entry;
use super::frame::FileKind;

/// The ending of the name of a file in which damage was found.
pub(super) const DAMAGED: &str = ".damaged";

/// How much is kept of what no recovery needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep {
    /// Bytes of all files together, those that recovery needs included.
    pub(super) bytes: u64,
    /// Files that were last written before this are not kept.
    pub(super) since: Option<SystemTime>,
}

impl Keep {
    /// Keeps `bytes`, and nothing older than `age` at `now`.
    pub(super) fn new(bytes: u64, age: Duration, now: Option<SystemTime>) -> Self {
        Self { bytes, since: now.and_then(|now| now.checked_sub(age)) }
    }
}

/// The names of the files to delete, oldest first. `damaged` are names of files that recovery cannot rely on.
pub(super) fn surplus(entries: &[Entry], damaged: &BTreeSet<String>, keep: Keep) -> Vec<String> {
    let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let mut surplus = Vec::new();
    for entry in history(entries, damaged) {
        let too_old = keep.since.is_some_and(|since| entry.modified < since);
        if total > keep.bytes || too_old {
            total -= entry.bytes;
            surplus.push(entry.name.clone());
        }
    }
    surplus
}

/// The files that no recovery needs, oldest first: those before the last good snapshot but one, and those set
/// aside as damaged.
fn history<'a>(entries: &'a [Entry], damaged: &BTreeSet<String>) -> Vec<&'a Entry> {
    let place = |entry: &Entry| {
        FileKind::parse(entry.name.strip_suffix(DAMAGED).unwrap_or(&entry.name))
            .map(|(kind, position)| (position, kind))
    };
    let mut files: Vec<((u64, FileKind), &Entry)> =
        entries.iter().filter_map(|entry| Some((place(entry)?, entry))).collect();
    files.sort_by_key(|(place, _)| *place);
    let snapshots: Vec<u64> = files
        .iter()
        .filter(|((_, kind), entry)| *kind == FileKind::Snapshot && is_good(entry, damaged))
        .map(|((position, _), _)| *position)
        .collect();
    let needed_from = snapshots.len().checked_sub(2).and_then(|index| snapshots.get(index));
    let segments: Vec<u64> =
        files.iter().filter(|((_, kind), _)| *kind == FileKind::Log).map(|((first, _), _)| *first).collect();
    let is_history = |(position, kind): (u64, FileKind), entry: &Entry| {
        if entry.name.ends_with(DAMAGED) {
            return true;
        }
        needed_from.is_some_and(|&from| match kind {
            FileKind::Snapshot => position < from,
            // All of its records are covered if the next segment begins at or before the first that is not.
            FileKind::Log => segments.iter().any(|&first| first > position && first <= from + 1),
        })
    };
    files.into_iter().filter(|(place, entry)| is_history(*place, entry)).map(|(_, entry)| entry).collect()
}

fn is_good(entry: &Entry, damaged: &BTreeSet<String>) -> bool {
    !entry.name.ends_with(DAMAGED) && !damaged.contains(&entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[(&str, u64)]) -> Vec<Entry> {
        let entry = |(index, (name, bytes)): (usize, &(&str, u64))| Entry {
            name: (*name).to_owned(),
            bytes: *bytes,
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + index as u64),
        };
        names.iter().enumerate().map(entry).collect()
    }

    fn shop() -> Vec<Entry> {
        entries(&[
            ("00000000000000000001.log", 100),
            ("00000000000000000010.snapshot", 50),
            ("00000000000000000011.log", 100),
            ("00000000000000000020.snapshot", 50),
            ("00000000000000000021.log", 100),
            ("00000000000000000025.log", 100),
            ("00000000000000000030.snapshot", 50),
            ("00000000000000000031.log", 100),
            ("lock", 0),
        ])
    }

    #[test]
    fn the_last_two_snapshots_and_their_log_always_stay() {
        let gone = surplus(&shop(), &BTreeSet::new(), Keep { bytes: 0, since: None });
        assert_eq!(
            gone,
            ["00000000000000000001.log", "00000000000000000010.snapshot", "00000000000000000011.log"]
        );
    }

    #[test]
    fn the_oldest_go_first_and_only_as_many_as_needed() {
        let gone = surplus(&shop(), &BTreeSet::new(), Keep { bytes: 600, since: None });
        assert_eq!(gone, ["00000000000000000001.log"]);
    }

    #[test]
    fn age_counts_from_the_last_write() {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_002);
        let gone = surplus(&shop(), &BTreeSet::new(), Keep { bytes: u64::MAX, since: Some(since) });
        assert_eq!(gone, ["00000000000000000001.log", "00000000000000000010.snapshot"]);
    }

    #[test]
    fn a_damaged_snapshot_does_not_count_as_one_to_fall_back_to() {
        let damaged = BTreeSet::from(["00000000000000000030.snapshot".to_owned()]);
        let gone = surplus(&shop(), &damaged, Keep { bytes: 0, since: None });
        assert_eq!(gone, ["00000000000000000001.log"]);
    }

    #[test]
    fn damaged_files_are_history() {
        let files = entries(&[("00000000000000000001.log.damaged", 10), ("00000000000000000011.log", 10)]);
        let gone = surplus(&files, &BTreeSet::new(), Keep { bytes: 10, since: None });
        assert_eq!(gone, ["00000000000000000001.log.damaged"]);
    }
}
