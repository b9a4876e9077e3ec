//! `victorops`: VictorOps's generic REST integration.

use std::collections::BTreeMap;

use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::{Service, below};
use super::truncate;
use crate::config::Secret;
use crate::config::alertmanager::VictorOpsConfig;

/// The most characters of a state message.
const MOST_MESSAGE: usize = 20480;

#[derive(Debug)]
pub(super) struct VictorOps {
    service: Service,
    api_key: SecretField,
    api_url: Url,
    routing_key: Field,
    message_type: Field,
    state_message: Field,
    entity_display_name: Field,
    monitoring_tool: Field,
    custom_fields: Vec<(String, Field)>,
}

impl VictorOps {
    pub(super) fn new(config: &VictorOpsConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let custom_fields = config.custom_fields.iter();
        let custom_fields = custom_fields
            .map(|(name, text)| (name.clone(), build.text(&format!("custom_fields.{name}"), text)))
            .collect();
        Ok(Self {
            service: build.service(Verdict::default())?,
            api_key: SecretField::literal("api_key", &config.api_key),
            api_url: config.api_url.parsed().clone(),
            routing_key: build.text("routing_key", &config.routing_key),
            message_type: build.text("message_type", &config.message_type),
            state_message: build.text("state_message", &config.state_message),
            entity_display_name: build.text("entity_display_name", &config.entity_display_name),
            monitoring_tool: build.text("monitoring_tool", &config.monitoring_tool),
            custom_fields,
        })
    }

    fn message_type(&self, attempt: &mut Attempt) -> String {
        let configured = attempt.field(&self.message_type);
        if !attempt.is_firing() {
            "RECOVERY".to_owned()
        } else if matches!(configured.as_str(), "INFO" | "WARNING" | "CRITICAL") {
            configured
        } else {
            "CRITICAL".to_owned()
        }
    }
}

impl Notifier for VictorOps {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let key = attempt.secret(&self.api_key).await?;
            let routing_key = attempt.needed(&self.routing_key)?;
            let url = below(&self.api_url, &format!("{}/{routing_key}", key.expose()));
            // The path may show the key in another form.
            attempt.hide(&Secret::new(url.path()));
            let custom = self.custom_fields.iter();
            let mut message: BTreeMap<&str, String> =
                custom.map(|(name, field)| (name.as_str(), attempt.field(field))).collect();
            message.insert("message_type", self.message_type(attempt));
            message.insert("entity_id", attempt.key_hash());
            message.insert("entity_display_name", attempt.headline(&self.entity_display_name));
            message.insert("monitoring_tool", attempt.field(&self.monitoring_tool));
            let text = truncate::runes(&attempt.message(&self.state_message), MOST_MESSAGE);
            message.insert("state_message", text);
            Ok(self.service.post_json(attempt, url.as_str(), &message).await?.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, resolved, wordy};

    const PLAIN: &str = "victorops_configs: [{api_key: k3y-hunter2, api_url: '$URL/vo', routing_key: rk}]";

    /// As Alertmanager 0.33.1 sent it.
    #[tokio::test]
    async fn a_message() {
        let yaml = "victorops_configs: [{api_key: KEY, api_url: '$URL/vo', routing_key: 'r {{ .Status }}', custom_fields: {x: y}}]";
        let sent = testing::send(yaml, firing()).await;
        sent.post("/vo/KEY/r%20firing", "application/json");
        assert_eq!(
            sent.body(),
            concat!(
                r#"{"entity_display_name":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#,
                r#""entity_id":"9f2a099adf99adbf3e1d24abbd84835468e75b8b96fca010db3f2b763340e4c1","#,
                r#""message_type":"CRITICAL","monitoring_tool":"Alertmanager","#,
                r#""state_message":"CPU ☃ is \"hot\"\nAlerts Firing:\nLabels:\n - alertname = HighCPU\n"#,
                r#" - cluster = \u003ceu\u003e\n - severity = critical\nAnnotations:\n - summary = CPU ☃ is \"hot\"\n"#,
                r#"Source: http://prom/graph?g0.expr=a\u0026b\n\n","x":"y"}"#,
                "\n"
            )
        );
        assert_eq!(testing::send(yaml, resolved()).await.json()["message_type"], "RECOVERY");
    }

    #[tokio::test]
    async fn every_key() {
        for (configured, sent) in [("WARNING", "WARNING"), ("{{ .Status }}", "CRITICAL"), ("INFO", "INFO")] {
            let yaml = format!(
                "victorops_configs:\n- {{api_key: KEY, api_url: '$URL', routing_key: rk, message_type: '{configured}', \
                 state_message: '{{{{ .CommonAnnotations.text }}}}', entity_display_name: n, monitoring_tool: t}}"
            );
            let body = testing::send(&yaml, wordy(20481)).await.json();
            assert_eq!(body["message_type"], sent);
            assert_eq!(body["state_message"], format!("{}…", "汉".repeat(20479)));
            assert_eq!((&body["entity_display_name"], &body["monitoring_tool"]), (&"n".into(), &"t".into()));
        }
    }

    #[tokio::test]
    async fn verdicts_and_secrets() {
        testing::verdicts(PLAIN, &[], true).await;
        testing::redacts(PLAIN, &["k3y-hunter2"]).await;
    }
}
