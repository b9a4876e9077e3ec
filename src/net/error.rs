use std::io;
use std::path::PathBuf;

use crate::config::Position;

/// Why a socket, a client or a server's TLS could not be set up. Whatever fails later, per request, is a
/// [`SendError`](crate::net::SendError).
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A listen address that means nothing.
    #[error("listen address {address:?}: {reason}")]
    ListenAddress {
        /// As it was given.
        address: String,
        /// What is wrong with it and what would be right.
        reason: &'static str,
    },
    /// The socket cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Another process answers on the Unix socket.
    #[error("cannot listen on unix:{}: another process is listening there", path.display())]
    SocketInUse {
        /// The socket's file.
        path: PathBuf,
    },
    /// Something that is no socket stands where the socket should be.
    #[error("cannot listen on unix:{}: the file exists and is not a socket", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The group that should own a socket does not exist.
    #[error("group {group:?} of the socket is not in /etc/group")]
    UnknownGroup {
        /// The group's name.
        group: String,
    },
    /// A descriptor that systemd passed cannot be used.
    #[error("socket {index} passed by systemd: {source}")]
    Activation {
        /// Its index, counted from 0.
        index: usize,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A file that a client or server needs cannot be read.
    #[error("{position}: unable to read {what} {}: {source}", path.display())]
    File {
        /// Where the configuration names it.
        position: Position,
        /// What the file is for, such as "CA cert".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A value that only setting up the client or server finds to be wrong: a certificate, a key, a version, an
    /// AWS profile.
    #[error("{position}: {message}")]
    Setup {
        /// Where the configuration says it.
        position: Position,
        /// What is wrong.
        message: String,
    },
}
