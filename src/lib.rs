#![doc = include_str!("../docs/rooms.md")]

pub mod api;
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod discovery;
pub mod engine;
pub mod forward;
pub mod gossip;
pub mod journal;
pub mod metrics;
pub mod model;
pub mod net;
pub mod notify;
pub mod template;
