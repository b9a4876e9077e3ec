//! `telegram`: a message by a bot.

use std::collections::BTreeMap;
use std::time::Duration;

use ::http::{HeaderValue, Method, header};
use serde::Deserialize;
use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict, reason_of};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::{Service, below, json_request};
use super::{plain, truncate};
use crate::config::Source;
use crate::config::alertmanager::TelegramConfig;
use crate::model::FailureReason;
use crate::net::Response;

/// The most characters of a message.
const MOST_MESSAGE: usize = 4096;

#[derive(Debug)]
pub(super) struct Telegram {
    service: Service,
    api_url: Url,
    bot_token: SecretField,
    chat_id: Source<i64>,
    message_thread_id: i64,
    message: Field,
    disable_notifications: bool,
    parse_mode: String,
}

impl Telegram {
    pub(super) fn new(config: &TelegramConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let message = if config.parse_mode == "HTML" {
            build.html("message", &config.message)
        } else {
            build.text("message", &config.message)
        };
        Ok(Self {
            service: build.service(Verdict::default())?,
            api_url: config.api_url.parsed().clone(),
            bot_token: SecretField::literal("bot_token", &config.bot_token),
            chat_id: config.chat_id.clone(),
            message_thread_id: config.message_thread_id,
            message,
            disable_notifications: config.disable_notifications,
            parse_mode: config.parse_mode.clone(),
        })
    }

    /// The chat's number; a file is read for each attempt and may be mended before the next.
    async fn chat_id(&self) -> Result<i64, Failure> {
        match &self.chat_id {
            Source::Inline(id) => Ok(*id),
            Source::File(path) => {
                let shown = path.display();
                let content = tokio::fs::read_to_string(path).await;
                let content = content.map_err(|error| {
                    Failure::retry(format!("chat_id_file: could not read {shown}: {error}"))
                })?;
                let id = content.trim().parse();
                id.map_err(|error| Failure::retry(format!("chat_id_file: {shown} holds no chat id: {error}")))
            }
        }
    }

    /// The text, short enough. HTML cannot be cut anywhere, so that too long a text gives way to a notice.
    fn text(&self, attempt: &mut Attempt) -> String {
        let text = attempt.message(&self.message);
        if !self.message.is_html {
            return truncate::runes(&text, MOST_MESSAGE);
        }
        if text.chars().count() <= MOST_MESSAGE {
            return text;
        }
        let headline = truncate::runes(&plain::headline(attempt.data()), MOST_MESSAGE / 8);
        format!(
            "{}\n\nThe message is longer than the {MOST_MESSAGE} characters that Telegram takes. Please check the template.",
            plain::escape_html(&headline)
        )
    }
}

impl Notifier for Telegram {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let token = attempt.secret(&self.bot_token).await?;
            let chat_id = self.chat_id().await?;
            let mut message = BTreeMap::from([
                ("chat_id", chat_id.to_string()),
                ("text", self.text(attempt)),
                ("disable_web_page_preview", "true".to_owned()),
            ]);
            if self.disable_notifications {
                message.insert("disable_notification", "true".to_owned());
            }
            if !self.parse_mode.is_empty() {
                message.insert("parse_mode", self.parse_mode.clone());
            }
            if self.message_thread_id != 0 {
                message.insert("message_thread_id", self.message_thread_id.to_string());
            }
            // A base with a path may end with a slash or not.
            let slash = if self.api_url.path().ends_with('/') { "" } else { "/" };
            let url = below(&self.api_url, &format!("{slash}bot{}/sendMessage", token.expose()));
            let mut request = json_request(Method::POST, url.as_str(), &message)?;
            let agent = HeaderValue::from_static(concat!("tocsin/", env!("CARGO_PKG_VERSION")));
            request.headers.insert(header::USER_AGENT, agent);
            let answer = self.service.exchange(attempt, request).await?;
            check(&answer).map_err(|failure| Failure {
                after: failure.after.or_else(|| answer.retry_after(attempt.now())),
                ..failure
            })?;
            Ok(answer.into())
        })
    }
}

