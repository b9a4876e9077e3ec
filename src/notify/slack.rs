//! `slack`: a message with one attachment, by a webhook, or by a token and Slack's API; with `update_message` a later
//! notification of an incident replaces the message.

use ::http::header;
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;
use super::failure::{Failure, Verdict, body_text};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::Service;
use super::truncate;
use crate::config::alertmanager::{SlackAction, SlackConfig};
use crate::model::{FailureReason, ReceiverData, ReceiverValue, quote};
use crate::net::Response;

/// Where a message is changed.
const UPDATE_URL: &str = "https://slack.com/api/chat.update";
/// The most characters of a title.
const MOST_TITLE: usize = 1024;
/// Under these names the log keeps which message is to be changed.
const THREAD: &str = "threadTs";
const CHANNEL: &str = "channelId";

#[derive(Debug)]
pub(super) struct Slack {
    service: Service,
    api_url: SecretField,
    update_url: String,
    token: Option<SecretField>,
    update_message: bool,
    link_names: bool,
    mrkdwn_in: Vec<String>,
    channel: Field,
    username: Field,
    icon_emoji: Field,
    icon_url: Field,
    message_text: Field,
    title: Field,
    title_link: Field,
    pretext: Field,
    text: Field,
    fallback: Field,
    callback_id: Field,
    image_url: Field,
    thumb_url: Field,
    footer: Field,
    color: Field,
    fields: Vec<(Field, Field, bool)>,
    actions: Vec<ActionFields>,
}

impl Slack {
    pub(super) fn new(config: &SlackConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let fields = config.fields.iter().enumerate();
        let fields = fields.map(|(at, field)| {
            let title = build.text(&format!("fields[{at}].title"), &field.title);
            let value = build.text(&format!("fields[{at}].value"), &field.value);
            (title, value, field.short.unwrap_or(config.short_fields))
        });
        let fields = fields.collect();
        let actions = config.actions.iter().enumerate();
        let actions = actions.map(|(at, action)| ActionFields::new(at, action, build)).collect();
        let mrkdwn_in = match &config.mrkdwn_in[..] {
            [] => ["fallback", "pretext", "text"].map(str::to_owned).to_vec(),
            given => given.to_vec(),
        };
        Ok(Self {
            service: build.service_with(Verdict::default(), config.timeout)?,
            api_url: SecretField::url("api_url", &config.api_url),
            update_url: UPDATE_URL.to_owned(),
            token: config.app_token.as_ref().map(|token| SecretField::literal("app_token", token)),
            update_message: config.update_message,
            link_names: config.link_names,
            mrkdwn_in,
            channel: build.text("channel", &config.channel),
            username: build.text("username", &config.username),
            icon_emoji: build.text("icon_emoji", &config.icon_emoji),
            icon_url: build.text("icon_url", &config.icon_url),
            message_text: build.text("message_text", &config.message_text),
            title: build.text("title", &config.title),
            title_link: build.text("title_link", &config.title_link),
            pretext: build.text("pretext", &config.pretext),
            text: build.text("text", &config.text),
            fallback: build.text("fallback", &config.fallback),
            callback_id: build.text("callback_id", &config.callback_id),
            image_url: build.text("image_url", &config.image_url),
            thumb_url: build.text("thumb_url", &config.thumb_url),
            footer: build.text("footer", &config.footer),
            color: build.text("color", &config.color),
            fields,
            actions,
        })
    }

