//! The notifier manager: its handle, and the one task that owns every set, queue and back-off.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use super::alertmanager::{Alertmanager, Busy, Step};
use super::item::Item;
use super::metrics::Metrics;
use super::post::{BoxFuture, Post, PostRequest, Verdict};
use super::queue::{Batch, Queue, Queued};
use super::set::{AlertmanagerSet, SetConfig};
use super::view::{Discovered, QueueView};
use crate::config::ConfigHash;
use crate::discovery::{TargetGroup, TargetSets};
use crate::model::{Accepted, Destination, Outcome, Refill, Timestamp, Told};

/// How many accepted states may wait for the manager's task. It takes them at once, whatever the Alertmanagers do; if
/// more arrive before it runs, the states stay in the store and every Alertmanager is refilled from there.
const INBOX_MAX: usize = 65_536;

/// The store of alerts, as the manager needs it: implemented by the daemon over the engine's mailbox.
///
/// Calls that one caller makes one after the other must take effect in that order, and those that [`Manager::send`]
/// was called for before a refill is answered are in the answer.
pub trait Store: Send + Sync {
    /// These are the Alertmanagers that have to be told, and those that are gone and still being drained.
    fn destinations(&self, active: Vec<Destination>, draining: Vec<Destination>) -> BoxFuture<()>;
    /// This is what became of states at a destination.
    fn report(&self, destination: Destination, told: Vec<Told>) -> BoxFuture<()>;
    /// What does this destination have to be told, at most `limit` states? (See `Engine::refill`.)
    fn refill(&self, destination: Destination, forgotten: bool, limit: usize) -> BoxFuture<Refill>;
}

/// The wall clock, as a function.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the manager is told at its start.
#[derive(Clone)]
pub struct Options {
    /// `--alertmanager.notification-queue-capacity`: alerts a queue, 10000 by default.
    pub queue_capacity: usize,
    /// `--alertmanager.notification-batch-size`: alerts a request, 256 by default and for 0.
    pub max_batch_size: usize,
    /// `--alertmanager.drain-notification-queue-on-shutdown`: whether what is queued is still sent when we stop and
    /// when an Alertmanager is no longer discovered.
    pub drain_on_shutdown: bool,
    /// How long stopping may take, and draining an Alertmanager that is gone.
    pub drain_timeout: Duration,
    /// How long after its `endsAt` an end is still told.
    pub end_expiry: Duration,
    /// Who we are, for the header `Tocsin-Path`.
    pub id: Arc<str>,
    /// Our own TCP listeners: nothing is forwarded to them.
    pub listeners: Vec<SocketAddr>,
    /// The wall clock.
    pub clock: Clock,
    /// Seeds the jitter of back-offs.
    pub seed: u64,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A configuration with its clients built: putting it into effect cannot fail.
#[derive(Debug)]
pub struct Prepared {
    /// Each entry with its client, in the order of the file.
    pub sets: Vec<(SetConfig, Arc<dyn Post>)>,
}

/// The handle of the notifier manager, cheap to clone; [`Manager::run`] is its task.
#[derive(Debug, Clone)]
pub struct Manager(Arc<Shared>);

struct Shared {
    options: Options,
    store: Arc<dyn Store>,
    metrics: Metrics,
    /// What the task has not yet taken. Held for a push or a swap, never across an await.
    inbox: Mutex<Inbox>,
    /// Says that there is something to do: a channel of one slot, full while the signal stands.
    more: mpsc::Sender<()>,
    more_receiver: Mutex<Option<mpsc::Receiver<()>>>,
    stopping: watch::Sender<bool>,
    discovered: watch::Sender<Arc<Discovered>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Inbox {
    alerts: Vec<Accepted>,
    overflowed: bool,
    config: Option<Prepared>,
    views: Vec<oneshot::Sender<Vec<QueueView>>>,
}

/// An Alertmanager that is gone, with what is needed to drain it.
#[derive(Debug)]
struct Gone {
    alertmanager: Alertmanager,
    client: Arc<dyn Post>,
    timeout: Duration,
}

/// What the task owns.
#[derive(Debug)]
struct State {
    sets: BTreeMap<ConfigHash, AlertmanagerSet>,
    gone: Vec<Gone>,
    targets: TargetSets,
    tasks: JoinSet<Done>,
    random: fastrand::Rng,
    /// The destinations that the store was told last.
    told: (Vec<Destination>, Vec<Destination>),
}

/// What a task for an Alertmanager has done.
#[derive(Debug)]
enum Done {
    Posted {
        destination: Destination,
        batch: Batch,
        verdict: Verdict,
        tocsin: Option<Arc<str>>,
        took: Duration,
    },
    Refilled {
        destination: Destination,
        refill: Refill,
    },
    Reported {
        destination: Destination,
    },
}

impl Manager {
    /// A manager without Alertmanagers; nothing happens until [`Self::run`].
    #[must_use]
    pub fn new(mut options: Options, store: Arc<dyn Store>, metrics: Metrics) -> Self {
        if options.max_batch_size == 0 {
            options.max_batch_size = 256;
        }
        let (more, more_receiver) = mpsc::channel(1);
        Self(Arc::new(Shared {
            options,
            store,
            metrics,
            inbox: Mutex::default(),
            more,
            more_receiver: Mutex::new(Some(more_receiver)),
            stopping: watch::Sender::new(false),
            discovered: watch::Sender::default(),
        }))
    }

