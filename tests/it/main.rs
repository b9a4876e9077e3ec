//! The integration tests: one binary.

mod gossip_interop;
mod gossip_simulation;
