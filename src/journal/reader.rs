//! Reading the frames of one file, past what is broken, in bounded memory.

use std::io;
use std::ops::Range;

use super::files::Input;
use super::frame::{
    FILE_HEADER, FRAME_HEADER, FileHeader, FileKind, FrameHeader, FrameKind, MARK, read_file_header,
};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// Where reading goes on behind bytes that the disk cannot read.
const UNREADABLE: usize = 4096;
/// After so many places that the disk cannot read, the rest of the file is given up.
const READ_ERRORS: u32 = 16;

/// Reads the frames of one file in order.
pub(super) struct Reader {
    input: Box<dyn Input>,
    /// The position in the file's name.
    file: u64,
    end: u64,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
    read_errors: u32,
}

/// What comes next in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A good frame; its payload is [`Reader::payload`] of the range until the next step.
    Frame { kind: FrameKind, position: u64, payload: Range<usize> },
    /// Bytes that are no frame, with a good frame behind them.
    Broken { at: u64, next: u64 },
    /// Bytes that are no frame, up to the end of the file.
    BrokenEnd { at: u64 },
    /// The end of the file.
    End,
}

impl Reader {
    /// Opens a file and reads its header. A file with a broken header is read for its frames all the same.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn new(input: Box<dyn Input>, kind: FileKind, file: u64) -> io::Result<(Self, FileHeader)> {
        let end = input.bytes()?;
        let mut bytes = [0; FILE_HEADER];
        let header = if end < FILE_HEADER as u64 {
            FileHeader::Damaged
        } else {
            input.read_exact_at(&mut bytes, 0)?;
            read_file_header(&bytes, kind, file)
        };
        let at = if header == FileHeader::Damaged { 0 } else { FILE_HEADER as u64 };
        let window = Vec::new();
        Ok((Self { input, file, end, at, window, window_at: 0, read_errors: 0 }, header))
    }

    /// Length of the file.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Where the next frame is looked for.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// The payload of the frame that the last step gave.
    pub(super) fn payload(&self, range: Range<usize>) -> &[u8] {
        self.window.get(range).unwrap_or_default()
    }

    /// What comes next.
    pub(super) fn step(&mut self) -> Step {
        let at = self.at;
        if at >= self.end {
            return Step::End;
        }
        if let Some((header, payload)) = self.frame(at) {
            self.at = at + (FRAME_HEADER + header.length) as u64;
            return Step::Frame { kind: header.kind, position: header.position, payload };
        }
        match self.find_frame(at + 1) {
            Some(next) => {
                self.at = next;
                Step::Broken { at, next }
            }
            None => {
                self.at = self.end;
                Step::BrokenEnd { at }
            }
        }
    }

    /// Whether a commit begins at or behind the place reached. Reading goes on from where it was.
    pub(super) fn commit_follows(&mut self) -> bool {
        let at = self.at;
        let found = loop {
            match self.step() {
                Step::Frame { kind: FrameKind::Commit, .. } => break true,
                Step::Frame { .. } | Step::Broken { .. } => {}
                Step::BrokenEnd { .. } | Step::End => break false,
            }
        };
        self.at = at;
        found
    }

    /// The good frame at `at`, if there is one.
    fn frame(&mut self, at: u64) -> Option<(FrameHeader, Range<usize>)> {
        let range = self.readable(at, FRAME_HEADER)?;
        let mut bytes = [0; FRAME_HEADER];
        bytes.copy_from_slice(&self.window[range]);
        let header = FrameHeader::read(&bytes, self.file)?;
        let payload = self.readable(at, FRAME_HEADER + header.length)?;
        let payload = payload.start + FRAME_HEADER..payload.end;
        header.matches(&self.window[payload.clone()]).then_some((header, payload))
    }

    /// The place of the first good frame at or behind `from`.
    fn find_frame(&mut self, from: u64) -> Option<u64> {
        let mut at = from;
        while at < self.end && self.read_errors < READ_ERRORS {
            let rest = usize::try_from(self.end - at).unwrap_or(usize::MAX);
            // Once something could not be read, small steps find what can be.
            let size = if self.read_errors == 0 { CHUNK } else { UNREADABLE };
            let Ok(Some(range)) = self.bytes(at, rest.min(size)) else {
                if size == UNREADABLE {
                    at += UNREADABLE as u64;
                }
                self.read_errors += 1;
                continue;
            };
            let length = range.len();
            match self.window[range].windows(MARK.len()).position(|bytes| bytes == MARK) {
                Some(found) => {
                    at += found as u64;
                    if self.frame(at).is_some() {
                        return Some(at);
                    }
                    at += 1;
                }
                None if length == rest => return None,
                // The mark may begin in the last bytes of this chunk.
                None => at += (length + 1 - MARK.len()) as u64,
            }
        }
        None
    }

    /// The place in the window of `length` bytes at `at`; `None` if the file ends before or cannot be read.
    fn readable(&mut self, at: u64, length: usize) -> Option<Range<usize>> {
        self.bytes(at, length).unwrap_or(None)
    }

    /// The place in the window of `length` bytes at `at`; `None` if the file ends before.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Option<Range<usize>>> {
        let rest = self.end.saturating_sub(at);
        if length as u64 > rest {
            return Ok(None);
        }
        let in_window = at
            .checked_sub(self.window_at)
            .and_then(|start| usize::try_from(start).ok())
            .filter(|start| start.checked_add(length).is_some_and(|end| end <= self.window.len()));
        if let Some(start) = in_window {
            return Ok(Some(start..start + length));
        }
        let size = usize::try_from(rest).unwrap_or(usize::MAX).min(length.max(CHUNK));
        self.window.clear();
        self.window.resize(size, 0);
        self.window_at = at;
        if let Err(err) = self.input.read_exact_at(&mut self.window, at) {
            // Something in what was read ahead may be what the disk cannot read.
            self.window.truncate(length);
            if size == length || self.input.read_exact_at(&mut self.window, at).is_err() {
                self.window.clear();
                return Err(err);
            }
        }
        Ok(Some(0..length))
    }
}
