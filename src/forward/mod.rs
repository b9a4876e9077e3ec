//! The notifier manager: every accepted state goes to every Alertmanager.

mod item;
mod json;
mod queue;

pub use item::Item;
pub use queue::{Batch, Queue, Queued};
