//! What can go wrong with taking part in a cluster.

use std::io;
use std::net::SocketAddr;

/// Why this node cannot take part in a cluster.
#[derive(Debug, thiserror::Error)]
pub enum GossipError {
    /// The address is taken, or not ours.
    #[error("cannot listen on cluster address {addr}: {source}")]
    Listen {
        /// `--cluster.listen-address`.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No address that others could reach.
    #[error(
        "no private IP address found, and explicit IP not provided: set --cluster.advertise-address, or \
         --cluster.allow-insecure-public-advertise-address-discovery"
    )]
    NoAdvertiseAddress,
    /// `--cluster.label` is longer than its length byte can say.
    #[error("--cluster.label of {0} bytes is over the limit of 255")]
    LabelTooLong(usize),
    /// `--cluster.peer-name` is longer than peers accept, or empty.
    #[error("--cluster.peer-name of {0} bytes: 1 to 512 are possible")]
    BadName(usize),
    /// A flag whose address is none.
    #[error("{flag} {text:?} is not IP:PORT")]
    BadAddress {
        /// The flag.
        flag: &'static str,
        /// What it says.
        text: String,
    },
    /// A flag whose interval would keep the node busy for ever.
    #[error("{0} must be longer than nothing")]
    NoInterval(&'static str),
    /// A peer that is no `host:port`.
    #[error("--cluster.peer {0:?} is not host:port")]
    BadPeer(String),
    /// The node has left, or is about to.
    #[error("this node has left the cluster")]
    Stopped,
}
