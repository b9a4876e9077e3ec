//! The messages of memberlist, each with its fields in the order in which they travel.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::WireError;
use super::msgpack::{Reader, Writer};

/// The first byte of every message, and of the wrappings around messages.
pub mod kind {
    #![expect(missing_docs, reason = "the names are memberlist's and say what they are")]
    pub const PING: u8 = 0;
    pub const INDIRECT_PING: u8 = 1;
    pub const ACK: u8 = 2;
    pub const SUSPECT: u8 = 3;
    pub const ALIVE: u8 = 4;
    pub const DEAD: u8 = 5;
    pub const PUSH_PULL: u8 = 6;
    pub const COMPOUND: u8 = 7;
    pub const USER: u8 = 8;
    pub const COMPRESS: u8 = 9;
    pub const ENCRYPT: u8 = 10;
    pub const NACK: u8 = 11;
    pub const HAS_CRC: u8 = 12;
    pub const ERR: u8 = 13;
    pub const HAS_LABEL: u8 = 244;
}

/// The longest name of a node that is accepted, in bytes.
pub const MAX_NAME: usize = 512;
/// The longest metadata of a node (memberlist's `MetaMaxSize`).
pub const MAX_META: usize = 512;
const MAX_VERSIONS: usize = 32;
const MAX_ADDRESS: usize = 16;
const MAX_PAYLOAD: usize = 4096;
const MAX_U32: u64 = u32::MAX as u64;
const MAX_U16: u64 = u16::MAX as u64;

/// The protocol versions a node speaks: `[PMin, PMax, PCur, DMin, DMax, DCur]`, more bytes being ignored.
pub type Versions = Vec<u8>;

/// The versions Alertmanager announces, and therefore tocsin: never fewer than six bytes, which crash Go peers.
pub const VERSIONS: [u8; 6] = [1, 5, 2, 0, 0, 0];

/// Asks a node whether it lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ping {
    /// Who is meant; another node that gets it stays silent.
    pub node: String,
    /// What the ack repeats.
    pub seq: u32,
    /// Where the ack goes: address bytes, empty for the source of the packet.
    pub source_addr: Vec<u8>,
    /// The port for the ack, 0 for the source of the packet.
    pub source_port: u16,
    /// Who asks.
    pub source_node: String,
}

/// Asks a node to ping a third one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndirectPing {
    /// Whether a nack is wanted when the target is silent.
    pub nack: bool,
    /// The name of the target.
    pub node: String,
    /// The target's port.
    pub port: u16,
    /// What the ack or nack repeats.
    pub seq: u32,
    /// Where the ack goes, as in [`Ping`].
    pub source_addr: Vec<u8>,
    /// The port for the ack, as in [`Ping`].
    pub source_port: u16,
    /// Who asks.
    pub source_node: String,
    /// The address bytes of the target.
    pub target: Vec<u8>,
}

/// Answers a [`Ping`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ack {
    /// Empty over UDP, nil over TCP.
    pub payload: Option<Vec<u8>>,
    /// The number of the ping.
    pub seq: u32,
}

/// Says that `node` does not answer, or, as `Dead`, that it is gone (it left, where `from` is `node`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accusation {
    /// Who says so.
    pub from: String,
    /// The incarnation that is meant.
    pub incarnation: u32,
    /// About whom.
    pub node: String,
}

/// Says that a node lives and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alive {
    /// Address bytes: four for IPv4, sixteen for IPv6.
    pub addr: Vec<u8>,
    /// Counts the node's refutations; the first is 1.
    pub incarnation: u32,
    /// Metadata, empty in Alertmanager; nil and empty are the same.
    pub meta: Option<Vec<u8>>,
    /// Its name.
    pub node: String,
    /// Its port; 0 stands for the receiver's own.
    pub port: u16,
    /// Its versions.
    pub versions: Versions,
}

/// One message of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Asks whether the receiver lives.
    Ping(Ping),
    /// Asks the receiver to ping another.
    IndirectPing(IndirectPing),
    /// The answer to a ping.
    Ack(Ack),
    /// The number of an indirect ping whose target is silent.
    Nack(u32),
    /// A node is suspected.
    Suspect(Accusation),
    /// A node lives.
    Alive(Alive),
    /// A node is gone.
    Dead(Accusation),
    /// Alertmanager's payload: one `Part`.
    User(Bytes),
}

