//! The journal as its owner sees it.

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use super::shared::Shared;
use super::snapshot::WriteSnapshot;
use super::state::Start;
use super::writer::Writer;
use super::{Durability, Error, Position, Stats, Status};

/// An append-only log of opaque records; see the [room](crate::journal). Clones are the same journal. When the
/// last is dropped, what waits is written and the threads end.
#[derive(Clone)]
pub struct Journal {
    owner: Arc<Owner>,
}

/// Ends the writer with the last handle: the threads hold [`Shared`] themselves.
struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Journal {
    pub(super) fn start(start: Start) -> Result<Self, Error> {
        Ok(Self { owner: Arc::new(Owner { shared: Writer::start(start)? }) })
    }

    fn shared(&self) -> &Shared {
        &self.owner.shared
    }

    /// Appends a record that somebody waits for: it is written at once, with whatever else waits.
    ///
    /// Never blocks on the disk and never fails. While the journal is not durable the record is not kept, nor
    /// if [`Options::buffer_bytes`](super::Options::buffer_bytes) of records wait already; the snapshot that
    /// follows covers it.
    pub fn append(&self, record: Vec<u8>) -> Position {
        Position(self.shared().append(record, true))
    }

    /// Appends a record that nobody waits for: it rides on the next commit, at most
    /// [`Options::commit_delay`](super::Options::commit_delay) later. Otherwise as [`Journal::append`].
    pub fn append_later(&self, record: Vec<u8>) -> Position {
        Position(self.shared().append(record, false))
    }

    /// Waits until the record at `position` is on disk: [`Durability::Synced`]. Gives [`Durability::Memory`]
    /// at once while the journal is not durable, and after
    /// [`Options::commit_limit`](super::Options::commit_limit) at the latest.
    pub fn durable(&self, position: Position) -> impl Future<Output = Durability> + Send + use<> {
        let mut progress = self.shared().progress.subscribe();
        async move {
            let reached = progress
                .wait_for(|progress| progress.synced >= position.get() || !progress.durable)
                .await
                .map(|progress| progress.synced >= position.get());
            match reached {
                Ok(true) => Durability::Synced,
                Ok(false) | Err(_) => Durability::Memory,
            }
        }
    }

    /// Waits until a snapshot is wanted: the log has grown, the disk works again after a failure, or recovery
    /// found damage. [`Journal::snapshot`] answers it. Can be cancelled.
    pub async fn snapshot_wanted(&self) {
        let mut wanted = self.shared().wanted.subscribe();
        if wanted.wait_for(|wanted| *wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Has a snapshot written that covers every record appended before this call. `write` gets the state as it
    /// is now, runs on a thread of the journal, and may fail. While another snapshot is being written, or the
    /// disk does not work, it is dropped; the snapshot is wanted again when it helps.
    pub fn snapshot(&self, write: WriteSnapshot) {
        self.shared().request_snapshot(write, false);
    }

    /// Writes what waits and a last snapshot, and ends. [`Durability::Memory`] says that neither reached the
    /// disk. A disk that hangs holds this up for as long as it hangs: the caller sets the deadline.
    pub async fn close(&self, write: WriteSnapshot) -> Durability {
        let mut progress = self.shared().progress.subscribe();
        let position = self.shared().request_snapshot(write, true);
        match progress.wait_for(|progress| progress.closed).await {
            Ok(progress) if progress.synced >= position => Durability::Synced,
            Ok(_) | Err(_) => Durability::Memory,
        }
    }

    /// Deletes old segments and snapshots that are older than
    /// [`Options::retention_age`](super::Options::retention_age) at `now`. To be called now and then; what is
    /// beyond [`Options::retention_bytes`](super::Options::retention_bytes) goes by itself.
    pub fn expire(&self, now: SystemTime) {
        self.shared().expire(now);
    }

    /// Whether the journal is durable, and why not; changes can be waited for.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared().status.subscribe()
    }

    /// Counters and sizes, for metrics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared().stats()
    }
}