    /// Takes accepted states, to be sent to every Alertmanager. Never waits, and loses nothing: what does not fit
    /// is in the store.
    pub fn send(&self, alerts: Vec<Accepted>) {
        if alerts.is_empty() {
            return;
        }
        {
            let mut inbox = self.inbox();
            if inbox.alerts.len() + alerts.len() > INBOX_MAX {
                inbox.overflowed = true;
                self.0.metrics.inbox_overflows.inc();
            } else {
                inbox.alerts.extend(alerts);
            }
        }
        self.set_more();
    }

    /// Puts a configuration into effect. Sets whose entries are still there, wherever they moved, keep their
    /// Alertmanagers and queues.
    pub fn apply_config(&self, config: Prepared) {
        self.inbox().config = Some(config);
        self.set_more();
    }

    /// Asks the task to end; [`Self::run`] returns when the queues are drained or the time for that is over.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Says that there is something to do. A signal that stands already is not doubled.
    pub fn set_more(&self) {
        // Full: the signal stands. Closed: the manager has stopped, and the store keeps what there is to do.
        let _standing = self.0.more.try_send(());
    }

    /// The Alertmanagers as they are now: active and dropped.
    #[must_use]
    pub fn alertmanagers(&self) -> Arc<Discovered> {
        Arc::clone(&self.0.discovered.borrow())
    }

    /// Every queue as it is now; nothing once the manager has stopped.
    pub async fn queues(&self) -> Vec<QueueView> {
        let (sender, receiver) = oneshot::channel();
        self.inbox().views.push(sender);
        self.set_more();
        tokio::select! {
            views = receiver => views.unwrap_or_default(),
            () = self.0.more.closed() => Vec::new(),
        }
    }

    /// The manager's task: takes states, targets and configurations and keeps a request in flight for every
    /// Alertmanager that has something to be told, until [`Self::stop`]. `targets` are by the set's hash in hexadecimal;
    /// when they end, the last ones stay. A second task ends at once.
    pub async fn run(&self, mut targets: mpsc::Receiver<TargetSets>) {
        let receiver = self.0.more_receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut more) = receiver else { return };
        let mut state = State {
            sets: BTreeMap::new(),
            gone: Vec::new(),
            targets: TargetSets::new(),
            tasks: JoinSet::new(),
            random: fastrand::Rng::with_seed(self.0.options.seed),
            told: Default::default(),
        };
        let mut stopping = self.0.stopping.subscribe();
        let mut discovering = true;
        while !*stopping.borrow_and_update() {
            let wake = state.next_back_off(Instant::now());
            tokio::select! {
                biased;
                _ = stopping.changed() => break,
                groups = targets.recv(), if discovering => match groups {
                    Some(groups) => self.reload(&mut state, groups),
                    None => discovering = false,
                },
                Some(done) = state.tasks.join_next(), if !state.tasks.is_empty() => self.finish(&mut state, done),
                _ = more.recv() => {}
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
            self.take_inbox(&mut state);
            self.tell_destinations(&mut state).await;
            self.send_all(&mut state);
            self.publish(&state);
        }
        self.drain(&mut state).await;
    }