/// What Telegram says, which counts more than the status it says it with.
#[derive(Debug, Deserialize)]
struct Reply {
    ok: bool,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

fn check(answer: &Response) -> Result<(), Failure> {
    let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else {
        Verdict::retrying(&[429]).check(answer)?;
        return Err(Failure::retry("the answer is not what Telegram's API gives"));
    };
    if reply.ok {
        return Ok(());
    }
    let status = ::http::StatusCode::from_u16(reply.error_code).unwrap_or(answer.status);
    let wait = reply.parameters.retry_after.map(Duration::from_secs);
    let retry = status.is_server_error() || status.as_u16() == 429 || wait.is_some();
    let reason = if wait.is_some() { FailureReason::RateLimited } else { reason_of(status) };
    let error = format!("telegram: {} ({})", reply.description, status.as_u16());
    Err(Failure { retry, reason, in_doubt: false, error, after: wait })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::Answer;
    use crate::notify::testing::{self, firing, send_answered, wordy};

    const PLAIN: &str = "telegram_configs: [{api_url: '$URL', bot_token: '1:hunter2', chat_id: -100123}]";

    fn taken() -> Answer {
        (200, Vec::new(), r#"{"ok":true,"result":{}}"#.to_owned())
    }

    /// As Alertmanager 0.33.1 sent it.
    #[tokio::test]
    async fn a_message() {
        let yaml = "telegram_configs:\n- {api_url: '$URL', bot_token: '1:TOK', chat_id: -100123, message_thread_id: 7, \
                    disable_notifications: true}";
        let sent = send_answered(yaml, firing(), |_| taken()).await;
        let seen = &sent.seen[0];
        assert_eq!((seen.method.as_str(), seen.uri.path()), ("POST", "/bot1:TOK/sendMessage"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(
            sent.body(),
            concat!(
                r#"{"chat_id":"-100123","disable_notification":"true","disable_web_page_preview":"true","#,
                r#""message_thread_id":"7","parse_mode":"HTML","text":"\n\nAlerts Firing:\nLabels:\n"#,
                r#" - alertname = HighCPU\n - cluster = \u0026lt;eu\u0026gt;\n - severity = critical\nAnnotations:\n"#,
                r#" - summary = CPU ☃ is \u0026#34;hot\u0026#34;\nSource: http://prom/graph?g0.expr=a\u0026amp;b\n\n\n\n"}"#,
                "\n"
            )
        );
        sent.result.unwrap();
    }

    #[tokio::test]
    async fn other_modes_and_long_texts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chat");
        let yaml = |mode: &str| {
            format!(
                "telegram_configs:\n- {{api_url: '$URL/base/', bot_token: '1:TOK', chat_id_file: '{}', parse_mode: '{mode}', \
                 message: '<{{{{ .CommonAnnotations.text }}}}'}}",
                path.display()
            )
        };
        let failure = send_answered(&yaml(""), firing(), |_| taken()).await.result.unwrap_err();
        assert!(failure.retry && failure.error.contains("could not read"), "{failure:?}");
        std::fs::write(&path, " -42\n").unwrap();
        let sent = send_answered(&yaml(""), wordy(4097), |_| taken()).await;
        assert_eq!(sent.seen[0].uri.path(), "/base/bot1:TOK/sendMessage");
        assert_eq!(
            sent.json(),
            serde_json::json!({"chat_id": "-42", "disable_web_page_preview": "true", "text": format!("<{}…", "汉".repeat(4094))})
        );
        let body = send_answered(&yaml("MarkdownV2"), wordy(10), |_| taken()).await.json();
        assert_eq!(
            (&body["parse_mode"], &body["text"]),
            (&"MarkdownV2".into(), &format!("<{}", "汉".repeat(10)).into())
        );
        let html = yaml("HTML").replace("'<{", "'{");
        let text = send_answered(&html, wordy(4096), |_| taken()).await.json()["text"].clone();
        assert_eq!(text, "汉".repeat(4096));
        let text = send_answered(&html, wordy(4097), |_| taken()).await.json()["text"].clone();
        assert!(text.as_str().unwrap().starts_with("[FIRING:1] HighCPU\n\nThe message is longer"), "{text}");
    }

    #[tokio::test]
    async fn a_template_that_fails_still_notifies() {
        let yaml = PLAIN.replace("}]", ", message: '{{ .Nope }}'}]");
        let text = send_answered(&yaml, firing(), |_| taken()).await.json()["text"].clone();
        let text = text.as_str().unwrap();
        assert!(
            text.contains("cluster=&lt;eu&gt;") && text.contains("The template of message failed"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn replies() {
        for (status, body, retry, reason, error, after) in [
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities"}"#,
                false,
                FailureReason::ClientError,
                "telegram: Bad Request: can't parse entities (400)",
                None,
            ),
            (
                403,
                r#"{"ok":false,"error_code":403,"description":"Forbidden"}"#,
                false,
                FailureReason::AuthError,
                "telegram: Forbidden (403)",
                None,
            ),
            (
                429,
                r#"{"ok":false,"error_code":429,"description":"Too Many","parameters":{"retry_after":9}}"#,
                true,
                FailureReason::RateLimited,
                "telegram: Too Many (429)",
                Some(Duration::from_secs(9)),
            ),
            (
                200,
                r#"{"ok":false,"error_code":500,"description":"x"}"#,
                true,
                FailureReason::ServerError,
                "telegram: x (500)",
                None,
            ),
            (502, "<html>", true, FailureReason::ServerError, "unexpected status code 502: <html>", None),
            (200, "<html>", true, FailureReason::Other, "the answer is not what Telegram's API gives", None),
        ] {
            let sent = send_answered(PLAIN, firing(), move |_| (status, Vec::new(), body.to_owned())).await;
            let error = error.to_owned();
            let expected = Failure { retry, reason, in_doubt: false, error, after };
            assert_eq!(sent.result.unwrap_err(), expected);
        }
        testing::redacts(PLAIN, &["1:hunter2"]).await;
    }
}
