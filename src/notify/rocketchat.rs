//! `rocketchat`: messages to a channel by Rocket.Chat's own API.

use ::http::Method;
use serde::{Deserialize, Serialize};
use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::{self, Service};
use super::truncate;
use crate::config::alertmanager::RocketchatConfig;
use crate::model::{FailureReason, quote};
use crate::net::Response;

/// How many characters a title may have.
const MOST_TITLE: usize = 1024;

#[derive(Debug)]
pub(super) struct Rocketchat {
    service: Service,
    url: Url,
    token_id: SecretField,
    token: SecretField,
    channel: Field,
    emoji: Field,
    icon_url: Field,
    title: Field,
    title_link: Field,
    text: Field,
    image_url: Field,
    thumb_url: Field,
    color: Field,
    /// Whether it is short, its title and its value.
    fields: Vec<(bool, Field, Field)>,
    /// What it says, where it leads and what it sends.
    actions: Vec<[Field; 3]>,
}

impl Rocketchat {
    pub(super) fn new(config: &RocketchatConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let mut url = config.api_url.parsed().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1", "chat.postMessage"]);
        }
        let fields = config.fields.iter().enumerate().map(|(at, field)| {
            let short = field.short.unwrap_or(config.short_fields);
            let title = build.text(&format!("fields[{at}].title"), &field.title);
            (short, title, build.text(&format!("fields[{at}].value"), &field.value))
        });
        let fields = fields.collect();
        let actions = config.actions.iter().enumerate().map(|(at, action)| {
            [("text", &action.text), ("url", &action.url), ("msg", &action.msg)]
                .map(|(key, source)| build.text(&format!("actions[{at}].{key}"), source))
        });
        let actions = actions.collect();
        Ok(Self {
            service: build.service(Verdict::default())?,
            url,
            token_id: SecretField::literal("token_id", &config.token_id),
            token: SecretField::literal("token", &config.token),
            channel: build.text("channel", &config.channel),
            emoji: build.text("emoji", &config.emoji),
            icon_url: build.text("icon_url", &config.icon_url),
            title: build.text("title", &config.title),
            title_link: build.text("title_link", &config.title_link),
            text: build.text("text", &config.text),
            image_url: build.text("image_url", &config.image_url),
            thumb_url: build.text("thumb_url", &config.thumb_url),
            color: build.text("color", &config.color),
            fields,
            actions,
        })
    }

    fn attachment(&self, attempt: &mut Attempt) -> Attachment {
        let fields = self.fields.iter().map(|(short, title, value)| AttachmentField {
            short: *short,
            title: attempt.field(title),
            value: attempt.field(value),
        });
        let fields = fields.collect();
        let actions = self.actions.iter().map(|texts| {
            let [text, url, msg] = texts.each_ref().map(|field| attempt.field(field));
            Action { kind: "button", text, url, is_webview: false, msg, msg_in_chat_window: false }
        });
        let actions = actions.collect();
        Attachment {
            title: truncate::runes(&attempt.headline(&self.title), MOST_TITLE),
            title_link: attempt.field(&self.title_link),
            image_url: attempt.field(&self.image_url),
            thumb_url: attempt.field(&self.thumb_url),
            color: attempt.field(&self.color),
            fields,
            actions,
            text: attempt.message(&self.text),
        }
    }

    async fn post(&self, attempt: &mut Attempt, body: &Body) -> Result<Response, Failure> {
        let mut request = service::json_request(Method::POST, self.url.as_str(), body)?;
        for (name, key, field) in
            [("x-auth-token", "token", &self.token), ("x-user-id", "token_id", &self.token_id)]
        {
            let secret = attempt.secret(field).await?;
            request.headers.insert(name, service::secret_header(&secret, key)?);
        }
        self.service.exchange(attempt, request).await
    }
}

impl Notifier for Rocketchat {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let channel = attempt.needed(&self.channel)?;
            let (emoji, avatar) = (attempt.field(&self.emoji), attempt.field(&self.icon_url));
            let body = Body { channel, emoji, avatar, attachments: [self.attachment(attempt)] };
            let answer = self.post(attempt, &body).await?;
            let judged = self.service.judge(attempt, &answer).and_then(|()| taken(&answer));
            judged.map_err(|failure| failure.prefixed(&format!("channel {}: ", quote(&body.channel))))?;
            Ok(answer.into())
        })
    }
}

/// Rocket.Chat refuses with status 200 too.
fn taken(answer: &Response) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Taken {
        #[serde(default)]
        success: bool,
        #[serde(default)]
        error: String,
    }
    let failure = match serde_json::from_slice(&answer.body) {
        Ok(Taken { success: true, .. }) => return Ok(()),
        Ok(Taken { error, .. }) => Failure::lasting(format!("error response from Rocketchat: {error}")),
        Err(error) => {
            let body = String::from_utf8_lossy(&answer.body);
            Failure::retry(format!("could not unmarshal JSON response {}: {error}", quote(&body)))
        }
    };
    Err(failure.because(FailureReason::ClientError))
}

