//! What the manager needs of others: the store of alerts, and its options.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::post::{BoxFuture, Post};
use super::set::SetConfig;
use crate::model::{Destination, Refill, Timestamp, Told};

/// The wall clock, as a function.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The store of alerts, as the manager needs it: implemented by the daemon over the engine's mailbox.
///
/// Calls that one caller makes one after the other must take effect in that order, and those that [`Manager::send`](super::Manager::send)
/// was called for before a refill is answered are in the answer.
pub trait Store: Send + Sync {
    /// These are the Alertmanagers that have to be told, and those that are gone and still being drained.
    fn destinations(&self, active: Vec<Destination>, draining: Vec<Destination>) -> BoxFuture<()>;
    /// This is what became of states at a destination.
    fn report(&self, destination: Destination, told: Vec<Told>) -> BoxFuture<()>;
    /// A request to this destination failed: it may be gone.
    fn contact_lost(&self, destination: Destination) -> BoxFuture<()>;
    /// What does this destination have to be told, at most `limit` states? (See `Engine::refill`.)
    fn refill(&self, destination: Destination, forgotten: bool, limit: usize) -> BoxFuture<Refill>;
}

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
