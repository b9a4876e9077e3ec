//! Streams: one message per connection and direction, without a length in front.
//!
//! A dialler writes the label's header once; replies carry none. Go compresses every message on a stream, and
//! reads plain ones too.

use bytes::Bytes;

use super::message::{Ack, Alive, Ping, kind};
use super::msgpack::{Reader, Writer};
use super::{WireError, packet};

/// The largest message on a stream, plain or compressed, in bytes.
pub const MAX_STREAM: usize = 40 << 20;
/// What a stream may send before it must ask for more memory, see [`StreamDecoder::raise_limit`].
pub const SMALL_STREAM: usize = 64 << 10;
/// The most nodes in a push/pull.
const MAX_NODES: u64 = 65_536;
/// The longest text of an error that is kept.
const MAX_ERROR: usize = 4096;

/// A node in a push/pull.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeState {
    /// Who and where.
    pub alive: Alive,
    /// 0 alive, 1 suspect, 2 dead, 3 left; anything else is ignored by receivers.
    pub state: u8,
}

/// The exchange of whole states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushPull {
    /// Whether this is somebody who joins, rather than the periodic exchange.
    pub join: bool,
    /// Every node the sender knows.
    pub nodes: Vec<NodeState>,
    /// Alertmanager's `FullState`; empty where the sender shares nothing.
    pub user_state: Bytes,
}

/// A message on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamMessage {
    /// A probe by a node whose packets do not arrive.
    Ping(Ping),
    /// The answer to it.
    Ack(Ack),
    /// States are exchanged.
    PushPull(PushPull),
    /// Alertmanager's payload: one `Part`.
    User(Bytes),
    /// The other side could not read what we sent.
    Error(String),
}

impl StreamMessage {
    /// The message, not compressed and without a label.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Ping(ping) => {
                bytes.push(kind::PING);
                ping.write(&mut Writer::new(&mut bytes));
            }
            Self::Ack(ack) => {
                bytes.push(kind::ACK);
                ack.write(&mut Writer::new(&mut bytes));
            }
            Self::PushPull(exchange) => exchange.write(&mut bytes),
            Self::User(payload) => {
                bytes.push(kind::USER);
                let mut writer = Writer::new(&mut bytes);
                writer.map(1);
                writer.raw(b"UserMsgLen");
                writer.uint(u32::try_from(payload.len()).unwrap_or(u32::MAX));
                bytes.extend_from_slice(payload);
            }
            Self::Error(text) => {
                bytes.push(kind::ERR);
                let mut writer = Writer::new(&mut bytes);
                writer.map(1);
                writer.raw(b"Error");
                writer.raw(text.as_bytes());
            }
        }
        bytes
    }

    /// The message as it is written to a connection: compressed, as Go does even where that is longer.
    #[must_use]
    pub fn seal(&self) -> Vec<u8> {
        packet::compressed(&self.encode())
    }
}

impl PushPull {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.reserve(64 + self.nodes.len() * 128 + self.user_state.len());
        bytes.push(kind::PUSH_PULL);
        let mut writer = Writer::new(bytes);
        writer.map(3);
        writer.raw(b"Join");
        writer.bool(self.join);
        writer.raw(b"Nodes");
        writer.uint(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        writer.raw(b"UserStateLen");
        writer.uint(u32::try_from(self.user_state.len()).unwrap_or(u32::MAX));
        for node in &self.nodes {
            node.alive.write(&mut writer, Some(node.state));
        }
        bytes.extend_from_slice(&self.user_state);
    }
}

/// Reads one message from a connection, as its bytes arrive: it says when the message is whole, the end of the
/// connection does not matter.
#[derive(Debug)]
pub struct StreamDecoder {
    /// The label in front; `None` when it has been read, or for a reply.
    label: Option<String>,
    buffer: Vec<u8>,
    /// Reading again makes no sense with fewer bytes than this.
    wanted: usize,
    limit: usize,
    body: Body,
}

impl StreamDecoder {
    /// For a connection that a peer opened: the label of our cluster must stand in front.
    #[must_use]
    pub fn request(label: &str) -> Self {
        Self::new(Some(label.to_owned()))
    }

    /// For the answer on a connection that we opened.
    #[must_use]
    pub fn reply() -> Self {
        Self::new(None)
    }

    fn new(label: Option<String>) -> Self {
        Self { label, buffer: Vec::new(), wanted: 1, limit: SMALL_STREAM, body: Body::default() }
    }

    /// Allows a message of up to [`MAX_STREAM`] bytes. Without it, one over [`SMALL_STREAM`] gives
    /// [`WireError::Limit`], after which this may be called and reading resumed by [`Self::push`] with no bytes:
    /// the caller takes its share of memory in between.
    pub fn raise_limit(&mut self) {
        self.limit = MAX_STREAM;
    }