    /// New target groups: every set works out who is active and who is dropped.
    fn reload(&self, state: &mut State, groups: TargetSets) {
        for id in groups.keys() {
            if !state.sets.keys().any(|hash| hash.to_string() == *id) {
                // Discovery is ahead of us, or behind: the next configuration brings the set, or the next groups
                // are without it.
                tracing::debug!(component = "notifier", id, "target groups of a set that is not configured");
            }
        }
        state.targets = groups;
        let hashes: Vec<ConfigHash> = state.sets.keys().copied().collect();
        for hash in hashes {
            self.sync(state, hash);
        }
    }

    fn sync(&self, state: &mut State, hash: ConfigHash) {
        let none: &[TargetGroup] = &[];
        let groups = state.targets.get(&hash.to_string()).map_or(none, Vec::as_slice);
        let Some(set) = state.sets.get_mut(&hash) else { return };
        let synced = set.sync(groups, &self.0.options.listeners);
        for err in &synced.errors {
            error!(component = "notifier", err, "Creating discovered Alertmanagers failed");
        }
        for url in &synced.own {
            error!(component = "notifier", alertmanager = %url, "Not forwarding to our own listener");
        }
        let removed: Vec<Alertmanager> =
            synced.disappeared.iter().filter_map(|url| set.remove(url)).collect();
        let (client, timeout) = (Arc::clone(&set.client), set.config.timeout);
        for url in synced.appeared {
            let destination = Destination { set: *hash.as_bytes(), url };
            let back = state.gone.iter().position(|gone| gone.alertmanager.destination == destination);
            let alertmanager = match back {
                Some(place) => {
                    let mut back = state.gone.swap_remove(place).alertmanager;
                    back.drain_until = None;
                    back.refill_due(true);
                    back
                }
                None => {
                    self.0.metrics.add(&destination.url, self.0.options.queue_capacity);
                    let options = &self.0.options;
                    Alertmanager::new(destination, Queue::new(options.queue_capacity, options.end_expiry))
                }
            };
            if let Some(set) = state.sets.get_mut(&hash) {
                set.insert(alertmanager);
            }
        }
        for alertmanager in removed {
            self.let_go(state, Gone { alertmanager, client: Arc::clone(&client), timeout });
        }
    }

    fn apply(&self, state: &mut State, config: Prepared) {
        let mut old = std::mem::take(&mut state.sets);
        for (config, client) in config.sets {
            let hash = config.hash;
            if state.sets.contains_key(&hash) {
                warn!(component = "notifier", set = %hash, "Two entries of alerting.alertmanagers are the same: they are one");
                continue;
            }
            let set = old.remove(&hash).unwrap_or_else(|| AlertmanagerSet::new(config, client));
            state.sets.insert(hash, set);
        }
        let hashes: Vec<ConfigHash> = state.sets.keys().copied().collect();
        for hash in hashes {
            self.sync(state, hash);
        }
        for (_, mut set) in old {
            let urls: Vec<Arc<str>> = set.active().map(|am| Arc::clone(&am.destination.url)).collect();
            for alertmanager in urls.iter().filter_map(|url| set.remove(url)).collect::<Vec<_>>() {
                let (client, timeout) = (Arc::clone(&set.client), set.config.timeout);
                self.let_go(state, Gone { alertmanager, client, timeout });
            }
        }
    }

