//! How people are told: one file for each kind of integration, and what they share. `docs/notify.md` says how one is
//! added and tested.
//!
//! The engine decides when whom to tell and asks the [`Runner`] for one attempt at a time; when an attempt failed,
//! the engine decides whether and when there is another. An [`Integration`] is built once for each configuration. For
//! an attempt it makes the data that templates see, and hands it to its [`Notifier`], which renders the texts, sends
//! the request and judges the answer.
//!
//! What holds for all of them:
//!
//! - At most 128 attempts of one integration run beside each other; the others wait for their turn. No integration
//!   waits for another.
//! - An attempt ends by its notification's deadline.
//! - A template that fails leaves nobody untold: the message goes out in plain words and says what failed. Only where
//!   there is no knowing where to send it, the attempt fails for good.
//! - What a failure says holds no secret: URLs are not repeated, and secrets that an attempt used are taken out of
//!   whatever a service answers.
//! - An answer is read up to 64 KiB, and an error repeats at most 1,024 characters of it.

mod attempt;
mod credentials;
mod data;
mod discord;
mod email;
mod exec;
mod failure;
mod field;
mod hipchat;
mod incidentio;
mod integration;
mod jira;
mod json;
mod kind;
mod mattermost;
mod message;
mod metrics;
mod msteams;
mod msteamsv2;
mod opsgenie;
mod pagerduty;
mod plain;
mod preset;
mod pushover;
mod rocketchat;
mod runner;
mod sample;
mod service;
mod slack;
mod sns;
mod structured;
mod surroundings;
mod telegram;
#[cfg(test)]
mod testing;
mod truncate;
mod victorops;
mod webex;
mod webhook;
mod wechat;

pub use attempt::{Attempt, TemplateFault};
pub use data::{GroupRoute, rendered_route_labels};
pub use failure::Failure;
pub use integration::{
    BoxFuture, Build, BuildError, Delivered, Integration, Notifier, build_receiver_integrations,
};
pub use kind::{KINDS, Kind};
pub use metrics::Metrics;
pub use runner::Runner;
pub use sample::Sample;
pub use surroundings::Surroundings;
