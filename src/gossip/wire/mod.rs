//! memberlist's wire format, as Alertmanager 0.25 to 0.34 speak it: bytes to messages and back.
//!
//! Nothing here waits or sends. Every decoder bounds what it reads: datagrams at 64 KiB (after decompression
//! too), streams at 40 MiB, names, counts and depths as their constants say.

mod error;
mod frame;
pub mod lzw;
mod message;
pub mod msgpack;
mod packet;
mod stream;
#[cfg(test)]
mod tests;

pub use error::WireError;
pub use frame::{Frame, FrameDecoder};
pub use message::{
    Accusation, Ack, Alive, IndirectPing, MAX_META, MAX_NAME, Message, Ping, VERSIONS, Versions, addr_bytes,
    kind, socket_addr,
};
pub use packet::{
    COMPOUND_OVERHEAD, MAX_PACKET, Opened, PACKET_SIZE, PART_OVERHEAD, label_header, label_overhead, open,
    seal,
};
pub use stream::{MAX_STREAM, NodeState, PushPull, SMALL_STREAM, StreamDecoder, StreamMessage};
