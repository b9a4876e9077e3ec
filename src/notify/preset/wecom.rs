//! `wecom`: Markdown by a robot of a group in WeCom.

use serde_json::{Value, json};

use super::{Codes, Limit, MARKDOWN, Preset, TITLE};

#[derive(Debug)]
pub(super) struct WeCom;

impl Preset for WeCom {
    fn body(&self) -> Value {
        json!({"msgtype": "markdown", "markdown": {"content": format!("### {TITLE}\n{MARKDOWN}")}})
    }

    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/markdown/content", Limit::Bytes(4096)), ("/text/content", Limit::Bytes(2048))]
    }

    /// Busy, and asked too often.
    fn codes(&self) -> Option<Codes> {
        Some(Codes { code: &["errcode"], text: &["errmsg"], retried: &[-1, 45_009] })
    }
}

#[cfg(test)]
mod tests {
    use crate::net::testing::ok;
    use crate::notify::testing::{self, firing, wordy};

    const PLAIN: &str =
        "webhook_configs: [{preset: wecom, url: '$URL/cgi-bin/webhook/send?key=hunter2-hunter2'}]";
    const OK: &str = r#"{"errcode":0,"errmsg":"ok"}"#;

    #[tokio::test]
    async fn posts_markdown() {
        let sent = testing::send_answered(PLAIN, firing(), |_| ok(OK)).await;
        sent.post("/cgi-bin/webhook/send?key=hunter2-hunter2", "application/json");
        assert_eq!(
            sent.body(),
            r####"{"markdown":{"content":"### [FIRING:1] HighCPU (\u003ceu\u003e critical)\n"####.to_owned()
                + r#"**FIRING** HighCPU \u003ceu\u003e critical\n\n\u003e summary: CPU ☃ is \"hot\"\n\n"#
                + "[Source](http://prom/graph?g0.expr=a\\u0026b)\\n\\n\"},\"msgtype\":\"markdown\"}\n"
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn refusals_come_with_status_200() {
        for (code, retry) in [(93000, false), (45009, true), (-1, true)] {
            let body = format!(r#"{{"errcode":{code},"errmsg":"no"}}"#);
            let sent = testing::send_answered(PLAIN, firing(), move |_| ok(&body)).await;
            let failure = sent.result.unwrap_err();
            assert_eq!((failure.retry, failure.error), (retry, format!("refused with code {code}: no")));
        }
    }

    #[tokio::test]
    async fn long_texts_are_cut() {
        let yaml =
            PLAIN.replace("url:", "payload: {markdown: {content: '{{ .CommonAnnotations.text }}'}}, url:");
        for (characters, wanted) in [(1366, format!("{}…", "汉".repeat(1364))), (1365, "汉".repeat(1365))]
        {
            let sent = testing::send_answered(&yaml, wordy(characters), |_| ok(OK)).await;
            assert_eq!(sent.json()["markdown"]["content"], wanted);
        }
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
    }
}
