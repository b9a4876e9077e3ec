//! `msteams`: a message card for the old connectors of Microsoft Teams.

use serde::Serialize;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::Service;
use crate::config::alertmanager::MsTeamsConfig;

const RED: &str = "8C1A1A";
const GREEN: &str = "2DC72D";

#[derive(Debug)]
pub(super) struct MsTeams {
    service: Service,
    webhook_url: SecretField,
    title: Field,
    summary: Field,
    text: Field,
}

impl MsTeams {
    pub(super) fn new(config: &MsTeamsConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        Ok(Self {
            service: build.service(Verdict::default())?,
            webhook_url: SecretField::url("webhook_url", &config.webhook_url),
            title: build.text("title", &config.title),
            summary: build.text("summary", &config.summary),
            text: build.text("text", &config.text),
        })
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Card {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    summary: String,
    text: String,
    theme_color: &'static str,
}

impl Notifier for MsTeams {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let url = attempt.secret_url(&self.webhook_url).await?;
            let card = Card {
                context: "http://schema.org/extensions",
                kind: "MessageCard",
                title: attempt.headline(&self.title),
                summary: attempt.headline(&self.summary),
                text: attempt.message(&self.text),
                theme_color: if attempt.is_firing() { RED } else { GREEN },
            };
            Ok(self.service.post_json(attempt, url.expose(), &card).await?.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, resolved};

    const PLAIN: &str = "msteams_configs: [{webhook_url: '$URL/webhook/hunter2'}]";

    /// As Alertmanager 0.33.1 sent it.
    #[tokio::test]
    async fn a_card() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/webhook/hunter2", "application/json");
        assert_eq!(
            sent.body(),
            concat!(
                r#"{"@context":"http://schema.org/extensions","type":"MessageCard","#,
                r#""title":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#,
                r#""summary":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#,
                r#""text":"\n\n# Alerts Firing:\n\nLabels:\n  - alertname = HighCPU\n  - cluster = \u003ceu\u003e\n"#,
                r#"  - severity = critical\n\nAnnotations:\n  - summary = CPU ☃ is \"hot\"\n\n"#,
                r#"Source: http://prom/graph?g0.expr=a\u0026b\n\n\n\n\n","themeColor":"8C1A1A"}"#,
                "\n"
            )
        );
    }

    #[tokio::test]
    async fn every_key() {
        let yaml = "msteams_configs: [{webhook_url: '$URL/', title: t, summary: s, text: '{{ .Status }}'}]";
        let body = testing::send(yaml, resolved()).await.json();
        assert_eq!(
            (&body["title"], &body["summary"], &body["text"]),
            (&"t".into(), &"s".into(), &"resolved".into())
        );
        assert_eq!(body["themeColor"], "2DC72D");
    }

    #[tokio::test]
    async fn verdicts_and_secrets() {
        testing::verdicts(PLAIN, &[], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
    }
}
