//! The sockets of the cluster: UDP and TCP on one port, or TLS for both.
//!
//! Bounds: [`MAX_CONNECTIONS`] connections from peers, [`MAX_LARGE`] messages over 64 KiB in memory at one time (others
//! wait until their deadline), [`INBOUND`] packets and messages waiting for the node; packets beyond that are dropped,
//! as UDP would, and counted. Everything on a connection has one deadline.

mod refusals;
mod stream;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::GossipError;
use super::wire::{MAX_PACKET, StreamMessage};
use crate::net::PeerTls;
pub use tls::TlsCounters;

/// The most connections from peers at one time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 128;
/// The most messages over 64 KiB that are read or answered at one time.
const MAX_LARGE: usize = 4;
/// Packets and messages that wait for the node.
const INBOUND: usize = 1024;
const BIND_ATTEMPTS: usize = 16;
/// How long to wait after an error of accept (no file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What arrives.
#[derive(Debug)]
pub(super) enum Inbound {
    Packet { from: SocketAddr, packet: Vec<u8> },
    Stream { from: SocketAddr, message: StreamMessage, answer: oneshot::Sender<Option<StreamMessage>> },
}

/// What connections need to know, whoever opened them.
#[derive(Debug)]
struct Shared {
    label: String,
    timeout: Duration,
    large: Semaphore,
    inbound: mpsc::Sender<Inbound>,
    dropped: AtomicU64,
}

#[derive(Debug)]
enum Kind {
    Plain(Arc<UdpSocket>),
    Tls(tls::Tls),
}

/// The open sockets. Dropping it closes them.
#[derive(Debug)]
pub(super) struct Transport {
    shared: Arc<Shared>,
    kind: Kind,
    listening: SocketAddr,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Transport {
    /// Listens on `addr`; port 0 finds a free one.
    pub(super) async fn bind(
        addr: SocketAddr,
        label: &str,
        timeout: Duration,
        tls: Option<PeerTls>,
    ) -> Result<(Self, mpsc::Receiver<Inbound>), GossipError> {
        let listen = |source| GossipError::Listen { addr, source };
        let (inbound, arrivals) = mpsc::channel(INBOUND);
        let shared = Arc::new(Shared {
            label: label.to_owned(),
            timeout,
            large: Semaphore::new(MAX_LARGE),
            inbound,
            dropped: AtomicU64::new(0),
        });
        let mut tasks = Vec::new();
        let (listener, kind) = match tls {
            None => {
                let (listener, udp) = bind_both(addr).await.map_err(listen)?;
                let udp = Arc::new(udp);
                tasks.push(receive_packets(udp.clone(), shared.clone()));
                (listener, Kind::Plain(udp))
            }
            Some(tls) => {
                let listener = TcpListener::bind(addr).await.map_err(listen)?;
                (listener, Kind::Tls(tls::Tls::new(tls)))
            }
        };
        let listening = listener.local_addr().map_err(listen)?;
        let acceptor = match &kind {
            Kind::Plain(_) => None,
            Kind::Tls(tls) => Some(tls.acceptor()),
        };
        tasks.push(accept(listener, shared.clone(), acceptor));
        Ok((Self { shared, kind, listening, _tasks: tasks }, arrivals))
    }

    /// Where we listen.
    pub(super) fn listening(&self) -> SocketAddr {
        self.listening
    }

    /// Under which address peers answer our packets; needed by TLS, where packets name their sender.
    pub(super) fn set_advertised(&mut self, addr: SocketAddr) {
        if let Kind::Tls(tls) = &mut self.kind {
            tls.set_advertised(addr);
        }
    }

    /// Sends a packet, or drops it if that cannot be done at once.
    pub(super) fn send_packet(&mut self, to: SocketAddr, packet: Vec<u8>) {
        match &mut self.kind {
            Kind::Plain(udp) => {
                if let Err(err) = udp.try_send_to(&packet, to) {
                    tracing::debug!(component = "cluster", peer = %to, %err, "packet not sent");
                }
            }
            Kind::Tls(tls) => tls.send_packet(to, packet, self.shared.timeout),
        }
    }

    /// Sends `request` to the node at `to` and reads its answer, if there is to be one.
    pub(super) fn dial(
        &self,
        to: SocketAddr,
        request: StreamMessage,
        reply: bool,
        timeout: Duration,
    ) -> impl Future<Output = Result<Option<StreamMessage>, String>> + Send + use<> {
        let shared = self.shared.clone();
        let tls = match &self.kind {
            Kind::Plain(_) => None,
            Kind::Tls(tls) => Some(tls.connector()),
        };
        async move {
            let exchange = async {
                let connection = TcpStream::connect(to).await.map_err(|err| err.to_string())?;
                match tls {
                    None => stream::ask(connection, &shared, request, reply).await,
                    Some(tls) => {
                        let connection =
                            tls.open_stream(to, connection).await.map_err(|err| err.to_string())?;
                        stream::ask(connection, &shared, request, reply).await
                    }
                }
            };
            match tokio::time::timeout(timeout, exchange).await {
                Ok(outcome) => outcome,
                Err(_) => Err(format!("no answer within {timeout:?}")),
            }
        }
    }

    /// Packets dropped because the node was too busy.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// What the TLS transport has counted; `None` without TLS.
    pub(super) fn tls_counters(&self) -> Option<TlsCounters> {
        match &self.kind {
            Kind::Plain(_) => None,
            Kind::Tls(tls) => Some(tls.counters()),
        }
    }
}

impl Shared {
    fn packet(&self, from: SocketAddr, packet: Vec<u8>) {
        if self.inbound.try_send(Inbound::Packet { from, packet }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// TCP and UDP on one port. With port 0 the port that TCP found may be taken for UDP; then another is tried.
async fn bind_both(addr: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let listener = TcpListener::bind(addr).await?;
        match UdpSocket::bind(listener.local_addr()?).await {
            Ok(udp) => return Ok((listener, udp)),
            Err(err) if addr.port() != 0 || attempt == BIND_ATTEMPTS => return Err(err),
            Err(_) => {}
        }
    }
}

fn receive_packets(udp: Arc<UdpSocket>, shared: Arc<Shared>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut buffer = vec![0; MAX_PACKET];
        loop {
            match udp.recv_from(&mut buffer).await {
                Ok((len, from)) => shared.packet(canonical(from), buffer[..len].to_vec()),
                // On Linux an earlier packet's "port unreachable" shows here.
                Err(err) => {
                    tracing::debug!(component = "cluster", %err, "receiving a packet failed");
                    tokio::task::yield_now().await;
                }
            }
        }
    }))
}

fn accept(listener: TcpListener, shared: Arc<Shared>, tls: Option<tls::Acceptor>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = tokio::task::JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let (connection, from) = match listener.accept().await {
                Ok((connection, from)) => (connection, canonical(from)),
                Err(err) => {
                    tracing::warn!(component = "cluster", %err, "accepting a peer's connection failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (shared, tls) = (shared.clone(), tls.clone());
            connections.spawn(async move {
                let outcome = match tls {
                    None => serve(&shared, from, connection).await,
                    Some(tls) => tls.serve(&shared, from, connection).await,
                };
                if let Err(err) = outcome {
                    tracing::debug!(component = "cluster", peer = %from, err, "connection of a peer failed");
                }
                drop(slot);
            });
        }
    }))
}

async fn serve(shared: &Shared, from: SocketAddr, connection: TcpStream) -> Result<(), String> {
    match tokio::time::timeout(shared.timeout, stream::answer(connection, shared, from, &[])).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("not done within {:?}", shared.timeout)),
    }
}

fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
