//! Contextual escaping: finds out, from the HTML around it, in which context each action stands, and adds to its pipeline
//! the functions that make any value safe there, as Go's `html/template` does.
//!
//! [`rewrite`] walks the templates that a rendering can reach, following calls, with a state machine over the literal text
//! ([`literal`], [`context`], [`transition`], [`script`]) and gives each [`action`] its escapers. A template
//! called in two contexts becomes two templates. The functions that are added live in [`escaper`].

mod action;
mod attribute;
mod context;
mod css;
pub(super) mod escaper;
mod literal;
mod rewrite;
mod script;
mod transition;

pub(super) use rewrite::escape;
