//! Alertmanager's layer over membership, as a pure state machine: the shared states, who is reconnected when, settling
//! and position.
//!
//! Datagrams, messages of streams, addresses that names resolve to and the time come in; datagrams, dials, wishes to
//! resolve and changes come out of [`Cluster::poll`]. Whoever runs it (sockets, or a simulation) does what the
//! outputs say and reports the outcome.
//!
//! Where it does better than Alertmanager: entries of peers are checked and refused one by one; changes that nobody
//! is there to hear are not queued; a state over 16 MiB is shared in pieces that any version takes; a node that was
//! away for longer than the retention hears a peer's state before it tells its own; an expired silence does not
//! come back.

mod exchange;
mod oversize;
mod peers;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::gossip::membership::{self, Membership};
use crate::gossip::state::{Entry, Merged, Replica, SilenceCheck, StateKey, check_silence};
use crate::gossip::wire::StreamMessage;
use crate::model::Timestamp;
use oversize::Oversize;
use peers::FailedPeers;
pub use peers::JoinReason;
use settle::Settling;
pub use settle::Status;

/// The largest `Part` that goes by packets; larger ones go to every member over TCP. The same bound says which
/// changes that came from a peer are passed on.
pub const MAX_GOSSIP: usize = 700;
/// Of a larger full state the rest is sent in pieces: Go refuses 20 MiB.
pub const MAX_FULL_STATE: usize = 16 << 20;

/// A moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time since the node started; never goes back. Drives probes, suspicions and intervals.
    pub elapsed: Duration,
    /// The calendar's time. Decides what has expired.
    pub wall: Timestamp,
}

/// How a cluster is taken part in; the defaults are those of Alertmanager's flags.
#[derive(Debug, Clone)]
pub struct Options {
    /// The parameters of membership.
    pub membership: membership::Config,
    /// This node's name.
    pub name: String,
    /// Where others reach it.
    pub advertise: SocketAddr,
    /// Names or addresses of peers, `host:port` (`--cluster.peer`).
    pub peers: Vec<String>,
    /// How often failed peers are dialled (`--cluster.reconnect-interval`).
    pub reconnect_interval: Duration,
    /// For how long (`--cluster.reconnect-timeout`).
    pub reconnect_timeout: Duration,
    /// How often [`Self::peers`] are resolved again.
    pub refresh_interval: Duration,
    /// How long ended silences are kept (`--data.retention`).
    pub retention: Duration,
    /// The bound of each state, in bytes of its entries.
    pub max_state: usize,
    /// Of a full state beyond this size the rest is sent in pieces: [`MAX_FULL_STATE`].
    pub max_full_state: usize,
    /// When this node last exchanged states with a peer, as far as it knows from before its start.
    pub last_contact: Option<Timestamp>,
    /// Says what is wrong with a silence that a peer sends; [`check_silence`] unless the engine is stricter.
    pub check: SilenceCheck,
}

impl Options {
    /// Alertmanager's defaults for a node called `name`, reached at `advertise`.
    #[must_use]
    pub fn new(name: &str, advertise: SocketAddr) -> Self {
        Self {
            membership: membership::Config::default(),
            name: name.to_owned(),
            advertise,
            peers: Vec::new(),
            reconnect_interval: Duration::from_secs(10),
            reconnect_timeout: Duration::from_hours(6),
            refresh_interval: Duration::from_secs(15),
            retention: Duration::from_hours(120),
            max_state: 256 << 20,
            max_full_state: MAX_FULL_STATE,
            last_contact: None,
            check: check_silence,
        }
    }
}

/// Names a dial whose outcome is reported to [`Cluster::handle_dialled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(u64);

