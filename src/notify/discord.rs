//! `discord`: a message with one embed, by a webhook.

use serde::Serialize;
use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::Service;
use super::truncate;
use crate::config::alertmanager::DiscordConfig;

/// The most characters of title, description and content.
const MOST_TITLE: usize = 256;
const MOST_DESCRIPTION: usize = 4096;
const MOST_CONTENT: usize = 2000;
const RED: u32 = 0x99_2d22;
const GREEN: u32 = 0x2e_cc71;

#[derive(Debug)]
pub(super) struct Discord {
    service: Service,
    webhook_url: SecretField,
    content: Field,
    title: Field,
    message: Field,
    username: String,
    /// Empty if it is no URL.
    avatar_url: String,
}

impl Discord {
    pub(super) fn new(config: &DiscordConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let avatar_url = &config.avatar_url;
        Ok(Self {
            service: build.service(Verdict::default())?,
            webhook_url: SecretField::url("webhook_url", &config.webhook_url),
            content: build.text("content", &config.content),
            title: build.text("title", &config.title),
            message: build.text("message", &config.message),
            username: config.username.clone(),
            avatar_url: if Url::parse(avatar_url).is_ok() { avatar_url.clone() } else { String::new() },
        })
    }
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    content: String,
    embeds: [Embed; 1],
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    avatar_url: &'a str,
}

#[derive(Debug, Serialize)]
struct Embed {
    title: String,
    description: String,
    color: u32,
}

impl Notifier for Discord {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let url = attempt.secret_url(&self.webhook_url).await?;
            let content = truncate::runes(&attempt.field(&self.content), MOST_CONTENT);
            let title = truncate::runes(&attempt.headline(&self.title), MOST_TITLE);
            let description = truncate::runes(&attempt.message(&self.message), MOST_DESCRIPTION);
            let color = if attempt.is_firing() { RED } else { GREEN };
            let message = Message {
                content,
                embeds: [Embed { title, description, color }],
                username: &self.username,
                avatar_url: &self.avatar_url,
            };
            Ok(self.service.post_json(attempt, url.expose(), &message).await?.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, resolved, wordy};

    const PLAIN: &str = "discord_configs: [{webhook_url: '$URL/api/webhooks/1/hunter2'}]";

    /// As Alertmanager 0.33.1 sent it.
    #[tokio::test]
    async fn a_message() {
        let yaml = "discord_configs: [{webhook_url: '$URL/discord', username: '{{ u }}', avatar_url: 'http://x/y.png'}]";
        let sent = testing::send(yaml, firing()).await;
        sent.post("/discord", "application/json");
        assert_eq!(
            sent.body(),
            concat!(
                r#"{"content":"","embeds":[{"title":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#,
                r#""description":"\n\nAlerts Firing:\nLabels:\n - alertname = HighCPU\n - cluster = \u003ceu\u003e\n"#,
                r#" - severity = critical\nAnnotations:\n - summary = CPU ☃ is \"hot\"\n"#,
                r#"Source: http://prom/graph?g0.expr=a\u0026b\n\n\n\n","color":10038562}],"#,
                r#""username":"{{ u }}","avatar_url":"http://x/y.png"}"#,
                "\n"
            )
        );
        let yaml = yaml.replace("http://x/y.png", "not a url");
        let body = testing::send(&yaml, resolved()).await.json();
        assert_eq!(
            (&body["embeds"][0]["color"], &body["avatar_url"]),
            (&3_066_993.into(), &serde_json::Value::Null)
        );
    }

    #[tokio::test]
    async fn limits() {
        let text = "'{{ .CommonAnnotations.text }}'";
        let yaml = format!(
            "discord_configs: [{{webhook_url: '$URL/', title: {text}, message: {text}, content: {text}}}]"
        );
        let body = testing::send(&yaml, wordy(4097)).await.json();
        let cut = |limit: usize| serde_json::Value::from(format!("{}…", "汉".repeat(limit - 1)));
        let embed = &body["embeds"][0];
        assert_eq!(
            (&body["content"], &embed["title"], &embed["description"]),
            (&cut(2000), &cut(256), &cut(4096))
        );
    }

    #[tokio::test]
    async fn verdicts_and_secrets() {
        testing::verdicts(PLAIN, &[], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
    }
}
