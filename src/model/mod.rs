//! What things are, as values and as bytes: label sets, fingerprints, alerts and their merge rule, times and
//! durations, matchers, relabelling, silences, log entries and notifications, and the formats in which they
//! travel.
//!
//! Nothing here does I/O, reads a clock or waits: every function is its arguments. All other rooms may use this
//! one; it uses none.

mod alert;
mod duration;
mod fingerprint;
mod labels;
pub mod statepb;
mod time;

pub use alert::Alert;
pub use duration::{DurationError, format_duration, parse_duration};
pub use fingerprint::Fingerprint;
pub use labels::{LabelSet, LabelSetBuilder, is_legacy_label_name};
pub use statepb::{clusterpb, nflogpb, silencepb};
pub use time::{TimeError, Timestamp};
