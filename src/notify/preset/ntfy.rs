//! `ntfy`: messages to a topic of ntfy.sh or of a server of one's own. The URL is the server and the topic.

use serde_json::{Value, json};

use super::{Draft, Limit, Preset, TEXT, TITLE, by_status, set};
use crate::config::Secret;
use crate::notify::attempt::Attempt;

#[derive(Debug)]
pub(super) struct Ntfy;

impl Preset for Ntfy {
    fn body(&self) -> Value {
        json!({
            "title": TITLE,
            "message": TEXT,
            "priority": by_status("4", "3"),
            "tags": [by_status("rotating_light", "white_check_mark")],
            "click": "{{ template \"__alertmanagerURL\" . }}",
        })
    }

    fn numbers(&self) -> &'static [&'static str] {
        &["priority"]
    }

    /// A longer message would become an attachment.
    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/message", Limit::Bytes(4096)), ("/title", Limit::Bytes(250))]
    }

    /// JSON goes to the server itself, with the topic in it.
    fn finish(&self, _attempt: &Attempt, _secret: Option<&Secret>, draft: &mut Draft) {
        if !draft.body.is_object() {
            return;
        }
        let path = draft.url.path().trim_end_matches('/').to_owned();
        let (server, topic) = path.rsplit_once('/').unwrap_or(("", &path));
        if draft.body.get("topic").is_none() {
            set(draft, "topic", topic);
            draft.url.set_path(&format!("{server}/"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, resolved, wordy};

    const PLAIN: &str = "webhook_configs: [{preset: ntfy, url: '$URL/ops', http_config: {authorization: {credentials: hunter2}}}]";

    #[tokio::test]
    async fn posts_to_the_topic() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/", "application/json");
        assert_eq!(sent.seen[0].header("authorization"), Some("Bearer hunter2"));
        assert_eq!(
            sent.body(),
            r#"{"click":"http://am.example/#/alerts?receiver=team","#.to_owned()
                + r#""message":"FIRING HighCPU \u003ceu\u003e critical\nsummary: CPU ☃ is \"hot\"\n","priority":4,"#
                + r#""tags":["rotating_light"],"title":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","topic":"ops"}"#
                + "\n"
        );
        let body = testing::send(PLAIN, resolved()).await.json();
        assert_eq!((&body["priority"], &body["tags"][0]), (&3.into(), &"white_check_mark".into()));
    }

    #[tokio::test]
    async fn members_may_be_others() {
        let keys = "payload: {title: t, message: m, priority: high, tags: ['{{ .Status }}'], click: '', markdown: true}, url: '$URL/base/{{ .Status }}/'";
        let sent = testing::send(&PLAIN.replace("url: '$URL/ops'", keys), firing()).await;
        sent.post("/base/", "application/json");
        assert_eq!(
            sent.body(),
            "{\"click\":\"\",\"markdown\":true,\"message\":\"m\",\"tags\":[\"firing\"],\"title\":\"t\",\"topic\":\"firing\"}\n"
        );
        let keys = "payload: {topic: other}, url: '$URL/base'";
        let sent = testing::send(&PLAIN.replace("url: '$URL/ops'", keys), firing()).await;
        sent.post("/base", "application/json");
        assert_eq!(sent.json()["topic"], "other");
    }

    #[tokio::test]
    async fn long_texts_are_cut() {
        let text = "payload: {message: '{{ .CommonAnnotations.text }}', title: '{{ .CommonAnnotations.text }}'}, url:";
        let body = testing::send(&PLAIN.replace("url:", text), wordy(1366)).await.json();
        assert_eq!(body["message"], format!("{}…", "汉".repeat(1364)));
        assert_eq!(body["title"], format!("{}…", "汉".repeat(82)));
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
    }
}
