//! Snapshot files: written aside, synced, renamed; read only when every byte of them is good.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::files::{Files, Output};
use super::frame::{FILE_HEADER, FileHeader, FileKind, FrameKind, file_header, push_frame};
use super::reader::{Reader, Step};

/// Writes the owner's state. Called once, on a thread of the journal, with the state as it was when
/// [`Journal::snapshot`](super::Journal::snapshot) was called.
pub type WriteSnapshot = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// Bytes of a block.
const BLOCK: usize = 256 << 10;
/// Bytes after which a snapshot is synced on its way, so that commits beside it never wait for all of it.
const SYNC: u64 = 8 << 20;

/// Writes the snapshot that covers every record up to `position`, and returns its length.
///
/// # Errors
/// What the system or the owner says. No snapshot of that name appears then.
pub(super) fn write(files: &dyn Files, position: u64, write: WriteSnapshot) -> io::Result<u64> {
    let name = FileKind::Snapshot.name(position);
    let aside = format!("{name}.tmp");
    let written = write_aside(files, &aside, position, write).and_then(|bytes| {
        files.rename(&aside, &name)?;
        files.sync_dir()?;
        Ok(bytes)
    });
    if written.is_err() {
        // It may not exist, and the next start removes it if it does.
        let _ = files.remove(&aside);
    }
    written
}

fn write_aside(files: &dyn Files, name: &str, position: u64, write: WriteSnapshot) -> io::Result<u64> {
    let _ = files.remove(name);
    let mut blocks = Blocks {
        file: files.create(name)?,
        position,
        buffer: file_header(FileKind::Snapshot, position).to_vec(),
        block: Vec::with_capacity(BLOCK),
        number: 0,
        written: 0,
        unsynced: 0,
    };
    catch_unwind(AssertUnwindSafe(|| write(&mut blocks)))
        .unwrap_or_else(|_| Err(io::Error::other("writing the state panicked")))?;
    blocks.finish()
}

/// Cuts what is written into checksummed blocks.
struct Blocks {
    file: Box<dyn Output>,
    position: u64,
    buffer: Vec<u8>,
    block: Vec<u8>,
    number: u64,
    written: u64,
    unsynced: u64,
}

impl Blocks {
    fn put_block(&mut self, kind: FrameKind) -> io::Result<()> {
        push_frame(&mut self.buffer, self.position, kind, self.number, &self.block);
        self.file.append(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.unsynced += self.buffer.len() as u64;
        self.number += 1;
        self.buffer.clear();
        self.block.clear();
        if self.unsynced >= SYNC {
            self.file.sync()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        if !self.block.is_empty() {
            self.put_block(FrameKind::Block)?;
        }
        self.put_block(FrameKind::End)?;
        self.file.sync()?;
        Ok(self.written)
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.put_block(FrameKind::Block)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a whole snapshot and says whether it is good.
///
/// # Errors
/// What the system says, or what is wrong with the file.
pub(super) fn check(files: &dyn Files, position: u64) -> io::Result<()> {
    let mut reader = SnapshotReader::open(files, position)?;
    io::copy(&mut reader, &mut io::sink()).map(|_| ())
}

/// Reads the bytes that the owner wrote into a snapshot. They were found good before.
pub struct SnapshotReader {
    reader: Reader,
    number: u64,
    rest: Range<usize>,
    ended: bool,
}

impl SnapshotReader {
    pub(super) fn open(files: &dyn Files, position: u64) -> io::Result<Self> {
        let input = files.open(&FileKind::Snapshot.name(position))?;
        let (reader, header) = Reader::new(input, FileKind::Snapshot, position)?;
        match header {
            FileHeader::Good => Ok(Self { reader, number: 0, rest: 0..0, ended: false }),
            FileHeader::Newer(version) => {
                Err(damaged(&format!("format {version} is newer than this program")))
            }
            FileHeader::Damaged if reader.end() < FILE_HEADER as u64 => Err(damaged("its header is cut off")),
            FileHeader::Damaged => Err(damaged("its header is broken")),
        }
    }

    /// Goes on to the next block; false at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let at = self.reader.at();
        match self.reader.step() {
            Step::Frame { kind: FrameKind::Block, position, payload } if position == self.number => {
                self.number += 1;
                self.rest = payload;
                Ok(true)
            }
            Step::Frame { kind: FrameKind::End, position, .. } if position == self.number => {
                if self.reader.at() != self.reader.end() {
                    return Err(damaged("something follows its end"));
                }
                self.ended = true;
                Ok(false)
            }
            Step::End => Err(damaged("its end is missing")),
            _ => Err(damaged(&format!("block {} at byte {at} is broken", self.number))),
        }
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.ended && !into.is_empty() {
            self.next_block()?;
        }
        let length = into.len().min(self.rest.len());
        let from = self.rest.start..self.rest.start + length;
        into[..length].copy_from_slice(self.reader.payload(from));
        self.rest.start += length;
        Ok(length)
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
