//! `slack_configs`.

use std::time::Duration;

use serde::Serialize;

use super::{Context, named};
use crate::config::alertmanager::global::{http_url, joined_pair, pair};
use crate::config::go_duration::{GoDuration, serialize_go_duration};
use crate::config::http::{Authentication, Authorization, Source};
use crate::config::secret::Secret;
use crate::config::url::{SecretUrl, Url};
use crate::config::yaml::{Fields, always};

/// Notifications by Slack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlackConfig {
    /// `api_url` or its file: where to post. With `app_token` it is `app_url`, and the token is the authorization of the
    /// HTTP client.
    pub api_url: Source<SecretUrl>,
    /// `app_token` or its file.
    pub app_token: Option<Source<Secret>>,
    /// `app_url`: the API that takes the token.
    pub app_url: Url,
    /// `channel`, a template.
    pub channel: String,
    /// `username`, a template.
    pub username: String,
    /// `color`, a template.
    pub color: String,
    /// `title`, a template.
    pub title: String,
    /// `title_link`, a template.
    pub title_link: String,
    /// `pretext`, a template.
    pub pretext: String,
    /// `text`, a template.
    pub text: String,
    /// `message_text`, a template: the text outside of the attachment.
    pub message_text: String,
    /// `fields`.
    pub fields: Vec<SlackField>,
    /// `short_fields`: what `short` of a field is if left out.
    #[serde(serialize_with = "always")]
    pub short_fields: bool,
    /// `footer`, a template.
    pub footer: String,
    /// `fallback`, a template.
    pub fallback: String,
    /// `callback_id`, a template.
    pub callback_id: String,
    /// `icon_emoji`, a template.
    pub icon_emoji: String,
    /// `icon_url`, a template.
    pub icon_url: String,
    /// `image_url`, a template.
    pub image_url: String,
    /// `thumb_url`, a template.
    pub thumb_url: String,
    /// `link_names`.
    #[serde(serialize_with = "always")]
    pub link_names: bool,
    /// `mrkdwn_in`; empty: fallback, pretext and text.
    pub mrkdwn_in: Vec<String>,
    /// `actions`.
    pub actions: Vec<SlackAction>,
    /// `update_message`: a later notification replaces the message.
    #[serde(serialize_with = "always")]
    pub update_message: bool,
    /// `timeout` of one attempt; zero for none.
    #[serde(serialize_with = "serialize_go_duration")]
    pub timeout: Duration,
}

/// A field of the attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlackField {
    /// A template.
    pub title: String,
    /// A template.
    pub value: String,
    /// Whether it stands beside others; unset: as `short_fields` says.
    pub short: Option<bool>,
}

/// A button; all texts are templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlackAction {
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says.
    pub text: String,
    /// Where it leads; then it has no name, value and confirmation.
    pub url: String,
    /// How it looks.
    pub style: String,
    /// Its name.
    pub name: String,
    /// What it sends.
    pub value: String,
    /// `confirm`: what is asked before.
    pub confirm: Option<SlackConfirmation>,
}

/// What is asked before an action; all are templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlackConfirmation {
    /// The question.
    pub text: String,
    /// Above it.
    pub title: String,
    /// What yes is called.
    pub ok_text: String,
    /// What no is called.
    pub dismiss_text: String,
}

/// The API that can change a message.
const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

impl SlackConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &mut Context<'_>) -> Option<Self> {
        let update_message: bool = fields.get_or_default("update_message");
        let targets = Target::decode(fields, context, update_message);
        let GoDuration(timeout) = fields.get_or_default("timeout");
        let mut text = |key, template: &str| fields.get_or(key, named(&format!("slack.default.{template}")));
        let username = text("username", "username");
        let color = text("color", "color");
        let title = text("title", "title");
        let title_link = text("title_link", "titlelink");
        let pretext = text("pretext", "pretext");
        let body = text("text", "text");
        let footer = text("footer", "footer");
        let fallback = text("fallback", "fallback");
        let callback_id = text("callback_id", "callbackid");
        let icon_emoji = text("icon_emoji", "iconemoji");
        let icon_url = text("icon_url", "iconurl");
        let [channel, message_text, image_url, thumb_url] =
            ["channel", "message_text", "image_url", "thumb_url"].map(|key| fields.get_or_default(key));
        let [short_fields, link_names] = ["short_fields", "link_names"].map(|key| fields.get_or_default(key));
        let mrkdwn_in = fields.get_or_default("mrkdwn_in");
        let actions = fields.blocks("actions", SlackAction::decode);
        let attachment_fields = fields.blocks("fields", |fields| SlackField::decode(fields, "Slack"));
        let Target { api_url, app_token, app_url } = targets?;
        Some(Self {
            api_url,
            app_token,
            app_url,
            channel,
            username,
            color,
            title,
            title_link,
            pretext,
            text: body,
            message_text,
            fields: attachment_fields,
            short_fields,
            footer,
            fallback,
            callback_id,
            icon_emoji,
            icon_url,
            image_url,
            thumb_url,
            link_names,
            mrkdwn_in,
            actions,
            update_message,
            timeout,
        })
    }
}

