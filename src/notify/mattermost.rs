//! `mattermost`: messages to a channel by an incoming webhook.

use serde::Serialize;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::Service;
use super::truncate;
use crate::config::alertmanager::{MattermostAttachment, MattermostConfig};
use crate::model::quote;

/// How many characters a text may have.
const MOST_TEXT: usize = 16_383;

#[derive(Debug)]
pub(super) struct Mattermost {
    service: Service,
    webhook_url: SecretField,
    channel: Field,
    username: Field,
    icon_url: Field,
    icon_emoji: Field,
    kind: Field,
    card: Option<Field>,
    priority: Option<(Field, bool, bool)>,
    /// The text above the attachments, if those are configured one by one.
    text: Option<Field>,
    attachments: Vec<Fields>,
}

/// The templates of an attachment.
#[derive(Debug)]
struct Fields {
    fallback: Field,
    color: Field,
    pretext: Field,
    text: Field,
    author_name: Field,
    author_link: Field,
    author_icon: Field,
    title: Field,
    title_link: Field,
    /// Title, value and whether it is short.
    fields: Vec<(Field, Field, Option<bool>)>,
    thumb_url: Field,
    footer: Field,
    footer_icon: Field,
    image_url: Field,
}

impl Mattermost {
    pub(super) fn new(config: &MattermostConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let attachments: Vec<Fields> = if config.attachments.is_empty() {
            vec![Fields::new("", &config.attachment, build)]
        } else {
            let attachments = config.attachments.iter().enumerate();
            attachments.map(|(at, one)| Fields::new(&format!("attachments[{at}]."), one, build)).collect()
        };
        let has_own = !config.attachments.is_empty();
        let card = config.props_card.as_deref().filter(|card| !card.is_empty());
        let priority = config.priority.as_ref().filter(|priority| !priority.priority.is_empty());
        Ok(Self {
            service: build.service(Verdict::default())?,
            webhook_url: SecretField::url("webhook_url", &config.webhook_url),
            channel: build.text("channel", &config.channel),
            username: build.text("username", &config.username),
            icon_url: build.text("icon_url", &config.icon_url),
            icon_emoji: build.text("icon_emoji", &config.icon_emoji),
            kind: build.text("type", &config.kind),
            card: card.map(|card| build.text("props.card", card)),
            priority: priority.map(|priority| {
                let field = build.text("priority.priority", &priority.priority);
                (field, priority.requested_ack, priority.persistent_notifications)
            }),
            text: has_own.then(|| build.text("text", &config.attachment.text)),
            attachments,
        })
    }

    fn priority(&self, attempt: &mut Attempt) -> Option<Priority> {
        let (field, requested_ack, persistent_notifications) = self.priority.as_ref()?;
        let written = attempt.field(field).to_lowercase();
        let known = ["urgent", "important", "standard"];
        let priority = known.into_iter().find(|known| *known == written).unwrap_or("standard");
        Some(Priority {
            priority,
            requested_ack: *requested_ack && priority != "standard",
            persistent_notifications: *persistent_notifications && priority == "urgent",
        })
    }

    fn body(&self, attempt: &mut Attempt) -> Result<Body, Failure> {
        let mut body = Body {
            text: String::new(),
            channel: attempt.needed(&self.channel)?,
            username: attempt.field(&self.username),
            icon_url: attempt.field(&self.icon_url),
            icon_emoji: attempt.field(&self.icon_emoji),
            attachments: Vec::new(),
            kind: attempt.field(&self.kind),
            props: self.card.as_ref().map(|card| Props { card: attempt.field(card) }),
            priority: self.priority(attempt),
        };
        match &self.text {
            // The text of the message carries what failed in the attachments.
            Some(text) => {
                let attachments = self.attachments.iter();
                body.attachments = attachments
                    .map(|fields| fields.render(attempt, |attempt, text| attempt.field(text)))
                    .collect();
                body.text = truncate::runes(&attempt.message(text), MOST_TEXT);
            }
            None => {
                let message =
                    |attempt: &mut Attempt, text: &Field| truncate::runes(&attempt.message(text), MOST_TEXT);
                let attachments = self.attachments.iter();
                body.attachments = attachments.map(|fields| fields.render(attempt, message)).collect();
            }
        }
        Ok(body)
    }
}