/// The socket address of address bytes and a port, where the bytes are an address. A v4 address in sixteen bytes
/// is what it is.
#[must_use]
pub fn socket_addr(addr: &[u8], port: u16) -> Option<SocketAddr> {
    let ip = match addr.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(addr).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(addr).ok()?).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The bytes of an address: four for IPv4, also where it was written as IPv6.
#[must_use]
pub fn addr_bytes(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn name(reader: &mut Reader<'_>) -> Result<String, WireError> {
    let name = reader.string()?;
    if name.len() > MAX_NAME {
        return Err(WireError::Limit { what: "name", found: name.len() as u64, limit: MAX_NAME as u64 });
    }
    Ok(name)
}

fn addr(reader: &mut Reader<'_>, what: &'static str) -> Result<Vec<u8>, WireError> {
    Ok(reader.bytes(what, MAX_ADDRESS)?.unwrap_or_default())
}

fn port(reader: &mut Reader<'_>) -> Result<u16, WireError> {
    Ok(reader.uint("port", MAX_U16)? as u16)
}

fn number(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, WireError> {
    Ok(reader.uint(what, MAX_U32)? as u32)
}

/// The three optional fields that say where an answer goes, written where they are set.
struct Source<'a> {
    addr: &'a [u8],
    node: &'a str,
    port: u16,
}

impl Source<'_> {
    fn fields(&self) -> u8 {
        u8::from(!self.addr.is_empty()) + u8::from(!self.node.is_empty()) + u8::from(self.port != 0)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        if !self.addr.is_empty() {
            writer.raw(b"SourceAddr");
            writer.raw(self.addr);
        }
        if !self.node.is_empty() {
            writer.raw(b"SourceNode");
            writer.raw(self.node.as_bytes());
        }
        if self.port != 0 {
            writer.raw(b"SourcePort");
            writer.uint(self.port.into());
        }
    }
}

