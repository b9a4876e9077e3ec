//! The notifier manager: every accepted state goes to every Alertmanager.
//!
//! [`Manager`] is the handle; [`Manager::run`] is the one task that owns all sets, queues, back-offs and requests in
//! flight. It uses neither journal nor engine: what it must know of the store of alerts it asks through [`Store`], and
//! what it must know of HTTP through [`Post`].
//!
//! | Prometheus | here |
//! |---|---|
//! | `Manager` | `manager` |
//! | `alertmanagerSet`: sync | `set`; the way from target to URL in `target` |
//! | `sendLoop` | `alertmanager`, without a loop of its own |
//! | its queue: add, nextBatch | `queue`, of `item`s |
//! | sendOne, the hook `Do` | `post`; by HTTP in `http` |
//! | its metrics | `metrics`, `summary` |
//!
//! Alerts are state, not events: a queue holds each alert once, nothing that could not be sent is lost, and an
//! Alertmanager that may have missed something is refilled from the store.

mod alertmanager;
mod http;
mod item;
mod manager;
mod metrics;
mod post;
mod queue;
mod set;
mod store;
mod target;
mod view;

pub use alertmanager::{DeadLetter, LastAnswer};
pub use http::HttpPost;
pub use item::Item;
pub use manager::Manager;
pub use metrics::Metrics;
pub use post::{Answer, BoxFuture, Post, PostRequest, TOCSIN_ID, TOCSIN_PATH};
pub use queue::{Batch, Queue, Queued};
pub use set::SetConfig;
pub use store::{Clock, Options, Prepared, Store};
pub use target::{AddressError, alertmanagers_from_group, is_own, post_path};
pub use view::{Discovered, QueueView};