#[derive(Debug, Serialize)]
struct Body {
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    emoji: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    avatar: String,
    attachments: [Attachment; 1],
}

#[derive(Debug, Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<AttachmentField>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
}

#[derive(Debug, Serialize)]
struct AttachmentField {
    short: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
}

#[derive(Debug, Serialize)]
struct Action {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    is_webview: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    msg: String,
    msg_in_chat_window: bool,
}

#[cfg(test)]
mod tests {
    use crate::model::{FailureReason, Notification};
    use crate::net::testing::ok;
    use crate::notify::testing::{self, Sent, firing, resolved, wordy};

    const PLAIN: &str = "rocketchat_configs: [{api_url: '$URL/', token: hunter2, token_id: us3r}]";

    async fn sent(yaml: &str, told: Notification) -> Sent {
        testing::send_answered(yaml, told, |_| ok(r#"{"success":true}"#)).await
    }

    #[tokio::test]
    async fn posts_an_attachment() {
        let told = sent(PLAIN, firing()).await;
        told.post("/api/v1/chat.postMessage", "application/json");
        assert_eq!(told.seen[0].header("x-auth-token"), Some("hunter2"));
        assert_eq!(told.seen[0].header("x-user-id"), Some("us3r"));
        assert_eq!(
            told.body(),
            r#"{"attachments":[{"title":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#.to_owned()
                + r#""title_link":"http://am.example/#/alerts?receiver=team","color":"red"}]}"#
                + "\n"
        );
        assert!(told.result.is_ok());
        let yaml = PLAIN.replace("token:", "send_resolved: true, token:");
        assert_eq!(sent(&yaml, resolved()).await.json()["attachments"][0]["color"], "green");
    }

    #[tokio::test]
    async fn every_key() {
        let yaml = "rocketchat_configs: [{api_url: '$URL/chat', token: t0ken, token_id: us3r, channel: '#{{ .Status }}', \
            title: t, title_link: l, text: '{{ .CommonLabels.cluster }}', emoji: e, icon_url: i, image_url: p, thumb_url: s, \
            color: c, short_fields: true, fields: [{title: '{{ len .Alerts }}', value: v}, {title: w, short: false}], \
            actions: [{text: x, url: u, msg: '{{ .Status }}', type: link, iswebview: true}], link_names: true}]";
        let told = sent(yaml, firing()).await;
        told.post("/chat/api/v1/chat.postMessage", "application/json");
        assert_eq!(
            told.body(),
            r##"{"channel":"#firing","emoji":"e","avatar":"i","attachments":[{"title":"t","title_link":"l","##
                .to_owned()
                + r#""text":"\u003ceu\u003e","image_url":"p","thumb_url":"s","color":"c","#
                + r#""fields":[{"short":true,"title":"1","value":"v"},{"short":false,"title":"w"}],"#
                + r#""actions":[{"type":"button","text":"x","url":"u","is_webview":false,"msg":"firing","#
                + "\"msg_in_chat_window\":false}]}]}\n"
        );
    }

    #[tokio::test]
    async fn long_titles_are_cut() {
        let yaml = PLAIN.replace("token:", "title: '{{ .CommonAnnotations.text }}', token:");
        let title = sent(&yaml, wordy(1025)).await.json()["attachments"][0]["title"].clone();
        assert_eq!(title, format!("{}…", "汉".repeat(1023)));
        let title = sent(&yaml, wordy(1024)).await.json()["attachments"][0]["title"].clone();
        assert_eq!(title, "汉".repeat(1024));
    }

    #[tokio::test]
    async fn a_template_that_fails_still_notifies() {
        let yaml = PLAIN.replace("token:", "title: '{{ .Nope }}', token:");
        let body = sent(&yaml, firing()).await.json();
        assert_eq!(body["attachments"][0]["title"], "[FIRING:1] HighCPU");
        let text = body["attachments"][0]["text"].as_str().unwrap();
        assert!(text.contains("firing: alertname=HighCPU") && text.contains("title failed"), "{text}");
    }

    #[tokio::test]
    async fn refusals_come_with_status_200() {
        let yaml = PLAIN.replace("token:", "channel: '#ops', token:");
        for (body, retry, error) in [
            (
                r#"{"success":false,"error":"no such room"}"#,
                false,
                "error response from Rocketchat: no such room",
            ),
            ("{}", false, "error response from Rocketchat: "),
            (
                "<html>",
                true,
                "could not unmarshal JSON response \"<html>\": expected value at line 1 column 1",
            ),
        ] {
            let failure =
                testing::send_answered(&yaml, firing(), move |_| ok(body)).await.result.unwrap_err();
            assert_eq!((failure.retry, failure.reason), (retry, FailureReason::ClientError));
            assert_eq!(failure.error, format!("channel \"#ops\": {error}"));
        }
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[], true).await;
        testing::redacts(PLAIN, &["hunter2", "us3r"]).await;
    }
}
