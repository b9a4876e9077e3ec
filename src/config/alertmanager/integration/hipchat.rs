//! `hipchat_configs`, as Alertmanager had them until 0.20.

use super::{Context, named, required};
use crate::config::alertmanager::global::http_url;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::Fields;

/// Notifications by HipChat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HipChatConfig {
    /// `api_url`, with a slash at its end.
    pub api_url: Url,
    /// `auth_token`.
    pub auth_token: Secret,
    /// `room_id`, a template.
    pub room_id: String,
    /// `from`, a template.
    pub from: String,
    /// `notify`.
    pub notify: bool,
    /// `message`, a template, with HTML escaping if `message_format` is `html`.
    pub message: String,
    /// `message_format`, `text` by default.
    pub message_format: String,
    /// `color`, a template.
    pub color: String,
}

impl HipChatConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let global = context.global;
        let api_url = http_url(fields, "api_url", None).or_else(|| global.hipchat_api_url.clone());
        let auth_token = fields.get_if_set("auth_token").or_else(|| global.hipchat_auth_token.clone());
        let room_id = fields.text("room_id");
        let [from, message] =
            ["from", "message"].map(|key| fields.get_or(key, named(&format!("hipchat.default.{key}"))));
        let notify = fields.get_or_default("notify");
        let message_format = fields.get_or("message_format", "text".to_owned());
        let color = "{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}";
        let color = fields.get_or("color", color.to_owned());
        let room_id = required(fields, room_id, "missing room id in Hipchat config");
        let api_url = required(fields, api_url, "no global Hipchat API URL set");
        let auth_token = required(fields, auth_token, "no global Hipchat Auth Token set");
        Some(Self {
            api_url: api_url?.with_trailing_slash(),
            auth_token: auth_token?,
            room_id: room_id?,
            from,
            notify,
            message,
            message_format,
            color,
        })
    }
}
