//! Our side: a node in this process, with as much of a host around it as the tests need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tocsin::gossip::{Channel, Clock, Entry, Peer, PeerOptions, StateKey};
use tocsin::model::Timestamp;
use tocsin::model::nflogpb::{self, MeshEntry};
use tocsin::model::silencepb::{Matcher, MeshSilence, Silence};

use super::alertmanager::eventually;

/// The calendar of tests that talk to real Alertmanagers is the real one.
pub(crate) fn clock() -> Clock {
    Arc::new(now)
}

pub(crate) fn now() -> Timestamp {
    let now = jiff::Timestamp::now();
    Timestamp::from_unix(now.as_second(), now.subsec_nanosecond().unsigned_abs())
}

static NODES: AtomicU64 = AtomicU64::new(1);

/// Options of a node on a loopback port of its own.
pub(crate) fn options(name: &str, peers: &[SocketAddr]) -> PeerOptions {
    let seed = NODES.fetch_add(1, Ordering::Relaxed);
    let listen = "127.0.0.1:0".parse().expect("an address");
    let mut options = PeerOptions::new(name, listen, clock(), seed);
    options.cluster.peers = peers.iter().map(SocketAddr::to_string).collect();
    options
}

pub(crate) struct Node {
    pub peer: Peer,
    pub silences: Channel,
    pub log: Channel,
}

impl Node {
    pub(crate) async fn start(options: PeerOptions) -> Self {
        let peer = Peer::start(options).await.expect("the node starts");
        let silences = peer.add_state(StateKey::Silences);
        let log = peer.add_state(StateKey::Log);
        peer.join().await.expect("the node runs");
        Self { peer, silences, log }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.peer.listening()
    }

    /// Ends the node without a word, as kill -9 does, and waits until its address is free.
    pub(crate) async fn kill(self) -> SocketAddr {
        let addr = self.addr();
        drop(self);
        eventually("the address is free", 5, || async { std::net::UdpSocket::bind(addr).ok() }).await;
        addr
    }

    pub(crate) async fn sees_members(&self, count: usize, seconds: u64) {
        let what = format!("{} sees {count} members", self.peer.view().name);
        eventually(&what, seconds, || async { (self.peer.view().members.len() == count).then_some(()) })
            .await;
    }

    /// The entry `id`, once it is here.
    pub(crate) async fn entry(&self, key: StateKey, id: &str) -> Option<Entry> {
        let entries = self.peer.entries(key).await.ok()?;
        entries.into_iter().find(|entry| *entry.id == *id.as_bytes())
    }

    /// The silence `id`, once it is here.
    pub(crate) async fn silence(&self, id: &str) -> Option<Silence> {
        self.entry(StateKey::Silences, id).await?.silence()?.silence
    }
}

/// A silence for the next hour.
pub(crate) fn silence(id: &str, comment: &str) -> Silence {
    let now = now();
    Silence {
        id: id.to_owned(),
        matchers: vec![Matcher { r#type: 0, name: "alertname".into(), pattern: "Bar".into() }],
        starts_at: Some(now.into()),
        ends_at: Some((now + Duration::from_hours(1)).into()),
        updated_at: Some(now.into()),
        created_by: "tocsin".into(),
        comment: comment.to_owned(),
        ..Default::default()
    }
    .upgraded()
    .for_the_wire()
}

/// The bytes of a silence that is kept for two hours.
pub(crate) fn mesh_silence(silence: Silence) -> Bytes {
    let expires_at = now() + Duration::from_hours(2);
    MeshSilence { silence: Some(silence), expires_at: Some(expires_at.into()) }.encode_to_vec().into()
}

/// The bytes of a log entry: `alertname` was told as firing now.
pub(crate) fn mesh_entry(alertname: &str, firing: u64) -> Bytes {
    let entry = nflogpb::Entry {
        group_key: format!("{{}}:{{alertname={alertname:?}}}").into_bytes(),
        receiver: Some(nflogpb::Receiver {
            group_name: "hook".into(),
            integration: "webhook".into(),
            idx: 0,
        }),
        timestamp: Some(now().into()),
        firing_alerts: vec![firing],
        ..Default::default()
    };
    let expires_at = now() + Duration::from_hours(2);
    MeshEntry { entry: Some(entry), expires_at: Some(expires_at.into()) }.encode_to_vec().into()
}
