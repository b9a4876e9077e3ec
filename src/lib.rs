#![doc = include_str!("../docs/rooms.md")]

pub mod config;
pub mod discovery;
pub mod engine;
pub mod forward;
pub mod journal;
pub mod model;
pub mod net;
