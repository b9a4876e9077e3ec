//! API v2's JSON, both ways, byte for byte as Go programs write it and as forgiving as Go programs read it.
//!
//! Reading ([`decode_alerts`], [`decode_silence`]) is one pass of our own over the body: label sets are packed straight from borrowed
//! texts. It keeps the habits of Go's `encoding/json`: names match in any case, unknown members are skipped, of
//! two members the later wins (labels merge), `null` leaves unset, broken UTF-8 becomes U+FFFD, only the first
//! value of the body counts, and nesting is bounded at 10,000. Errors carry the texts and numbers of
//! Alertmanager's API.

mod alerts;
mod date_error;
mod scan;
mod silences;
mod uri;
mod write;

#[cfg(test)]
mod tests;

pub use alerts::{AlertError, PostedAlert, RequestError, decode_alerts};
pub use silences::{decode_silence, push_api_silence};
pub use write::{ApiAlert, push_alert, push_alerts, push_api_alert, push_json_string};
