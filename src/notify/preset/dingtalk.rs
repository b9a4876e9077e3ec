//! `dingtalk`: Markdown by a robot of a DingTalk group, signed if it has a secret.

use serde_json::{Value, json};

use super::codes::{Codes, signature};
use super::{Draft, Limit, MARKDOWN, Preset, TITLE};
use crate::config::Secret;
use crate::notify::attempt::Attempt;

#[derive(Debug)]
pub(super) struct DingTalk;

impl Preset for DingTalk {
    fn body(&self) -> Value {
        json!({
            "msgtype": "markdown",
            "markdown": {"title": TITLE, "text": format!("### {TITLE}\n\n{MARKDOWN}")},
        })
    }

    /// With all around it a message may have 20,000 bytes.
    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/markdown/text", Limit::Bytes(18_000)), ("/text/content", Limit::Bytes(18_000))]
    }

    /// The time in milliseconds, and the signature over it and the secret, with the secret as the key.
    fn finish(&self, attempt: &Attempt, secret: Option<&Secret>, draft: &mut Draft) {
        let Some(secret) = secret else { return };
        let timestamp = attempt.now().unix_seconds().saturating_mul(1000).to_string();
        let sign = signature(secret.expose(), &format!("{timestamp}\n{}", secret.expose()));
        draft.url.query_pairs_mut().append_pair("timestamp", &timestamp).append_pair("sign", &sign);
    }

    /// Busy, and twice asked too often.
    fn codes(&self) -> Option<Codes> {
        Some(Codes { code: &["errcode"], text: &["errmsg"], retried: &[-1, 130_101, 410_100] })
    }
}

#[cfg(test)]
mod tests {
    use crate::net::testing::ok;
    use crate::notify::testing::{self, firing, wordy};

    const PLAIN: &str =
        "webhook_configs: [{preset: dingtalk, url: '$URL/robot/send?access_token=hunter2-hunter2'}]";
    const OK: &str = r#"{"errcode":0,"errmsg":"ok"}"#;

    #[tokio::test]
    async fn posts_markdown() {
        let sent = testing::send_answered(PLAIN, firing(), |_| ok(OK)).await;
        sent.post("/robot/send?access_token=hunter2-hunter2", "application/json");
        assert_eq!(
            sent.body(),
            r####"{"markdown":{"text":"### [FIRING:1] HighCPU (\u003ceu\u003e critical)\n\n"####.to_owned()
                + r#"**FIRING** HighCPU \u003ceu\u003e critical\n\n\u003e summary: CPU ☃ is \"hot\"\n\n"#
                + r#"[Source](http://prom/graph?g0.expr=a\u0026b)\n\n","title":"[FIRING:1] HighCPU (\u003ceu\u003e critical)"},"#
                + "\"msgtype\":\"markdown\"}\n"
        );
        assert!(sent.result.is_ok());
    }

    /// The signature is what `openssl dgst -sha256 -hmac` gives for the same key and text.
    #[tokio::test]
    async fn requests_are_signed_and_members_replaced() {
        let yaml = "webhook_configs: [{preset: dingtalk, url: '$URL/robot/send?access_token=t', secret: SECabc, \
            payload: {markdown: {text: '{{ .Status }}'}, at: {atMobiles: ['{{ .CommonLabels.severity }}'], isAtAll: true}}}]";
        let sent = testing::send_answered(yaml, firing(), |_| ok(OK)).await;
        sent.post(
            "/robot/send?access_token=t&timestamp=1795269610000&sign=v6hnr1OuJkxJaP7lQZ3zKRAqF%2BD3E9WUA0yz2fjMuLQ%3D",
            "application/json",
        );
        assert_eq!(
            sent.body(),
            r#"{"at":{"atMobiles":["critical"],"isAtAll":true},"markdown":{"text":"firing","#.to_owned()
                + "\"title\":\"[FIRING:1] HighCPU (\\u003ceu\\u003e critical)\"},\"msgtype\":\"markdown\"}\n"
        );
    }

    #[tokio::test]
    async fn refusals_come_with_status_200() {
        for (body, retry, error) in [
            (
                r#"{"errcode":310000,"errmsg":"sign not match"}"#,
                false,
                "refused with code 310000: sign not match",
            ),
            (
                r#"{"errcode":130101,"errmsg":"send too fast"}"#,
                true,
                "refused with code 130101: send too fast",
            ),
            ("<html>", true, "unexpected answer: <html>"),
        ] {
            let failure =
                testing::send_answered(PLAIN, firing(), move |_| ok(body)).await.result.unwrap_err();
            assert_eq!((failure.retry, failure.error.as_str()), (retry, error));
        }
    }

    #[tokio::test]
    async fn long_texts_are_cut() {
        let text = "payload: {markdown: {text: 'x{{ .CommonAnnotations.text }}'}}, url:";
        let sent = testing::send_answered(&PLAIN.replace("url:", text), wordy(6000), |_| ok(OK)).await;
        assert_eq!(sent.json()["markdown"]["text"], format!("x{}…", "汉".repeat(5998)));
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(&PLAIN.replace("url:", "secret: SECabc, url:"), &["hunter2", "SECabc"]).await;
    }
}
