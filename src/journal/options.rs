//! The limits of a journal.

use std::time::Duration;

/// The limits of a journal. The defaults are those of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long a record may wait for its sync until the journal counts as not durable. A little under two
    /// seconds by default, so that a push is answered within two.
    pub commit_limit: Duration,
    /// How long a record given to [`Journal::append_later`](super::Journal::append_later) may wait for
    /// company before it is written on its own.
    pub commit_delay: Duration,
    /// Bytes of records that may wait to be written. One more, and records are not kept until a snapshot
    /// covers them.
    pub buffer_bytes: usize,
    /// Bytes after which a segment is closed and the next begun.
    pub segment_bytes: u64,
    /// A snapshot is wanted when the log since the last one has this many bytes, and twice the bytes of that
    /// snapshot.
    pub snapshot_log_bytes: u64,
    /// Bytes on disk up to which old segments and snapshots are kept. The last two snapshots and the log since
    /// the older of them are kept in any case.
    pub retention_bytes: u64,
    /// Age up to which old segments and snapshots are kept, by the time of their last write.
    pub retention_age: Duration,
    /// How long the journal waits, at first, before it tries a disk that failed. Doubles with each failure;
    /// each wait is drawn from the upper half of that.
    pub probe_delay: Duration,
    /// The longest wait between two such tries.
    pub probe_delay_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            commit_limit: Duration::from_millis(1_900),
            commit_delay: Duration::from_millis(100),
            buffer_bytes: 64 << 20,
            segment_bytes: 32_000_000,
            snapshot_log_bytes: 64_000_000,
            retention_bytes: 1_000_000_000,
            retention_age: Duration::from_secs(7 * 24 * 3600),
            probe_delay: Duration::from_millis(100),
            probe_delay_limit: Duration::from_secs(5),
        }
    }
}
