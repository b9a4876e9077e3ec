//! What can go wrong with a template, in the words Go uses, because people search for them.

use thiserror::Error;

/// A template that cannot be parsed, escaped or executed. The text is the one Go's packages give, with the name of the
/// template, the line and (when it is executed) the column.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The source is not a template: `template: NAME:LINE: …`.
    #[error("template: {name}:{line}: {message}")]
    Parse {
        /// The file, or the empty string for a string of the configuration.
        name: String,
        /// Counted from 1.
        line: usize,
        /// What was found and what was wanted.
        message: String,
    },
    /// The HTML around the actions does not allow to escape them safely: `html/template: …`.
    #[error("{0}")]
    Escape(String),
    /// The template failed while it ran: `template: NAME:LINE:COLUMN: executing "NAME" at <NODE>: …`.
    #[error("template: {location}: executing {template} at <{node}>: {message}")]
    Execute {
        /// `NAME:LINE:COLUMN`; the column is a byte offset in the line, counted from 0, as in Go.
        location: String,
        /// The quoted name of the template that was running.
        template: String,
        /// The part of the template that failed.
        node: String,
        /// What was wrong.
        message: String,
    },
    /// No template of that name can be rendered.
    #[error("template: no template {0} associated with template \"\"")]
    NoSuchTemplate(String),
    /// A route label that refers to itself.
    #[error("route label cycle detected: {0}")]
    RouteLabelCycle(String),
}
