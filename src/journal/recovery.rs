//! Recovery: the last good snapshot, then the records after it, past whatever is damaged.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::files::{Files, Lock};
use super::frame::{FileHeader, FileKind, FrameKind, VERSION};
use super::reader::{Reader, Step};
use super::snapshot::{self, SnapshotReader};
use super::state::Start;
use super::{Error, Journal, Options, Position};

/// A journal that is being recovered: first [`Recovery::snapshot`], then [`Recovery::next_record`] until it
/// gives nothing, then [`Recovery::finish`], which gives the journal. So nothing can be appended before
/// everything is replayed.
pub struct Recovery {
    files: Arc<dyn Files>,
    options: Options,
    lock: Lock,
    /// Positions of the snapshots that may be good, ascending.
    snapshots: Vec<u64>,
    /// First positions of the segments, ascending.
    segments: Vec<u64>,
    /// Index of the next segment to read.
    next: usize,
    current: Option<(u64, Reader)>,
    /// The segment that was read before, if it ended in broken bytes.
    broken_end: Option<u64>,
    /// The last position recovered, or passed as missing.
    last: u64,
    damaged: BTreeSet<String>,
    report: Recovered,
    log_bytes: u64,
}

/// What recovery found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Where the snapshot stands from which recovery began.
    pub snapshot: Option<Position>,
    /// Records given after it.
    pub records: u64,
    /// The last position that was ever given, as far as the files tell.
    pub last: Position,
    /// Records that are missing, as their neighbours tell.
    pub missing: u64,
    /// Bytes cut from the end of the newest segment: a commit that was never finished.
    pub cut_bytes: u64,
    /// Names of the files in which damage was found. They get the ending `.damaged` when the next snapshot is
    /// written.
    pub damaged: Vec<String>,
}

impl Journal {
    /// Locks the directory and finds what there is to recover.
    ///
    /// # Errors
    /// [`Error::Directory`], [`Error::Locked`], [`Error::Newer`]. Damage is not an error.
    pub fn recover(files: impl Files, options: Options) -> Result<Recovery, Error> {
        let files: Arc<dyn Files> = Arc::new(files);
        let lock = files.lock()?;
        let entries = files.list().map_err(|source| Error::Directory { place: files.place(), source })?;
        let mut recovery = Recovery {
            options,
            lock,
            snapshots: Vec::new(),
            segments: Vec::new(),
            next: 0,
            current: None,
            broken_end: None,
            last: 0,
            damaged: BTreeSet::new(),
            report: Recovered::default(),
            log_bytes: 0,
            files,
        };
        for entry in entries {
            match FileKind::parse(&entry.name) {
                Some((FileKind::Log, first)) => recovery.segments.push(first),
                Some((FileKind::Snapshot, position)) => recovery.snapshots.push(position),
                None if entry.name.ends_with(".tmp") => {
                    if let Err(err) = recovery.files.remove(&entry.name) {
                        tracing::warn!(component = "journal", file = entry.name, %err, "Cannot remove a temporary file");
                    }
                }
                None => {}
            }
        }
        recovery.segments.sort_unstable();
        recovery.snapshots.sort_unstable();
        recovery.refuse_newer()?;
        recovery.choose_snapshot();
        Ok(recovery)
    }
}

impl Recovery {
    /// The last good snapshot, as its owner wrote it; `None` if there is none.
    pub fn snapshot(&mut self) -> Option<SnapshotReader> {
        loop {
            let position = *self.snapshots.last()?;
            match SnapshotReader::open(&*self.files, position) {
                Ok(reader) => return Some(reader),
                Err(err) => self.reject(position, &err.to_string()),
            }
        }
    }

    /// Falls back to the snapshot before, because the owner cannot use this one. To be called before
    /// [`Recovery::next_record`]; then [`Recovery::snapshot`] gives the one before.
    pub fn reject_snapshot(&mut self, reason: &str) {
        if let Some(&position) = self.snapshots.last() {
            self.reject(position, reason);
            self.choose_snapshot();
        }
    }

    /// The next record after the snapshot, in the order appended; `None` at the end.
    pub fn next_record(&mut self) -> Option<(Position, &[u8])> {
        let (position, payload) = self.advance()?;
        let (_, reader) = self.current.as_ref()?;
        Some((Position(position), reader.payload(payload)))
    }

    /// Reads what was not read yet, and starts the journal.
    ///
    /// # Errors
    /// [`Error::Thread`].
    pub fn finish(mut self) -> Result<(Journal, Recovered), Error> {
        while self.advance().is_some() {}
        // A snapshot that cannot be read tells at least that the positions up to its own were given.
        let named = self.damaged.iter().filter_map(|name| FileKind::parse(name));
        let given = named.filter(|(kind, _)| *kind == FileKind::Snapshot).map(|(_, position)| position).max();
        self.report.last = Position(self.last.max(given.unwrap_or(0)));
        self.report.damaged = self.damaged.iter().cloned().collect();
        if !self.damaged.is_empty() || self.report.missing > 0 {
            tracing::error!(
                component = "journal",
                missing = self.report.missing,
                files = ?self.report.damaged,
                "The journal is damaged; what could be read is recovered and the files are kept with the ending .damaged"
            );
        }
        let start = Start {
            files: self.files,
            options: self.options,
            lock: self.lock,
            last: self.report.last.get(),
            log_bytes: self.log_bytes,
            damaged: self.damaged,
            missing: self.report.missing,
        };
        Ok((Journal::start(start)?, self.report))
    }

