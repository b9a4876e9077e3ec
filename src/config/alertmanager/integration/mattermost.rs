//! `mattermost_configs`.

use serde::Serialize;

use super::slack::SlackField;
use super::{Context, named, required};
use crate::config::alertmanager::global::pair;
use crate::config::http::Source;
use crate::config::url::SecretUrl;
use crate::config::yaml::Fields;

/// Notifications by Mattermost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MattermostConfig {
    /// `webhook_url` or its file.
    pub webhook_url: Source<SecretUrl>,
    /// `channel`, a template.
    pub channel: String,
    /// `username`, a template.
    pub username: String,
    /// The keys of the one attachment that is sent if `attachments` is empty; otherwise only its text counts.
    #[serde(rename = "")]
    pub attachment: MattermostAttachment,
    /// `icon_url`, a template.
    pub icon_url: String,
    /// `icon_emoji`, a template.
    pub icon_emoji: String,
    /// `attachments`.
    pub attachments: Vec<MattermostAttachment>,
    /// `type`, a template.
    #[serde(rename = "type")]
    pub kind: String,
    /// `props.card`, a template.
    #[serde(rename = "props", serialize_with = "serialize_props")]
    pub props_card: Option<String>,
    /// `priority`.
    pub priority: Option<MattermostPriority>,
}

/// An attachment; all texts are templates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MattermostAttachment {
    /// `text`.
    pub text: String,
    /// `fallback`.
    pub fallback: String,
    /// `color`.
    pub color: String,
    /// `pretext`.
    pub pretext: String,
    /// `author_name`.
    pub author_name: String,
    /// `author_link`.
    pub author_link: String,
    /// `author_icon`.
    pub author_icon: String,
    /// `title`.
    pub title: String,
    /// `title_link`.
    pub title_link: String,
    /// `fields`.
    pub fields: Vec<SlackField>,
    /// `thumb_url`.
    pub thumb_url: String,
    /// `footer`.
    pub footer: String,
    /// `footer_icon`.
    pub footer_icon: String,
    /// `image_url`.
    pub image_url: String,
}

/// `priority` of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MattermostPriority {
    /// A template.
    pub priority: String,
    /// `requested_ack`.
    pub requested_ack: bool,
    /// `persistent_notifications`.
    pub persistent_notifications: bool,
}

fn serialize_props<S: serde::Serializer>(card: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    card.as_ref().map(|card| std::collections::BTreeMap::from([("card", card)])).serialize(serializer)
}

impl MattermostConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let webhook_url = pair(fields, "webhook_url", "webhook_url_file")
            .or_else(|| context.global.mattermost_webhook_url.clone());
        let default = |name: &str| named(&format!("mattermost.default.{name}"));
        let defaults = MattermostAttachment {
            fallback: default("fallback"),
            color: default("color"),
            text: default("text"),
            title: default("title"),
            title_link: default("titlelink"),
            ..MattermostAttachment::default()
        };
        let attachment = MattermostAttachment::decode(fields, defaults);
        let attachments = fields.blocks("attachments", |fields| {
            Some(MattermostAttachment::decode(fields, MattermostAttachment::default()))
        });
        let username = fields.get_or("username", default("username"));
        let [channel, icon_url, icon_emoji, kind] =
            ["channel", "icon_url", "icon_emoji", "type"].map(|key| fields.get_or_default(key));
        let props_card = fields.block("props", |fields| Some(fields.get_or_default("card")));
        let priority = fields.block("priority", |fields| {
            Some(MattermostPriority {
                priority: fields.get_or_default("priority"),
                requested_ack: fields.get_or_default("requested_ack"),
                persistent_notifications: fields.get_or_default("persistent_notifications"),
            })
        });
        let webhook_url =
            required(fields, webhook_url, "missing webhook_url or webhook_url_file on mattermost_config");
        Some(Self {
            webhook_url: webhook_url?,
            channel,
            username,
            attachment,
            icon_url,
            icon_emoji,
            attachments,
            kind,
            props_card,
            priority,
        })
    }
}

impl MattermostAttachment {
    fn decode(fields: &mut Fields<'_>, defaults: Self) -> Self {
        Self {
            fallback: fields.get_or("fallback", defaults.fallback),
            color: fields.get_or("color", defaults.color),
            pretext: fields.get_or_default("pretext"),
            text: fields.get_or("text", defaults.text),
            author_name: fields.get_or_default("author_name"),
            author_link: fields.get_or_default("author_link"),
            author_icon: fields.get_or_default("author_icon"),
            title: fields.get_or("title", defaults.title),
            title_link: fields.get_or("title_link", defaults.title_link),
            fields: fields.blocks("fields", |fields| SlackField::decode(fields, "Mattermost")),
            thumb_url: fields.get_or_default("thumb_url"),
            footer: fields.get_or_default("footer"),
            footer_icon: fields.get_or_default("footer_icon"),
            image_url: fields.get_or_default("image_url"),
        }
    }
}
