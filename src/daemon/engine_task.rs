//! The engine's task: the one owner of the engine, which stamps every event with the time, keeps its record in
//! the journal and passes on what follows. It never waits for a disk or a network.

use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::clock::SteppedClock;
use super::cluster::Announcer;
use super::delivery::PreparedDelivery;
use super::figures::{DeliveryFigures, EngineFigures};
use super::notices;
use super::state_files::SharedState;
use crate::engine::{
    Action, Cluster, DeliveryEvent, DeliveryView, Engine, Event, GroupView, Handled, SilenceError,
    check_times,
};
use crate::forward::Manager;
use crate::journal::{Durability, Journal, Position};
use crate::model::{Alert, Destination, Refill, Silence, Timestamp};
use crate::notify::Runner;

/// How many commands may wait for the engine. Whoever brings one more waits.
const MAILBOX: usize = 1024;
/// How long the engine sleeps at most, in case the wall clock is set.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// What became of a push, before it is durable.
#[derive(Debug, Clone, Copy)]
pub(super) struct PushResult {
    /// Where its record is; `None` if nothing was accepted.
    pub(super) position: Option<Position>,
    /// How many unknown alerts did not fit.
    pub(super) refused: usize,
}

/// What setting or ending a silence did, before it is durable.
#[derive(Debug)]
pub(super) struct SilenceResult {
    /// Where its record is; `None` if nothing changed.
    pub(super) position: Option<Position>,
    /// The id of the silence that holds what was asked for.
    pub(super) id: Result<SmolStr, SilenceError>,
}

#[derive(Debug)]
enum Command {
    Push { alerts: Vec<Alert>, path: Option<Arc<str>>, reply: oneshot::Sender<PushResult> },
    Happened(Event),
    SetSilence { silence: Box<Silence>, reply: oneshot::Sender<SilenceResult> },
    ExpireSilence { id: SmolStr, reply: oneshot::Sender<SilenceResult> },
    Refill { destination: Destination, forgotten: bool, limit: usize, reply: oneshot::Sender<Refill> },
    Alerts(oneshot::Sender<Vec<Arc<Alert>>>),
    Delivery(oneshot::Sender<Option<DeliveryView>>),
    Groups(oneshot::Sender<Vec<GroupView>>),
    SharedState(oneshot::Sender<SharedState>),
    Figures(oneshot::Sender<EngineFigures>),
    Stop { reply: oneshot::Sender<Durability> },
}

/// The mailbox of the engine's task. Every method waits when the mailbox is full, and gives `None` when the task
/// has ended.
#[derive(Debug, Clone)]
pub(super) struct EngineHandle {
    mailbox: mpsc::Sender<Command>,
    /// The Alertmanagers that have to be told, as the manager last said.
    active: watch::Sender<Vec<Destination>>,
}

impl EngineHandle {
    /// A mailbox, and what [`start`] takes the commands from.
    pub(super) fn new() -> (Self, Commands) {
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        (Self { mailbox, active: watch::Sender::new(Vec::new()) }, Commands(commands))
    }

    /// Accepts alerts; the record is on its way to the disk.
    pub(super) async fn push(&self, alerts: Vec<Alert>, path: Option<Arc<str>>) -> Option<PushResult> {
        self.ask(|reply| Command::Push { alerts, path, reply }).await
    }

    /// Takes an event for which nobody waits.
    pub(super) async fn happened(&self, event: Event) {
        // The task has ended: the process is stopping, and the next start asks again.
        drop(self.mailbox.send(Command::Happened(event)).await);
    }

    /// Sets a silence; the record is on its way to the disk.
    pub(super) async fn set_silence(&self, silence: Silence) -> Option<SilenceResult> {
        self.ask(|reply| Command::SetSilence { silence: Box::new(silence), reply }).await
    }

    /// Ends a silence; the record is on its way to the disk.
    pub(super) async fn expire_silence(&self, id: SmolStr) -> Option<SilenceResult> {
        self.ask(|reply| Command::ExpireSilence { id, reply }).await
    }

    /// Takes the Alertmanagers that have to be told, and those that are being drained.
    pub(super) async fn destinations(&self, active: Vec<Destination>, draining: Vec<Destination>) {
        self.happened(Event::Destinations { active: active.clone(), draining }).await;
        self.active.send_if_modified(|known| std::mem::replace(known, active) != *known);
    }

    /// The Alertmanagers that have to be told, as they change.
    pub(super) fn active(&self) -> watch::Receiver<Vec<Destination>> {
        self.active.subscribe()
    }

    /// What a destination has to be told to catch up.
    pub(super) async fn refill(
        &self,
        destination: Destination,
        forgotten: bool,
        limit: usize,
    ) -> Option<Refill> {
        self.ask(|reply| Command::Refill { destination, forgotten, limit, reply }).await
    }

    /// The alerts that have not ended.
    pub(super) async fn alerts(&self) -> Option<Vec<Arc<Alert>>> {
        self.ask(Command::Alerts).await
    }

