//! Chats with few keys: `telegram_configs`, `discord_configs`, `webex_configs`, `msteams_configs`,
//! `msteamsv2_configs`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::{Context, named, required, required_pair};
use crate::config::alertmanager::global::{http_url, pair};
use crate::config::http::{Authentication, Proxy, ProxyAddress, Source};
use crate::config::secret::Secret;
use crate::config::url::{SecretUrl, Url};
use crate::config::yaml::{Fields, Scalar, always};

/// Notifications by a Telegram bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TelegramConfig {
    /// `api_url`.
    pub api_url: Url,
    /// `bot_token` or its file.
    pub bot_token: Source<Secret>,
    /// `chat_id` or its file: a number, never rendered.
    pub chat_id: Source<i64>,
    /// `message_thread_id`; 0 for none.
    pub message_thread_id: i64,
    /// `message`, a template, with HTML escaping if `parse_mode` is HTML.
    pub message: String,
    /// `disable_notifications`.
    pub disable_notifications: bool,
    /// `parse_mode`: `HTML` by default, `Markdown`, `MarkdownV2` or empty.
    pub parse_mode: String,
}

impl TelegramConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let global = context.global;
        let api_url = http_url(fields, "api_url", None).or_else(|| global.telegram_api_url.clone());
        let bot_token =
            pair(fields, "bot_token", "bot_token_file").or_else(|| global.telegram_bot_token.clone());
        let number: i64 = fields.get_or_default("chat_id");
        let file: Option<PathBuf> = fields.get_if_set("chat_id_file");
        // A text that is no number has its own fault; 0 counts as left out.
        let is_written = fields
            .present(&["chat_id"])
            .iter()
            .any(|value| value.scalar().and_then(Scalar::as_integer) != Some(0));
        let message_thread_id = fields.get_or_default("message_thread_id");
        let message = fields.get_or("message", named("telegram.default.message"));
        let disable_notifications = fields.get_or_default("disable_notifications");
        let parse_mode = fields.get_or("parse_mode", "HTML".to_owned());
        if !matches!(parse_mode.as_str(), "" | "Markdown" | "MarkdownV2" | "HTML") {
            let message =
                "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string";
            fields.fault_at_key("parse_mode", message);
        }
        if number != 0 && file.is_some() {
            fields.fault_at_key("chat_id", "at most one of chat_id & chat_id_file must be configured");
        } else if number == 0 && !is_written && file.is_none() {
            fields.value().fault("missing chat_id or chat_id_file on telegram_config");
        }
        let api_url = required(fields, api_url, "no global Telegram URL set");
        let bot_token = required(fields, bot_token, "missing bot_token or bot_token_file on telegram_config");
        Some(Self {
            api_url: api_url?,
            bot_token: bot_token?,
            chat_id: file.map_or(Source::Inline(number), Source::File),
            message_thread_id,
            message,
            disable_notifications,
            parse_mode,
        })
    }
}

/// Notifications by Discord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiscordConfig {
    /// `webhook_url` or its file.
    pub webhook_url: Source<SecretUrl>,
    /// `content`, a template.
    pub content: String,
    /// `title`, a template.
    pub title: String,
    /// `message`, a template.
    pub message: String,
    /// `username`, never rendered.
    pub username: String,
    /// `avatar_url`, never rendered.
    pub avatar_url: String,
}

impl DiscordConfig {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let webhook_url = required_pair(fields, "webhook_url", "webhook_url_file");
        let [title, message] =
            ["title", "message"].map(|key| fields.get_or(key, named(&format!("discord.default.{key}"))));
        let [content, username, avatar_url] =
            ["content", "username", "avatar_url"].map(|key| fields.get_or_default(key));
        Some(Self { webhook_url: webhook_url?, content, title, message, username, avatar_url })
    }
}

/// Notifications by Webex. The token is the authorization of the integration's own HTTP client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebexConfig {
    /// `api_url`.
    pub api_url: Url,
    /// `message`, a template.
    pub message: String,
    /// `room_id`, a template.
    #[serde(serialize_with = "always")]
    pub room_id: String,
}

impl WebexConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let api_url = http_url(fields, "api_url", None).or_else(|| context.global.webex_api_url.clone());
        let message = fields.get_or("message", named("webex.default.message"));
        let room_id = fields.text("room_id");
        let is_authorized = matches!(context.http.authentication, Some(Authentication::Authorization(_)));
        if !(context.has_local_http && is_authorized) {
            fields.value().fault("missing webex_configs.http_config.authorization");
        }
        let room_id = required(fields, room_id, "missing room_id on webex_config");
        let api_url = required(fields, api_url, "no global Webex URL set");
        Some(Self { api_url: api_url?, message, room_id: room_id? })
    }
}

/// Notifications by the connectors of Microsoft Teams that are no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MsTeamsConfig {
    /// `webhook_url` or its file.
    pub webhook_url: Source<SecretUrl>,
    /// `title`, a template.
    pub title: String,
    /// `summary`, a template.
    pub summary: String,
    /// `text`, a template.
    pub text: String,
}

impl MsTeamsConfig {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let webhook_url = required_pair(fields, "webhook_url", "webhook_url_file");
        let [title, summary, text] = ["title", "summary", "text"]
            .map(|key| fields.get_or(key, named(&format!("msteams.default.{key}"))));
        Some(Self { webhook_url: webhook_url?, title, summary, text })
    }
}

/// Notifications by the workflows of Microsoft Teams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MsTeamsV2Config {
    /// `webhook_url` or its file.
    pub webhook_url: Source<SecretUrl>,
    /// `title`, a template.
    pub title: String,
    /// `text`, a template.
    pub text: String,
}

impl MsTeamsV2Config {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &mut Context<'_>) -> Option<Self> {
        let webhook_url = required_pair(fields, "webhook_url", "webhook_url_file");
        let [title, text] =
            ["title", "text"].map(|key| fields.get_or(key, named(&format!("msteamsv2.default.{key}"))));
        // Of all integrations only this one takes the proxy's URL of `global` into an `http_config` of its own.
        if let (None, Some(proxy)) = (&context.http.proxy, &context.global.http_config.proxy)
            && let ProxyAddress::Url { proxy_url, .. } = &proxy.address
        {
            let address = ProxyAddress::Url { proxy_url: proxy_url.clone(), no_proxy: String::new() };
            context.http.proxy = Some(Proxy { address, connect_header: BTreeMap::new() });
        }
        Some(Self { webhook_url: webhook_url?, title, text })
    }
}