/// What the state machine wants done or known.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this datagram.
    Packet {
        /// Where to.
        to: SocketAddr,
        /// The whole datagram.
        packet: Vec<u8>,
    },
    /// Connect, send the message, read the answer if one is expected, and report to [`Cluster::handle_dialled`].
    Dial {
        /// Names it in the report.
        id: DialId,
        /// Where to.
        to: SocketAddr,
        /// What to send.
        request: StreamMessage,
        /// Whether an answer is expected.
        reply: bool,
        /// How long all of it may take.
        timeout: Duration,
    },
    /// Resolve [`Options::peers`] and report to [`Cluster::handle_resolved`].
    Resolve,
    /// A peer's entry is newer than ours was; ours now is this one.
    Changed(Entry),
    /// Something about a member has changed.
    Event(membership::Event),
    /// An oversize change has been offered to every member.
    OversizeSent {
        /// Its state.
        key: StateKey,
        /// How long that took.
        after: Duration,
    },
}

/// What has been counted since the start, apart from [`membership::Counters`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the metric of the same name in Alertmanager, or says it")]
pub struct Counters {
    pub full_states_received: u64,
    pub full_state_bytes_received: u64,
    pub full_states_sent: u64,
    pub full_state_bytes_sent: u64,
    pub updates_received: u64,
    pub update_bytes_received: u64,
    pub oversize_updates_sent: u64,
    pub oversize_update_bytes_sent: u64,
    pub peers_joined: u64,
    pub peers_left: u64,
    pub peers_updated: u64,
    pub reconnections: u64,
    pub reconnections_failed: u64,
    pub refresh_joins: u64,
    pub refresh_joins_failed: u64,
    pub states: BTreeMap<StateKey, StateCounters>,
}

/// What has been counted for one state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateCounters {
    /// Changes of peers passed on.
    pub propagated: u64,
    /// Entries of peers that were refused.
    pub refused: u64,
    /// Oversize changes sent, per member.
    pub oversize_sent: u64,
    /// Members that an oversize change did not reach.
    pub oversize_failed: u64,
    /// Oversize changes dropped because too many waited.
    pub oversize_dropped: u64,
}

/// Whose change others are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    Us,
    APeer,
}

/// Why a dial was made.
#[derive(Debug)]
enum Purpose {
    TcpPing { seq: u32 },
    Exchange { to: SocketAddr, join: Option<JoinReason> },
    Oversize { key: StateKey },
    Piece,
}

/// This node's part in the cluster.
#[derive(Debug)]
pub struct Cluster {
    options: Options,
    members: Membership,
    states: BTreeMap<StateKey, Replica>,
    oversize: BTreeMap<StateKey, Oversize>,
    /// The rest of a state too large for one exchange, on its way to a peer, one piece at a time.
    pieces: VecDeque<(SocketAddr, Bytes)>,
    piece_under_way: bool,
    failed: FailedPeers,
    settling: Settling,
    last_contact: Option<Timestamp>,
    /// Away for too long: a peer's state comes before ours.
    listens_first: bool,
    next_reconnect: Duration,
    next_refresh: Duration,
    next_collection: Duration,
    dials: BTreeMap<DialId, Purpose>,
    next_dial: u64,
    outputs: VecDeque<Output>,
    counters: Counters,
}

/// With members that come back, states are exchanged at once, with so many at one time.
const MAX_CATCHING_UP: usize = 3;
/// How often expired entries are removed.
const COLLECTION_INTERVAL: Duration = Duration::from_mins(1);

