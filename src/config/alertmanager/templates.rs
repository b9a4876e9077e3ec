//! The strings of a configuration that are templates, so that they can be tried before they are needed.

use super::file::AlertmanagerFile;
use super::integration::{HipChatConfig, Integration, WebhookBody, WebhookConfig};
use super::receiver::IntegrationConfig;
use crate::config::http::Source;
use crate::config::position::Position;
use crate::config::yaml::texts;

/// A string that is rendered for a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateString {
    /// The keys to it, such as `receivers[0].slack_configs[1].title`; of a route's label those below the route.
    pub path: String,
    /// Where the route or the integration begins that has it.
    pub position: Position,
    /// The template.
    pub source: String,
    /// Whether it is rendered with HTML escaping.
    pub is_html: bool,
    /// Whether nothing of it may be shown.
    pub is_secret: bool,
}

impl AlertmanagerFile {
    /// All strings with an action of a template in them, the defaults included. Secrets are among them where they may be
    /// URLs; keys and tokens are not.
    #[must_use]
    pub fn template_strings(&self) -> Vec<TemplateString> {
        let mut strings = Vec::new();
        for route in self.route.walk() {
            strings.extend(route.labels.iter().map(|(name, source)| TemplateString {
                path: format!("labels.{name}"),
                position: route.position.clone(),
                source: source.clone(),
                is_html: false,
                is_secret: false,
            }));
        }
        for (place, receiver) in self.receivers.iter().enumerate() {
            for integration in &receiver.integrations {
                let prefix =
                    format!("receivers[{place}].{}_configs[{}]", integration.kind, integration.index);
                integration.add_template_strings(&prefix, &mut strings);
            }
        }
        strings.retain(|string| string.source.contains("{{"));
        strings
    }
}

impl IntegrationConfig {
    fn add_template_strings(&self, prefix: &str, strings: &mut Vec<TemplateString>) {
        let mut add = |key: &str, source: String, is_secret: bool| {
            strings.push(TemplateString {
                path: format!("{prefix}.{key}"),
                position: self.position.clone(),
                is_html: self.settings.is_html(key),
                source,
                is_secret,
            });
        };
        match &self.settings {
            Integration::Exec(_) => return,
            Integration::HipChat(hipchat) => {
                let HipChatConfig { room_id, from, message, color, .. } = &**hipchat;
                for (key, source) in
                    [("room_id", room_id), ("from", from), ("message", message), ("color", color)]
                {
                    add(key, source.clone(), false);
                }
                return;
            }
            Integration::Webhook(webhook) => webhook.secret_templates(|key, source| add(key, source, true)),
            _ => {}
        }
        for (key, source) in texts(&self.settings) {
            if !self.settings.is_literal(&key) {
                add(&key, source, false);
            }
        }
    }
}

impl WebhookConfig {
    fn secret_templates(&self, mut add: impl FnMut(&str, String)) {
        if let Source::Inline(url) = &self.url {
            add("url", url.expose().to_owned());
        }
        let request = &self.request;
        let form = match &request.body {
            Some(WebhookBody::Text(body)) => {
                add("body", body.clone());
                None
            }
            Some(WebhookBody::Form(form)) => Some(form),
            None => None,
        };
        let maps = [("query", Some(&request.query)), ("headers", Some(&request.headers)), ("form", form)];
        for (key, map) in maps {
            for (name, value) in map.into_iter().flatten() {
                add(&format!("{key}.{name}"), value.expose().to_owned());
            }
        }
    }
}

impl Integration {
    fn is_html(&self, key: &str) -> bool {
        match self {
            Self::Email(_) => key == "html",
            Self::Pushover(pushover) => pushover.html && key == "message",
            Self::Telegram(telegram) => telegram.parse_mode == "HTML" && key == "message",
            Self::HipChat(hipchat) => hipchat.message_format == "html" && key == "message",
            _ => false,
        }
    }

    /// Whether a text is sent as it is, whatever it looks like.
    fn is_literal(&self, key: &str) -> bool {
        match self {
            Self::Discord(_) => matches!(key, "username" | "avatar_url"),
            Self::Email(_) => matches!(key, "hello" | "auth_username" | "auth_identity" | "smarthost"),
            _ => key.starts_with("tls_config.") || key.starts_with("sigv4."),
        }
    }
}
