#![doc = include_str!("../docs/rooms.md")]

pub mod journal;
pub mod model;
