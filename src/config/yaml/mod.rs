//! YAML as Prometheus and Alertmanager read it: go-yaml v2 with its strict rules, errors with their places.
//!
//! A text becomes a tree of [`Node`]s, each with its line and column; [`Value`] walks the tree and [`Decode`] makes
//! resolved values of it. What go-yaml v2 does and other YAML readers do not:
//!
//! - the rules of YAML 1.1: `yes`, `no`, `on`, `off`, `y` and `n` are booleans, `0644` is octal, `<<` merges
//!   (a merged key overrides those written above it, is overridden by those below);
//! - where a text is asked for, any scalar will do and its source text counts (`0123` stays `0123`);
//! - null stands for the zero value of a field, which also replaces a default: `timeout:` is 0 s;
//! - only the first document of a file is read; an empty file is null.
//!
//! Strict means that unknown keys and keys written twice are errors. All faults of a file are collected, so that
//! one look at the answer repairs it. Size, depth and what aliases expand to are bounded (`node.rs`), whatever the
//! input.

mod decode;
mod emit;
mod fields;
mod node;
mod scalar;
mod shown;
mod value;

#[cfg(test)]
mod tests;

pub use decode::Decode;
pub use emit::to_yaml;
pub use fields::Fields;
pub use node::{MOST_BYTES, Node, NodeKind, SyntaxError, parse, parse_whole};
pub use scalar::Scalar;
pub use shown::{Always, always, flow, texts};
pub use value::{Value, read, read_with_notices};
