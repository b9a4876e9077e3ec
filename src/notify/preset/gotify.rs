//! `gotify`: messages of an application to a Gotify server.

use serde_json::{Value, json};

use super::{Limit, Preset, TEXT, TITLE, by_status};

#[derive(Debug)]
pub(super) struct Gotify;

impl Preset for Gotify {
    fn body(&self) -> Value {
        json!({
            "title": TITLE,
            "message": TEXT,
            "priority": by_status("8", "4"),
            "extras": {"client::notification": {"click": {"url": "{{ template \"__alertmanagerURL\" . }}"}}},
        })
    }

    fn numbers(&self) -> &'static [&'static str] {
        &["priority"]
    }

    /// Gotify has no limit; the telephones that show the message have.
    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/message", Limit::Bytes(65_536))]
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, wordy};

    const PLAIN: &str =
        "webhook_configs: [{preset: gotify, url: '$URL/message', headers: {X-Gotify-Key: hunter2}}]";

    #[tokio::test]
    async fn posts_a_message() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/message", "application/json");
        assert_eq!(sent.seen[0].header("x-gotify-key"), Some("hunter2"));
        assert_eq!(
            sent.body(),
            r#"{"extras":{"client::notification":{"click":{"url":"http://am.example/#/alerts?receiver=team"}}},"#.to_owned()
                + r#""message":"FIRING HighCPU \u003ceu\u003e critical\nsummary: CPU ☃ is \"hot\"\n","priority":8,"#
                + "\"title\":\"[FIRING:1] HighCPU (\\u003ceu\\u003e critical)\"}\n"
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn members_may_be_others() {
        let keys = "payload: {title: t, message: '{{ .Status }}', priority: '{{ len .Alerts }}', \
            extras: {'client::display': {contentType: text/markdown}, 'client::notification': {click: {url: x}}}}, url:";
        assert_eq!(
            testing::send(&PLAIN.replace("url:", keys), firing()).await.body(),
            r#"{"extras":{"client::display":{"contentType":"text/markdown"},"client::notification":{"click":{"url":"x"}}},"#.to_owned()
                + "\"message\":\"firing\",\"priority\":1,\"title\":\"t\"}\n"
        );
    }

    #[tokio::test]
    async fn long_texts_are_cut() {
        let yaml = PLAIN.replace("url:", "payload: {message: '{{ .CommonAnnotations.text }}'}, url:");
        let body = testing::send(&yaml, wordy(30_000)).await.json();
        assert_eq!(body["message"], format!("{}…", "汉".repeat(21_844)));
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
    }
}
