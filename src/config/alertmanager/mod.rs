//! `alertmanager.yml`, whole, as of Alertmanager 0.34.
//!
//! What integrations inherit from `global` is resolved here, so that each holds all it needs. Every place of a
//! receiver is kept, for what is found out only when it is built. Keys that Alertmanager has given up (`match`,
//! HipChat) are read as well.

mod file;
mod global;
mod inhibit;
mod integration;
mod matchers;
mod receiver;
mod route;
mod templates;
mod time_interval;

#[cfg(test)]
mod tests;

pub use file::AlertmanagerFile;
pub use global::{GlobalConfig, HostPort};
pub use inhibit::InhibitRuleConfig;
pub use integration::*;
pub use receiver::{IntegrationConfig, ReceiverConfig};
pub use route::{GroupBy, Located, RouteConfig};
pub use templates::TemplateString;
pub use time_interval::{InclusiveRange, NamedTimeInterval, TimeInterval, TimeRange};
