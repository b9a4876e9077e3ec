//! Packets: what one datagram holds. From outside in: label, CRC, compression, compound, message.

use super::message::{Message, kind};
use super::msgpack::{Reader, Writer};
use super::{WireError, lzw};

/// The bytes that a packet may have before compression, label and CRC aside (Alertmanager's `UDPBufferSize`).
pub const PACKET_SIZE: usize = 1400;
/// The largest packet that is read, and the largest that compression may make of one.
pub const MAX_PACKET: usize = 65_536;
/// What one packet may hold in messages; more are refused.
const MAX_MESSAGES: usize = 2048;
/// Compounds and compressions inside each other; memberlist writes two levels.
const MAX_NESTING: usize = 4;
/// Debian's 0.25 miscounts compounds of 128 parts and more.
const MAX_PARTS: usize = 127;
/// The bytes a compound adds to every message in it.
pub const PART_OVERHEAD: usize = 2;
/// The bytes of a compound without its messages.
pub const COMPOUND_OVERHEAD: usize = 2;

/// What a packet held.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The messages that could be read, in order.
    pub messages: Vec<Message>,
    /// Why the others could not be.
    pub refused: Vec<WireError>,
}

/// The bytes a label adds to a packet or stream.
#[must_use]
pub fn label_overhead(label: &str) -> usize {
    if label.is_empty() { 0 } else { 2 + label.len() }
}

/// The header in front of a packet, and of a stream from its dialler: nothing for the empty label.
#[must_use]
pub fn label_header(label: &str) -> Vec<u8> {
    if label.is_empty() {
        return Vec::new();
    }
    let mut header = vec![kind::HAS_LABEL, u8::try_from(label.len()).unwrap_or(u8::MAX)];
    header.extend_from_slice(label.as_bytes());
    header
}

/// What follows the label of `bytes`, if it is `label`.
pub(super) fn strip_label<'a>(bytes: &'a [u8], label: &str) -> Result<&'a [u8], WireError> {
    let (found, rest) = match bytes {
        [kind::HAS_LABEL, len, rest @ ..] => {
            let len = usize::from(*len);
            let (found, after) =
                rest.split_at_checked(len).ok_or(WireError::Truncated { needed: 2 + len })?;
            if found.is_empty() {
                return Err(WireError::Empty);
            }
            (found, after)
        }
        [kind::HAS_LABEL] => return Err(WireError::Truncated { needed: 2 }),
        _ => (&bytes[..0], bytes),
    };
    if found != label.as_bytes() {
        return Err(WireError::Label { found: String::from_utf8_lossy(found).into_owned() });
    }
    Ok(rest)
}

/// Reads a datagram of the cluster `label`. An error loses the whole packet; a message in it that cannot be read
/// loses only itself.
pub fn open(bytes: &[u8], label: &str) -> Result<Opened, WireError> {
    let mut bytes = strip_label(bytes, label)?;
    if let [kind::HAS_CRC, a, b, c, d, rest @ ..] = bytes {
        let (expected, found) = (u32::from_be_bytes([*a, *b, *c, *d]), crc(rest));
        if expected != found {
            return Err(WireError::Crc { expected, found });
        }
        bytes = rest;
    }
    let mut opened = Opened::default();
    let mut budget = 4 * MAX_PACKET;
    unwrap(bytes, MAX_NESTING, &mut budget, &mut opened);
    Ok(opened)
}

fn unwrap(bytes: &[u8], nesting: usize, budget: &mut usize, opened: &mut Opened) {
    if opened.messages.len() + opened.refused.len() >= MAX_MESSAGES {
        return;
    }
    let inner = match (bytes.first(), nesting.checked_sub(1)) {
        (Some(&(kind::COMPOUND | kind::COMPRESS)), None) => Err(WireError::Depth),
        (Some(&kind::COMPOUND), Some(nesting)) => parts(bytes, opened).map(|parts| {
            for part in parts {
                unwrap(part, nesting, budget, opened);
            }
        }),
        (Some(&kind::COMPRESS), Some(nesting)) => decompress(bytes, MAX_PACKET.min(*budget)).map(|plain| {
            *budget -= plain.len();
            unwrap(&plain, nesting, budget, opened);
        }),
        _ => Message::decode(bytes).map(|message| opened.messages.push(message)),
    };
    if let Err(err) = inner {
        opened.refused.push(err);
    }
}

/// The messages of a compound: in order while they fit; that the rest is missing is noted in `opened`.
fn parts<'a>(bytes: &'a [u8], opened: &mut Opened) -> Result<Vec<&'a [u8]>, WireError> {
    let count = usize::from(*bytes.get(1).ok_or(WireError::Truncated { needed: 2 })?);
    let start = COMPOUND_OVERHEAD + PART_OVERHEAD * count;
    let lengths = bytes.get(COMPOUND_OVERHEAD..start).ok_or(WireError::Truncated { needed: start })?;
    let mut parts = Vec::with_capacity(count);
    let mut position = start;
    for length in lengths.chunks_exact(PART_OVERHEAD) {
        let end = position + usize::from(u16::from_be_bytes([length[0], length[1]]));
        let Some(part) = bytes.get(position..end) else {
            opened.refused.push(WireError::Truncated { needed: end });
            break;
        };
        parts.push(part);
        position = end;
    }
    Ok(parts)
}

/// Reads a compressed message, `bytes` beginning with its type byte.
pub(super) fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, WireError> {
    let mut algorithm = 0;
    let mut compressed = None;
    Reader::new(bytes, 1).map(|key, value| {
        match key {
            b"Algo" => algorithm = value.uint("Algo", u8::MAX.into())? as u8,
            b"Buf" => compressed = value.bytes("Buf", limit)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if algorithm != 0 {
        return Err(WireError::Algorithm(algorithm));
    }
    lzw::decompress(&compressed.unwrap_or_default(), limit)
}

/// `plain` inside a compressed message.
#[must_use]
pub(super) fn compressed(plain: &[u8]) -> Vec<u8> {
    let data = lzw::compress(plain);
    let mut bytes = Vec::with_capacity(data.len() + 20);
    bytes.push(kind::COMPRESS);
    let mut writer = Writer::new(&mut bytes);
    writer.map(2);
    writer.raw(b"Algo");
    writer.uint(0);
    writer.raw(b"Buf");
    writer.raw(&data);
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The packets that carry `messages` (encoded): one, unless there are more messages than a compound takes.
/// Compressed where that is shorter.
#[must_use]
pub fn seal(messages: &[Vec<u8>], with_crc: bool, label: &str) -> Vec<Vec<u8>> {
    messages.chunks(MAX_PARTS).map(|messages| seal_one(messages, with_crc, label)).collect()
}

fn seal_one(messages: &[Vec<u8>], with_crc: bool, label: &str) -> Vec<u8> {
    let mut packet = match messages {
        [message] => message.clone(),
        messages => compound(messages),
    };
    let shorter = compressed(&packet);
    if shorter.len() < packet.len() {
        packet = shorter;
    }
    let mut sealed = label_header(label);
    if with_crc {
        sealed.push(kind::HAS_CRC);
        sealed.extend_from_slice(&crc(&packet).to_be_bytes());
    }
    sealed.extend_from_slice(&packet);
    sealed
}

fn compound(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = vec![kind::COMPOUND, messages.len() as u8];
    for message in messages {
        packet.extend_from_slice(&u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes());
    }
    for message in messages {
        packet.extend_from_slice(message);
    }
    packet
}
