//! `clusterpb`: how Alertmanager wraps its state for memberlist.

use bytes::Bytes;

/// The entries of one state: a user message, or part of a full state.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Part {
    /// Which state: `sil` or `nfl`.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its entries, each with its length in front.
    #[prost(bytes = "bytes", tag = "2")]
    pub data: Bytes,
}

/// Everything a node knows, as push/pulls carry it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FullState {
    /// One part for each state, in no particular order.
    #[prost(message, repeated, tag = "1")]
    pub parts: Vec<Part>,
}

/// A frame of the TLS transport.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MemberlistMessage {
    /// `v0.1.0`.
    #[prost(string, tag = "1")]
    pub version: String,
    /// What it is.
    #[prost(enumeration = "MessageKind", tag = "2")]
    pub kind: i32,
    /// The listener of the sender, `ip:port`.
    #[prost(string, tag = "3")]
    pub from_addr: String,
    /// The datagram.
    #[prost(bytes = "bytes", tag = "4")]
    pub msg: Bytes,
}

/// What a frame of the TLS transport is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum MessageKind {
    /// The connection goes on as a stream.
    Stream = 0,
    /// One datagram.
    Packet = 1,
}
