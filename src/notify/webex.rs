//! `webex`: messages to a room by a bot. The bot's token is the authorization of the HTTP client.

use serde::Serialize;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::Field;
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::Service;
use super::truncate;
use crate::config::alertmanager::WebexConfig;

/// How many bytes a message may have.
const MOST_MESSAGE: usize = 7439;

#[derive(Debug)]
pub(super) struct Webex {
    service: Service,
    api_url: String,
    room_id: Field,
    message: Field,
}

impl Webex {
    pub(super) fn new(config: &WebexConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        Ok(Self {
            service: build.service(Verdict::default())?,
            api_url: config.api_url.as_written().to_owned(),
            room_id: build.text("room_id", &config.room_id),
            message: build.text("message", &config.message),
        })
    }
}

#[derive(Debug, Serialize)]
struct Body {
    markdown: String,
    #[serde(rename = "roomId", skip_serializing_if = "String::is_empty")]
    room_id: String,
}

impl Notifier for Webex {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let room_id = attempt.needed(&self.room_id)?;
            let markdown = truncate::bytes(&attempt.message(&self.message), MOST_MESSAGE);
            let answer = self.service.post_json(attempt, &self.api_url, &Body { markdown, room_id }).await?;
            Ok(answer.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, mixed, wordy};

    const PLAIN: &str = "webex_configs: [{api_url: '$URL/v1/messages', room_id: room, \
        http_config: {authorization: {credentials: hunter2}}}]";

    #[tokio::test]
    async fn posts_markdown() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/v1/messages", "application/json");
        assert_eq!(sent.seen[0].header("authorization"), Some("Bearer hunter2"));
        assert_eq!(
            sent.body(),
            r#"{"markdown":"CPU ☃ is \"hot\"\n\nAlerts Firing:\nLabels:\n - alertname = HighCPU\n - cluster = \u003ceu\u003e"#
                .to_owned()
                + r#"\n - severity = critical\nAnnotations:\n - summary = CPU ☃ is \"hot\"\n"#
                + r#"Source: http://prom/graph?g0.expr=a\u0026b\n\n\n\n","roomId":"room"}"#
                + "\n"
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn room_and_message_are_templates() {
        let yaml = PLAIN.replace("room_id: room", "room_id: '{{ .Status }}', message: '{{ len .Alerts }}'");
        assert_eq!(
            testing::send(&yaml, mixed()).await.body(),
            "{\"markdown\":\"2\",\"roomId\":\"firing\"}\n"
        );
    }

    #[tokio::test]
    async fn long_messages_are_cut() {
        let yaml = PLAIN.replace("room_id: room", "room_id: room, message: '{{ .CommonAnnotations.text }}'");
        let text = |sent: &testing::Sent| sent.json()["markdown"].as_str().unwrap().to_owned();
        // Fewer characters than the limit has bytes.
        let cut = text(&testing::send(&yaml, wordy(2480)).await);
        assert_eq!((cut.len(), cut.chars().last()), (7437, Some('…')));
        assert_eq!(text(&testing::send(&yaml, wordy(2479)).await), "汉".repeat(2479));
    }

    #[tokio::test]
    async fn templates_that_fail() {
        let yaml = PLAIN.replace("room_id: room", "room_id: room, message: '{{ .Nope }}'");
        let text = testing::send(&yaml, firing()).await.json()["markdown"].as_str().unwrap().to_owned();
        assert!(text.starts_with("[FIRING:1] HighCPU\n") && text.contains("message failed"), "{text}");
        let sent = testing::send(&PLAIN.replace("room_id: room", "room_id: '{{ .Nope }}'"), firing()).await;
        assert!(!sent.result.unwrap_err().retry && sent.seen.is_empty());
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
    }
}
