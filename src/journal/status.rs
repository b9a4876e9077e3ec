//! What a journal says about itself: positions, durability, status and counters.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// A record's place in the order of records: 1 for the first ever, never reused while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub(super) u64);

impl Position {
    /// The position as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a record is once nobody waits for it any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk: it will be recovered.
    Synced,
    /// In memory only. A kill before the next snapshot would lose it; [`Status`] says why.
    Memory,
}

/// Whether appended records reach the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// They do.
    Durable,
    /// They do not. The owner goes on in memory; a snapshot will cover what was not kept.
    NotDurable {
        /// What happened, for the operator.
        reason: String,
        /// When it happened.
        since: Instant,
    },
    /// The journal was closed.
    Closed,
}

impl Status {
    /// Whether appended records reach the disk.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        matches!(self, Self::Durable)
    }
}

/// Counters and sizes of a journal, since the start unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Records appended.
    pub appended: u64,
    /// Records that were not kept, because the journal was not durable or its buffer was full.
    pub not_kept: u64,
    /// Records synced.
    pub synced: u64,
    /// Bytes written to segments.
    pub written_bytes: u64,
    /// Commits: one write and one sync each.
    pub commits: u64,
    /// Writes, syncs or other file operations that failed, and commits that took too long.
    pub failures: u64,
    /// Records that wait to be written, now.
    pub queued: u64,
    /// Bytes of the records that wait to be written, now.
    pub queued_bytes: u64,
    /// Bytes of the log since the last snapshot, now.
    pub log_bytes: u64,
    /// Bytes of all files of the journal, when they were last listed.
    pub disk_bytes: u64,
    /// Bytes of the last snapshot, now.
    pub snapshot_bytes: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Snapshots that failed.
    pub snapshot_failures: u64,
    /// How long the last snapshot took to write.
    pub snapshot_duration: Duration,
    /// Records that recovery missed at the start.
    pub damaged_records: u64,
    /// Files in which recovery found damage at the start.
    pub damaged_files: u64,
}
