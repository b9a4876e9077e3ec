//! `webhook_configs`.

use std::time::Duration;

use serde::Serialize;

use super::required_pair;
use crate::config::go_duration::{GoDuration, serialize_go_duration};
use crate::config::http::Source;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::{Decode, Fields, Value, always};

/// Notifications by POST to a server of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebhookConfig {
    /// `url`, a template, or `url_file`. A URL without `{{` was checked.
    #[serde(serialize_with = "always")]
    pub url: Source<Secret>,
    /// `max_alerts`: how many alerts a notification holds; 0 for all.
    #[serde(serialize_with = "always")]
    pub max_alerts: u64,
    /// `timeout` of one attempt; zero for none.
    #[serde(serialize_with = "serialize_go_duration")]
    pub timeout: Duration,
    /// `payload`: what to send instead of Alertmanager's JSON; its texts are templates.
    pub payload: Option<serde_json::Value>,
}

/// A secret that is a URL unless it is a template.
struct TemplateUrl(Secret);

impl Decode for TemplateUrl {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let secret = Secret::decode(value)?;
        let text = secret.expose();
        if !text.contains("{{") && text != "<secret>" {
            if let Err(error) = Url::parse_http(text) {
                value.secret_fault(format!("invalid URL: {error}"));
                return None;
            }
        }
        Some(Self(secret))
    }
}

impl WebhookConfig {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let url = required_pair(fields, "url", "url_file");
        let GoDuration(timeout) = fields.get_or_default("timeout");
        let max_alerts = fields.get_or_default("max_alerts");
        let payload = fields.pointer("payload", None);
        let url = match url? {
            Source::Inline(TemplateUrl(url)) => Source::Inline(url),
            Source::File(file) => Source::File(file),
        };
        Some(Self { url, max_alerts, timeout, payload })
    }
}
