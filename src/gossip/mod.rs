//! The cluster: tocsin as a full member of an Alertmanager cluster, of other tocsins, of real Alertmanagers, or both.
//!
//! From the bytes up:
//!
//! - [`wire`]: memberlist's messages, packets and streams, to the byte.
//! - [`membership`]: who is in the cluster, as a pure state machine (SWIM with Lifeguard).
//! - [`state`]: the shared states, silences and the notification log, and how entries merge.
//! - [`cluster`]: Alertmanager's layer, pure as well: sharing states, reconnecting, settling, position.
//! - [`Peer`]: sockets, clock and names around it, and the handle that everybody else has.
//!
//! What is shared here is a replica of its own: the engine keeps silences and log in the form in which it uses them,
//! hands its changes to [`Channel::broadcast`], and takes those of others from [`Channel::changes`]. Both sides
//! merge by the same rule, the last writer wins, so that they agree.

mod advertise;
pub mod cluster;
mod error;
pub mod membership;
mod metrics;
mod name;
mod options;
mod peer;
mod pending;
mod resolve;
pub mod state;
mod transport;
pub mod wire;

pub use cluster::Status;
pub use error::GossipError;
pub use metrics::{ClusterCollector, Metrics};
pub use name::{fallback_name, ulid};
pub use options::{ClusterOptions, Surroundings};
pub use peer::{Channel, Clock, ClusterView, Peer, PeerOptions, Snapshot};
pub use state::{Entry, EntryError, SilenceCheck, StateKey};
pub use transport::TlsCounters;
