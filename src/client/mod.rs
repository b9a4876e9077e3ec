//! API v2 from the other side: what a rule engine needs to hand its alerts to tocsin, or to an Alertmanager.
//!
//! [`Client::send_alerts`] does what Prometheus does after every evaluation of a rule: it sends what is due
//! ([`Alert::is_due`]), with an end that moves on by four intervals as long as the alert fires, so that a rule
//! engine that dies takes its alerts with it. A push goes over a Unix socket or HTTP, in batches, and is repeated
//! with growing pauses while nobody answers.
//!
//! [`decode_silences`] reads what an Alertmanager lists, for the fallback.
//!
//! [`ApiV2`] asks and changes what the API shows, as amtool does: each request once, all before one deadline.

mod alert;
mod api_time;
mod api_v2;
mod models;
mod push;
mod silences;

#[cfg(test)]
mod tests;

pub use alert::{Alert, AlertState, generator_url};
pub use api_time::{ApiTime, Rfc3339Error};
pub use api_v2::{AlertQuery, ApiError, ApiV2};
pub use models::{
    AlertStatus, AlertmanagerConfig, AlertmanagerStatus, ApiLabelSet, ApiMatcher, ClusterStatus,
    GettableAlert, GettableSilence, PeerStatus, PostableAlert, PostableMatcher, PostableSilence,
    ReceiverReference, SilenceStatus, VersionInfo,
};
pub use push::{Client, PushError, PushOptions};
pub use silences::{SilencesError, decode_silences};
