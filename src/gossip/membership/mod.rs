//! Who is in the cluster: memberlist's SWIM with Lifeguard, as a pure state machine.
//!
//! Packets, messages of streams and the time come in; packets, dials and events come out of [`Membership::poll`].
//! Nothing here sends, waits or reads a clock: time is the time since the node started, randomness a seeded
//! generator that is passed in. The same inputs give the same outputs.
//!
//! Bounds: nodes as [`Config::max_nodes`] says, rumours about members one per node, rumours of state
//! [`USER_QUEUE`], probes relayed for others [`MAX_RELAYS`]. Outputs wait only until the caller polls.

mod broadcast;
mod config;
mod dissemination;
mod node;
mod probe;
mod rumour;
mod suspicion;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use broadcast::BroadcastQueue;
pub use config::Config;
pub use node::{Node, State};

use crate::gossip::wire::{Alive, Message, NodeState, Ping, VERSIONS, addr_bytes};
use probe::{Probe, Relay};
use timers::{Timer, Timers};

/// The most rumours of state that wait to be sent (Alertmanager's `maxGossipQueue`).
pub const USER_QUEUE: usize = 4096;
/// The most probes that are relayed for others at one time; more are not answered.
pub const MAX_RELAYS: usize = 1024;

/// What the state machine wants done or known.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this datagram.
    Packet {
        /// Where to.
        to: SocketAddr,
        /// The whole datagram, label included.
        packet: Vec<u8>,
    },
    /// Ask a node over TCP whether it lives; the answer goes to [`Membership::handle_tcp_ack`].
    TcpPing {
        /// Where to.
        to: SocketAddr,
        /// The question.
        ping: Ping,
        /// How long the answer may take.
        timeout: Duration,
    },
    /// It is time to exchange whole states with this node.
    PushPull {
        /// Where to.
        to: SocketAddr,
    },
    /// Alertmanager's payload has arrived: one `Part`.
    User(Bytes),
    /// Something about a member has changed.
    Event(Event),
}

/// What happens to members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A node is a member now; at the start this is ourselves.
    Joined {
        /// Its name.
        name: Arc<str>,
        /// Its address.
        addr: SocketAddr,
        /// Whether it was a member before: it had been lost, and may not know what happened meanwhile.
        again: bool,
    },
    /// A node is none any more.
    Left {
        /// Its name.
        name: Arc<str>,
        /// Its address.
        addr: SocketAddr,
        /// Whether it said so, rather than having been declared dead.
        gracefully: bool,
    },
    /// A node's metadata has changed.
    Updated {
        /// Its name.
        name: Arc<str>,
    },
    /// A node is suspected.
    Suspected {
        /// Its name.
        name: Arc<str>,
        /// Who suspects it.
        from: String,
    },
    /// Two nodes with one name.
    Conflict {
        /// The name.
        name: Arc<str>,
        /// The one we know.
        known: SocketAddr,
        /// The other.
        other: SocketAddr,
    },
    /// A node has acknowledged a ping.
    Acked {
        /// Its name.
        name: Arc<str>,
        /// How long that took.
        after: Duration,
    },
    /// A node answers over TCP, while its packets do not arrive.
    OnlyTcp {
        /// Its name.
        name: Arc<str>,
    },
    /// We were accused and have refuted.
    Refuted {
        /// What we were called.
        accusation: State,
        /// Our new incarnation.
        incarnation: u32,
    },
}

/// What has been counted since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams, or messages in them, that could not be read, or did not belong to this cluster.
    pub packets_refused: u64,
    /// Alive messages, by the node they were about.
    pub alive_messages: BTreeMap<Arc<str>, u64>,
    /// Rumours about nodes beyond the limit, or with versions that would part the cluster.
    pub nodes_refused: u64,
    /// Alive messages that gave a known name another address.
    pub name_conflicts: u64,
    /// Payloads put into packets, counted once for each packet.
    pub user_sent: u64,
    /// Their bytes.
    pub user_sent_bytes: u64,
    /// Probes without an answer.
    pub probes_failed: u64,
}

/// The members of a cluster as one of them sees it.
#[derive(Debug)]
pub struct Membership {
    config: Config,
    name: Arc<str>,
    addr: SocketAddr,
    rng: fastrand::Rng,
    nodes: BTreeMap<Arc<str>, Node>,
    /// The order in which nodes are probed: every node once, then shuffled.
    ring: Vec<Arc<str>>,
    ring_position: usize,
    incarnation: u32,
    sequence: u32,
    awareness: u32,
    leaving: bool,
    rumours: BroadcastQueue,
    user_rumours: BroadcastQueue,
    probe: Option<Probe>,
    /// A tick that came while a probe was under way: the next probe follows at once.
    probe_due: bool,
    relays: BTreeMap<u32, Relay>,
    timers: Timers,
    outputs: VecDeque<Output>,
    counters: Counters,
}

impl Membership {
    /// A node called `name` that others reach at `addr`, alone as yet. `now` is usually zero.
    #[must_use]
    pub fn new(config: Config, name: &str, addr: SocketAddr, rng: fastrand::Rng, now: Duration) -> Self {
        let rumours = BroadcastQueue::new(config.retransmit_multiplier, 2 * config.max_nodes);
        let user_rumours = BroadcastQueue::new(config.user_retransmit_multiplier, USER_QUEUE);
        let mut membership = Self {
            name: name.into(),
            addr,
            rng,
            nodes: BTreeMap::new(),
            ring: Vec::new(),
            ring_position: 0,
            incarnation: 1,
            sequence: 0,
            awareness: 0,
            leaving: false,
            rumours,
            user_rumours,
            probe: None,
            probe_due: false,
            relays: BTreeMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            config,
        };
        membership.start(now);
        membership
    }

