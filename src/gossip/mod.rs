//! The cluster.
pub mod wire;