impl Cluster {
    /// A node that knows of nobody yet. `rng` decides whom it probes and tells.
    #[must_use]
    pub fn new(options: Options, rng: fastrand::Rng, now: Now) -> Self {
        let config = options.membership.clone().for_peers(options.peers.len());
        let members = Membership::new(config, &options.name, options.advertise, rng, now.elapsed);
        let states = StateKey::ALL.map(|key| (key, Replica::new(key, options.retention, options.max_state)));
        let away = options.last_contact.map_or(Duration::ZERO, |contact| now.wall.since(contact));
        let mut cluster = Self {
            states: states.into(),
            oversize: StateKey::ALL.map(|key| (key, Oversize::default())).into(),
            pieces: VecDeque::new(),
            piece_under_way: false,
            failed: FailedPeers::default(),
            settling: Settling::default(),
            last_contact: options.last_contact,
            listens_first: away > options.retention,
            next_reconnect: now.elapsed + options.reconnect_interval,
            next_refresh: now.elapsed + options.refresh_interval,
            next_collection: now.elapsed + COLLECTION_INTERVAL,
            dials: BTreeMap::new(),
            next_dial: 0,
            outputs: VecDeque::new(),
            counters: Counters {
                states: StateKey::ALL.map(|key| (key, StateCounters::default())).into(),
                ..Default::default()
            },
            members,
            options,
        };
        cluster.pump(now);
        cluster
    }

    /// Takes an entry known from before the start; nobody is told. Of a silence past its expiry it is remembered that
    /// an older version must not come back.
    pub fn restore(&mut self, now: Timestamp, entry: Entry) -> Merged {
        self.replica(entry.key).restore(now, entry)
    }

    /// Takes a change made here and tells everybody. Anything but [`Merged::Changed`] told nobody.
    pub fn set(&mut self, now: Now, entry: Entry) -> Merged {
        let merged = self.replica(entry.key).merge(now.wall, entry.clone());
        if merged == Merged::Changed {
            self.tell(now, &entry, Author::Us);
            self.pump(now);
        }
        merged
    }

    /// A datagram from `from` has arrived.
    pub fn handle_packet(&mut self, now: Now, from: SocketAddr, packet: &[u8]) {
        self.members.handle_packet(now.elapsed, from, packet);
        self.pump(now);
    }

    /// Lets every timer that is due do its work.
    pub fn handle_timeout(&mut self, now: Now) {
        // Partitioned for as long, we are as one that was not there.
        let away = self.last_contact.map_or(Duration::ZERO, |contact| now.wall.since(contact));
        self.listens_first |= away > self.options.retention;
        self.members.handle_timeout(now.elapsed);
        self.pump(now);
        if self.next_collection <= now.elapsed {
            self.next_collection = now.elapsed + COLLECTION_INTERVAL;
            for replica in self.states.values_mut() {
                replica.collect_garbage(now.wall);
            }
        }
        if self.next_reconnect <= now.elapsed {
            self.next_reconnect = now.elapsed + self.options.reconnect_interval;
            self.reconnect(now);
        }
        if self.next_refresh <= now.elapsed {
            self.next_refresh = now.elapsed + self.options.refresh_interval;
            if !self.options.peers.is_empty() {
                self.outputs.push_back(Output::Resolve);
            }
        }
        let members = self.members.member_count();
        self.settling.handle_timeout(now.elapsed, members, self.options.membership.gossip_interval);
        self.pump(now);
    }

    /// When [`Self::handle_timeout`] is wanted next.
    #[must_use]
    pub fn next_timeout(&self) -> Duration {
        let own = self.next_collection.min(self.next_reconnect).min(self.next_refresh);
        [self.members.next_timeout(), self.settling.next_timeout()]
            .into_iter()
            .flatten()
            .fold(own, Duration::min)
    }

    /// The next thing to do; to be called until there is none after every input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Begins to watch whether the cluster holds still; after `timeout` it counts as settled in any case, at once
    /// where that is zero (`--cluster.settle-timeout`).
    pub fn settle(&mut self, now: Now, timeout: Duration) {
        self.settling.start(now.elapsed, timeout, self.options.membership.gossip_interval);
    }

    /// Whether the cluster has settled.
    #[must_use]
    pub fn status(&self) -> Status {
        self.settling.status()
    }

    /// Tells the others that this node leaves; [`Self::has_left`] says when that is done.
    pub fn leave(&mut self, now: Now) {
        self.members.leave(now.elapsed);
        self.pump(now);
    }

