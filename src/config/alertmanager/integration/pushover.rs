//! `pushover_configs`.

use std::time::Duration;

use serde::Serialize;

use super::{named, required_pair};
use crate::config::go_duration::{GoDuration, serialize_go_duration_if_set};
use crate::config::http::Source;
use crate::config::secret::Secret;
use crate::config::yaml::Fields;

/// Notifications by Pushover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushoverConfig {
    /// `user_key`, a template, or its file.
    pub user_key: Source<Secret>,
    /// `token`, a template, or its file.
    pub token: Source<Secret>,
    /// `title`, a template.
    pub title: String,
    /// `message`, a template, with HTML escaping if `html` is set.
    pub message: String,
    /// `url`, a template.
    pub url: String,
    /// `url_title`, a template.
    pub url_title: String,
    /// `device`, a template.
    pub device: String,
    /// `sound`, a template.
    pub sound: String,
    /// `priority`, a template.
    pub priority: String,
    /// `retry`: how often an emergency is repeated; a minute by default.
    #[serde(serialize_with = "serialize_go_duration_if_set")]
    pub retry: Duration,
    /// `expire`: how long it is repeated; an hour by default.
    #[serde(serialize_with = "serialize_go_duration_if_set")]
    pub expire: Duration,
    /// `ttl`: how long the message is kept; zero: for ever.
    #[serde(serialize_with = "serialize_go_duration_if_set")]
    pub ttl: Duration,
    /// `html`; not together with `monospace`.
    pub html: bool,
    /// `monospace`.
    pub monospace: bool,
}

impl PushoverConfig {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let user_key = required_pair(fields, "user_key", "user_key_file");
        let token = required_pair(fields, "token", "token_file");
        let [title, message, url] = ["title", "message", "url"]
            .map(|key| fields.get_or(key, named(&format!("pushover.default.{key}"))));
        let [url_title, device, sound] =
            ["url_title", "device", "sound"].map(|key| fields.get_or_default(key));
        let priority = "{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}";
        let priority = fields.get_or("priority", priority.to_owned());
        let GoDuration(retry) = fields.get_or("retry", GoDuration(Duration::from_mins(1)));
        let GoDuration(expire) = fields.get_or("expire", GoDuration(Duration::from_hours(1)));
        let GoDuration(ttl) = fields.get_or_default("ttl");
        let [html, monospace] = ["html", "monospace"].map(|key| fields.get_or_default(key));
        if html && monospace {
            fields.fault_at_key("monospace", "at most one of monospace & html must be configured");
        }
        Some(Self {
            user_key: user_key?,
            token: token?,
            title,
            message,
            url,
            url_title,
            device,
            sound,
            priority,
            retry,
            expire,
            ttl,
            html,
            monospace,
        })
    }
}