    /// Plan, silences and inhibition; `None` as well without an `alertmanager.yml`.
    pub(super) async fn delivery(&self) -> Option<DeliveryView> {
        self.ask(Command::Delivery).await?
    }

    /// The aggregation groups.
    pub(super) async fn groups(&self) -> Option<Vec<GroupView>> {
        self.ask(Command::Groups).await
    }

    /// Silences and notification log.
    pub(super) async fn shared_state(&self) -> Option<SharedState> {
        self.ask(Command::SharedState).await
    }

    /// The counts, if the task comes to it within a second.
    pub(super) async fn figures(&self) -> Option<EngineFigures> {
        tokio::time::timeout(Duration::from_secs(1), self.ask(Command::Figures)).await.ok()?
    }

    /// Ends the task after a last snapshot.
    pub(super) async fn stop(&self) -> Option<Durability> {
        self.ask(|reply| Command::Stop { reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.mailbox.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// The other end of the mailbox.
#[derive(Debug)]
pub(super) struct Commands(mpsc::Receiver<Command>);

/// What the task is made of.
pub(super) struct Parts {
    /// The engine as recovery left it.
    pub(super) engine: Engine,
    /// Where its records go.
    pub(super) journal: Journal,
    /// What is accepted is forwarded by it.
    pub(super) manager: Manager,
    /// Makes the attempts to notify.
    pub(super) runner: Runner,
    /// Plan and integrations of the newest configuration.
    pub(super) prepared: watch::Receiver<Arc<PreparedDelivery>>,
    /// What Alertmanager's files in the storage directory say.
    pub(super) files: SharedState,
    /// Where changes go that peers should know; `None` alone.
    pub(super) announcer: Option<Announcer>,
    /// Our place in the cluster; where there is none, it never changes.
    pub(super) cluster: watch::Receiver<Cluster>,
    /// `--log.silences`
    pub(super) log_silences: bool,
}

/// Starts the task: what was in flight when the last run ended is decided anew, by the newest configuration.
pub(super) fn start(parts: Parts, commands: Commands) {
    let clock = SteppedClock::new();
    let task = EngineTask { parts, clock, refused: 0 };
    tokio::spawn(task.run(commands.0));
}

struct EngineTask {
    parts: Parts,
    clock: SteppedClock,
    /// Alerts that did not fit into the store.
    refused: u64,
}

impl EngineTask {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        self.begin();
        loop {
            self.act();
            let wake = Instant::now() + self.pause();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop { reply }) => {
                        // Whoever asked may have given up at its deadline.
                        let _gone = reply.send(self.close().await);
                        return;
                    }
                    Some(command) => self.handle(command),
                    None => {
                        self.close().await;
                        return;
                    }
                },
                Some((delivery, outcome)) = self.parts.runner.next(), if !self.parts.runner.is_empty() => {
                    self.happened(Event::Delivery(DeliveryEvent::Finished { delivery, outcome }));
                }
                Ok(()) = self.parts.prepared.changed() => {
                    let now = self.now();
                    self.apply(now);
                }
                Ok(()) = self.parts.cluster.changed() => {
                    let cluster = *self.parts.cluster.borrow_and_update();
                    self.happened(Event::Delivery(DeliveryEvent::ClusterChanged(cluster)));
                }
                () = self.parts.journal.snapshot_wanted() => {
                    let snapshot = self.parts.engine.snapshot();
                    self.parts.journal.snapshot(Box::new(move |out| snapshot.encode(out)));
                }
                () = tokio::time::sleep_until(wake) => {
                    let now = self.now();
                    self.parts.engine.poll(now);
                }
            }
        }
    }

    /// The events of a start, all at one moment.
    fn begin(&mut self) {
        let now = self.clock.start(self.parts.engine.swept_at(), &mut |now, step| {
            let event = Event::Delivery(DeliveryEvent::ClockStepped(step));
            record(&self.parts.journal, self.parts.engine.handle(now, event));
        });
        let cluster = *self.parts.cluster.borrow_and_update();
        self.handle_at(now, Event::Delivery(DeliveryEvent::Started(cluster)));
        self.apply(now);
        for event in std::mem::take(&mut self.parts.files).into_events() {
            self.handle_at(now, Event::Delivery(event));
        }
    }

    /// Works by the newest configuration from now on.
    fn apply(&mut self, now: Timestamp) {
        let prepared = Arc::clone(&self.parts.prepared.borrow_and_update());
        let current = self.parts.engine.delivery().plan().map(|plan| plan.definition());
        match &prepared.plan {
            Some(plan) if current != Some(plan.definition()) => {
                self.handle_at(now, Event::PlanApplied(Arc::clone(plan)));
            }
            None if current.is_some() => self.handle_at(now, Event::PlanRemoved),
            _ => {}
        }
        let in_use = self.parts.engine.delivery().integrations_in_use();
        self.parts.runner.apply(prepared.integrations.iter().map(Arc::clone), |id| in_use.contains(id));
    }

