use std::io;
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::connection::{Connection, Peer, Stream};
use super::unix::{self, SocketFile};
use super::{ListenAddress, SocketOptions};
use crate::net::NetError;

/// The first pause after a failed accept; it doubles up to [`ACCEPT_BACKOFF_MAX`].
const ACCEPT_BACKOFF: Duration = Duration::from_millis(5);
const ACCEPT_BACKOFF_MAX: Duration = Duration::from_secs(1);

/// How many connections may be open at once, over all the listeners that share it. At the limit further
/// connections wait in the kernel's backlog.
#[derive(Debug, Clone)]
pub struct ConnectionLimit(Arc<Semaphore>);

impl ConnectionLimit {
    /// At most `connections` at once (`--web.max-connections`).
    #[must_use]
    pub fn new(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))))
    }

    /// How many more connections may be opened now.
    #[must_use]
    pub fn available(&self) -> usize {
        self.0.available_permits()
    }
}

/// A bound socket that connections come from. Dropping it removes the socket file that it made; one that systemd
/// made stays.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: String,
    limit: ConnectionLimit,
    failures: u32,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: Option<SocketFile> },
}

enum Accepted {
    Tcp(TcpStream, Peer),
    Unix(UnixStream, Peer),
}

impl Listener {
    /// Binds `address`. `options` matter for a Unix socket only.
    ///
    /// # Errors
    ///
    /// The address cannot be bound, its name has no address, the group does not exist, the path is a file that is no
    /// socket, or a process listens there.
    pub async fn bind(
        address: &ListenAddress,
        options: &SocketOptions,
        limit: ConnectionLimit,
    ) -> Result<Self, NetError> {
        match address {
            ListenAddress::Unix(path) => {
                let (listener, file) = unix::bind(path, options).await?;
                let socket = Socket::Unix { listener, _file: Some(file) };
                Ok(Self { socket, address: address.to_string(), limit, failures: 0 })
            }
            ListenAddress::Tcp { host, port } => {
                let bound = if host.is_empty() {
                    // `::` takes IPv4 as well; a machine without IPv6 refuses it.
                    match TcpListener::bind(("::", *port)).await {
                        Ok(listener) => Ok(listener),
                        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
                        Err(_) => TcpListener::bind(("0.0.0.0", *port)).await,
                    }
                } else {
                    TcpListener::bind((host.as_str(), *port)).await
                };
                let failed = |source| NetError::Listen { address: address.to_string(), source };
                let listener = bound.map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?.to_string();
                Ok(Self { socket: Socket::Tcp(listener), address, limit, failures: 0 })
            }
        }
    }

    /// Where this listens, for logs: with the port that the kernel chose, or `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The TCP address that it is bound to; `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<std::net::SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix { .. } => None,
        }
    }

    /// The next connection. Waits while the limit is reached; a failing accept is logged and tried again. May be
    /// cancelled without losing a connection.
    pub async fn accept(&mut self) -> Connection {
        let permit = loop {
            match Arc::clone(&self.limit.0).acquire_owned().await {
                Ok(permit) => break permit,
                // The semaphore is private and never closed.
                Err(_closed) => std::future::pending().await,
            }
        };
        loop {
            match self.socket.accept().await {
                Ok(accepted) => {
                    self.failures = 0;
                    let (stream, peer) = match accepted {
                        Accepted::Tcp(stream, peer) => (Stream::Tcp(stream), peer),
                        Accepted::Unix(stream, peer) => (Stream::Unix(stream), peer),
                    };
                    return Connection { stream, peer, _permit: permit };
                }
                // The peer went away before we came: its own affair.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    let pause = ACCEPT_BACKOFF
                        .saturating_mul(2_u32.saturating_pow(self.failures))
                        .min(ACCEPT_BACKOFF_MAX);
                    self.failures = self.failures.saturating_add(1);
                    tracing::warn!(address = %self.address, err = %error, retry_in = ?pause, "Accept failed");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

impl Socket {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Answers are small; waiting to fill a segment only delays them.
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream, Peer::Tcp(address)))
            }
            Self::Unix { listener, .. } => {
                let (stream, _unnamed) = listener.accept().await?;
                let credentials = stream.peer_cred()?;
                let peer =
                    Peer::Unix { pid: credentials.pid(), uid: credentials.uid(), gid: credentials.gid() };
                Ok(Accepted::Unix(stream, peer))
            }
        }
    }
}

/// The sockets that systemd has opened for this process (sd_listen_fds(3)), in its order; none if it was not
/// started that way. Must be called at most once, early: it takes the descriptors over.
///
/// # Errors
///
/// A descriptor is neither a TCP nor a Unix stream socket.
pub fn activated(limit: &ConnectionLimit) -> Result<Vec<Listener>, NetError> {
    let mut descriptors = ListenFd::from_env();
    (0..descriptors.len()).map(|index| take(&mut descriptors, index, limit.clone())).collect()
}

fn take(descriptors: &mut ListenFd, index: usize, limit: ConnectionLimit) -> Result<Listener, NetError> {
    let failed = |source| NetError::Activation { index, source };
    let missing = || failed(io::Error::other("already taken"));
    // A failed take leaves the descriptor where it was, so the other kind can be tried.
    if let Ok(unix) = descriptors.take_unix_listener(index) {
        let unix = unix.ok_or_else(missing)?;
        unix.set_nonblocking(true).map_err(failed)?;
        let path =
            unix.local_addr().ok().and_then(|address| address.as_pathname().map(|path| path.to_owned()));
        let address = path.map_or_else(|| "unix:@".to_owned(), |path| format!("unix:{}", path.display()));
        let socket = Socket::Unix { listener: UnixListener::from_std(unix).map_err(failed)?, _file: None };
        return Ok(Listener { socket, address, limit, failures: 0 });
    }
    let tcp = descriptors.take_tcp_listener(index).map_err(failed)?.ok_or_else(missing)?;
    tcp.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(tcp).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?.to_string();
    Ok(Listener { socket: Socket::Tcp(listener), address, limit, failures: 0 })
}
