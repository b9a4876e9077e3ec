//! The node as a task: the state machine of [`super::cluster`] with sockets, a clock and names that are resolved.
//!
//! [`Peer`] is the handle that everybody else has; the task behind it owns the state and ends when the node has left,
//! or when the last handle is gone.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::cluster::{self, Cluster, DialId, Now, Output, Status};
use super::membership::{self, Event};
use super::metrics::Metrics;
use super::pending::Pending;
use super::resolve::{resolve, wait_for_peers};
use super::state::{Entry, EntryError, Replica, StateKey};
use super::transport::{Inbound, TlsCounters, Transport};
use super::wire::{MAX_NAME, StreamMessage};
use super::{GossipError, advertise};
use crate::model::Timestamp;
use crate::net::PeerTls;

/// The calendar's time, which only the daemon reads.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How to take part in a cluster.
pub struct PeerOptions {
    /// Names, intervals and bounds. Its address is set from [`Self::listen`] and [`Self::advertise`].
    pub cluster: cluster::Options,
    /// `--cluster.listen-address`; port 0 finds a free one.
    pub listen: SocketAddr,
    /// `--cluster.advertise-address`.
    pub advertise: Option<SocketAddr>,
    /// `--cluster.allow-insecure-public-advertise-address-discovery`.
    pub allow_public_advertise: bool,
    /// How long names of peers may take to resolve at the start (`--cluster.peers-resolve-timeout`).
    pub resolve_timeout: Duration,
    /// From `--cluster.tls-config`.
    pub tls: Option<PeerTls>,
    /// The calendar.
    pub clock: Clock,
    /// What decides whom this node probes and tells.
    pub seed: u64,
    /// Where durations are observed.
    pub metrics: Option<Metrics>,
}

impl fmt::Debug for PeerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerOptions")
            .field("cluster", &self.cluster)
            .field("listen", &self.listen)
            .field("advertise", &self.advertise)
            .finish_non_exhaustive()
    }
}

impl PeerOptions {
    /// A node that listens on `listen`, with Alertmanager's defaults.
    #[must_use]
    pub fn new(name: &str, listen: SocketAddr, clock: Clock, seed: u64) -> Self {
        Self {
            cluster: cluster::Options::new(name, listen),
            listen,
            advertise: None,
            allow_public_advertise: false,
            resolve_timeout: Duration::from_secs(15),
            tls: None,
            clock,
            seed,
            metrics: None,
        }
    }
}

/// What this node knows of the cluster, for the API and for notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView {
    /// Our name.
    pub name: String,
    /// Whether notifications may go out.
    pub status: Status,
    /// How many members come before us.
    pub position: usize,
    /// Names and addresses of the members, by name.
    pub members: Vec<(String, SocketAddr)>,
}

/// What is counted, as it was at most a second ago.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names are those of the metrics")]
pub struct Snapshot {
    pub cluster: cluster::Counters,
    pub membership: membership::Counters,
    pub members: usize,
    pub failed_peers: usize,
    pub health_score: u32,
    pub messages_queued: usize,
    pub messages_pruned: u64,
    pub position: usize,
    pub packets_dropped: u64,
    pub tls: Option<TlsCounters>,
    pub last_contact: Option<Timestamp>,
}

enum Command {
    Restore { entries: Vec<Entry>, done: oneshot::Sender<()> },
    Join { addrs: Vec<SocketAddr> },
    Settle { timeout: Duration },
    Leave { timeout: Duration, done: oneshot::Sender<()> },
    Entries { key: StateKey, answer: oneshot::Sender<Vec<Entry>> },
}

/// The most commands that wait; whoever gives more waits.
const COMMANDS: usize = 64;
/// The most outcomes of dials that wait; dials beyond wait to report.
const REPORTS: usize = 256;
/// Packets that are handled before timers get their turn.
const BURST: usize = 64;
/// A timer so late means that the process was stopped.
const STOPPED: Duration = Duration::from_millis(100);
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);

/// A handle to this node's part in the cluster.
#[derive(Clone)]
pub struct Peer {
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<ClusterView>,
    shared: Arc<Shared>,
    peers: Arc<[String]>,
    resolve_timeout: Duration,
    listening: SocketAddr,
}

#[derive(Debug, Default)]
struct Shared {
    outgoing: Pending,
    changes: BTreeMap<StateKey, Pending>,
    snapshot: Mutex<Snapshot>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("view", &*self.view.borrow()).finish_non_exhaustive()
    }
}