    /// Whether [`Self::raise_limit`] can still help.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.limit < MAX_STREAM
    }

    /// Whether `more` bytes are enough to try reading again, which for a large message is work.
    #[must_use]
    pub fn is_due(&self, more: usize) -> bool {
        self.buffer.len() + more >= self.wanted
    }

    /// Takes the next bytes of the connection; a message when it is whole.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<StreamMessage>, WireError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < self.wanted {
            return Ok(None);
        }
        match self.read() {
            Ok(message) => Ok(Some(message)),
            Err(WireError::Truncated { needed }) if needed <= self.limit => {
                self.wanted = needed.max(self.buffer.len() + 1);
                Ok(None)
            }
            Err(WireError::Truncated { needed }) => Err(WireError::Limit {
                what: "message on a stream",
                found: needed as u64,
                limit: self.limit as u64,
            }),
            Err(err) => Err(err),
        }
    }

    fn read(&mut self) -> Result<StreamMessage, WireError> {
        if let Some(label) = &self.label {
            if self.buffer.is_empty() {
                return Err(WireError::Truncated { needed: 1 });
            }
            let rest = packet::strip_label(&self.buffer, label)?.len();
            self.buffer.drain(..self.buffer.len() - rest);
            self.label = None;
        }
        match self.buffer.first() {
            None => Err(WireError::Truncated { needed: 1 }),
            Some(&kind::ENCRYPT) => Err(WireError::Encrypted),
            Some(&kind::COMPRESS) => {
                let plain = packet::decompress(&self.buffer, self.limit)?;
                if plain.is_empty() {
                    return Err(WireError::Empty);
                }
                Body::default().read(&plain, self.limit)
            }
            Some(_) => self.body.read(&self.buffer, self.limit),
        }
    }
}

/// How far a message has been read: each node of a push/pull is read once, however the bytes arrive.
#[derive(Debug, Default)]
struct Body {
    header: Option<Header>,
    nodes: Vec<NodeState>,
    position: usize,
}

#[derive(Debug, Clone, Copy)]
struct Header {
    join: bool,
    nodes: u64,
    user_state: usize,
}

impl Body {
    fn read(&mut self, bytes: &[u8], limit: usize) -> Result<StreamMessage, WireError> {
        let mut reader = Reader::new(bytes, 1);
        match *bytes.first().ok_or(WireError::Empty)? {
            kind::PING => Ping::read(&mut reader).map(StreamMessage::Ping),
            kind::ACK => Ack::read(&mut reader).map(StreamMessage::Ack),
            kind::PUSH_PULL => self.read_push_pull(bytes, limit),
            kind::USER => {
                let len = length(&mut reader, b"UserMsgLen", limit)?;
                reader.take(len).map(|payload| StreamMessage::User(Bytes::copy_from_slice(payload)))
            }
            kind::ERR => {
                let mut text = Vec::new();
                reader.map(|key, value| {
                    if key != b"Error" {
                        return Ok(false);
                    }
                    text = value.bytes("Error", MAX_ERROR)?.unwrap_or_default();
                    Ok(true)
                })?;
                Ok(StreamMessage::Error(String::from_utf8_lossy(&text).into_owned()))
            }
            kind => Err(WireError::Type(kind)),
        }
    }

    fn read_push_pull(&mut self, bytes: &[u8], limit: usize) -> Result<StreamMessage, WireError> {
        let header = match self.header {
            Some(header) => header,
            None => {
                let mut reader = Reader::new(bytes, 1);
                let header = Header::read(&mut reader, limit)?;
                self.position = reader.position();
                *self.header.insert(header)
            }
        };
        while (self.nodes.len() as u64) < header.nodes {
            let mut reader = Reader::new(bytes, self.position);
            let (alive, state) = Alive::read(&mut reader, b"Name")?;
            self.nodes.push(NodeState { alive, state: u8::try_from(state).unwrap_or(u8::MAX) });
            self.position = reader.position();
        }
        let user_state = Reader::new(bytes, self.position).take(header.user_state)?;
        Ok(StreamMessage::PushPull(PushPull {
            join: header.join,
            nodes: std::mem::take(&mut self.nodes),
            user_state: Bytes::copy_from_slice(user_state),
        }))
    }
}

impl Header {
    fn read(reader: &mut Reader<'_>, limit: usize) -> Result<Self, WireError> {
        let mut header = Self { join: false, nodes: 0, user_state: 0 };
        reader.map(|key, value| {
            match key {
                b"Join" => header.join = value.bool()?,
                b"Nodes" => header.nodes = value.uint("Nodes", MAX_NODES)?,
                b"UserStateLen" => header.user_state = value.uint("UserStateLen", limit as u64)? as usize,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(header)
    }
}

fn length(reader: &mut Reader<'_>, field: &[u8], limit: usize) -> Result<usize, WireError> {
    let mut len = 0;
    reader.map(|key, value| {
        if key != field {
            return Ok(false);
        }
        len = value.uint("UserMsgLen", limit as u64)? as usize;
        Ok(true)
    })?;
    Ok(len)
}
