//! Frames of the TLS transport: a length (u32, little-endian) and a protobuf `MemberlistMessage`.
//!
//! A connection begins with either one STREAM frame, after which it is a stream like those over TCP, or with
//! PACKET frames, each of which is one datagram. Go's reader drops what stands behind a frame in the same TLS
//! record, so writers give every frame a record of its own; this reader does not care.

use prost::Message as _;

use super::WireError;
use super::packet::MAX_PACKET;
use crate::model::clusterpb::{MemberlistMessage, MessageKind};

const VERSION: &str = "v0.1.0";
const LENGTH: usize = 4;
/// A packet, the address it comes from, and what protobuf adds.
const MAX_FRAME: usize = MAX_PACKET + 1024;

/// What a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The rest of the connection is a stream.
    Stream,
    /// One datagram.
    Packet {
        /// The sender's listener, as `ip:port`; may be empty.
        from: String,
        /// What would have been the datagram.
        packet: Vec<u8>,
    },
}

impl Frame {
    /// The frame, as it is written to a TLS record of its own.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let message = match self {
            Self::Stream => MemberlistMessage {
                version: VERSION.into(),
                kind: MessageKind::Stream.into(),
                ..Default::default()
            },
            Self::Packet { from, packet } => MemberlistMessage {
                version: VERSION.into(),
                kind: MessageKind::Packet.into(),
                from_addr: from.clone(),
                msg: packet.clone().into(),
            },
        };
        let body = message.encode_to_vec();
        let mut bytes = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        bytes.extend_from_slice(&body);
        bytes
    }
}

/// Reads frames from a connection as their bytes arrive.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: Vec<u8>,
}

impl FrameDecoder {
    /// Takes the next bytes of the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if it is whole. An error ends the connection.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, WireError> {
        let Some((length, body)) = self.buffer.split_first_chunk::<LENGTH>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_FRAME {
            return Err(WireError::Limit {
                what: "TLS transport frame",
                found: length as u64,
                limit: MAX_FRAME as u64,
            });
        }
        let Some(body) = body.get(..length) else { return Ok(None) };
        let message = MemberlistMessage::decode(body).or(Err(WireError::Frame))?;
        self.buffer.drain(..LENGTH + length);
        if message.version != VERSION {
            return Err(WireError::FrameVersion(message.version.chars().take(32).collect()));
        }
        match MessageKind::try_from(message.kind) {
            Ok(MessageKind::Stream) => Ok(Some(Frame::Stream)),
            Ok(MessageKind::Packet) => {
                Ok(Some(Frame::Packet { from: message.from_addr, packet: message.msg.to_vec() }))
            }
            Err(_) => Err(WireError::Frame),
        }
    }

    /// What stands behind the frames that were read: the beginning of the stream after a STREAM frame.
    #[must_use]
    pub fn into_rest(self) -> Vec<u8> {
        self.buffer
    }
}
