//! What the journal's handle, its writer and its watchdog share, and who tells whom.
//!
//! One mutex, held for the length of a few assignments and never across a file operation or an `await`.

use std::collections::BTreeSet;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

use super::files::{Files, Lock};
use super::snapshot::WriteSnapshot;
use super::{Options, Stats, Status};

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

pub(super) struct Shared {
    pub(super) files: Arc<dyn Files>,
    pub(super) options: Options,
    state: Mutex<State>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes the watchdog when something begins to wait.
    watchdog: Condvar,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) status: watch::Sender<Status>,
    pub(super) wanted: watch::Sender<bool>,
}

/// What those who wait for a sync wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Everything up to here is on disk.
    pub(super) synced: u64,
    pub(super) durable: bool,
    pub(super) closed: bool,
}

/// Whether records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
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
    last: u64,
    phase: Phase,
    queue: Vec<Record>,
    queued_bytes: usize,
    /// Somebody waits for what is queued, so that it is not held back for company.
    urgent: bool,
    /// Since when the oldest queued record waits.
    queued_since: Option<Instant>,
    /// Since when the oldest record that is being written waits.
    in_flight_since: Option<Instant>,
    watchdog_sleeps: bool,
    request: Option<Request>,
    snapshot_runs: bool,
    /// Log bytes at which a snapshot is wanted.
    wanted_at: u64,
    chores: Chores,
    closing: bool,
    stats: Stats,
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

