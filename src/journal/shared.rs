//! What the journal's handle, its writer and its watchdog share, and who tells whom.
//!
//! One mutex, held for the length of a few assignments and never across a file operation or an `await`.

use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::files::Files;
use super::snapshot::WriteSnapshot;
use super::state::{Instant, Phase, Record, Request, Start, State, Task};
use super::{Options, Stats, Status};

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

impl Shared {
    pub(super) fn new(start: &Start) -> Self {
        Self {
            files: Arc::clone(&start.files),
            options: start.options.clone(),
            state: Mutex::new(State::new(start)),
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
        self.wanted.send_if_modified(mem::take);
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
                state.repaired_at = position;
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
                if state.phase == Phase::Repairing && position >= state.repaired_at {
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
                Instant::now().into()
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
                duration = ?Instant::now().saturating_duration_since(since.into()),
                "The disk works again: accepted alerts are on disk before they are answered"
            );
        }
    }

    fn want_snapshot(&self) {
        self.wanted.send_if_modified(|wanted| !mem::replace(wanted, true));
    }
}
