#![doc = include_str!("../docs/rooms.md")]

pub mod gossip;
pub mod model;