    /// An Alertmanager is no longer discovered or configured: its queue is drained in the background, unless that is
    /// off, it does not answer, or another set sends to the same URL.
    fn let_go(&self, state: &mut State, mut gone: Gone) {
        let alertmanager = &mut gone.alertmanager;
        let url = Arc::clone(&alertmanager.destination.url);
        let elsewhere =
            state.sets.values().flat_map(AlertmanagerSet::active).any(|am| am.destination.url == url);
        if !self.0.options.drain_on_shutdown || alertmanager.is_failing() || elsewhere {
            let count = alertmanager.clear();
            if count > 0 && !elsewhere {
                warn!(component = "notifier", alertmanager = %url, count, "Alertmanager is gone, giving up its queue");
                self.0.metrics.dropped.with_label_values(&[&url]).inc_by(count as f64);
            }
        }
        alertmanager.drain_until = Some(Instant::now() + self.0.options.drain_timeout);
        state.gone.push(gone);
    }

    /// Takes over what others have left for the task.
    fn take_inbox(&self, state: &mut State) {
        let inbox = std::mem::take(&mut *self.inbox());
        if let Some(config) = inbox.config {
            self.apply(state, config);
        }
        if inbox.overflowed {
            state.sets.values_mut().flat_map(AlertmanagerSet::active_mut).for_each(|am| am.refill_due(false));
        }
        let now = (self.0.options.clock)();
        if !inbox.alerts.is_empty() {
            let items: Vec<Arc<Item>> = inbox.alerts.into_iter().map(Item::new).collect();
            for set in state.sets.values_mut() {
                self.push(set, &items, now);
            }
        }
        if !inbox.views.is_empty() {
            let views = state.views(Instant::now(), now);
            for sender in inbox.views {
                // Whoever asked may have gone.
                let _gone = sender.send(views.clone());
            }
        }
    }

    fn push(&self, set: &mut AlertmanagerSet, items: &[Arc<Item>], now: Timestamp) {
        let relabelled = set.relabels().then(|| set.relabel(items));
        let (items, dropped) = match &relabelled {
            Some((kept, dropped)) => (kept.as_slice(), dropped.as_slice()),
            None => (items, &[][..]),
        };
        for alertmanager in set.active_mut() {
            // A repeat that is dropped again says nothing new; a refill lists it once.
            alertmanager.suppress(dropped.iter().filter(|item| item.accepted.change.is_some()));
            let behind = alertmanager.queue.is_behind();
            let count = alertmanager.push(items, now);
            if count > 0 && !behind {
                warn!(
                    component = "notifier",
                    alertmanager = %alertmanager.destination.url,
                    count,
                    "Alert notification queue full, the oldest alerts will follow from the store"
                );
            }
        }
    }

    /// Tells the store whom there is to tell, if that has changed.
    async fn tell_destinations(&self, state: &mut State) {
        state.gone.retain(|gone| {
            let done = gone.alertmanager.is_idle();
            if done {
                self.0.metrics.remove(&gone.alertmanager.destination.url);
            }
            !done
        });
        let mut active: Vec<Destination> =
            state.sets.values().flat_map(AlertmanagerSet::active).map(|am| am.destination.clone()).collect();
        active.sort_unstable();
        let mut draining: Vec<Destination> =
            state.gone.iter().map(|gone| gone.alertmanager.destination.clone()).collect();
        draining.sort_unstable();
        if state.told != (active.clone(), draining.clone()) {
            self.0.store.destinations(active.clone(), draining.clone()).await;
            state.told = (active, draining);
        }
    }

    /// Starts what can be done now for every Alertmanager; none waits for another.
    fn send_all(&self, state: &mut State) {
        let instant = Instant::now();
        let now = (self.0.options.clock)();
        for gone in &mut state.gone {
            if gone.alertmanager.drain_until.is_some_and(|until| until <= instant) {
                gone.alertmanager.clear();
            }
            let (client, timeout) = (Arc::clone(&gone.client), gone.timeout);
            self.advance(&mut state.tasks, &mut gone.alertmanager, &client, timeout, now, instant);
        }
        for set in state.sets.values_mut() {
            let (client, timeout) = (Arc::clone(&set.client), set.config.timeout);
            for alertmanager in set.active_mut() {
                let url = &alertmanager.destination.url;
                // What an older set has in flight for this URL must not overtake us.
                if !state.gone.iter().any(|gone| gone.alertmanager.destination.url == *url) {
                    self.advance(&mut state.tasks, alertmanager, &client, timeout, now, instant);
                }
            }
        }
    }

