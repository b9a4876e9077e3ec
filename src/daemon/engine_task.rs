//! The engine's task: the one owner of the engine, which stamps every event with the time, keeps its record in
//! the journal and passes on what follows. It never waits for a disk or a network.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::clock;
use crate::engine::{Engine, Event};
use crate::forward::Manager;
use crate::journal::{Durability, Journal, Position};
use crate::model::{Alert, Balance, Destination, Refill, Timestamp};

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

/// The engine's counts, for the metrics page.
#[derive(Debug, Clone, Default)]
pub(super) struct EngineFigures {
    /// Alerts in the store.
    pub(super) alerts: usize,
    /// The books of all destinations together.
    pub(super) balance: Balance,
    /// Alerts refused because the store was full.
    pub(super) refused: u64,
}

#[derive(Debug)]
enum Command {
    Push { alerts: Vec<Alert>, path: Option<Arc<str>>, reply: oneshot::Sender<PushResult> },
    Happened(Event),
    Refill { destination: Destination, forgotten: bool, limit: usize, reply: oneshot::Sender<Refill> },
    Alerts(oneshot::Sender<Vec<Arc<Alert>>>),
    Figures(oneshot::Sender<EngineFigures>),
    Stop { reply: oneshot::Sender<Durability> },
}

/// The mailbox of the engine's task. Every method waits when the mailbox is full, and gives `None` when the task
/// has ended.
#[derive(Debug, Clone)]
pub(super) struct EngineHandle {
    mailbox: mpsc::Sender<Command>,
}

impl EngineHandle {
    /// A mailbox, and what [`start`] takes the commands from.
    pub(super) fn new() -> (Self, Commands) {
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        (Self { mailbox }, Commands(commands))
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

/// Starts the task. What is accepted goes to `manager`.
pub(super) fn start(engine: Engine, journal: Journal, manager: Manager, commands: Commands) {
    let task = EngineTask { engine, journal, manager, newest: Timestamp::UNIX_EPOCH, refused: 0 };
    tokio::spawn(task.run(commands.0));
}

struct EngineTask {
    engine: Engine,
    journal: Journal,
    manager: Manager,
    /// The newest time that the engine has been handed: it never goes back.
    newest: Timestamp,
    /// Alerts that did not fit into the store.
    refused: u64,
}

impl EngineTask {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
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
                () = self.journal.snapshot_wanted() => {
                    let snapshot = self.engine.snapshot();
                    self.journal.snapshot(Box::new(move |out| snapshot.encode(out)));
                }
                () = tokio::time::sleep_until(wake) => {
                    let now = self.now();
                    self.engine.poll(now);
                }
            }
        }
    }

    fn handle(&mut self, command: Command) {
        let now = self.now();
        // A reply that nobody waits for any longer is dropped: the client has gone.
        match command {
            Command::Push { alerts, path, reply } => {
                let handled = self.engine.handle(now, Event::Alerts { alerts, path });
                let position = handled.record.map(|record| self.journal.append(record));
                self.manager.send(handled.accepted);
                self.refused += handled.refused as u64;
                let _gone = reply.send(PushResult { position, refused: handled.refused });
            }
            Command::Happened(event) => {
                if let Some(record) = self.engine.handle(now, event).record {
                    self.journal.append_later(record);
                }
            }
            Command::Refill { destination, forgotten, limit, reply } => {
                let _gone = reply.send(self.engine.refill(now, &destination, forgotten, limit));
            }
            Command::Alerts(reply) => {
                let alerts = self.engine.alerts().iter().filter(|stored| !stored.alert.is_resolved_at(now));
                let _gone = reply.send(alerts.map(|stored| Arc::clone(&stored.alert)).collect());
            }
            Command::Figures(reply) => {
                let figures = EngineFigures {
                    alerts: self.engine.alerts().len(),
                    balance: self.engine.ledger().balance(),
                    refused: self.refused,
                };
                let _gone = reply.send(figures);
            }
            Command::Stop { reply } => drop(reply),
        }
    }

    async fn close(&self) -> Durability {
        let snapshot = self.engine.snapshot();
        self.journal.close(Box::new(move |out| snapshot.encode(out))).await
    }

    fn now(&mut self) -> Timestamp {
        self.newest = self.newest.max(clock::now());
        self.newest
    }

    fn pause(&mut self) -> Duration {
        let now = self.now();
        self.engine.next_timeout().map_or(LONGEST_SLEEP, |due| due.since(now)).min(LONGEST_SLEEP)
    }
}
