//! Listening sockets: TCP, Unix, and the ones systemd hands over.
//!
//! One [`Listener`] type for all of them. A listener never fails once it is bound: an accept that fails is logged
//! and tried again with a back-off, and a [`ConnectionLimit`] holds further accepts back while too many
//! connections are open, so that the kernel's backlog, not our memory, holds the rest.

mod address;
mod connection;
mod listener;
#[cfg(test)]
mod tests;
mod unix;

pub use address::ListenAddress;
pub(super) use connection::Stream;
pub use connection::{Connection, Peer};
pub use listener::{ConnectionLimit, Listener, activated};
pub use unix::SocketOptions;