    fn advance(
        &self,
        tasks: &mut JoinSet<Done>,
        alertmanager: &mut Alertmanager,
        client: &Arc<dyn Post>,
        timeout: Duration,
        now: Timestamp,
        instant: Instant,
    ) {
        let mut moot = 0;
        let step = alertmanager.step(self.0.options.max_batch_size, now, instant, &mut moot);
        let destination = alertmanager.destination.clone();
        if moot > 0 {
            self.0.metrics.dropped.with_label_values(&[&destination.url]).inc_by(moot as f64);
        }
        let unreported = match step {
            Step::Nothing => return,
            Step::Post(_) | Step::Refill { .. } | Step::Report => {
                std::mem::take(&mut alertmanager.unreported)
            }
        };
        let store = Arc::clone(&self.0.store);
        let limit = self.0.options.queue_capacity;
        match step {
            Step::Nothing => {}
            Step::Post(batch) => {
                let request = self.request(&destination, &batch, timeout, now);
                tasks.spawn(Self::send_one(
                    store,
                    Arc::clone(client),
                    destination,
                    unreported,
                    batch,
                    request,
                ));
            }
            Step::Refill { forgotten } => {
                tasks.spawn(async move {
                    if !unreported.is_empty() {
                        store.report(destination.clone(), unreported).await;
                    }
                    let refill = store.refill(destination.clone(), forgotten, limit).await;
                    Done::Refilled { destination, refill }
                });
            }
            Step::Report => {
                tasks.spawn(async move {
                    store.report(destination.clone(), unreported).await;
                    Done::Reported { destination }
                });
            }
        }
    }

    fn request(
        &self,
        destination: &Destination,
        batch: &Batch,
        timeout: Duration,
        now: Timestamp,
    ) -> PostRequest {
        let id = &self.0.options.id;
        let through = batch.entries.first().and_then(|first| first.item.accepted.path.as_ref());
        let path = through.map_or_else(|| Arc::clone(id), |through| Arc::from(format!("{through},{id}")));
        PostRequest { url: Arc::clone(&destination.url), body: body(&batch.entries, now), timeout, path }
    }

    /// A task for an Alertmanager has ended.
    fn finish(&self, state: &mut State, done: Result<Done, tokio::task::JoinError>) {
        let done = match done {
            Ok(done) => done,
            Err(err) => {
                error!(component = "notifier", %err, "A request ended by a fault of ours");
                return;
            }
        };
        match done {
            Done::Posted { destination, batch, verdict, tocsin, took } => {
                if tocsin.as_ref() == Some(&self.0.options.id) {
                    self.found_ourselves(state, &destination);
                }
                let jitter = state.random.f64();
                if let Some(alertmanager) = state.find(&destination) {
                    alertmanager.busy = Busy::No;
                    if tocsin.is_some() && alertmanager.tocsin.is_none() {
                        alertmanager.refill_due(false);
                    }
                    alertmanager.tocsin = tocsin.or(alertmanager.tocsin.take());
                    self.judge(alertmanager, batch, verdict, took, jitter);
                }
            }
            Done::Refilled { destination, refill } => {
                // What was accepted before the answer is in the inbox by now, and must not come after it.
                self.take_inbox(state);
                let now = (self.0.options.clock)();
                let items: Vec<Arc<Item>> = refill.alerts.iter().cloned().map(Item::new).collect();
                let hash = ConfigHash::from_bytes(destination.set);
                let relabelled =
                    state.sets.get(&hash).filter(|set| set.relabels()).map(|set| set.relabel(&items));
                let (items, dropped) = relabelled.unwrap_or((items, Vec::new()));
                if let Some(alertmanager) = state.find(&destination) {
                    alertmanager.suppress(dropped.iter());
                    alertmanager.refill(&items, &refill, now);
                }
            }
            Done::Reported { destination } => {
                if let Some(alertmanager) = state.find(&destination) {
                    alertmanager.busy = Busy::No;
                }
            }
        }
    }