/// Where a message goes, and under whose name.
struct Target {
    api_url: Source<SecretUrl>,
    app_token: Option<Source<Secret>>,
    app_url: Url,
}

impl Target {
    fn decode(fields: &mut Fields<'_>, context: &mut Context<'_>, update_message: bool) -> Option<Self> {
        let global = context.global;
        let own_url: Option<Source<SecretUrl>> = pair(fields, "api_url", "api_url_file");
        let own_token: Option<Source<Secret>> = joined_pair(fields, "app_token", "app_token_file");
        if own_url.is_some() && own_token.is_some() {
            fields.fault_at(
                &["app_token", "app_token_file"],
                "at most one of api_url/api_url_file & app_token/app_token_file must be configured",
            );
        }
        let can_update = matches!(&own_url, Some(Source::Inline(url)) if url.expose() == POST_MESSAGE);
        if update_message && !can_update {
            fields.fault_at_key(
                "update_message",
                "update_message can only be used with bot tokens. api_url must be set to \
                 https://slack.com/api/chat.postMessage",
            );
        }
        let app_url = http_url(fields, "app_url", None).or_else(|| global.slack_app_url.clone());
        let app_url = super::required(fields, app_url, "no global Slack App URL set");
        let is_authorized = matches!(context.http.authentication, Some(Authentication::Authorization(_)));
        let takes_global_token = own_url.is_none() && !(context.has_local_http && is_authorized);
        let app_token = own_token.or_else(|| global.slack_app_token.clone().filter(|_| takes_global_token));
        let api_url = own_url.or_else(|| global.slack_api_url.clone());
        if app_token.is_none() && api_url.is_none() {
            fields.value().fault("no Slack API URL nor App token set either inline or in a file");
        }
        let Some(token) = app_token else {
            return Some(Self { api_url: api_url?, app_token: None, app_url: app_url? });
        };
        if is_authorized {
            fields.value().fault("http authorization can't be set when using Slack App tokens");
        }
        context.http.authentication = Some(Authentication::Authorization(Authorization {
            scheme: "Bearer".to_owned(),
            credentials: token.clone(),
            position: fields.position(),
        }));
        let app_url = app_url?;
        Some(Self { api_url: Source::Inline(SecretUrl::from(&app_url)), app_token: Some(token), app_url })
    }
}

impl SlackField {
    /// Reads a field; `chat` is named in faults.
    pub(super) fn decode(fields: &mut Fields<'_>, chat: &str) -> Option<Self> {
        let [title, value] = ["title", "value"].map(|key| {
            let text = fields.text(key);
            super::required(fields, text, &format!("missing {key} in {chat} field configuration"))
        });
        let short = fields.pointer("short", None);
        Some(Self { title: title?, value: value?, short })
    }
}

impl SlackAction {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let [kind, text] = ["type", "text"].map(|key| {
            let text = fields.text(key);
            super::required(fields, text, &format!("missing {key} in Slack action configuration"))
        });
        let [url, style, name, value] =
            ["url", "style", "name", "value"].map(|key| fields.get_or_default::<String>(key));
        let confirm = fields.block("confirm", SlackConfirmation::decode);
        let (kind, text) = (kind?, text?);
        if !url.is_empty() {
            // A link is no button: it sends nothing and asks nothing.
            return Some(Self {
                kind,
                text,
                url,
                style,
                name: String::new(),
                value: String::new(),
                confirm: None,
            });
        }
        if name.is_empty() {
            fields.value().fault("missing name or url in Slack action configuration");
        }
        Some(Self { kind, text, url, style, name, value, confirm })
    }
}

impl SlackConfirmation {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let text = fields.text("text");
        let text = super::required(fields, text, "missing text in Slack confirmation configuration");
        let [title, ok_text, dismiss_text] =
            ["title", "ok_text", "dismiss_text"].map(|key| fields.get_or_default(key));
        Some(Self { text: text?, title, ok_text, dismiss_text })
    }
}
