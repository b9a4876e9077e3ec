//! The template language of notifications: Go's `text/template` and `html/template` with the functions that Alertmanager
//! adds, over a value type of our own.
//!
//! A `TemplateSet` holds named templates: the default ones, and those of the configuration's files. A string of the
//! configuration becomes a `Template` once, by `TemplateSet::text` or `TemplateSet::html`, and is then rendered on
//! the `Data` of each notification; its owner keeps it. Output is what Go 1.27 gives for the same template, data and
//! functions, byte for byte, and so is the text of most errors; `docs/templates.md` lists what differs.
//!
//! From source to output: `lexer` → `parser` → `ast` → (for HTML, `html` adds escapers to the tree) → `exec`, on
//! a `machine` that holds the budget. What a template computes with is a `Value`, each of a Go type with
//! its methods (`methods`) and its printed form (`fmt`).
//!
//! Nothing here does I/O or reads a clock: the time is part of the `Environment`. A rendering is bounded by `Limits` in
//! nesting, output and work, so that no template can hang or exhaust the process.

mod alertmanager;
mod ast;
mod builtin;
mod compare;
mod data;
mod error;
mod escape;
mod exec;
mod fmt;
mod function;
mod html;
mod json;
mod lexer;
mod machine;
mod methods;
mod number;
mod parser;
mod quote;
mod regexp;
mod set;
mod text;
mod time;
mod title;
mod unicode;
mod value;
mod view;

pub use data::{Alert, Data, Kv, Pair};
pub use error::Error;
pub use machine::{Environment, Limits};
pub use set::{Template, TemplateSet};
pub use text::Text;
pub use time::{Time, Zone};
pub use value::Items;