    /// An answer came from ourselves: the target is one of our listeners under another name.
    fn found_ourselves(&self, state: &mut State, destination: &Destination) {
        let hash = ConfigHash::from_bytes(destination.set);
        let Some(set) = state.sets.get_mut(&hash) else { return };
        let (client, timeout) = (Arc::clone(&set.client), set.config.timeout);
        if let Some(mut alertmanager) = set.drop_own(&destination.url) {
            error!(component = "notifier", alertmanager = %destination.url, "Not forwarding to our own listener");
            alertmanager.clear();
            state.gone.push(Gone { alertmanager, client, timeout });
        }
    }

    /// Draws the consequences of an answer.
    fn judge(
        &self,
        alertmanager: &mut Alertmanager,
        batch: Batch,
        verdict: Verdict,
        took: Duration,
        jitter: f64,
    ) {
        let metrics = &self.0.metrics;
        let (now, instant) = ((self.0.options.clock)(), Instant::now());
        let (url, count) = (Arc::clone(&alertmanager.destination.url), batch.len());
        let label = &[&*url];
        let answer = |delivered, text: &str| {
            Some(super::alertmanager::LastAnswer {
                at: now.to_rfc3339_millis(),
                delivered,
                text: text.to_owned(),
            })
        };
        match verdict {
            Verdict::Delivered => {
                if alertmanager.is_failing() {
                    info!(component = "notifier", alertmanager = %url, "Alertmanager answers again");
                }
                metrics.sent.with_label_values(label).inc_by(count as f64);
                metrics.observe(&url, took.as_secs_f64(), instant);
                alertmanager.delivered();
                alertmanager.last_answer = answer(true, "taken");
            }
            Verdict::Refused(reason) => {
                metrics.errors.with_label_values(label).inc_by(count as f64);
                alertmanager.last_answer = answer(false, &reason);
                error!(component = "notifier", alertmanager = %url, count, err = %reason, "Error sending alerts");
                if let Some(letter) = alertmanager.refused(batch.entries) {
                    metrics.dropped.with_label_values(label).inc_by(letter.pieces() as f64);
                    let alert = letter.item.accepted.alert.labels.clone();
                    warn!(component = "notifier", alertmanager = %url, ?alert, err = %reason, "Alert refused, kept as a dead letter");
                    letter.told(Outcome::DeadLettered, &mut alertmanager.unreported);
                    alertmanager.bury(&letter, &reason, now);
                }
            }
            Verdict::Failed { reason, retry_after } => {
                metrics.errors.with_label_values(label).inc_by(count as f64);
                alertmanager.last_answer = answer(false, &reason);
                let pause = alertmanager.failed(batch.entries, retry_after, jitter, now, instant);
                error!(component = "notifier", alertmanager = %url, count, err = %reason, retry_in = ?pause, "Error sending alerts");
                if alertmanager.drain_until.is_some() {
                    let count = alertmanager.clear();
                    warn!(component = "notifier", alertmanager = %url, count, "Alertmanager is gone, giving up its queue");
                    metrics.dropped.with_label_values(label).inc_by(count as f64);
                }
            }
        }
    }

    /// Shows others what changed.
    fn publish(&self, state: &State) {
        let mut discovered = Discovered::default();
        for set in state.sets.values() {
            discovered.active.extend(set.active().map(|am| Arc::clone(&am.destination.url)));
            discovered.dropped.extend(set.dropped().iter().cloned());
        }
        let metrics = &self.0.metrics;
        metrics.discovered.set(discovered.active.len() as i64);
        self.0.discovered.send_if_modified(|shown| {
            let changed = **shown != discovered;
            if changed {
                *shown = Arc::new(discovered);
            }
            changed
        });
        for alertmanager in state.all() {
            let label = &[&*alertmanager.destination.url];
            metrics.queue_length.with_label_values(label).set(alertmanager.len() as f64);
            metrics.behind.with_label_values(label).set(f64::from(u8::from(alertmanager.queue.is_behind())));
            metrics.failing.with_label_values(label).set(f64::from(u8::from(alertmanager.is_failing())));
        }
    }

