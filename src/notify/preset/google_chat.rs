//! `google_chat`: messages to a space of Google Chat by an incoming webhook, those of a group in one thread.

use serde_json::{Value, json};

use super::{Draft, Limit, Preset, TITLE, set};
use crate::config::Secret;
use crate::notify::attempt::Attempt;

/// A line for each alert, one for each of its annotations and a link, with Google Chat's marks.
const CHAT: &str = "{{ range .Alerts }}*{{ .Status | toUpper }}* {{ .Labels.SortedPairs.Values | join \" \" }}\n\
    {{ range .Annotations.SortedPairs }}{{ .Name }}: {{ .Value }}\n{{ end }}\
    {{ with .GeneratorURL }}<{{ . }}|Source>\n{{ end }}{{ end }}";

#[derive(Debug)]
pub(super) struct GoogleChat;

impl Preset for GoogleChat {
    fn body(&self) -> Value {
        json!({"text": format!("*{TITLE}*\n{CHAT}")})
    }

    /// With all around it a message may have 32,000 bytes.
    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/text", Limit::Bytes(30_000))]
    }

    /// The group's thread, unless the configuration has one; a thread that is gone begins anew.
    fn finish(&self, attempt: &Attempt, _secret: Option<&Secret>, draft: &mut Draft) {
        if draft.body.get("thread").is_none() {
            set(draft, "thread", json!({"threadKey": attempt.key_hash()}));
        }
        let is_given = draft.url.query_pairs().any(|(name, _)| name == "messageReplyOption");
        if !is_given {
            let option = "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD";
            draft.url.query_pairs_mut().append_pair("messageReplyOption", option);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::data::key_hash;
    use crate::notify::testing::{self, firing, wordy};

    const PLAIN: &str = "webhook_configs: [{preset: google_chat, url: '$URL/v1/spaces/S/messages?key=k&token=hunter2-hunter2'}]";

    #[tokio::test]
    async fn posts_to_a_thread() {
        let sent = testing::send(PLAIN, firing()).await;
        let path = "/v1/spaces/S/messages?key=k&token=hunter2-hunter2\
            &messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD";
        sent.post(path, "application/json");
        let hash = key_hash(&firing().group_key);
        assert_eq!(
            sent.body(),
            r#"{"text":"*[FIRING:1] HighCPU (\u003ceu\u003e critical)*\n*FIRING* HighCPU \u003ceu\u003e critical\n"#.to_owned()
                + r#"summary: CPU ☃ is \"hot\"\n\u003chttp://prom/graph?g0.expr=a\u0026b|Source\u003e\n","#
                + &format!("\"thread\":{{\"threadKey\":\"{hash}\"}}}}\n")
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn thread_and_option_may_be_others() {
        let yaml = PLAIN.replace(
            "preset:",
            "query: {messageReplyOption: X}, payload: {text: '{{ .Status }}', thread: {threadKey: k}}, preset:",
        );
        let sent = testing::send(&yaml, firing()).await;
        sent.post(
            "/v1/spaces/S/messages?key=k&token=hunter2-hunter2&messageReplyOption=X",
            "application/json",
        );
        assert_eq!(sent.body(), "{\"text\":\"firing\",\"thread\":{\"threadKey\":\"k\"}}\n");
    }

    #[tokio::test]
    async fn long_texts_are_cut() {
        let yaml = PLAIN.replace("preset:", "payload: {text: 'x{{ .CommonAnnotations.text }}'}, preset:");
        let body = testing::send(&yaml, wordy(10_000)).await.json();
        assert_eq!(body["text"], format!("x{}…", "汉".repeat(9998)));
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
    }
}
