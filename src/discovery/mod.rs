//! Where the Alertmanagers are: static lists, files, HTTP and DNS become target groups.
//!
//! A *set* is everything discovered for one entry of the configuration; a *provider* is one discovery section with
//! the task that keeps its groups current. Sets with equal sections share a provider, and a reload keeps every
//! provider whose section did not change, together with what it has found. A provider that fails keeps its last
//! groups: only an answer that says so takes a target away.
//!
//! [`Manager`] hands on the whole state of all sets at a time ([`TargetSets`]), at a pace that adapts: at once in
//! quiet times, ever more seldom while everything moves (Prometheus 3.12's back-off).

mod dns;
mod error;
mod file;
pub(crate) mod glob;
mod http;
mod manager;
mod metrics;
mod provider;
mod refresh;
mod state;
mod target_group;
#[cfg(test)]
mod tests;
mod throttle;

pub use error::DiscoveryError;
pub use manager::{Manager, ManagerTask, Prepared};
pub use metrics::Metrics;
pub use state::{DiscoverySet, TargetSets};
pub use target_group::{DecodeError, TargetGroup};
