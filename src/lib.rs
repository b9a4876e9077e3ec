#![doc = include_str!("../docs/rooms.md")]

pub mod model;
pub mod template;