impl Shared {
    pub(super) fn new(start: &Start) -> Self {
        let stats = Stats {
            log_bytes: start.log_bytes,
            damaged_records: start.missing,
            damaged_files: start.damaged.len() as u64,
            ..Stats::default()
        };
        let state = State {
            last: start.last,
            phase: Phase::Keeping,
            queue: Vec::new(),
            queued_bytes: 0,
            urgent: false,
            queued_since: None,
            in_flight_since: None,
            watchdog_sleeps: false,
            request: None,
            snapshot_runs: false,
            wanted_at: start.options.snapshot_log_bytes,
            chores: Chores::default(),
            closing: false,
            stats,
        };
        Self {
            files: Arc::clone(&start.files),
            options: start.options.clone(),
            state: Mutex::new(state),
            work: Condvar::new(),
            watchdog: Condvar::new(),
            progress: watch::Sender::new(Progress { synced: start.last, durable: true, closed: false }),
            status: watch::Sender::new(Status::Durable),
            wanted: watch::Sender::new(!start.damaged.is_empty() || start.missing > 0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // === what the owner does ===

    pub(super) fn append(&self, payload: Vec<u8>, urgent: bool) -> u64 {
        let mut state = self.lock();
        state.last += 1;
        state.stats.appended += 1;
        let position = state.last;
        let keeps = matches!(state.phase, Phase::Keeping | Phase::Repairing) && !state.closing;
        if !keeps {
            state.stats.not_kept += 1;
            return position;
        }
        let bytes = state.queued_bytes.saturating_add(payload.len());
        if bytes > self.options.buffer_bytes || payload.len() > super::frame::MAX_PAYLOAD {
            state.stats.not_kept += 1;
            let reason = format!("more than {} bytes wait to be written", self.options.buffer_bytes);
            self.break_off(&mut state, reason);
            return position;
        }
        let first = state.queue.is_empty();
        let wake = first || (urgent && !state.urgent);
        state.queue.push(Record { position, payload });
        state.queued_bytes = bytes;
        state.urgent |= urgent;
        if first {
            state.queued_since = Some(Instant::now());
            if mem::take(&mut state.watchdog_sleeps) {
                self.watchdog.notify_one();
            }
        }
        drop(state);
        if wake {
            self.work.notify_one();
        }
        position
    }

    pub(super) fn request_snapshot(&self, write: WriteSnapshot, close: bool) -> u64 {
        let mut state = self.lock();
        let position = state.last;
        self.wanted.send_if_modified(|wanted| mem::take(wanted));
        let taken = match state.phase {
            Phase::Closed => false,
            Phase::Keeping => close || !state.snapshot_runs && state.request.is_none(),
            Phase::AwaitingSnapshot => true,
            // It will be wanted again when it can be written; at the end it is tried all the same.
            Phase::Broken | Phase::Repairing => close,
        } && !state.closing;
        if taken {
            if state.phase != Phase::Keeping {
                state.phase = Phase::Repairing;
            }
            state.request = Some(Request { position, write });
        }
        state.closing |= close;
        drop(state);
        self.work.notify_one();
        position
    }

    pub(super) fn stop(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    pub(super) fn expire(&self, now: SystemTime) {
        self.lock().chores.expire = Some(now);
        self.work.notify_one();
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        let queued = state.queue.len() as u64;
        Stats { queued, queued_bytes: state.queued_bytes as u64, ..state.stats.clone() }
    }

    // === what the writer does ===

    /// Waits for something to do.
    pub(super) fn next_task(&self) -> Task {
        let mut state = self.lock();
        loop {
            if state.phase == Phase::Broken && !state.closing {
                return Task::Probe;
            }
            let wait = state.wait(self.options.commit_delay);
            if wait == Some(Duration::ZERO) {
                return state.take();
            }
            if state.closing {
                return Task::Stop;
            }
            state = match wait {
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => self.work.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Waits for `pause`, or until the journal is closed.
    pub(super) fn pause(&self, pause: Duration) {
        let state = self.lock();
        drop(self.work.wait_timeout_while(state, pause, |state| !state.closing));
    }

    /// The records up to `last` are on disk.
    pub(super) fn committed(&self, last: u64, records: u64, bytes: u64) {
        let mut state = self.lock();
        state.in_flight_since = None;
        state.stats.synced += records;
        state.stats.commits += 1;
        state.stats.written_bytes += bytes;
        state.stats.log_bytes += bytes;
        let wanted = state.phase == Phase::Keeping
            && !state.snapshot_runs
            && state.request.is_none()
            && state.stats.log_bytes >= state.wanted_at;
        self.progress.send_modify(|progress| progress.synced = progress.synced.max(last));
        if wanted {
            self.want_snapshot();
        }
    }

    /// Something failed, and with it `lost` records were not kept: nothing is kept until a snapshot.
    pub(super) fn fail(&self, reason: String, lost: u64) {
        let mut state = self.lock();
        state.in_flight_since = None;
        state.stats.not_kept += lost;
        self.break_off(&mut state, reason);
    }

    /// The disk works again.
    pub(super) fn probed(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Broken {
            state.phase = Phase::AwaitingSnapshot;
            self.want_snapshot();
        }
    }

    /// A snapshot is begun beside the log. Returns the bytes of log that it replaces.
    pub(super) fn snapshot_begins(&self) -> u64 {
        let mut state = self.lock();
        state.snapshot_runs = true;
        state.stats.log_bytes
    }

    /// The snapshot that covers every record up to `position` and `replaced` bytes of log is written, or
    /// failed.
    pub(super) fn snapshot_ends(
        &self,
        position: u64,
        replaced: u64,
        duration: Duration,
        written: &io::Result<u64>,
    ) {
        let mut state = self.lock();
        state.snapshot_runs = false;
        match *written {
            Ok(bytes) => {
                state.stats.snapshots += 1;
                state.stats.snapshot_bytes = bytes;
                state.stats.snapshot_duration = duration;
                state.stats.log_bytes = state.stats.log_bytes.saturating_sub(replaced);
                state.wanted_at = self.options.snapshot_log_bytes.max(bytes.saturating_mul(2));
                state.chores.snapshot_written = true;
                self.progress.send_modify(|progress| progress.synced = progress.synced.max(position));
                if state.phase == Phase::Repairing {
                    self.repaired(&mut state);
                }
            }
            Err(_) => {
                state.stats.snapshot_failures += 1;
                state.wanted_at = state.stats.log_bytes.saturating_add(self.options.snapshot_log_bytes);
            }
        }
        drop(state);
        self.work.notify_one();
    }

    /// Notes what the directory holds.
    pub(super) fn listed(&self, bytes: u64) {
        self.lock().stats.disk_bytes = bytes;
    }

    /// Notes the length of the snapshot from which recovery began.
    pub(super) fn recovered_snapshot(&self, bytes: u64) {
        let mut state = self.lock();
        state.stats.snapshot_bytes = bytes;
        state.wanted_at = self.options.snapshot_log_bytes.max(bytes.saturating_mul(2));
        if state.stats.log_bytes >= state.wanted_at {
            self.want_snapshot();
        }
    }

    /// The writer has ended.
    pub(super) fn closed(&self) {
        let mut state = self.lock();
        state.phase = Phase::Closed;
        state.forget_queue();
        self.status.send_replace(Status::Closed);
        self.progress.send_modify(|progress| {
            progress.durable = false;
            progress.closed = true;
        });
        drop(state);
        self.watchdog.notify_one();
    }

    // === what the watchdog does ===

    /// Waits until a record has waited for too long, breaks off, and goes on; ends when the journal is closed.
    pub(super) fn watch(&self) {
        let mut state = self.lock();
        while state.phase != Phase::Closed {
            let waiting = state.in_flight_since.or(state.queued_since);
            let Some(since) = waiting.filter(|_| state.phase == Phase::Keeping) else {
                state.watchdog_sleeps = true;
                state = self.watchdog.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let waited = Instant::now().saturating_duration_since(since);
            let Some(rest) = self.options.commit_limit.checked_sub(waited).filter(|rest| !rest.is_zero())
            else {
                let reason = format!("a commit has not ended after {:?}", self.options.commit_limit);
                self.break_off(&mut state, reason);
                continue;
            };
            state = self.watchdog.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn break_off(&self, state: &mut State, reason: String) {
        state.stats.failures += 1;
        if state.phase == Phase::Closed {
            return;
        }
        let dropped = state.forget_queue();
        state.stats.not_kept += dropped;
        if !state.closing {
            state.request = None;
        }
        state.phase = Phase::Broken;
        let since = match &*self.status.borrow() {
            Status::NotDurable { since, .. } => *since,
            Status::Durable | Status::Closed => {
                tracing::error!(
                    component = "journal",
                    directory = self.files.place(),
                    err = reason,
                    "Accepted alerts are kept in memory only, until the disk works again"
                );
                Instant::now()
            }
        };
        self.status.send_replace(Status::NotDurable { reason, since });
        self.progress.send_modify(|progress| progress.durable = false);
        self.work.notify_one();
    }

    fn repaired(&self, state: &mut State) {
        state.phase = Phase::Keeping;
        if state.queued_since.is_some() {
            state.queued_since = Some(Instant::now());
        }
        if mem::take(&mut state.watchdog_sleeps) {
            self.watchdog.notify_one();
        }
        // Whoever sees the status can rely on the answers that follow.
        self.progress.send_modify(|progress| progress.durable = true);
        let before = self.status.send_replace(Status::Durable);
        if let Status::NotDurable { since, .. } = before {
            tracing::info!(
                component = "journal",
                duration = ?Instant::now().saturating_duration_since(since),
                "The disk works again: accepted alerts are on disk before they are answered"
            );
        }
    }

    fn want_snapshot(&self) {
        self.wanted.send_if_modified(|wanted| !mem::replace(wanted, true));
    }
}

impl State {
    /// How long the writer may wait before it takes what is there; `None` if there is nothing.
    fn wait(&self, delay: Duration) -> Option<Duration> {
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
    fn take(&mut self) -> Task {
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
    fn forget_queue(&mut self) -> u64 {
        let dropped = mem::take(&mut self.queue).len() as u64;
        self.queued_bytes = 0;
        self.queued_since = None;
        self.urgent = false;
        dropped
    }
}
