//! The bytes of headers and frames; the format is described in the room's documentation.

use xxhash_rust::xxh64::xxh64;

/// The version of the format that is written, and the newest that is read.
pub(super) const VERSION: u32 = 1;
/// Length of a file's header.
pub(super) const FILE_HEADER: usize = 32;
/// Length of a frame's header.
pub(super) const FRAME_HEADER: usize = 24;
/// The longest payload that is written, and that is believed when read.
pub(super) const MAX_PAYLOAD: usize = 256 << 20;
/// Greater positions are not believed: counting from any believed one never overflows.
const POSITION_LIMIT: u64 = u64::MAX / 2;
/// What every frame begins with.
pub(super) const MARK: [u8; 3] = [0xF5, 0x54, 0xFA];

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FileKind {
    Log,
    Snapshot,
}

impl FileKind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Log => b"tocsin\0L",
            Self::Snapshot => b"tocsin\0S",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Snapshot => "snapshot",
        }
    }

    /// The name of the file of this kind for `position`.
    pub(super) fn name(self, position: u64) -> String {
        format!("{position:020}.{}", self.extension())
    }

    /// The kind and position of the file named `name`; `None` for names that are not of the journal.
    pub(super) fn parse(name: &str) -> Option<(Self, u64)> {
        let (digits, extension) = name.split_once('.')?;
        if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let kind = [Self::Log, Self::Snapshot].into_iter().find(|kind| kind.extension() == extension)?;
        let position = digits.parse().ok().filter(|position| *position <= POSITION_LIMIT)?;
        Some((kind, position))
    }
}

/// What a file's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileHeader {
    Good,
    /// A good header of a newer version.
    Newer(u32),
    Damaged,
}

/// The header of the file of `kind` for `position`.
pub(super) fn file_header(kind: FileKind, position: u64) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..8].copy_from_slice(kind.magic());
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&position.to_le_bytes());
    let checksum = xxh64(&header[..24], 0);
    header[24..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Reads the header of the file that is named as of `kind` for `position`.
pub(super) fn read_file_header(bytes: &[u8; FILE_HEADER], kind: FileKind, position: u64) -> FileHeader {
    let [body @ .., _, _, _, _, _, _, _, _] = bytes;
    if bytes[..8] != *kind.magic() || u64_at(bytes, 24) != xxh64(body, 0) || u64_at(bytes, 16) != position {
        return FileHeader::Damaged;
    }
    match u32_at(bytes, 8) {
        0 => FileHeader::Damaged,
        1..=VERSION => FileHeader::Good,
        version => FileHeader::Newer(version),
    }
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// A record, the first of its commit.
    Commit,
    /// A record.
    Record,
    /// A part of a snapshot.
    Block,
    /// The end of a snapshot.
    End,
}

impl FrameKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Commit => 0,
            Self::Record => 1,
            Self::Block => 2,
            Self::End => 3,
        }
    }

    const fn parse(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Commit),
            1 => Some(Self::Record),
            2 => Some(Self::Block),
            3 => Some(Self::End),
            _ => None,
        }
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameHeader {
    pub(super) kind: FrameKind,
    pub(super) length: usize,
    pub(super) position: u64,
    checksum: u64,
    /// The checksum of what stands before the checksum, the seed of the payload's.
    seed: u64,
}

impl FrameHeader {
    /// Reads a header; `None` if it cannot be one. Only [`Self::matches`] proves that it is.
    pub(super) fn read(bytes: &[u8; FRAME_HEADER], file: u64) -> Option<Self> {
        let (length, position) = (u32_at(bytes, 4) as usize, u64_at(bytes, 8));
        if bytes[..3] != MARK || length > MAX_PAYLOAD || position > POSITION_LIMIT {
            return None;
        }
        Some(Self {
            kind: FrameKind::parse(bytes[3])?,
            length,
            position,
            checksum: u64_at(bytes, 16),
            seed: xxh64(&bytes[..16], file),
        })
    }

    /// Whether `payload` is what was written with this header.
    pub(super) fn matches(&self, payload: &[u8]) -> bool {
        xxh64(payload, self.seed) == self.checksum
    }
}

/// Appends a frame to `buffer`, for the file whose name has the position `file`.
///
/// `payload` has at most [`MAX_PAYLOAD`] bytes.
pub(super) fn push_frame(buffer: &mut Vec<u8>, file: u64, kind: FrameKind, position: u64, payload: &[u8]) {
    debug_assert!(payload.len() <= MAX_PAYLOAD, "the caller keeps longer records out");
    let mut header = [0; FRAME_HEADER];
    header[..3].copy_from_slice(&MARK);
    header[3] = kind.byte();
    header[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[8..16].copy_from_slice(&position.to_le_bytes());
    let checksum = xxh64(payload, xxh64(&header[..16], file));
    header[16..].copy_from_slice(&checksum.to_le_bytes());
    buffer.reserve(FRAME_HEADER + payload.len());
    buffer.extend_from_slice(&header);
    buffer.extend_from_slice(payload);
}

fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}