impl Peer {
    /// Opens the sockets and starts the node, alone as yet: first [`Self::add_state`] and [`Self::restore`], then [`Self::join`] and
    /// [`Self::settle`].
    pub async fn start(mut options: PeerOptions) -> Result<Self, GossipError> {
        let label = options.cluster.membership.label.clone();
        if label.len() > usize::from(u8::MAX) {
            return Err(GossipError::LabelTooLong(label.len()));
        }
        let name_len = options.cluster.name.len();
        if name_len == 0 || name_len > MAX_NAME {
            return Err(GossipError::BadName(name_len));
        }
        let timeout = options.cluster.membership.tcp_timeout;
        let (mut transport, inbound) =
            Transport::bind(options.listen, &label, timeout, options.tls.take()).await?;
        let listening = transport.listening();
        let advertised =
            advertise::advertise_addr(options.advertise, listening, options.allow_public_advertise)?;
        transport.set_advertised(advertised);
        options.cluster.advertise = advertised;
        let peers: Arc<[String]> = options.cluster.peers.clone().into();
        let shared = Arc::new(Shared {
            changes: StateKey::ALL.map(|key| (key, Pending::default())).into(),
            ..Default::default()
        });
        let started = Instant::now();
        let now = Now { elapsed: Duration::ZERO, wall: (options.clock)() };
        let cluster = Cluster::new(options.cluster, fastrand::Rng::with_seed(options.seed), now);
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (reporter, reports) = mpsc::channel(REPORTS);
        let (viewer, view) = watch::channel(view_of(&cluster));
        let node = Node {
            cluster,
            transport,
            clock: options.clock,
            started,
            shared: shared.clone(),
            viewer,
            metrics: options.metrics,
            dials: JoinSet::new(),
            reporter,
            peers: peers.clone(),
            leaving: None,
            snapshot_due: Duration::ZERO,
        };
        tokio::spawn(node.run(command_queue, inbound, reports));
        Ok(Self { commands, view, shared, peers, resolve_timeout: options.resolve_timeout, listening })
    }

    /// Shares the state `key`. What the channel is told goes to everybody; what others tell comes from it.
    #[must_use]
    pub fn add_state(&self, key: StateKey) -> Channel {
        Channel { key, shared: self.shared.clone() }
    }

    /// Takes what is known from before; nobody is told until [`Self::join`].
    pub async fn restore(&self, entries: Vec<Entry>) -> Result<(), GossipError> {
        let (done, restored) = oneshot::channel();
        self.command(Command::Restore { entries, done }).await?;
        restored.await.or(Err(GossipError::Stopped))
    }

    /// Joins the configured peers, once their names resolve. Peers that cannot be reached are tried again in the
    /// background; that none can is no error.
    pub async fn join(&self) -> Result<(), GossipError> {
        let addrs = wait_for_peers(&self.peers, self.resolve_timeout).await;
        self.command(Command::Join { addrs }).await
    }

    /// Waits until the number of members holds still, at most `timeout`; at once where that is zero
    /// (`--cluster.settle-timeout`).
    pub async fn settle(&self, timeout: Duration) -> Result<(), GossipError> {
        self.command(Command::Settle { timeout }).await?;
        let mut view = self.view.clone();
        let settled = view.wait_for(|view| view.status == Status::Ready).await;
        settled.map(|_| ()).or(Err(GossipError::Stopped))
    }

    /// Tells the others that this node leaves, for at most `timeout`, and ends it.
    pub async fn leave(&self, timeout: Duration) {
        let (done, left) = oneshot::channel();
        if self.command(Command::Leave { timeout, done }).await.is_ok() {
            // An error says that the task has ended, which is what was wanted.
            left.await.ok();
        }
    }

    /// How many peer timeouts a notification waits: the members whose name sorts before ours.
    #[must_use]
    pub fn position(&self) -> usize {
        self.view.borrow().position
    }

    /// Members, position and status, as they are now.
    #[must_use]
    pub fn view(&self) -> ClusterView {
        self.view.borrow().clone()
    }

    /// The same, to be told of changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ClusterView> {
        self.view.clone()
    }

    /// Where the sockets listen.
    #[must_use]
    pub fn listening(&self) -> SocketAddr {
        self.listening
    }

    /// What is counted.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The entries of the state `key` as the cluster knows them.
    pub async fn entries(&self, key: StateKey) -> Result<Vec<Entry>, GossipError> {
        let (answer, entries) = oneshot::channel();
        self.command(Command::Entries { key, answer }).await?;
        entries.await.or(Err(GossipError::Stopped))
    }

    async fn command(&self, command: Command) -> Result<(), GossipError> {
        self.commands.send(command).await.or(Err(GossipError::Stopped))
    }
}

