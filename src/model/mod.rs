//! What things are, as values and as bytes: label sets, fingerprints, alerts and their merge rule, times and
//! durations, matchers, relabelling, silences, log entries and notifications, and the formats in which they
//! travel.
//!
//! Nothing here does I/O, reads a clock or waits: every function is its arguments. All other rooms may use this
//! one; it uses none.

mod alert;
mod change;
mod duration;
mod fingerprint;
mod hashed;
mod json;
mod labels;
mod log_entry;
mod matcher;
mod notification;
mod quote;
mod regex;
mod relabel;
mod silence;
pub mod statepb;
mod time;

pub use alert::Alert;
pub use change::{
    Accepted, AlertId, Balance, Change, Destination, Expiry, Outcome, Refill, Sequence, Suppression, Told,
};
pub use duration::{DurationError, format_duration, parse_duration};
pub use fingerprint::Fingerprint;
pub use hashed::{HashedKey, HashedMap, hash_labels};
pub use json::{
    AlertError, ApiAlert, PostedAlert, RequestError, decode_alerts, decode_silence, push_alert, push_alerts,
    push_api_alert, push_api_silence, push_json_string,
};
pub use labels::{LabelSet, LabelSetBuilder, is_legacy_label_name};
pub use log_entry::{IntegrationId, LogEntry, LogKey, ReceiverData, ReceiverValue};
pub use matcher::{MatchType, Matcher, MatcherError, MatcherMode, MatcherNotice, Matchers, Parsed};
pub use notification::{DeliveryId, DeliveryOutcome, FailureReason, Notification, NotificationReason};
pub use quote::{format_label_set, push_quoted, quote, unquote};
pub use regex::{Captures, Regex, RegexError, Template};
pub use relabel::{
    NameValidation, RelabelAction, RelabelConfig, RelabelError, RelabelRule, Relabelled, relabel,
    relabel_builder,
};
pub use silence::{Silence, SilenceMatcher, SilenceState};
pub use statepb::{clusterpb, nflogpb, silencepb};
pub use time::{TimeError, Timestamp};
