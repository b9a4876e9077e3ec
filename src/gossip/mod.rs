//! The cluster.
pub mod membership;
pub mod state;
pub mod wire;