impl Ping {
    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        let source = Source { addr: &self.source_addr, node: &self.source_node, port: self.source_port };
        writer.map(2 + source.fields());
        writer.raw(b"Node");
        writer.raw(self.node.as_bytes());
        writer.raw(b"SeqNo");
        writer.uint(self.seq);
        source.write(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut ping = Self::default();
        reader.map(|key, value| {
            match key {
                b"Node" => ping.node = name(value)?,
                b"SeqNo" => ping.seq = number(value, "SeqNo")?,
                b"SourceAddr" => ping.source_addr = addr(value, "SourceAddr")?,
                b"SourceNode" => ping.source_node = name(value)?,
                b"SourcePort" => ping.source_port = port(value)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(ping)
    }
}

impl IndirectPing {
    fn write(&self, writer: &mut Writer<'_>) {
        let source = Source { addr: &self.source_addr, node: &self.source_node, port: self.source_port };
        writer.map(5 + source.fields());
        writer.raw(b"Nack");
        writer.bool(self.nack);
        writer.raw(b"Node");
        writer.raw(self.node.as_bytes());
        writer.raw(b"Port");
        writer.uint(self.port.into());
        writer.raw(b"SeqNo");
        writer.uint(self.seq);
        source.write(writer);
        writer.raw(b"Target");
        writer.raw(&self.target);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut ping = Self::default();
        reader.map(|key, value| {
            match key {
                b"Nack" => ping.nack = value.bool()?,
                b"Node" => ping.node = name(value)?,
                b"Port" => ping.port = port(value)?,
                b"SeqNo" => ping.seq = number(value, "SeqNo")?,
                b"SourceAddr" => ping.source_addr = addr(value, "SourceAddr")?,
                b"SourceNode" => ping.source_node = name(value)?,
                b"SourcePort" => ping.source_port = port(value)?,
                b"Target" => ping.target = addr(value, "Target")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(ping)
    }
}

impl Ack {
    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.map(2);
        writer.raw(b"Payload");
        writer.optional(self.payload.as_deref());
        writer.raw(b"SeqNo");
        writer.uint(self.seq);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut ack = Self::default();
        reader.map(|key, value| {
            match key {
                b"Payload" => ack.payload = value.bytes("Payload", MAX_PAYLOAD)?,
                b"SeqNo" => ack.seq = number(value, "SeqNo")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(ack)
    }
}

impl Accusation {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.map(3);
        writer.raw(b"From");
        writer.raw(self.from.as_bytes());
        writer.raw(b"Incarnation");
        writer.uint(self.incarnation);
        writer.raw(b"Node");
        writer.raw(self.node.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut accusation = Self::default();
        reader.map(|key, value| {
            match key {
                b"From" => accusation.from = name(value)?,
                b"Incarnation" => accusation.incarnation = number(value, "Incarnation")?,
                b"Node" => accusation.node = name(value)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(accusation)
    }
}

impl Alive {
    /// Writes the fields; with `state`, as a node of a push/pull, whose name stands under another key.
    pub(super) fn write(&self, writer: &mut Writer<'_>, state: Option<u8>) {
        writer.map(6 + u8::from(state.is_some()));
        writer.raw(b"Addr");
        writer.raw(&self.addr);
        writer.raw(b"Incarnation");
        writer.uint(self.incarnation);
        writer.raw(b"Meta");
        writer.optional(self.meta.as_deref());
        writer.raw(if state.is_some() { b"Name" } else { b"Node" });
        writer.raw(self.node.as_bytes());
        writer.raw(b"Port");
        writer.uint(self.port.into());
        if let Some(state) = state {
            writer.raw(b"State");
            writer.uint(state.into());
        }
        writer.raw(b"Vsn");
        writer.raw(&self.versions);
    }

    /// Reads the fields and the state, which is 0 in an alive message.
    pub(super) fn read(reader: &mut Reader<'_>, node_key: &[u8]) -> Result<(Self, u64), WireError> {
        let mut alive = Self::default();
        let mut state = 0;
        reader.map(|key, value| {
            match key {
                b"Addr" => alive.addr = addr(value, "Addr")?,
                b"Incarnation" => alive.incarnation = number(value, "Incarnation")?,
                b"Meta" => alive.meta = value.bytes("Meta", MAX_META)?,
                b"Port" => alive.port = port(value)?,
                b"State" => state = value.uint("State", u64::MAX)?,
                b"Vsn" => alive.versions = value.bytes("Vsn", MAX_VERSIONS)?.unwrap_or_default(),
                key if key == node_key => alive.node = name(value)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((alive, state))
    }
}

impl Message {
    /// The message with its type byte, as it stands in a packet.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        bytes.push(match self {
            Self::Ping(_) => kind::PING,
            Self::IndirectPing(_) => kind::INDIRECT_PING,
            Self::Ack(_) => kind::ACK,
            Self::Nack(_) => kind::NACK,
            Self::Suspect(_) => kind::SUSPECT,
            Self::Alive(_) => kind::ALIVE,
            Self::Dead(_) => kind::DEAD,
            Self::User(_) => kind::USER,
        });
        if let Self::User(payload) = self {
            bytes.extend_from_slice(payload);
            return bytes;
        }
        let mut writer = Writer::new(&mut bytes);
        match self {
            Self::Ping(ping) => ping.write(&mut writer),
            Self::IndirectPing(ping) => ping.write(&mut writer),
            Self::Ack(ack) => ack.write(&mut writer),
            Self::Nack(seq) => {
                writer.map(1);
                writer.raw(b"SeqNo");
                writer.uint(*seq);
            }
            Self::Suspect(accusation) | Self::Dead(accusation) => accusation.write(&mut writer),
            Self::Alive(alive) => alive.write(&mut writer, None),
            Self::User(_) => {}
        }
        bytes
    }

    /// Reads one message of a packet, without any wrapping.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let kind = *bytes.first().ok_or(WireError::Empty)?;
        let mut reader = Reader::new(bytes, 1);
        Ok(match kind {
            kind::PING => Self::Ping(Ping::read(&mut reader)?),
            kind::INDIRECT_PING => Self::IndirectPing(IndirectPing::read(&mut reader)?),
            kind::ACK => Self::Ack(Ack::read(&mut reader)?),
            kind::NACK => Self::Nack(Ack::read(&mut reader)?.seq),
            kind::SUSPECT => Self::Suspect(Accusation::read(&mut reader)?),
            kind::ALIVE => Self::Alive(Alive::read(&mut reader, b"Node")?.0),
            kind::DEAD => Self::Dead(Accusation::read(&mut reader)?),
            kind::USER => Self::User(Bytes::copy_from_slice(&bytes[1..])),
            kind => return Err(WireError::Type(kind)),
        })
    }
}
