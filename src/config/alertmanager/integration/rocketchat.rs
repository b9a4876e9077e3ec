//! `rocketchat_configs`.

use serde::Serialize;

use super::{Context, named, required};
use crate::config::alertmanager::global::{http_url, pair};
use crate::config::http::Source;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::{Fields, always};

/// Notifications by Rocket.Chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RocketchatConfig {
    /// `api_url`: the server.
    pub api_url: Url,
    /// `token_id` or its file. The integration's own comes before that of `global`, whichever form it has.
    pub token_id: Source<Secret>,
    /// `token` or its file, likewise.
    pub token: Source<Secret>,
    /// `channel`, a template.
    pub channel: String,
    /// `color`, a template.
    pub color: String,
    /// `title`, a template.
    pub title: String,
    /// `title_link`, a template.
    pub title_link: String,
    /// `text`, a template.
    pub text: String,
    /// `fields`; title and value may be empty.
    pub fields: Vec<RocketchatField>,
    /// `short_fields`: what `short` of a field is if left out.
    #[serde(serialize_with = "always")]
    pub short_fields: bool,
    /// `emoji`, a template.
    pub emoji: String,
    /// `icon_url`, a template.
    pub icon_url: String,
    /// `image_url`, a template.
    pub image_url: String,
    /// `thumb_url`, a template.
    pub thumb_url: String,
    /// `link_names`, which Alertmanager does not use.
    #[serde(serialize_with = "always")]
    pub link_names: bool,
    /// `actions`.
    pub actions: Vec<RocketchatAction>,
}

/// A field of the message; title and value are templates and may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RocketchatField {
    /// Whether it stands beside others; unset: as `short_fields` says.
    #[serde(serialize_with = "always")]
    pub short: Option<bool>,
    /// What stands above.
    #[serde(serialize_with = "always")]
    pub title: String,
    /// What stands below.
    #[serde(serialize_with = "always")]
    pub value: String,
}

/// A button; all texts are templates. Alertmanager reads the keys without an underscore, and sends `text`, `url` and
/// `msg` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RocketchatAction {
    /// `type`, which is always sent as `button`.
    #[serde(rename = "type", serialize_with = "always")]
    pub kind: String,
    /// What it says.
    #[serde(serialize_with = "always")]
    pub text: String,
    /// Where it leads.
    #[serde(serialize_with = "always")]
    pub url: String,
    #[serde(rename = "imageurl", serialize_with = "always")]
    image_url: String,
    #[serde(rename = "iswebview", serialize_with = "always")]
    is_web_view: bool,
    #[serde(rename = "webviewheightratio", serialize_with = "always")]
    webview_height_ratio: String,
    /// What it sends.
    #[serde(serialize_with = "always")]
    pub msg: String,
    #[serde(rename = "msginchatwindow", serialize_with = "always")]
    msg_in_chat_window: bool,
    #[serde(rename = "msgprocessingtype", serialize_with = "always")]
    msg_processing_type: String,
}

impl RocketchatConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let global = context.global;
        let api_url = http_url(fields, "api_url", None).or_else(|| global.rocketchat_api_url.clone());
        let token_id =
            pair(fields, "token_id", "token_id_file").or_else(|| global.rocketchat_token_id.clone());
        let token = pair(fields, "token", "token_file").or_else(|| global.rocketchat_token.clone());
        let mut text =
            |key, template: &str| fields.get_or(key, named(&format!("rocketchat.default.{template}")));
        let title = text("title", "title");
        let title_link = text("title_link", "titlelink");
        let body = text("text", "text");
        let emoji = text("emoji", "emoji");
        let icon_url = text("icon_url", "iconurl");
        let color = "{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}";
        let color = fields.get_or("color", color.to_owned());
        let [channel, image_url, thumb_url] =
            ["channel", "image_url", "thumb_url"].map(|key| fields.get_or_default(key));
        let [short_fields, link_names] = ["short_fields", "link_names"].map(|key| fields.get_or_default(key));
        let attachment_fields = fields.blocks("fields", |fields| {
            let [title, value] = ["title", "value"].map(|key| fields.get_or_default(key));
            Some(RocketchatField { title, value, short: fields.pointer("short", None) })
        });
        let actions = fields.blocks("actions", |fields| {
            Some(RocketchatAction {
                kind: fields.get_or_default("type"),
                text: fields.get_or_default("text"),
                url: fields.get_or_default("url"),
                image_url: fields.get_or_default("imageurl"),
                is_web_view: fields.get_or_default("iswebview"),
                webview_height_ratio: fields.get_or_default("webviewheightratio"),
                msg: fields.get_or_default("msg"),
                msg_in_chat_window: fields.get_or_default("msginchatwindow"),
                msg_processing_type: fields.get_or_default("msgprocessingtype"),
            })
        });
        let api_url = required(fields, api_url, "no global Rocketchat URL set");
        let token_id =
            required(fields, token_id, "no global Rocketchat TokenID set either inline or in a file");
        let token = required(fields, token, "no global Rocketchat Token set either inline or in a file");
        Some(Self {
            api_url: api_url?,
            token_id: token_id?,
            token: token?,
            channel,
            color,
            title,
            title_link,
            text: body,
            fields: attachment_fields,
            short_fields,
            emoji,
            icon_url,
            image_url,
            thumb_url,
            link_names,
            actions,
        })
    }
}
