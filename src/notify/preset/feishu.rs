//! `feishu`: cards by a robot of a group in Feishu or Lark, signed if it has a secret.

use serde_json::{Value, json};

use super::codes::{Codes, signature};
use super::{Draft, Limit, MARKDOWN, Preset, TITLE, by_status, set};
use crate::config::Secret;
use crate::notify::attempt::Attempt;

#[derive(Debug)]
pub(super) struct Feishu;

impl Preset for Feishu {
    fn body(&self) -> Value {
        json!({
            "msg_type": "interactive",
            "card": {
                "header": {
                    "title": {"tag": "plain_text", "content": TITLE},
                    "template": by_status("red", "green"),
                },
                "elements": [{"tag": "markdown", "content": MARKDOWN}],
            },
        })
    }

    /// With all around it a request may have 20 KiB.
    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/card/elements/0/content", Limit::Bytes(18_000)), ("/content/text", Limit::Bytes(18_000))]
    }

    /// The time in seconds, and the signature: time and secret are the key, and nothing is the text.
    fn finish(&self, attempt: &Attempt, secret: Option<&Secret>, draft: &mut Draft) {
        let Some(secret) = secret else { return };
        let timestamp = attempt.now().unix_seconds().to_string();
        let sign = signature(&format!("{timestamp}\n{}", secret.expose()), "");
        set(draft, "timestamp", timestamp);
        set(draft, "sign", sign);
    }

    /// In its newer and its older form: a fault of its own, and three times asked too often.
    fn codes(&self) -> Option<Codes> {
        Some(Codes {
            code: &["code", "StatusCode"],
            text: &["msg", "StatusMessage"],
            retried: &[2200, 9499, 11_232, 11_233],
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::net::testing::ok;
    use crate::notify::testing::{self, firing, wordy};

    const PLAIN: &str = "webhook_configs: [{preset: feishu, url: '$URL/open-apis/bot/v2/hook/hunter2'}]";
    const OK: &str = r#"{"code":0,"data":{},"msg":"success"}"#;

    #[tokio::test]
    async fn posts_a_card() {
        let sent = testing::send_answered(PLAIN, firing(), |_| ok(OK)).await;
        sent.post("/open-apis/bot/v2/hook/hunter2", "application/json");
        assert_eq!(
            sent.body(),
            r#"{"card":{"elements":[{"content":"**FIRING** HighCPU \u003ceu\u003e critical\n\n"#.to_owned()
                + r#"\u003e summary: CPU ☃ is \"hot\"\n\n[Source](http://prom/graph?g0.expr=a\u0026b)\n\n","#
                + r#""tag":"markdown"}],"header":{"template":"red","title":{"#
                + r#""content":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","tag":"plain_text"}}},"#
                + "\"msg_type\":\"interactive\"}\n"
        );
        assert!(sent.result.is_ok());
    }

    /// The signature is what Python's `hmac` gives for the same key and no text.
    #[tokio::test]
    async fn requests_are_signed_and_the_body_may_be_another() {
        let keys =
            "secret: abcd, payload: {msg_type: text, card: [], content: {text: '{{ .Status }}'}}, url:";
        let answer = r#"{"StatusCode":0,"StatusMessage":"success"}"#;
        let sent = testing::send_answered(&PLAIN.replace("url:", keys), firing(), |_| ok(answer)).await;
        assert_eq!(
            sent.body(),
            r#"{"card":[],"content":{"text":"firing"},"msg_type":"text","#.to_owned()
                + "\"sign\":\"u/Z4XPsMqurM+IfPoTI6LOaV66s0X4LJHuHGyVCPn0Q=\",\"timestamp\":\"1795269610\"}\n"
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn refusals_come_with_status_200() {
        for (body, retry, error) in [
            (r#"{"code":19021,"msg":"sign match fail"}"#, false, "refused with code 19021: sign match fail"),
            (r#"{"code":9499,"msg":"too many request"}"#, true, "refused with code 9499: too many request"),
            (r#"{"StatusCode":1,"StatusMessage":"no"}"#, false, "refused with code 1: no"),
            ("", true, "unexpected answer: "),
        ] {
            let failure =
                testing::send_answered(PLAIN, firing(), move |_| ok(body)).await.result.unwrap_err();
            assert_eq!((failure.retry, failure.error.as_str()), (retry, error));
        }
    }

    /// It says with status 400 too that it was asked too often.
    #[tokio::test]
    async fn asked_too_often() {
        for (code, retry) in [(11232, true), (19001, false)] {
            let body = format!(r#"{{"code":{code},"msg":"no"}}"#);
            let sent =
                testing::send_answered(PLAIN, firing(), move |_| (400, Vec::new(), body.clone())).await;
            let failure = sent.result.unwrap_err();
            assert_eq!(failure.retry, retry);
            assert!(failure.error.starts_with("unexpected status code 400: {"), "{failure:?}");
        }
    }

    #[tokio::test]
    async fn long_texts_are_cut() {
        let text =
            "payload: {card: {elements: [{tag: markdown, content: 'x{{ .CommonAnnotations.text }}'}]}}, url:";
        let sent = testing::send_answered(&PLAIN.replace("url:", text), wordy(6000), |_| ok(OK)).await;
        assert_eq!(sent.json()["card"]["elements"][0]["content"], format!("x{}…", "汉".repeat(5998)));
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(&PLAIN.replace("url:", "secret: abcd, url:"), &["hunter2", "abcd"]).await;
    }
}