    /// The end: requests in flight finish and, unless draining is off, queues are sent, up to the deadline. An
    /// Alertmanager that fails meanwhile is left: the journal has what it must be told.
    async fn drain(&self, state: &mut State) {
        info!(component = "notifier", "Stopping notification manager...");
        self.take_inbox(state);
        let deadline = Instant::now() + self.0.options.drain_timeout;
        if !self.0.options.drain_on_shutdown {
            for alertmanager in state.all_mut() {
                let count = alertmanager.clear();
                warn!(
                    component = "notifier",
                    alertmanager = %alertmanager.destination.url,
                    count,
                    "Alert notification queue not drained on shutdown, it follows after the next start"
                );
            }
        }
        loop {
            if self.0.options.drain_on_shutdown {
                self.send_all(state);
            }
            let open = state.all().any(|am| am.busy != Busy::No);
            if !open {
                break;
            }
            tokio::select! {
                Some(done) = state.tasks.join_next() => self.finish(state, done),
                () = sleep_until(deadline) => break,
            }
        }
        for alertmanager in state.all() {
            let count = alertmanager.len() + alertmanager.busy.count();
            if count > 0 {
                warn!(
                    component = "notifier",
                    alertmanager = %alertmanager.destination.url,
                    count,
                    "Alert notification queue not drained on shutdown, it follows after the next start"
                );
            }
        }
        state.tasks.shutdown().await;
        self.publish(state);
    }

    /// Posts one batch and reports what was delivered.
    async fn send_one(
        store: Arc<dyn Store>,
        client: Arc<dyn Post>,
        destination: Destination,
        unreported: Vec<Told>,
        batch: Batch,
        request: PostRequest,
    ) -> Done {
        if !unreported.is_empty() {
            store.report(destination.clone(), unreported).await;
        }
        let started = Instant::now();
        let answer = client.post(request).await;
        let took = started.elapsed();
        let verdict = Verdict::of(&answer);
        if verdict == Verdict::Delivered {
            let mut told = Vec::with_capacity(batch.len());
            batch.entries.iter().for_each(|queued| queued.told(Outcome::Delivered, &mut told));
            store.report(destination.clone(), told).await;
        }
        let tocsin = answer.ok().and_then(|answer| answer.tocsin);
        Done::Posted { destination, batch, verdict, tocsin, took }
    }

    fn inbox(&self) -> std::sync::MutexGuard<'_, Inbox> {
        self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn body(entries: &[Queued], now: Timestamp) -> Bytes {
    let mut pieces = Vec::with_capacity(entries.len());
    for queued in entries {
        pieces.extend(queued.end_before.as_ref().map(|end| end.json(now)));
        pieces.push(queued.item.json(now));
    }
    let mut body = Vec::with_capacity(pieces.iter().map(|piece| piece.len() + 1).sum::<usize>() + 1);
    for piece in &pieces {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(piece);
    }
    body.push(b']');
    Bytes::from(body)
}

impl State {
    fn all(&self) -> impl Iterator<Item = &Alertmanager> {
        let active = self.sets.values().flat_map(AlertmanagerSet::active);
        active.chain(self.gone.iter().map(|gone| &gone.alertmanager))
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Alertmanager> {
        let active = self.sets.values_mut().flat_map(AlertmanagerSet::active_mut);
        active.chain(self.gone.iter_mut().map(|gone| &mut gone.alertmanager))
    }

    fn find(&mut self, destination: &Destination) -> Option<&mut Alertmanager> {
        let gone = self.gone.iter_mut().map(|gone| &mut gone.alertmanager);
        let mut gone = gone.filter(|am| am.destination == *destination);
        let set = self.sets.get_mut(&ConfigHash::from_bytes(destination.set));
        set.and_then(|set| set.get_mut(&destination.url)).or_else(|| gone.next())
    }

    fn next_back_off(&self, now: Instant) -> Option<Instant> {
        let drains = self.gone.iter().filter_map(|gone| gone.alertmanager.drain_until);
        self.all().filter_map(|am| am.back_off(now)).chain(drains.filter(|until| *until > now)).min()
    }

    fn views(&self, instant: Instant, now: Timestamp) -> Vec<QueueView> {
        self.all().map(|alertmanager| QueueView::of(alertmanager, instant, now)).collect()
    }
}

#[cfg(test)]
mod tests;
