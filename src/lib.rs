#![doc = include_str!("../docs/rooms.md")]

pub mod config;
pub mod engine;
pub mod forward;
pub mod model;
