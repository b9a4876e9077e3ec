//! The cluster.
pub mod cluster;
pub mod membership;
pub mod state;
pub mod wire;
