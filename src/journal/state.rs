//! What waits to be written, what is wanted, and whether records are kept at all: the state behind the mutex
//! of [`Shared`](super::shared::Shared). Nothing here waits, wakes or touches a file.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::files::{Files, Lock};
use super::snapshot::WriteSnapshot;
use super::{Options, Stats};

/// A disk's time is real, also where a test makes tokio's time virtual.
#[expect(clippy::disallowed_types, reason = "a disk knows no virtual time")]
pub(super) type Instant = std::time::Instant;

/// What recovery hands to a journal.
pub(super) struct Start {
    pub(super) files: Arc<dyn Files>,
    pub(super) options: Options,
    pub(super) lock: Lock,
    pub(super) last: u64,
    pub(super) log_bytes: u64,
    pub(super) damaged: BTreeSet<String>,
    pub(super) missing: u64,
}

/// Whether records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Yes: they go to the log.
    Keeping,
    /// No. The writer tries the disk until it works.
    Broken,
    /// No, but the disk works: a snapshot is wanted.
    AwaitingSnapshot,
    /// The snapshot that covers what was not kept is written; records wait behind it.
    Repairing,
    /// No, and never again.
    Closed,
}

pub(super) struct State {
    pub(super) last: u64,
    pub(super) phase: Phase,
    pub(super) queue: Vec<Record>,
    pub(super) queued_bytes: usize,
    /// Somebody waits for what is queued, so that it is not held back for company.
    pub(super) urgent: bool,
    /// Since when the oldest queued record waits.
    pub(super) queued_since: Option<Instant>,
    /// Since when the oldest record that is being written waits.
    pub(super) in_flight_since: Option<Instant>,
    pub(super) watchdog_sleeps: bool,
    pub(super) request: Option<Request>,
    /// While repairing: a snapshot up to here covers what was not kept. An older one may still be written.
    pub(super) repaired_at: u64,
    pub(super) snapshot_runs: bool,
    /// Log bytes at which a snapshot is wanted.
    pub(super) wanted_at: u64,
    pub(super) chores: Chores,
    pub(super) closing: bool,
    pub(super) stats: Stats,
}

/// A record that waits to be written.
pub(super) struct Record {
    pub(super) position: u64,
    pub(super) payload: Vec<u8>,
}

/// A snapshot to write: it covers every record up to `position`.
pub(super) struct Request {
    pub(super) position: u64,
    pub(super) write: WriteSnapshot,
}

/// Work on the directory beside the log.
#[derive(Default)]
pub(super) struct Chores {
    /// A snapshot was written: files that it replaces may go.
    pub(super) snapshot_written: bool,
    /// The time at which files that are too old may go.
    pub(super) expire: Option<SystemTime>,
}

/// What the writer does next.
pub(super) enum Task {
    Write {
        records: Vec<Record>,
        request: Option<Request>,
        alone: bool,
        chores: Chores,
    },
    /// See whether the disk works again.
    Probe,
    Stop,
}

impl State {
    pub(super) fn new(start: &Start) -> Self {
        let stats = Stats {
            log_bytes: start.log_bytes,
            damaged_records: start.missing,
            damaged_files: start.damaged.len() as u64,
            ..Stats::default()
        };
        Self {
            last: start.last,
            phase: Phase::Keeping,
            queue: Vec::new(),
            queued_bytes: 0,
            urgent: false,
            queued_since: None,
            in_flight_since: None,
            watchdog_sleeps: false,
            request: None,
            repaired_at: 0,
            snapshot_runs: false,
            wanted_at: start.options.snapshot_log_bytes,
            chores: Chores::default(),
            closing: false,
            stats,
        }
    }

    /// How long the writer may wait before it takes what is there; `None` if there is nothing.
    pub(super) fn wait(&self, delay: Duration) -> Option<Duration> {
        let chores = self.chores.snapshot_written || self.chores.expire.is_some();
        if self.request.is_some() || chores {
            return Some(Duration::ZERO);
        }
        let since = self.queued_since.filter(|_| !self.queue.is_empty())?;
        if self.urgent || self.closing {
            return Some(Duration::ZERO);
        }
        Some(delay.saturating_sub(Instant::now().saturating_duration_since(since)))
    }

    /// The records before a requested snapshot and that snapshot; without one, all records.
    pub(super) fn take(&mut self) -> Task {
        let request = self.request.take();
        let before = match &request {
            Some(request) => self.queue.partition_point(|record| record.position <= request.position),
            None => self.queue.len(),
        };
        let rest = self.queue.split_off(before);
        let records = mem::replace(&mut self.queue, rest);
        self.queued_bytes -= records.iter().map(|record| record.payload.len()).sum::<usize>();
        if !records.is_empty() {
            self.in_flight_since = self.queued_since;
        }
        if self.queue.is_empty() {
            self.queued_since = None;
            self.urgent = false;
        }
        let alone = self.phase != Phase::Keeping || self.closing;
        Task::Write { records, request, alone, chores: mem::take(&mut self.chores) }
    }

    /// Drops what waits to be written, and says how many records that were.
    pub(super) fn forget_queue(&mut self) -> u64 {
        let dropped = mem::take(&mut self.queue).len() as u64;
        self.queued_bytes = 0;
        self.queued_since = None;
        self.urgent = false;
        dropped
    }
}
