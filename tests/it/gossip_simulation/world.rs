//! A network of nodes in virtual time, that loses, delays, duplicates and partitions. Everything that happens follows
//! from the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tocsin::gossip::cluster::{Cluster, DialId, Now, Options, Output};
use tocsin::gossip::wire::{StreamDecoder, StreamMessage};
use tocsin::gossip::{Entry, StateKey};
use tocsin::model::Timestamp;

const SECOND: Duration = Duration::from_secs(1);

/// What the network does to what it carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub loss: f64,
    pub duplication: f64,
    pub slowest: Duration,
}

impl Weather {
    pub(crate) const FINE: Self = Self { loss: 0.0, duplication: 0.05, slowest: Duration::from_millis(20) };
    pub(crate) const STORM: Self = Self { loss: 0.2, duplication: 0.2, slowest: Duration::from_millis(400) };
}

enum Event {
    Packet { from: SocketAddr, to: SocketAddr, packet: Vec<u8> },
    Request { node: usize, life: u32, id: DialId, to: SocketAddr, request: Vec<u8>, reply: bool },
    Outcome { node: usize, life: u32, id: DialId, outcome: Result<Option<Vec<u8>>, String> },
}

pub(crate) struct Node {
    pub cluster: Option<Cluster>,
    pub addr: SocketAddr,
    /// Nodes reach each other only within a group.
    pub group: u32,
    /// Counts the processes that this node has been.
    life: u32,
    /// What a restart finds: the journal.
    pub kept: Vec<Entry>,
}

pub(crate) struct World {
    pub rng: fastrand::Rng,
    pub now: Duration,
    pub nodes: Vec<Node>,
    pub weather: Weather,
    events: BTreeMap<(Duration, u64), Event>,
    next_event: u64,
    /// A digest of everything that happened.
    pub digest: u64,
    pub stable_names: bool,
}

