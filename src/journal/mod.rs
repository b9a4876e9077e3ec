//! What survives a crash: an append-only log of opaque records with group commit, snapshots and recovery.
//!
//! The owner (one task) appends records; one thread writes what waits and syncs once for all of it. Nobody
//! ever waits for the disk but those who ask [`Journal::durable`], and they wait for
//! [`Options::commit_limit`] at most. The room knows nothing of what is in a record or a snapshot.
//!
//! # What holds
//!
//! - A position for which [`Durability::Synced`] was answered is recovered after a power cut.
//! - The log has no holes behind a snapshot: when a record could not be kept (the disk failed, hung or was
//!   full, the buffer was full), none is kept until a snapshot that covers it is on disk. Until then
//!   [`Status`] says that nothing is durable, and why; the owner goes on in memory.
//! - A file whose write or sync failed is never written again: the kernel may have dropped the pages and
//!   would call the next sync of that file a success. A new start, too, begins a new file.
//! - Damage costs the records it covers and never prevents a start.
//! - Everything is bounded: what waits ([`Options::buffer_bytes`]), what is kept on disk
//!   ([`Options::retention_bytes`], [`Options::retention_age`]), the time that a commit may take.
//!
//! # What is in the directory
//!
//! | name | what it is |
//! |---|---|
//! | `lock` | locked by the process that owns the directory |
//! | `00000000000000000042.log` | a segment: the records from position 42 on |
//! | `00000000000000000041.snapshot` | a snapshot that covers every record up to position 41 |
//! | `….tmp` | being written, or left by a crash: removed at the next start |
//! | `….damaged` | a file in which damage was found, kept for inspection as long as history is |
//!
//! Positions count records from 1. A record that was not kept has a position too; the snapshot that follows
//! covers it.
//!
//! # Format, version 1
//!
//! Integers are little-endian. Checksums are XXH64. Every file begins with a header of 32 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | `tocsin\0L` for a segment, `tocsin\0S` for a snapshot |
//! | 8–11 | version of the format: 1 |
//! | 12–15 | zero |
//! | 16–23 | the position in the file's name |
//! | 24–31 | checksum of bytes 0–23, seed 0 |
//!
//! and goes on with frames:
//!
//! | bytes | what |
//! |---|---|
//! | 0–2 | the mark `F5 54 FA`, which no UTF-8 text contains: where reading goes on behind damage |
//! | 3 | kind: 0 a record that begins a commit, 1 a record, 2 a block of a snapshot, 3 a snapshot's end |
//! | 4–7 | length of the payload |
//! | 8–15 | a record's position; a block's number from 0; at the end the number of blocks |
//! | 16–23 | checksum of the payload, whose seed is the checksum of bytes 0–15, whose seed is the position in the file's name |
//! | 24– | the payload |
//!
//! A commit is what one sync made durable. Bytes of a commit reach the file only after the commit before it
//! was synced, so broken bytes behind which no commit begins are the torn end of an unfinished commit, and
//! are cut; broken bytes with a commit behind them are damage.

mod error;
mod files;
mod frame;
mod handle;
mod options;
mod reader;
mod recovery;
mod retention;
mod shared;
mod simulated;
mod snapshot;
mod state;
mod status;
mod writer;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use files::{Disk, Entry, Files, Input, Lock, Output};
pub use handle::Journal;
pub use options::Options;
pub use recovery::{Recovered, Recovery};
pub use simulated::SimulatedDisk;
pub use snapshot::{SnapshotReader, WriteSnapshot};
pub use status::{Durability, Position, Stats, Status};