/// The way of one state's changes to and from the cluster.
#[derive(Debug, Clone)]
pub struct Channel {
    key: StateKey,
    shared: Arc<Shared>,
}

impl Channel {
    /// Tells everybody of a change made here: the bytes of a `MeshSilence` or `MeshEntry`. Never waits; if the cluster
    /// is slow, only the newest version of each entry is kept.
    pub fn broadcast(&self, entry: Bytes) -> Result<(), EntryError> {
        self.shared.outgoing.put(Entry::decode(self.key, entry)?);
        Ok(())
    }

    /// Waits for changes made elsewhere, and takes all there are: the newest version of each entry.
    pub async fn changes(&self) -> Vec<Entry> {
        match self.shared.changes.get(&self.key) {
            Some(changes) => changes.take().await,
            None => std::future::pending().await,
        }
    }
}

enum Report {
    Dialled(DialId, Result<Option<StreamMessage>, String>),
    Resolved(Vec<SocketAddr>),
}

/// What the task owns.
struct Node {
    cluster: Cluster,
    transport: Transport,
    clock: Clock,
    started: Instant,
    shared: Arc<Shared>,
    viewer: watch::Sender<ClusterView>,
    metrics: Option<Metrics>,
    dials: JoinSet<()>,
    reporter: mpsc::Sender<Report>,
    peers: Arc<[String]>,
    leaving: Option<(Instant, oneshot::Sender<()>)>,
    snapshot_due: Duration,
}

