//! `signal`: Signal, by the REST API of signal-cli.

use serde_json::{Value, json};

use super::{Limit, Preset, TEXT, TITLE};

#[derive(Debug)]
pub(super) struct Signal;

impl Preset for Signal {
    fn body(&self) -> Value {
        json!({"message": format!("{TITLE}\n{TEXT}")})
    }

    /// Who sends, and to whom.
    fn demanded(&self) -> &'static [&'static str] {
        &["number", "recipients"]
    }

    /// Signal shows a long text as an attachment; a longer one serves nobody.
    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/message", Limit::Bytes(65_536))]
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::Integration;
    use crate::notify::testing::{self, firing, wordy};

    const PLAIN: &str = "webhook_configs: [{preset: signal, url: '$URL/v2/send', \
        payload: {number: '+100', recipients: ['+200', '{{ .Status }}']}, http_config: {authorization: {credentials: hunter2}}}]";

    #[tokio::test]
    async fn posts_to_the_recipients() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/v2/send", "application/json");
        assert_eq!(
            sent.body(),
            r#"{"message":"[FIRING:1] HighCPU (\u003ceu\u003e critical)\nFIRING HighCPU \u003ceu\u003e critical\n"#.to_owned()
                + "summary: CPU ☃ is \\\"hot\\\"\\n\",\"number\":\"+100\",\"recipients\":[\"+200\",\"firing\"]}\n"
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn somebody_must_be_told() {
        let yaml = "webhook_configs: [{preset: signal, url: 'http://x/', payload: {message: x}}]";
        let receiver = testing::receiver(yaml);
        let error =
            Integration::new("team", &receiver.integrations[0], &testing::surroundings()).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("alertmanager.yml:4:"), "{error}");
        assert!(error.ends_with(": webhook: the preset needs number and recipients in payload"), "{error}");
    }

    #[tokio::test]
    async fn long_texts_are_cut() {
        let yaml = PLAIN.replace("payload: {", "payload: {message: '{{ .CommonAnnotations.text }}', ");
        let body = testing::send(&yaml, wordy(30_000)).await.json();
        assert_eq!(body["message"], format!("{}…", "汉".repeat(21_844)));
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
    }
}
