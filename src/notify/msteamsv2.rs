//! `msteamsv2`: an adaptive card for a workflow of Microsoft Teams.

use serde::Serialize;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::Service;
use crate::config::alertmanager::MsTeamsV2Config;

#[derive(Debug)]
pub(super) struct MsTeamsV2 {
    service: Service,
    webhook_url: SecretField,
    title: Field,
    text: Field,
}

impl MsTeamsV2 {
    pub(super) fn new(config: &MsTeamsV2Config, build: &mut Build<'_>) -> Result<Self, BuildError> {
        Ok(Self {
            service: build.service(Verdict::default())?,
            webhook_url: SecretField::url("webhook_url", &config.webhook_url),
            title: build.text("title", &config.title),
            text: build.text("text", &config.text),
        })
    }
}

#[derive(Debug, Serialize)]
struct Message {
    #[serde(rename = "type")]
    kind: &'static str,
    attachments: [Attachment; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    content_type: &'static str,
    content_url: (),
    content: Card,
}

#[derive(Debug, Serialize)]
struct Card {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    body: [Block; 2],
    msteams: Layout,
}

#[derive(Debug, Default, Serialize)]
struct Block {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    weight: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    size: &'static str,
    wrap: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    style: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    color: &'static str,
}

#[derive(Debug, Serialize)]
struct Layout {
    width: &'static str,
}

impl Message {
    fn new(title: String, text: String, color: &'static str) -> Self {
        let (kind, wrap) = ("TextBlock", true);
        let heading =
            Block { kind, text: title, weight: "Bolder", size: "Medium", wrap, style: "heading", color };
        let content = Card {
            schema: "http://adaptivecards.io/schemas/adaptive-card.json",
            kind: "AdaptiveCard",
            version: "1.2",
            body: [heading, Block { kind, text, wrap, ..Block::default() }],
            msteams: Layout { width: "full" },
        };
        let content_type = "application/vnd.microsoft.card.adaptive";
        Self { kind: "message", attachments: [Attachment { content_type, content_url: (), content }] }
    }
}

impl Notifier for MsTeamsV2 {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let url = attempt.secret_url(&self.webhook_url).await?;
            let title = attempt.headline(&self.title);
            let text = attempt.message(&self.text);
            let color = if attempt.is_firing() { "Attention" } else { "Good" };
            let message = Message::new(title, text, color);
            Ok(self.service.post_json(attempt, url.expose(), &message).await?.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, resolved};

    const PLAIN: &str = "msteamsv2_configs: [{webhook_url: '$URL/workflows/hunter2?sig=s1gnature'}]";

    /// As Alertmanager 0.33.1 sent it.
    #[tokio::test]
    async fn a_card() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/workflows/hunter2?sig=s1gnature", "application/json");
        assert_eq!(
            sent.body(),
            concat!(
                r#"{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","#,
                r#""contentUrl":null,"content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","#,
                r#""type":"AdaptiveCard","version":"1.2","body":[{"type":"TextBlock","#,
                r#""text":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","weight":"Bolder","size":"Medium","wrap":true,"#,
                r#""style":"heading","color":"Attention"},{"type":"TextBlock","text":"\n\n# Alerts Firing:\n\nLabels:\n"#,
                r#"  - alertname = HighCPU\n  - cluster = \u003ceu\u003e\n  - severity = critical\n\nAnnotations:\n"#,
                r#"  - summary = CPU ☃ is \"hot\"\n\nSource: http://prom/graph?g0.expr=a\u0026b\n\n\n\n\n","wrap":true}],"#,
                r#""msteams":{"width":"full"}}}]}"#,
                "\n"
            )
        );
    }

    #[tokio::test]
    async fn every_key() {
        let yaml = "msteamsv2_configs: [{webhook_url: '$URL/', title: t, text: '{{ .Status }}'}]";
        let body = testing::send(yaml, resolved()).await.json();
        let blocks = &body["attachments"][0]["content"]["body"];
        assert_eq!((&blocks[0]["text"], &blocks[0]["color"]), (&"t".into(), &"Good".into()));
        assert_eq!(blocks[1]["text"], "resolved");
    }

    #[tokio::test]
    async fn verdicts_and_secrets() {
        testing::verdicts(PLAIN, &[], true).await;
        testing::redacts(PLAIN, &["hunter2", "s1gnature"]).await;
    }
}