    /// A file of a newer format is not damage: to go on without it would lose what it holds.
    fn refuse_newer(&self) -> Result<(), Error> {
        let logs = self.segments.iter().map(|&position| (FileKind::Log, position));
        let snapshots = self.snapshots.iter().map(|&position| (FileKind::Snapshot, position));
        for (kind, position) in logs.chain(snapshots) {
            let file = kind.name(position);
            let Ok((_, FileHeader::Newer(version))) =
                self.files.open(&file).and_then(|input| Reader::new(input, kind, position))
            else {
                continue;
            };
            return Err(Error::Newer { place: self.files.place(), file, version, supported: VERSION });
        }
        Ok(())
    }

    /// Goes back to the newest snapshot of which every byte is good, and to the segments after it.
    fn choose_snapshot(&mut self) {
        while let Some(&position) = self.snapshots.last() {
            match snapshot::check(&*self.files, position) {
                Ok(()) => break,
                Err(err) => self.reject(position, &err.to_string()),
            }
        }
        self.last = self.snapshots.last().copied().unwrap_or(0);
        self.report.snapshot = self.snapshots.last().map(|&position| Position(position));
        // The last segment that begins at or before the first record wanted, and those behind it.
        self.next = self.segments.partition_point(|&first| first <= self.last + 1).saturating_sub(1);
        self.current = None;
    }

    fn reject(&mut self, position: u64, reason: &str) {
        let name = FileKind::Snapshot.name(position);
        tracing::warn!(
            component = "journal",
            file = name,
            err = reason,
            "Cannot use a snapshot; taking the one before"
        );
        self.damaged.insert(name);
        self.snapshots.retain(|&other| other != position);
        self.last = self.snapshots.last().copied().unwrap_or(0);
    }

    /// The place of the next record in the current segment.
    fn advance(&mut self) -> Option<(u64, Range<usize>)> {
        loop {
            let Some((first, reader)) = &mut self.current else {
                self.open_next()?;
                continue;
            };
            let (first, at) = (*first, reader.at());
            match reader.step() {
                Step::Frame { kind: FrameKind::Commit | FrameKind::Record, position, payload } => {
                    self.log_bytes += reader.at() - at;
                    if position > self.last {
                        self.skip_to(position, Some(first));
                        self.last = position;
                        self.report.records += 1;
                        return Some((position, payload));
                    }
                }
                Step::Frame { .. } => {}
                Step::Broken { at, .. } => {
                    if self.next == self.segments.len() && !reader.commit_follows() {
                        self.cut(first, at);
                    } else {
                        tracing::warn!(
                            component = "journal",
                            file = FileKind::Log.name(first),
                            at,
                            "A segment is damaged"
                        );
                        self.damaged.insert(FileKind::Log.name(first));
                    }
                }
                Step::BrokenEnd { at } => {
                    if self.next == self.segments.len() {
                        self.cut(first, at);
                    } else {
                        self.broken_end = Some(first);
                        self.current = None;
                    }
                }
                Step::End => self.current = None,
            }
        }
    }

    /// Opens the next segment; `None` when there is no other.
    fn open_next(&mut self) -> Option<()> {
        let first = *self.segments.get(self.next)?;
        self.next += 1;
        let name = FileKind::Log.name(first);
        // What a segment is named after was given, so what lies between is missing.
        let broken = self.broken_end.take();
        if first > self.last + 1 {
            self.skip_to(first, broken);
            self.last = first - 1;
        }
        let opened = self.files.open(&name).and_then(|input| Reader::new(input, FileKind::Log, first));
        match opened {
            Ok((reader, header)) => {
                // A header that was never synced is the torn end of a segment that never had a record.
                let never_used =
                    self.next == self.segments.len() && reader.end() <= super::frame::FILE_HEADER as u64;
                if header == FileHeader::Damaged && !never_used {
                    self.damaged.insert(name);
                }
                self.current = Some((first, reader));
            }
            Err(err) => {
                tracing::warn!(component = "journal", file = name, %err, "Cannot read a segment");
                self.damaged.insert(name);
            }
        }
        Some(())
    }

    /// Counts the records between the last and `position` as missing; `damaged` is the segment that had them.
    fn skip_to(&mut self, position: u64, damaged: Option<u64>) {
        let missing = position - self.last - 1;
        if missing > 0 {
            self.report.missing += missing;
            if let Some(first) = damaged {
                self.damaged.insert(FileKind::Log.name(first));
            }
        }
    }

    /// Cuts the newest segment at `at`: what is behind was never finished. Nothing is lost if that fails.
    fn cut(&mut self, first: u64, at: u64) {
        let name = FileKind::Log.name(first);
        let bytes = self.current.take().map_or(0, |(_, reader)| reader.end() - at);
        self.report.cut_bytes += bytes;
        let cut: io::Result<()> = self.files.truncate(&name, at);
        match cut {
            Ok(()) => {
                tracing::info!(component = "journal", file = name, at, bytes, "Cut an unfinished commit")
            }
            Err(err) => {
                tracing::warn!(component = "journal", file = name, at, bytes, %err, "Cannot cut an unfinished commit; it is skipped")
            }
        }
    }
}
