//! The TLS transport (`--cluster.tls-config`): packets and streams over mutually authenticated TLS, no UDP.
//!
//! Packets for a peer share a connection, one task a connection. A frame is written alone and flushed, so that it
//! begins a TLS record: Go drops what stands behind a frame in the same record.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::refusals::Refusals;
use super::{Shared, stream};
use crate::gossip::wire::{Frame, FrameDecoder};
use crate::net::PeerTls;

/// Packets that wait for one peer's connection; more are dropped, as UDP would.
const PACKETS_WAITING: usize = 256;
/// Connections for packets (Go's pool); beyond it the one used least lately is closed.
const MAX_PACKET_CONNECTIONS: usize = 1024;
/// A peer that sends no packet for so long is gone: a live one is probed and probes. Go opens the connection anew.
const IDLE: Duration = Duration::from_mins(10);
const READ_BUFFER: usize = 16 << 10;

/// What the TLS transport counts, under the names of Alertmanager's metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what they are")]
pub struct TlsCounters {
    pub packet_bytes_sent: u64,
    pub packet_bytes_received: u64,
    pub stream_connections_sent: u64,
    pub stream_connections_received: u64,
    pub read_errors: u64,
    pub packet_write_errors: u64,
    pub stream_write_errors: u64,
}

#[derive(Debug, Default)]
struct Counts {
    packet_bytes_sent: AtomicU64,
    packet_bytes_received: AtomicU64,
    stream_connections_sent: AtomicU64,
    stream_connections_received: AtomicU64,
    read_errors: AtomicU64,
    packet_write_errors: AtomicU64,
    stream_write_errors: AtomicU64,
}

fn add(counter: &AtomicU64, value: usize) {
    counter.fetch_add(value as u64, Ordering::Relaxed);
}

#[derive(Debug)]
pub(super) struct Tls {
    tls: PeerTls,
    advertised: String,
    counts: Arc<Counts>,
    refusals: Arc<Refusals>,
    connections: HashMap<SocketAddr, PacketConnection>,
    uses: u64,
}

#[derive(Debug)]
struct PacketConnection {
    packets: mpsc::Sender<Vec<u8>>,
    last_use: u64,
    _task: AbortOnDropHandle<()>,
}

impl Tls {
    pub(super) fn new(tls: PeerTls) -> Self {
        Self {
            tls,
            advertised: String::new(),
            counts: Arc::default(),
            refusals: Arc::default(),
            connections: HashMap::new(),
            uses: 0,
        }
    }

    pub(super) fn set_advertised(&mut self, addr: SocketAddr) {
        self.advertised = addr.to_string();
    }

    pub(super) fn acceptor(&self) -> Acceptor {
        Acceptor { tls: self.tls.clone(), counts: self.counts.clone(), refusals: self.refusals.clone() }
    }

    pub(super) fn connector(&self) -> Connector {
        Connector { tls: self.tls.clone(), counts: self.counts.clone(), refusals: self.refusals.clone() }
    }

    pub(super) fn counters(&self) -> TlsCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TlsCounters {
            packet_bytes_sent: read(&self.counts.packet_bytes_sent),
            packet_bytes_received: read(&self.counts.packet_bytes_received),
            stream_connections_sent: read(&self.counts.stream_connections_sent),
            stream_connections_received: read(&self.counts.stream_connections_received),
            read_errors: read(&self.counts.read_errors),
            packet_write_errors: read(&self.counts.packet_write_errors),
            stream_write_errors: read(&self.counts.stream_write_errors),
        }
    }

    /// Hands the packet to the connection of its receiver, opening one where there is none.
    pub(super) fn send_packet(&mut self, to: SocketAddr, packet: Vec<u8>, timeout: Duration) {
        self.uses += 1;
        if self.connections.get(&to).is_some_and(|connection| connection.packets.is_closed()) {
            self.connections.remove(&to);
        }
        if !self.connections.contains_key(&to) {
            self.make_room();
            let (packets, waiting) = mpsc::channel(PACKETS_WAITING);
            let task = tokio::spawn(send_packets(self.connector(), to, timeout, waiting));
            let task = AbortOnDropHandle::new(task);
            self.connections.insert(to, PacketConnection { packets, last_use: 0, _task: task });
        }
        let frame = Frame::Packet { from: self.advertised.clone(), packet }.encode();
        if let Some(connection) = self.connections.get_mut(&to) {
            connection.last_use = self.uses;
            if connection.packets.try_send(frame).is_err() {
                add(&self.counts.packet_write_errors, 1);
            }
        }
    }

    fn make_room(&mut self) {
        if self.connections.len() >= MAX_PACKET_CONNECTIONS
            && let Some(oldest) =
                self.connections.iter().min_by_key(|(_, connection)| connection.last_use).map(|(to, _)| *to)
        {
            self.connections.remove(&oldest);
        }
    }
}