    fn attachment(&self, attempt: &mut Attempt) -> Attachment<'_> {
        let fields = self.fields.iter().map(|(title, value, short)| AttachmentField {
            title: attempt.field(title),
            value: attempt.field(value),
            short: *short,
        });
        let fields = fields.collect();
        let actions = self.actions.iter().map(|action| action.render(attempt)).collect();
        let mut attachment = Attachment {
            title: truncate::runes(&attempt.headline(&self.title), MOST_TITLE),
            title_link: attempt.field(&self.title_link),
            pretext: attempt.field(&self.pretext),
            text: String::new(),
            fallback: attempt.headline(&self.fallback),
            callback_id: attempt.field(&self.callback_id),
            fields,
            actions,
            image_url: attempt.field(&self.image_url),
            thumb_url: attempt.field(&self.thumb_url),
            footer: attempt.field(&self.footer),
            color: attempt.field(&self.color),
            mrkdwn_in: &self.mrkdwn_in,
        };
        attachment.text = attempt.message(&self.text);
        attachment
    }

    /// The message of the incident that this one replaces: its time and its channel.
    fn sent_before(&self, attempt: &Attempt) -> Option<(String, String)> {
        let data = attempt.notification().receiver_data.as_ref().filter(|_| self.update_message)?;
        let text = |name| match data.get(name) {
            Some(ReceiverValue::Text(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        };
        Some((text(THREAD)?, text(CHANNEL)?))
    }
}

impl Notifier for Slack {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let url = attempt.secret_url(&self.api_url).await?;
            if let Some(token) = &self.token {
                // The HTTP client sends it; here it is only kept out of what is said.
                attempt.secret(token).await?;
            }
            let mut message = Message {
                channel: attempt.needed(&self.channel)?,
                ts: String::new(),
                username: attempt.field(&self.username),
                icon_emoji: attempt.field(&self.icon_emoji),
                icon_url: attempt.field(&self.icon_url),
                link_names: self.link_names,
                text: attempt.field(&self.message_text),
                attachments: [self.attachment(attempt)],
            };
            let mut target = url.expose();
            if let Some((ts, channel)) = self.sent_before(attempt) {
                target = &self.update_url;
                (message.ts, message.channel) = (ts, channel);
            }
            let request = super::service::json_request(::http::Method::POST, target, &message)?;
            let answer = self.service.exchange(attempt, request).await?;
            let in_channel = format!("channel {}: ", quote(&message.channel));
            let judged = self.service.judge(attempt, &answer);
            let reply = judged
                .and_then(|()| Reply::read(&answer))
                .map_err(|failure| failure.prefixed(&in_channel))?;
            let receiver_data = if self.update_message { reply.receiver_data() } else { None };
            Ok(Delivered { receiver_data, ..answer.into() })
        })
    }
}

/// What Slack says of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply {
    ok: bool,
    error: String,
    ts: String,
    channel: String,
}

impl Reply {
    /// Reads a 2xx answer, which may be a refusal all the same.
    fn read(answer: &Response) -> Result<Self, Failure> {
        let refused = |text: &str| {
            Failure::lasting(format!("error response from Slack: {text}")).because(FailureReason::ClientError)
        };
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
            let body = body_text(answer);
            return if body == "ok" { Ok(Self::default()) } else { Err(refused(&body)) };
        }
        let reply: Self = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::retry(format!("could not unmarshal JSON response: {error}")))?;
        if reply.ok { Ok(reply) } else { Err(refused(&reply.error)) }
    }

    fn receiver_data(self) -> Option<ReceiverData> {
        let Self { ts, channel, .. } = self;
        let known = !ts.is_empty() && !channel.is_empty();
        let values = [(THREAD, ts), (CHANNEL, channel)];
        known.then(|| {
            values.into_iter().map(|(name, text)| (name.to_owned(), ReceiverValue::Text(text))).collect()
        })
    }
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ts: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_emoji: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_url: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    link_names: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    attachments: [Attachment<'a>; 1],
}

#[derive(Debug, Serialize)]
struct Attachment<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pretext: String,
    text: String,
    fallback: String,
    callback_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<AttachmentField>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    footer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    mrkdwn_in: &'a [String],
}

#[derive(Debug, Serialize)]
struct AttachmentField {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    short: bool,
}

#[derive(Debug)]
struct ActionFields {
    kind: Field,
    text: Field,
    url: Field,
    style: Field,
    name: Field,
    value: Field,
    confirm: Option<[Field; 4]>,
}

impl ActionFields {
    fn new(at: usize, action: &SlackAction, build: &mut Build<'_>) -> Self {
        let mut text = |key: &str, text: &str| build.text(&format!("actions[{at}].{key}"), text);
        Self {
            kind: text("type", &action.kind),
            text: text("text", &action.text),
            url: text("url", &action.url),
            style: text("style", &action.style),
            name: text("name", &action.name),
            value: text("value", &action.value),
            confirm: action.confirm.as_ref().map(|confirm| {
                [
                    text("confirm.text", &confirm.text),
                    text("confirm.title", &confirm.title),
                    text("confirm.ok_text", &confirm.ok_text),
                    text("confirm.dismiss_text", &confirm.dismiss_text),
                ]
            }),
        }
    }

    fn render(&self, attempt: &mut Attempt) -> Action {
        Action {
            kind: attempt.field(&self.kind),
            text: attempt.field(&self.text),
            url: attempt.field(&self.url),
            style: attempt.field(&self.style),
            name: attempt.field(&self.name),
            value: attempt.field(&self.value),
            confirm: self.confirm.as_ref().map(|fields| {
                let [text, title, ok_text, dismiss_text] =
                    fields.each_ref().map(|field| attempt.field(field));
                Confirm { text, title, ok_text, dismiss_text }
            }),
        }
    }
}

#[derive(Debug, Serialize)]
struct Action {
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    style: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<Confirm>,
}

#[derive(Debug, Serialize)]
struct Confirm {
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ok_text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dismiss_text: String,
}

#[cfg(test)]
mod tests;