    /// Whether the others have been told that this node leaves.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.members.has_left()
    }

    /// How many members have a name that sorts before ours: how many peer timeouts a notification waits.
    #[must_use]
    pub fn position(&self) -> usize {
        self.members.members().take_while(|node| node.name != *self.members.name()).count()
    }

    /// The members.
    #[must_use]
    pub fn members(&self) -> &Membership {
        &self.members
    }

    /// The state `key`.
    #[must_use]
    pub fn state(&self, key: StateKey) -> Option<&Replica> {
        self.states.get(&key)
    }

    /// When states were last exchanged with a peer; to be kept for [`Options::last_contact`].
    #[must_use]
    pub fn last_contact(&self) -> Option<Timestamp> {
        self.last_contact
    }

    /// How many peers are out of reach and dialled again.
    #[must_use]
    pub fn failed_peers(&self) -> usize {
        self.failed.len()
    }

    /// What has been counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn replica(&mut self, key: StateKey) -> &mut Replica {
        let (retention, max_state) = (self.options.retention, self.options.max_state);
        self.states.entry(key).or_insert_with(|| Replica::new(key, retention, max_state))
    }

    fn state_counters(&mut self, key: StateKey) -> &mut StateCounters {
        self.counters.states.entry(key).or_default()
    }

    fn dial(&mut self, to: SocketAddr, request: StreamMessage, reply: bool, purpose: Purpose) -> DialId {
        let timeout = self.options.membership.tcp_timeout;
        self.dial_within(to, request, reply, purpose, timeout)
    }

    fn dial_within(
        &mut self,
        to: SocketAddr,
        request: StreamMessage,
        reply: bool,
        purpose: Purpose,
        timeout: Duration,
    ) -> DialId {
        self.next_dial += 1;
        let id = DialId(self.next_dial);
        self.dials.insert(id, purpose);
        self.outputs.push_back(Output::Dial { id, to, request, reply, timeout });
        id
    }

    /// Does what membership wants.
    fn pump(&mut self, now: Now) {
        while let Some(output) = self.members.poll() {
            match output {
                membership::Output::Packet { to, packet } => {
                    self.outputs.push_back(Output::Packet { to, packet });
                }
                membership::Output::TcpPing { to, ping, timeout } => {
                    let purpose = Purpose::TcpPing { seq: ping.seq };
                    self.dial_within(to, StreamMessage::Ping(ping), true, purpose, timeout);
                }
                membership::Output::PushPull { to } => self.exchange(to, None),
                membership::Output::User(payload) => self.handle_update(now, payload),
                membership::Output::Event(event) => self.handle_event(now, event),
            }
        }
    }

    fn handle_event(&mut self, now: Now, event: membership::Event) {
        match &event {
            membership::Event::Joined { addr, again, .. } => {
                self.counters.peers_joined += 1;
                self.failed.joined(*addr);
                if *again && self.exchanges_under_way() < MAX_CATCHING_UP {
                    self.exchange(*addr, None);
                }
            }
            membership::Event::Left { name, addr, .. } => {
                self.counters.peers_left += 1;
                if name != self.members.name() {
                    self.failed.failed(*addr, now.elapsed);
                }
                if self.is_alone() {
                    self.members.clear_broadcasts();
                }
            }
            membership::Event::Updated { .. } => self.counters.peers_updated += 1,
            _ => {}
        }
        self.outputs.push_back(Output::Event(event));
    }

    fn exchanges_under_way(&self) -> usize {
        self.dials.values().filter(|purpose| matches!(purpose, Purpose::Exchange { .. })).count()
    }

    fn is_alone(&self) -> bool {
        self.members.members().all(|node| node.name == *self.members.name())
    }

    /// The addresses of the other members.
    fn other_members(&self) -> Vec<SocketAddr> {
        let name: &Arc<str> = self.members.name();
        self.members.members().filter(|node| node.name != *name).map(|node| node.addr).collect()
    }
}
