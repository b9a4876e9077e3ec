#![doc = include_str!("../docs/rooms.md")]

pub mod config;
pub mod engine;
pub mod journal;
pub mod forward;
pub mod discovery;
pub mod model;
pub mod net;
