//! `webhook_configs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::required_pair;
use crate::config::alertmanager::global::pair;
use crate::config::go_duration::{GoDuration, serialize_go_duration};
use crate::config::http::Source;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::{Decode, Fields, Value, always};

/// Notifications by a request to a server of one's own.
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
    /// The keys that Alertmanager does not have.
    #[serde(skip)]
    pub request: WebhookRequest,
}

/// What a webhook sends where that is not what Alertmanager sends. Alertmanager refuses a file with any of these keys,
/// so they change the meaning of no file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookRequest {
    /// `preset`: the service whose requests are made, less what the other keys say.
    pub preset: Option<WebhookPreset>,
    /// `method`, such as `PUT`; unset: the preset's, or else POST.
    pub method: Option<String>,
    /// `query`: templates, added to the query of the URL by name.
    pub query: BTreeMap<String, Secret>,
    /// `headers`: templates by name. Headers that stay the same may stand in `http_config.http_headers`.
    pub headers: BTreeMap<String, Secret>,
    /// `body` or `form`, where `payload` is not set.
    pub body: Option<WebhookBody>,
    /// `content_type`; unset: what the body's kind has.
    pub content_type: Option<String>,
    /// `secret` or its file, with which DingTalk and Feishu have requests signed.
    pub secret: Option<Source<Secret>>,
}

/// A body that is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookBody {
    /// `body`, a template, sent as it is (`text/plain` unless `content_type` says otherwise); empty: no body.
    Text(String),
    /// `form`, templates by name (`application/x-www-form-urlencoded`).
    Form(BTreeMap<String, Secret>),
}

/// A service that a webhook can talk to by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookPreset {
    /// `dingtalk`: DingTalk's group robot, signed if there is a `secret`.
    DingTalk,
    /// `feishu`: the group robot of Feishu and Lark, signed if there is a `secret`.
    Feishu,
    /// `wecom`: WeCom's group robot.
    WeCom,
    /// `google_chat`: a Google Chat space, one thread for each group of alerts.
    GoogleChat,
    /// `matrix`: a Matrix room.
    Matrix,
    /// `ntfy`.
    Ntfy,
    /// `gotify`.
    Gotify,
    /// `signal`: the REST API of signal-cli.
    Signal,
    /// `twilio`: an SMS.
    Twilio,
}

impl WebhookPreset {
    /// All, in the order in which errors list them.
    pub const ALL: [Self; 9] = [
        Self::DingTalk,
        Self::Feishu,
        Self::WeCom,
        Self::GoogleChat,
        Self::Matrix,
        Self::Ntfy,
        Self::Gotify,
        Self::Signal,
        Self::Twilio,
    ];

    /// The name in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DingTalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::WeCom => "wecom",
            Self::GoogleChat => "google_chat",
            Self::Matrix => "matrix",
            Self::Ntfy => "ntfy",
            Self::Gotify => "gotify",
            Self::Signal => "signal",
            Self::Twilio => "twilio",
        }
    }

    /// Whether the service can have requests signed with a secret.
    #[must_use]
    pub fn is_signed(self) -> bool {
        matches!(self, Self::DingTalk | Self::Feishu)
    }
}

impl Decode for WebhookPreset {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let name = String::decode(value)?;
        let preset = Self::ALL.into_iter().find(|preset| preset.name() == name);
        if preset.is_none() {
            let known = Self::ALL.map(Self::name).join(", ");
            value.fault_with_help(format!("unknown preset {name:?}"), format!("known are {known}"));
        }
        preset
    }
}

/// A secret that is a URL unless it is a template.
struct TemplateUrl(Secret);

impl Decode for TemplateUrl {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let secret = Secret::decode(value)?;
        let text = secret.expose();
        let is_url = !text.contains("{{") && text != "<secret>";
        if let Some(Err(error)) = is_url.then(|| Url::parse_http(text)) {
            value.secret_fault(format!("invalid URL: {error}"));
            return None;
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
        let request = WebhookRequest::decode(fields);
        let url = match url? {
            Source::Inline(TemplateUrl(url)) => Source::Inline(url),
            Source::File(file) => Source::File(file),
        };
        Some(Self { url, max_alerts, timeout, payload, request })
    }
}

/// Headers that follow from the request, or have a key of their own.
const RESERVED_HEADERS: [(&str, &str); 6] = [
    ("content-type", "use content_type"),
    ("authorization", "use http_config.authorization or http_config.basic_auth"),
    ("content-length", "it follows from the body"),
    ("transfer-encoding", "it follows from the body"),
    ("host", "it follows from the URL"),
    ("connection", "connections are kept by the client"),
];

impl WebhookRequest {
    /// The names of those keys that this says something with, in the order of the documentation.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        let body = match self.body {
            Some(WebhookBody::Text(_)) => Some("body"),
            Some(WebhookBody::Form(_)) => Some("form"),
            None => None,
        };
        let keys = [
            self.preset.map(|_| "preset"),
            self.method.as_ref().map(|_| "method"),
            (!self.query.is_empty()).then_some("query"),
            (!self.headers.is_empty()).then_some("headers"),
            body,
            self.content_type.as_ref().map(|_| "content_type"),
            self.secret.as_ref().map(|_| "secret"),
        ];
        keys.into_iter().flatten().collect()
    }

    fn decode(fields: &mut Fields<'_>) -> Self {
        let preset: Option<WebhookPreset> = fields.get_if_set("preset");
        let secret = pair(fields, "secret", "secret_file");
        if secret.is_some() && !preset.is_some_and(WebhookPreset::is_signed) {
            let signed = WebhookPreset::ALL.into_iter().filter(|preset| preset.is_signed());
            let signed = signed.map(WebhookPreset::name).collect::<Vec<_>>().join(" or ");
            let message = format!("a secret signs nothing without preset {signed}");
            fields.fault_at(&["secret", "secret_file"], &message);
        }
        let text: Option<String> = fields.pointer("body", None);
        let form: Option<BTreeMap<String, Secret>> = fields.pointer("form", None);
        fields.at_most_one(
            &["payload", "body", "form"],
            "at most one of payload, body & form must be configured",
        );
        let method = fields.text("method");
        if method.as_deref().is_some_and(|method| !is_token(method)) {
            fields.fault_at_key("method", "a method is one word, such as PUT");
        }
        Self {
            preset,
            method: method.map(|method| method.to_ascii_uppercase()),
            query: fields.get_or_default("query"),
            headers: decode_headers(fields),
            body: text.map(WebhookBody::Text).or_else(|| form.map(WebhookBody::Form)),
            content_type: fields.text("content_type"),
            secret,
        }
    }
}

fn decode_headers(fields: &mut Fields<'_>) -> BTreeMap<String, Secret> {
    for (name, value) in fields.value_of("headers").map(|value| value.entries()).unwrap_or_default() {
        let reserved = RESERVED_HEADERS.iter().find(|(reserved, _)| name.eq_ignore_ascii_case(reserved));
        match reserved {
            Some((_, help)) => {
                value.key_fault_with_help(format!("header {name:?} cannot be set here"), *help);
            }
            None if !is_token(name) => value.key_fault(format!("{name:?} is no name of a header")),
            None => {}
        }
    }
    fields.get_or_default("headers")
}

/// A method or the name of a header (`token` of RFC 9110).
fn is_token(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}