impl Fields {
    fn new(prefix: &str, config: &MattermostAttachment, build: &mut Build<'_>) -> Self {
        let fields = config.fields.iter().enumerate().map(|(at, field)| {
            let title = build.text(&format!("{prefix}fields[{at}].title"), &field.title);
            (title, build.text(&format!("{prefix}fields[{at}].value"), &field.value), field.short)
        });
        let fields = fields.collect();
        let mut text = |key: &str, source: &str| build.text(&format!("{prefix}{key}"), source);
        Self {
            fallback: text("fallback", &config.fallback),
            color: text("color", &config.color),
            pretext: text("pretext", &config.pretext),
            text: text("text", &config.text),
            author_name: text("author_name", &config.author_name),
            author_link: text("author_link", &config.author_link),
            author_icon: text("author_icon", &config.author_icon),
            title: text("title", &config.title),
            title_link: text("title_link", &config.title_link),
            fields,
            thumb_url: text("thumb_url", &config.thumb_url),
            footer: text("footer", &config.footer),
            footer_icon: text("footer_icon", &config.footer_icon),
            image_url: text("image_url", &config.image_url),
        }
    }

    /// Renders the attachment, its text last and by `message`.
    fn render(&self, attempt: &mut Attempt, message: impl Fn(&mut Attempt, &Field) -> String) -> Attachment {
        let fields = self.fields.iter().map(|(title, value, short)| AttachmentField {
            title: attempt.field(title),
            value: attempt.field(value),
            short: *short,
        });
        let fields = fields.collect();
        Attachment {
            fallback: attempt.field(&self.fallback),
            color: attempt.field(&self.color),
            pretext: attempt.field(&self.pretext),
            author_name: attempt.field(&self.author_name),
            author_link: attempt.field(&self.author_link),
            author_icon: attempt.field(&self.author_icon),
            title: attempt.headline(&self.title),
            title_link: attempt.field(&self.title_link),
            fields,
            thumb_url: attempt.field(&self.thumb_url),
            footer: attempt.field(&self.footer),
            footer_icon: attempt.field(&self.footer_icon),
            image_url: attempt.field(&self.image_url),
            text: message(attempt, &self.text),
        }
    }
}

impl Notifier for Mattermost {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let url = attempt.secret_url(&self.webhook_url).await?;
            if url.is_empty() {
                return Err(Failure::lasting("webhook url missing"));
            }
            let body = self.body(attempt)?;
            let request = super::service::json_request(::http::Method::POST, url.expose(), &body)?;
            let answer = self.service.exchange(attempt, request).await?;
            let judged = self.service.judge(attempt, &answer);
            judged.map_err(|failure| failure.prefixed(&format!("channel {}: ", quote(&body.channel))))?;
            Ok(answer.into())
        })
    }
}

#[derive(Debug, Serialize)]
struct Body {
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_emoji: String,
    attachments: Vec<Attachment>,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    props: Option<Props>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
}

#[derive(Debug, Serialize)]
struct Props {
    #[serde(skip_serializing_if = "String::is_empty")]
    card: String,
}

#[derive(Debug, Serialize)]
struct Priority {
    priority: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    requested_ack: bool,
    #[serde(skip_serializing_if = "is_false")]
    persistent_notifications: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "String::is_empty")]
    fallback: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pretext: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_icon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<AttachmentField>,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    footer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    footer_icon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
}

#[derive(Debug, Serialize)]
struct AttachmentField {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    short: Option<bool>,
}

#[cfg(test)]
mod tests;
