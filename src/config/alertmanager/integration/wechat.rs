//! `wechat_configs`.

use serde::Serialize;

use super::{Context, named, required};
use crate::config::alertmanager::global::{http_url, pair};
use crate::config::http::Source;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::Fields;

/// Notifications by WeChat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WechatConfig {
    /// `api_secret`, a template, or its file.
    pub api_secret: Source<Secret>,
    /// `corp_id`, a template.
    pub corp_id: String,
    /// `message`, a template.
    pub message: String,
    /// `api_url`, with a slash at its end.
    pub api_url: Url,
    /// `to_user`, a template.
    pub to_user: String,
    /// `to_party`, a template.
    pub to_party: String,
    /// `to_tag`, a template.
    pub to_tag: String,
    /// `agent_id`, a template.
    pub agent_id: String,
    /// `message_type`: `text`, the default, or `markdown`.
    pub message_type: String,
}

impl WechatConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let global = context.global;
        let api_secret =
            pair(fields, "api_secret", "api_secret_file").or_else(|| global.wechat_api_secret.clone());
        let corp_id = fields.text("corp_id").unwrap_or_else(|| global.wechat_api_corp_id.clone());
        let api_url = http_url(fields, "api_url", None).or_else(|| global.wechat_api_url.clone());
        let [message, to_user, to_party, to_tag, agent_id] =
            ["message", "to_user", "to_party", "to_tag", "agent_id"]
                .map(|key| fields.get_or(key, named(&format!("wechat.default.{key}"))));
        let message_type = fields.text("message_type").unwrap_or_else(|| "text".to_owned());
        if !matches!(message_type.as_str(), "text" | "markdown") {
            let message = format!(
                "weChat message type {message_type:?} does not match valid options ^(text|markdown)$"
            );
            fields.fault_at_key("message_type", &message);
        }
        let api_url = required(fields, api_url, "no global Wechat URL set");
        let api_secret =
            required(fields, api_secret, "no global Wechat Api Secret set either inline or in a file");
        let corp_id =
            required(fields, Some(corp_id).filter(|id| !id.is_empty()), "no global Wechat CorpID set");
        Some(Self {
            api_secret: api_secret?,
            corp_id: corp_id?,
            message,
            api_url: api_url?.with_trailing_slash(),
            to_user,
            to_party,
            to_tag,
            agent_id,
            message_type,
        })
    }
}
