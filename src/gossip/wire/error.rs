//! What can be wrong with bytes from a peer.

/// Bytes from a peer that are not memberlist's. Always the sender's fault, never ours: the message is dropped
/// and counted, the rest of the packet is read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message goes on behind the bytes at hand; at least `needed` bytes are wanted from its beginning.
    #[error("truncated: at least {needed} bytes are needed")]
    Truncated {
        /// Bytes from the beginning of the buffer that has been read, as far as is known.
        needed: usize,
    },
    /// A byte that begins no msgpack value of the type that belongs there.
    #[error("byte {byte:#04x} does not begin {expected}")]
    Marker {
        /// The byte found.
        byte: u8,
        /// What should have been there.
        expected: &'static str,
    },
    /// A length, count or number beyond what is accepted.
    #[error("{what} of {found} is over the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// Its size.
        found: u64,
        /// The largest that is accepted.
        limit: u64,
    },
    /// A negative number where only a count makes sense.
    #[error("negative number in field {0}")]
    Negative(&'static str),
    /// Values nested deeper than any message of memberlist.
    #[error("values nested too deeply")]
    Depth,
    /// A name that is not UTF-8.
    #[error("a name is not UTF-8")]
    NotUtf8,
    /// A message type that does not exist, or does not belong on this kind of connection.
    #[error("message type {0} does not belong here")]
    Type(u8),
    /// No bytes where a message should be.
    #[error("empty message")]
    Empty,
    /// The CRC-32 in front of a packet is not that of the packet.
    #[error("CRC {found:08x} does not match {expected:08x}")]
    Crc {
        /// As the packet says.
        expected: u32,
        /// As computed.
        found: u32,
    },
    /// A compression that is not LZW.
    #[error("cannot decompress unknown algorithm {0}")]
    Algorithm(u8),
    /// LZW data that is damaged or does not end.
    #[error("damaged LZW data: {0}")]
    Lzw(&'static str),
    /// Encrypted by memberlist's own keys, which Alertmanager never sets.
    #[error("remote state is encrypted and encryption is not configured")]
    Encrypted,
    /// The label in front of a packet or stream is not ours: another cluster.
    #[error("label {found:?} is not the label of this cluster")]
    Label {
        /// The label found; empty where there was none.
        found: String,
    },
    /// An address that is neither four nor sixteen bytes.
    #[error("address of {0} bytes")]
    Address(usize),
    /// A version field of fewer than six bytes, which would crash a Go peer.
    #[error("version field of {0} bytes instead of 6")]
    Versions(usize),
    /// A frame of the TLS transport of another version.
    #[error("TLS transport frame of version {0:?}")]
    FrameVersion(String),
    /// A frame of the TLS transport that is no protobuf message, or of unknown kind.
    #[error("damaged TLS transport frame")]
    Frame,
}
