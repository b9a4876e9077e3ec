#![doc = include_str!("../docs/rooms.md")]

pub mod client;
pub mod config;
pub mod discovery;
pub mod model;
pub mod net;
