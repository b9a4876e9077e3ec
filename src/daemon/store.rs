//! The store of alerts as the notifier manager needs it: the engine's mailbox.

use super::engine_task::EngineHandle;
use crate::engine::Event;
use crate::forward::{BoxFuture, Store};
use crate::model::{Destination, Refill, Told};

impl Store for EngineHandle {
    fn destinations(&self, active: Vec<Destination>, draining: Vec<Destination>) -> BoxFuture<()> {
        let engine = self.clone();
        Box::pin(async move { engine.destinations(active, draining).await })
    }

    fn report(&self, destination: Destination, told: Vec<Told>) -> BoxFuture<()> {
        let engine = self.clone();
        Box::pin(async move { engine.happened(Event::Outcomes { destination, told }).await })
    }

    fn contact_lost(&self, destination: Destination) -> BoxFuture<()> {
        let engine = self.clone();
        Box::pin(async move { engine.happened(Event::ContactLost(destination)).await })
    }

    fn refill(&self, destination: Destination, forgotten: bool, limit: usize) -> BoxFuture<Refill> {
        let engine = self.clone();
        // The engine's task has ended: the process is stopping, and the next start refills.
        Box::pin(async move { engine.refill(destination, forgotten, limit).await.unwrap_or_default() })
    }
}