/// Writes frames to one peer until the connection fails; the next packet then opens another.
async fn send_packets(
    connector: Connector,
    to: SocketAddr,
    timeout: Duration,
    mut frames: mpsc::Receiver<Vec<u8>>,
) {
    let connect = async { connector.tls.connect(to.ip(), TcpStream::connect(to).await?).await };
    let outcome = match tokio::time::timeout(timeout, connect).await {
        Ok(Ok(connection)) => write_frames(connection, &mut frames, &connector.counts, timeout).await,
        Ok(Err(err)) => Err(err),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    if let Err(err) = outcome {
        add(&connector.counts.packet_write_errors, 1);
        connector.refusals.of_ours(to, &err);
        tracing::debug!(component = "cluster", peer = %to, %err, "connection for packets failed");
    }
}

async fn write_frames(
    mut connection: TlsStream<TcpStream>,
    frames: &mut mpsc::Receiver<Vec<u8>>,
    counts: &Counts,
    timeout: Duration,
) -> io::Result<()> {
    let mut nothing = [0];
    loop {
        // Peers never send on these connections: reading shows that one was closed, which writing would not.
        let frame = tokio::select! {
            frame = frames.recv() => frame,
            read = connection.read(&mut nothing) => match read? {
                0 => return Ok(()),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            },
        };
        let Some(frame) = frame else { return connection.shutdown().await };
        let write = async {
            connection.write_all(&frame).await?;
            connection.flush().await
        };
        match tokio::time::timeout(timeout, write).await {
            Ok(outcome) => outcome?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
        add(&counts.packet_bytes_sent, frame.len());
    }
}

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    tls: PeerTls,
    counts: Arc<Counts>,
    refusals: Arc<Refusals>,
}

impl Connector {
    /// A connection that begins as a stream.
    pub(super) async fn open_stream(
        &self,
        to: SocketAddr,
        connection: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let open = async {
            let mut connection = self.tls.connect(to.ip(), connection).await?;
            connection.write_all(&Frame::Stream.encode()).await?;
            connection.flush().await?;
            Ok(connection)
        };
        let opened = open.await;
        let counter = match &opened {
            Ok(_) => &self.counts.stream_connections_sent,
            Err(err) => {
                self.refusals.of_ours(to, err);
                &self.counts.stream_write_errors
            }
        };
        add(counter, 1);
        opened
    }
}

/// Answers connections.
#[derive(Clone)]
pub(super) struct Acceptor {
    tls: PeerTls,
    counts: Arc<Counts>,
    refusals: Arc<Refusals>,
}

impl Acceptor {
    pub(super) async fn serve(
        &self,
        shared: &Shared,
        from: SocketAddr,
        connection: TcpStream,
    ) -> Result<(), String> {
        let outcome = self.read_frames(shared, from, connection).await;
        if outcome.is_err() {
            add(&self.counts.read_errors, 1);
        }
        outcome
    }

    async fn read_frames(
        &self,
        shared: &Shared,
        from: SocketAddr,
        connection: TcpStream,
    ) -> Result<(), String> {
        let late = |_| format!("not done within {:?}", shared.timeout);
        let handshake = tokio::time::timeout(shared.timeout, self.tls.accept(connection));
        let mut connection = handshake.await.map_err(late)?.map_err(|err| {
            self.refusals.of_theirs(from, &err);
            err.to_string()
        })?;
        let mut decoder = FrameDecoder::default();
        let mut buffer = vec![0; READ_BUFFER];
        loop {
            let Ok(read) = tokio::time::timeout(IDLE, connection.read(&mut buffer)).await else {
                return Ok(());
            };
            let len = read.map_err(|err| err.to_string())?;
            if len == 0 {
                return Ok(());
            }
            decoder.push(&buffer[..len]);
            while let Some(frame) = decoder.next_frame().map_err(|err| err.to_string())? {
                match frame {
                    Frame::Packet { from: sender, packet } => {
                        add(&self.counts.packet_bytes_received, packet.len());
                        shared.packet(sender.parse().unwrap_or(from), packet);
                    }
                    Frame::Stream => {
                        add(&self.counts.stream_connections_received, 1);
                        let rest = decoder.into_rest();
                        let answer = stream::answer(connection, shared, from, &rest);
                        return tokio::time::timeout(shared.timeout, answer).await.map_err(late)?;
                    }
                }
            }
        }
    }
}
