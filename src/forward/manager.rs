//! The notifier manager: its handle, and the one task that owns every set, queue and back-off.

mod answers;
mod drain;
mod sets;
mod state;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use self::state::{Done, State};
use super::alertmanager::{Alertmanager, Step};
use super::item::Item;
use super::metrics::Metrics;
use super::post::{Post, PostRequest, Verdict};
use super::queue::{Batch, Queued};
use super::set::AlertmanagerSet;
use super::store::{Options, Prepared, Store};
use super::view::{Discovered, QueueView};
use crate::config::ConfigHash;
use crate::discovery::TargetSets;
use crate::model::{Accepted, Destination, Outcome, Timestamp, Told};

/// How many accepted states may wait for the manager's task. It takes them at once, whatever the Alertmanagers do; if
/// more arrive before it runs, the states stay in the store and every Alertmanager is refilled from there.
const INBOX_MAX: usize = 65_536;

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
        let mut state = State::new(self.0.options.seed);
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
        let task = match step {
            Step::Nothing => return,
            Step::Post(batch) => {
                let request = self.request(&destination, &batch, timeout, now);
                tasks.spawn(Self::send_one(
                    store,
                    Arc::clone(client),
                    destination,
                    unreported,
                    batch,
                    request,
                ))
            }
            Step::Refill { forgotten } => tasks.spawn(async move {
                if !unreported.is_empty() {
                    store.report(destination.clone(), unreported).await;
                }
                let refill = store.refill(destination.clone(), forgotten, limit).await;
                Done::Refilled { destination, refill }
            }),
            Step::Report => tasks.spawn(async move {
                store.report(destination.clone(), unreported).await;
                Done::Reported { destination }
            }),
        };
        alertmanager.task = Some(task.id());
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
        if let Verdict::Failed { .. } = verdict {
            store.contact_lost(destination.clone()).await;
        }
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
