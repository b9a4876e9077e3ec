//! Why a journal cannot be opened.

use std::io;

/// Why a journal cannot be opened. Damage is no reason, and a disk that fails later is none either.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be created, read or locked.
    #[error("cannot use {place} for the journal: {source}")]
    Directory {
        /// The directory, or the file in it.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// Another process owns the directory.
    #[error("the journal in {place} is in use by another process")]
    Locked {
        /// The directory.
        place: String,
    },
    /// A file was written by a newer tocsin. Reading it would lose what this version does not know.
    #[error(
        "{place}/{file} was written by a newer version (journal format {version}, this one reads {supported})"
    )]
    Newer {
        /// The directory.
        place: String,
        /// The file's name.
        file: String,
        /// The file's format.
        version: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// The journal's threads cannot be started.
    #[error("cannot start the journal's thread: {0}")]
    Thread(#[source] io::Error),
}