    /// Does what the engine wants done.
    fn act(&mut self) {
        while let Some(action) = self.parts.engine.next_action() {
            match action {
                Action::Deliver(notification) => self.parts.runner.deliver(*notification),
                Action::Cancel(delivery) => self.parts.runner.cancel(delivery),
                // Alone there is nobody to tell.
                Action::GossipSilence(silence, expires_at) => {
                    self.parts.announcer.iter().for_each(|peers| peers.silence(&silence, expires_at));
                }
                Action::GossipEntry(key, entry) => {
                    self.parts.announcer.iter().for_each(|peers| peers.log_entry(&key, &entry));
                }
                Action::Notice(notice) => notices::log(&notice),
            }
        }
    }

    fn handle(&mut self, command: Command) {
        // A reply that nobody waits for any longer is dropped: the client has gone.
        match command {
            Command::Push { alerts, path, reply } => {
                let now = self.now();
                let handled = self.parts.engine.handle(now, Event::Alerts { alerts, path });
                let position = handled.record.map(|record| self.parts.journal.append(record));
                self.parts.manager.send(handled.accepted);
                self.refused += handled.refused as u64;
                let _gone = reply.send(PushResult { position, refused: handled.refused });
            }
            Command::Happened(event) => self.happened(event),
            Command::SetSilence { silence, reply } => {
                let now = self.now();
                let result = match check_times(&silence, now) {
                    Ok(()) => self.set_silence(now, silence),
                    Err(refusal) => SilenceResult { position: None, id: Err(refusal) },
                };
                let _gone = reply.send(result);
            }
            Command::ExpireSilence { id, reply } => {
                let now = self.now();
                let result = self.change_silence(now, Event::SilenceExpired(id), "expire silence");
                let _gone = reply.send(result);
            }
            Command::Refill { destination, forgotten, limit, reply } => {
                let now = self.now();
                let _gone = reply.send(self.parts.engine.refill(now, &destination, forgotten, limit));
            }
            Command::Alerts(reply) => {
                let now = self.now();
                let alerts = self.parts.engine.alerts().iter();
                let alerts = alerts.filter(|stored| !stored.alert.is_resolved_at(now));
                let _gone = reply.send(alerts.map(|stored| Arc::clone(&stored.alert)).collect());
            }
            Command::Delivery(reply) => drop(reply.send(self.parts.engine.delivery().view())),
            Command::Groups(reply) => drop(reply.send(self.parts.engine.delivery().groups())),
            Command::SharedState(reply) => {
                let _gone = reply.send(SharedState::of(self.parts.engine.delivery()));
            }
            Command::Figures(reply) => drop(reply.send(self.figures())),
            Command::Stop { reply } => drop(reply),
        }
    }

    fn set_silence(&mut self, now: Timestamp, silence: Box<Silence>) -> SilenceResult {
        let word = if silence.id.is_empty() { "create silence" } else { "update silence" };
        let new_id = SmolStr::new(uuid::Uuid::new_v4().to_string());
        self.change_silence(now, Event::SilenceSet { silence, new_id }, word)
    }

    fn change_silence(&mut self, now: Timestamp, event: Event, word: &str) -> SilenceResult {
        let handled = self.parts.engine.handle(now, event);
        let position = handled.record.map(|record| self.parts.journal.append(record));
        let change = handled.silence.unwrap_or(Err(SilenceError::NotFound));
        if self.parts.log_silences
            && let Ok(change) = &change
        {
            notices::log_silences(word, &change.changed);
        }
        SilenceResult { position, id: change.map(|change| change.id) }
    }

    fn happened(&mut self, event: Event) {
        let now = self.now();
        self.handle_at(now, event);
    }

    fn handle_at(&mut self, now: Timestamp, event: Event) {
        record(&self.parts.journal, self.parts.engine.handle(now, event));
    }

    fn figures(&mut self) -> EngineFigures {
        let now = self.now();
        let engine = &self.parts.engine;
        let mut balance = engine.ledger().balance();
        balance.add(engine.delivery().balance());
        EngineFigures {
            alerts: engine.alerts().len(),
            balance,
            refused: self.refused,
            delivery: DeliveryFigures::of(engine.delivery(), now),
        }
    }

    async fn close(&self) -> Durability {
        let snapshot = self.parts.engine.snapshot();
        self.parts.journal.close(Box::new(move |out| snapshot.encode(out))).await
    }

    /// The time, after the engine was told if the clock has been set.
    fn now(&mut self) -> Timestamp {
        let Self { parts, clock, .. } = self;
        clock.now(&mut |now, step| {
            tracing::warn!(component = "clock", by = ?step.by, back = step.back, "The clock was set; groups keep their intervals");
            record(&parts.journal, parts.engine.handle(now, Event::Delivery(DeliveryEvent::ClockStepped(step))));
        })
    }

    fn pause(&mut self) -> Duration {
        let now = self.now();
        self.parts.engine.next_timeout().map_or(LONGEST_SLEEP, |due| due.since(now)).min(LONGEST_SLEEP)
    }
}

/// Nobody waits for these records to be durable.
fn record(journal: &Journal, handled: Handled) {
    if let Some(record) = handled.record {
        journal.append_later(record);
    }
}