impl Node {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut inbound: mpsc::Receiver<Inbound>,
        mut reports: mpsc::Receiver<Report>,
    ) {
        let shared = self.shared.clone();
        loop {
            self.work(&mut inbound).await;
            if self.has_left() {
                break;
            }
            let mut due = self.started + self.cluster.next_timeout();
            if let Some((deadline, _)) = &self.leaving {
                due = due.min(*deadline);
            }
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.handle_command(command),
                    None => break,
                },
                Some(report) = reports.recv() => self.handle_report(report),
                Some(arrival) = inbound.recv() => self.handle_arrival(arrival),
                entries = shared.outgoing.take() => for entry in entries {
                    let now = self.now();
                    self.cluster.set(now, entry);
                },
                Some(_) = self.dials.join_next() => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
        if let Some((_, done)) = self.leaving.take() {
            // Whoever wanted to know may have given up waiting.
            done.send(()).ok();
        }
    }

    fn now(&self) -> Now {
        Now { elapsed: self.started.elapsed(), wall: (self.clock)() }
    }

    /// Handles a burst of arrivals, lets due timers work, and does what comes out.
    async fn work(&mut self, inbound: &mut mpsc::Receiver<Inbound>) {
        self.drain(inbound);
        let late = self.started.elapsed().saturating_sub(self.cluster.next_timeout());
        if late > STOPPED {
            // The process was stopped: the answers that wait in the sockets are read before anybody is suspected.
            for _ in 0..BURST {
                tokio::task::yield_now().await;
                self.drain(inbound);
            }
        }
        let now = self.now();
        if self.cluster.next_timeout() <= now.elapsed {
            self.cluster.handle_timeout(now);
        }
        let mut members_changed = false;
        while let Some(output) = self.cluster.poll() {
            members_changed |= matches!(output, Output::Event(_));
            self.perform(output);
        }
        self.publish(now, members_changed);
    }

    fn drain(&mut self, inbound: &mut mpsc::Receiver<Inbound>) {
        for _ in 0..BURST {
            let Ok(arrival) = inbound.try_recv() else { break };
            self.handle_arrival(arrival);
        }
    }

    fn handle_command(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Restore { entries, done } => {
                for entry in entries {
                    self.cluster.restore(now.wall, entry);
                }
                done.send(()).ok();
            }
            Command::Join { addrs } => self.cluster.join(now, &addrs),
            Command::Settle { timeout } => self.cluster.settle(now, timeout),
            Command::Leave { timeout, done } => {
                self.cluster.leave(now);
                self.leaving = Some((Instant::now() + timeout, done));
            }
            Command::Entries { key, answer } => {
                let entries = self.cluster.state(key).into_iter().flat_map(Replica::entries);
                answer.send(entries.cloned().collect()).ok();
            }
        }
    }

    fn handle_arrival(&mut self, arrival: Inbound) {
        let now = self.now();
        match arrival {
            Inbound::Packet { from, packet } => self.cluster.handle_packet(now, from, &packet),
            Inbound::Stream { from, message, answer } => {
                // The connection may be gone by now; then nobody wants the answer.
                answer.send(self.cluster.handle_stream(now, from, message)).ok();
            }
        }
    }

    fn handle_report(&mut self, report: Report) {
        let now = self.now();
        match report {
            Report::Dialled(id, outcome) => self.cluster.handle_dialled(now, id, outcome),
            Report::Resolved(addrs) => self.cluster.handle_resolved(&addrs),
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Packet { to, packet } => self.transport.send_packet(to, packet),
            Output::Dial { id, to, request, reply, timeout } => {
                let (dial, reporter) =
                    (self.transport.dial(to, request, reply, timeout), self.reporter.clone());
                self.dials.spawn(async move {
                    // The node may have left meanwhile; then the outcome matters to nobody.
                    reporter.send(Report::Dialled(id, dial.await)).await.ok();
                });
            }
            Output::Resolve => {
                let (peers, reporter) = (self.peers.clone(), self.reporter.clone());
                self.dials.spawn(async move {
                    reporter.send(Report::Resolved(resolve(&peers).await)).await.ok();
                });
            }
            Output::Changed(entry) => {
                if let Some(changes) = self.shared.changes.get(&entry.key) {
                    changes.put(entry);
                }
            }
            Output::Event(event) => self.log(&event),
            Output::OversizeSent { key, after } => {
                if let Some(metrics) = &self.metrics {
                    metrics.observe_oversize(key, after);
                }
            }
        }
    }

    fn log(&self, event: &Event) {
        match event {
            Event::Joined { name, addr, .. } => {
                tracing::info!(component = "cluster", peer = %name, address = %addr, "peer joined");
            }
            Event::Left { name, addr, gracefully } => {
                tracing::info!(component = "cluster", peer = %name, address = %addr, gracefully, "peer left");
            }
            Event::Updated { name } => tracing::debug!(component = "cluster", peer = %name, "peer updated"),
            Event::Suspected { name, from } => {
                tracing::debug!(component = "cluster", peer = %name, from, "peer suspected");
            }
            Event::Conflict { name, known, other } => tracing::warn!(
                component = "cluster", peer = %name, address = %known, other = %other,
                "two peers have one name; the other is ignored until the first is gone"
            ),
            Event::OnlyTcp { name } => tracing::warn!(
                component = "cluster", peer = %name,
                "peer answers over TCP but not over UDP: is UDP blocked between us?"
            ),
            Event::Refuted { incarnation, .. } => {
                tracing::debug!(component = "cluster", incarnation, "refuted an accusation");
            }
            Event::Acked { name, after } => {
                if let Some(metrics) = &self.metrics {
                    metrics.observe_ping(name, *after);
                }
            }
        }
    }

    fn publish(&mut self, now: Now, members_changed: bool) {
        if members_changed || now.elapsed >= self.snapshot_due {
            self.snapshot_due = now.elapsed + SNAPSHOT_INTERVAL;
            let snapshot = self.snapshot();
            *self.shared.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
        }
        if members_changed || self.viewer.borrow().status != self.cluster.status() {
            let view = view_of(&self.cluster);
            self.viewer.send_if_modified(|current| {
                let changed = *current != view;
                *current = view;
                changed
            });
        }
    }

    fn snapshot(&self) -> Snapshot {
        let members = self.cluster.members();
        let (messages_queued, messages_pruned) = members.user_queue();
        Snapshot {
            cluster: self.cluster.counters().clone(),
            membership: members.counters().clone(),
            members: members.member_count(),
            failed_peers: self.cluster.failed_peers(),
            health_score: members.health_score(),
            messages_queued,
            messages_pruned,
            position: self.cluster.position(),
            packets_dropped: self.transport.dropped(),
            tls: self.transport.tls_counters(),
            last_contact: self.cluster.last_contact(),
        }
    }

    fn has_left(&self) -> bool {
        self.leaving
            .as_ref()
            .is_some_and(|(deadline, _)| self.cluster.has_left() || *deadline <= Instant::now())
    }
}

fn view_of(cluster: &Cluster) -> ClusterView {
    let members = cluster.members();
    ClusterView {
        name: members.name().to_string(),
        status: cluster.status(),
        position: cluster.position(),
        members: members.members().map(|node| (node.name.to_string(), node.addr)).collect(),
    }
}