impl World {
    pub(crate) fn new(seed: u64, count: usize) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let stable_names = rng.bool();
        let nodes = (0..count).map(|index| Node {
            cluster: None,
            addr: SocketAddr::new(Ipv4Addr::new(10, 0, 0, index as u8 + 1).into(), 9094),
            group: 0,
            life: 0,
            kept: Vec::new(),
        });
        let mut world = Self {
            nodes: nodes.collect(),
            rng,
            now: Duration::ZERO,
            weather: Weather::FINE,
            events: BTreeMap::new(),
            next_event: 0,
            digest: 0,
            stable_names,
        };
        for index in 0..count {
            world.start(index);
            world.run_for(Duration::from_millis(300));
        }
        world
    }

    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp::from_unix(1_800_000_000, 0) + self.now
    }

    pub(crate) fn moment(&self) -> Now {
        Now { elapsed: self.now, wall: self.wall() }
    }

    /// Starts the process of a node, which joins the first nodes.
    pub(crate) fn start(&mut self, index: usize) {
        let now = self.moment();
        let node = &mut self.nodes[index];
        node.life += 1;
        let life = if self.stable_names { 0 } else { node.life };
        let mut options = Options::new(&format!("{:04}-{index:02}-{life}", self.now.as_secs()), node.addr);
        if self.stable_names {
            options.name = format!("node-{index:02}");
        }
        options.peers = (0..3).map(|peer| format!("10.0.0.{}:9094", peer + 1)).collect();
        let mut cluster = Cluster::new(options, fastrand::Rng::with_seed(self.rng.u64(..)), now);
        for entry in node.kept.drain(..) {
            cluster.restore(now.wall, entry);
        }
        cluster.join(now, &self.configured());
        cluster.settle(now, Duration::from_mins(1));
        self.nodes[index].cluster = Some(cluster);
        self.pump(index);
    }

    fn configured(&self) -> Vec<SocketAddr> {
        self.nodes.iter().take(3).map(|node| node.addr).collect()
    }

    /// Ends the process of a node, as kill -9 does; its journal keeps what it knew.
    pub(crate) fn kill(&mut self, index: usize) {
        if let Some(cluster) = self.nodes[index].cluster.take() {
            let states = StateKey::ALL.into_iter().filter_map(|key| cluster.state(key));
            self.nodes[index].kept = states.flat_map(|state| state.entries().cloned()).collect();
        }
    }

    pub(crate) fn alive(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|index| self.nodes[*index].cluster.is_some()).collect()
    }

    /// A change made at a node.
    pub(crate) fn set(&mut self, index: usize, entry: Entry) {
        let now = self.moment();
        if let Some(cluster) = &mut self.nodes[index].cluster {
            cluster.set(now, entry);
        }
        self.pump(index);
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.next_step().filter(|next| *next <= end) {
            self.now = next;
            self.step();
        }
        self.now = end;
    }

    fn next_step(&self) -> Option<Duration> {
        let timers = self.nodes.iter().filter_map(|node| node.cluster.as_ref()).map(Cluster::next_timeout);
        let events = self.events.first_key_value().map(|((at, _), _)| *at);
        timers.chain(events).min()
    }

    fn step(&mut self) {
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let event = entry.remove();
            self.happen(event);
        }
        let now = self.moment();
        for index in 0..self.nodes.len() {
            if let Some(cluster) = &mut self.nodes[index].cluster
                && cluster.next_timeout() <= now.elapsed
            {
                cluster.handle_timeout(now);
                self.pump(index);
            }
        }
    }

    fn index_of(&self, addr: SocketAddr) -> Option<usize> {
        self.nodes.iter().position(|node| node.addr == addr)
    }

    fn connected(&self, from: usize, to: usize) -> bool {
        self.nodes[from].group == self.nodes[to].group
    }

    fn happen(&mut self, event: Event) {
        let now = self.moment();
        match event {
            Event::Packet { from, to, packet } => {
                let (Some(sender), Some(receiver)) = (self.index_of(from), self.index_of(to)) else { return };
                if self.connected(sender, receiver)
                    && let Some(cluster) = &mut self.nodes[receiver].cluster
                {
                    self.digest =
                        self.digest.rotate_left(5) ^ now.elapsed.as_nanos() as u64 ^ packet.len() as u64;
                    cluster.handle_packet(now, from, &packet);
                    self.pump(receiver);
                }
            }
            Event::Request { node, life, id, to, request, reply } => {
                self.deliver_request(node, life, id, to, &request, reply);
            }
            Event::Outcome { node, life, id, outcome } => {
                if self.nodes[node].life == life
                    && let Some(cluster) = &mut self.nodes[node].cluster
                {
                    let outcome =
                        outcome.map(|bytes| bytes.map(|bytes| decoded(&bytes, StreamDecoder::reply())));
                    cluster.handle_dialled(now, id, outcome);
                    self.pump(node);
                }
            }
        }
    }

    fn deliver_request(
        &mut self,
        node: usize,
        life: u32,
        id: DialId,
        to: SocketAddr,
        request: &[u8],
        reply: bool,
    ) {
        let receiver = self.index_of(to).filter(|receiver| self.connected(node, *receiver));
        let (after, outcome) = match receiver {
            None => (10 * SECOND, Err("timeout".to_owned())),
            Some(receiver) => {
                let (now, from) = (self.moment(), self.nodes[node].addr);
                match &mut self.nodes[receiver].cluster {
                    None => (Duration::from_millis(1), Err("connection refused".to_owned())),
                    Some(cluster) => {
                        let message = decoded(request, StreamDecoder::request(""));
                        let answer = cluster.handle_stream(now, from, message);
                        self.pump(receiver);
                        let answer = answer.filter(|_| reply).map(|answer| answer.encode());
                        (self.delay(), Ok(answer))
                    }
                }
            }
        };
        self.schedule(after, Event::Outcome { node, life, id, outcome });
    }

    fn delay(&mut self) -> Duration {
        self.weather.slowest.mul_f64(self.rng.f64().powi(3)) + Duration::from_micros(100)
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.next_event += 1;
        self.events.insert((self.now + after, self.next_event), event);
    }

    fn pump(&mut self, index: usize) {
        let (from, life) = (self.nodes[index].addr, self.nodes[index].life);
        while let Some(output) = self.nodes[index].cluster.as_mut().and_then(Cluster::poll) {
            match output {
                Output::Packet { to, packet } => {
                    if self.rng.f64() >= self.weather.loss {
                        let after = self.delay();
                        if self.rng.f64() < self.weather.duplication {
                            let again = self.delay();
                            self.schedule(again, Event::Packet { from, to, packet: packet.clone() });
                        }
                        self.schedule(after, Event::Packet { from, to, packet });
                    }
                }
                Output::Dial { id, to, request, reply, .. } => {
                    let after = self.delay();
                    let request = request.encode();
                    self.schedule(after, Event::Request { node: index, life, id, to, request, reply });
                }
                Output::Resolve => {
                    let configured = self.configured();
                    if let Some(cluster) = &mut self.nodes[index].cluster {
                        cluster.handle_resolved(&configured);
                    }
                }
                Output::Changed(_) | Output::Event(_) | Output::OversizeSent { .. } => {}
            }
        }
    }

    /// Whether every node sees exactly the nodes that it can reach.
    pub(crate) fn sees_what_is_there(&self) -> bool {
        self.alive().into_iter().all(|index| {
            let reachable: BTreeSet<SocketAddr> = self
                .nodes
                .iter()
                .filter(|node| node.cluster.is_some() && node.group == self.nodes[index].group)
                .map(|node| node.addr)
                .collect();
            let cluster = self.nodes[index].cluster.as_ref();
            cluster.is_some_and(|cluster| {
                cluster.members().members().map(|node| node.addr).collect::<BTreeSet<_>>() == reachable
            })
        })
    }

    /// What is not the same everywhere: the members or the state of a node that differ from the first one's.
    pub(crate) fn disagreement(&self) -> Option<String> {
        let alive = self.alive();
        let expected: BTreeSet<SocketAddr> = alive.iter().map(|index| self.nodes[*index].addr).collect();
        let mut first: Option<(usize, Vec<&Entry>)> = None;
        for index in alive {
            let cluster = self.nodes[index].cluster.as_ref()?;
            let members: BTreeSet<SocketAddr> = cluster.members().members().map(|node| node.addr).collect();
            if members != expected {
                return Some(format!("node {index} sees {} of {} members", members.len(), expected.len()));
            }
            let states = StateKey::ALL.into_iter().filter_map(|key| cluster.state(key));
            let entries: Vec<&Entry> = states.flat_map(|state| state.entries()).collect();
            match &first {
                None => first = Some((index, entries)),
                Some((other, same)) if *same != entries => {
                    return Some(format!("nodes {other} and {index} hold different states"));
                }
                Some(_) => {}
            }
        }
        None
    }
}

fn decoded(bytes: &[u8], mut decoder: StreamDecoder) -> StreamMessage {
    decoder.raise_limit();
    decoder.push(bytes).expect("our own message").expect("a whole message")
}