    fn start(&mut self, now: Duration) {
        let alive = Alive {
            addr: addr_bytes(self.addr.ip()),
            incarnation: self.incarnation,
            meta: Some(Vec::new()),
            node: self.name.to_string(),
            port: self.addr.port(),
            versions: VERSIONS.to_vec(),
        };
        self.handle_alive(now, &alive, true);
        for (timer, interval) in [
            (Timer::Gossip, self.config.gossip_interval),
            (Timer::Probe, self.config.probe_interval),
            (Timer::PushPull, self.config.push_pull_interval),
        ] {
            if interval > Duration::ZERO {
                self.timers.set(now + interval.mul_f64(self.rng.f64()), timer);
            }
        }
    }

    /// A datagram from `from` has arrived.
    pub fn handle_packet(&mut self, now: Duration, from: SocketAddr, packet: &[u8]) {
        let opened = match crate::gossip::wire::open(packet, &self.config.label) {
            Ok(opened) => opened,
            Err(err) => {
                self.counters.packets_refused += 1;
                tracing::debug!(component = "cluster", peer = %from, %err, "packet dropped");
                return;
            }
        };
        for err in &opened.refused {
            self.counters.packets_refused += 1;
            tracing::debug!(component = "cluster", peer = %from, %err, "message dropped");
        }
        for message in opened.messages {
            self.handle_message(now, from, message);
        }
    }

    fn handle_message(&mut self, now: Duration, from: SocketAddr, message: Message) {
        match message {
            Message::Ping(ping) => self.handle_ping(from, &ping),
            Message::IndirectPing(ping) => self.handle_indirect_ping(now, from, &ping),
            Message::Ack(ack) => self.handle_ack(now, ack.seq),
            Message::Nack(seq) => self.handle_nack(seq),
            Message::Suspect(accusation) => self.handle_suspect(now, &accusation),
            Message::Alive(alive) => self.handle_alive(now, &alive, false),
            Message::Dead(accusation) => self.handle_dead(now, &accusation),
            Message::User(payload) => self.outputs.push_back(Output::User(payload)),
        }
    }

    /// The nodes of a push/pull have arrived.
    pub fn merge(&mut self, now: Duration, nodes: &[NodeState]) {
        for node in nodes {
            self.handle_remote_state(now, node);
        }
    }

    /// Lets every timer that is due at `now` do its work, each at its own time.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some((due, timer)) = self.timers.pop(now) {
            // After a pause (a stopped process) ticks do not pile up: each continues from now.
            let due = if now.saturating_sub(due) > self.config.gossip_interval { now } else { due };
            self.handle_timer(due, timer);
        }
    }

    fn handle_timer(&mut self, now: Duration, timer: Timer) {
        match timer {
            Timer::Gossip => {
                self.timers.set(now + self.config.gossip_interval, Timer::Gossip);
                self.gossip(now);
            }
            Timer::Probe => {
                self.timers.set(now + self.config.probe_interval, Timer::Probe);
                self.probe_tick(now);
            }
            Timer::PushPull => {
                self.timers.set(now + self.push_pull_interval(), Timer::PushPull);
                self.push_pull_tick();
            }
            Timer::ProbeTimeout(seq) => self.probe_timed_out(now, seq),
            Timer::ProbeEnd(seq) => self.probe_ended(now, seq),
            Timer::Relay(seq) => self.relay_timed_out(seq),
            Timer::Suspicion(name) => self.suspicion_ended(now, &name),
        }
    }

    /// When [`Self::handle_timeout`] is wanted next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// The next thing to do; to be called until there is none after every input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Tells the others that this node leaves. [`Self::has_left`] says when they have been told.
    pub fn leave(&mut self, now: Duration) {
        if !self.leaving {
            self.leaving = true;
            self.declare_own_leave(now);
        }
    }

    /// Whether the word of our leaving has been sent as often as it should be, or there is nobody to tell.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.leaving && (!self.rumours.contains(&self.name) || self.others().next().is_none())
    }

    fn others(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.state.is_member() && node.name != self.name)
    }

    /// The members, suspects included, sorted by name; ourselves among them until we leave.
    pub fn members(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.state.is_member())
    }

    /// How many members there are.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.members().count()
    }

    /// Every node that is remembered, as a push/pull tells it.
    #[must_use]
    pub fn node_states(&self) -> Vec<NodeState> {
        self.nodes.values().map(Node::to_wire).collect()
    }

    /// What is known about the node `name`.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// Our name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The address that others are told.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Lifeguard's local health, 0 being good.
    #[must_use]
    pub fn health_score(&self) -> u32 {
        self.awareness
    }

    /// The parameters.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What has been counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many payloads wait, and how many were lost to the bound.
    #[must_use]
    pub fn user_queue(&self) -> (usize, u64) {
        (self.user_rumours.len(), self.user_rumours.pruned())
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn adjust_awareness(&mut self, delta: i64) {
        let limit = i64::from(self.config.awareness_limit.saturating_sub(1));
        self.awareness = (i64::from(self.awareness) + delta).clamp(0, limit) as u32;
    }
}
