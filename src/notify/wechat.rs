//! `wechat`: messages by an application of WeChat Work. Its token is fetched with a secret and kept for two hours.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::http::Method;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::{self, Service};
use crate::config::Secret;
use crate::config::alertmanager::WechatConfig;
use crate::net::{Request, Response};

/// How long a token is used.
const TOKEN_LIFE: Duration = Duration::from_hours(2);
/// What WeChat answers to a token that it does not know, or no more: another is fetched for the next attempt.
const TOKEN_CODES: [i64; 2] = [40014, 42001];

#[derive(Debug)]
pub(super) struct Wechat {
    service: Service,
    api_url: Url,
    api_secret: SecretField,
    corp_id: Field,
    to_user: Field,
    to_party: Field,
    to_tag: Field,
    agent_id: Field,
    message: Field,
    message_type: String,
    token: Mutex<Option<(Secret, Instant)>>,
}

impl Wechat {
    pub(super) fn new(config: &WechatConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        Ok(Self {
            service: build.service(Verdict { retried: &[], details: |_answer| String::new() })?,
            api_url: config.api_url.parsed().clone(),
            api_secret: build.secret_template("api_secret", &config.api_secret),
            corp_id: build.text("corp_id", &config.corp_id),
            to_user: build.text("to_user", &config.to_user),
            to_party: build.text("to_party", &config.to_party),
            to_tag: build.text("to_tag", &config.to_tag),
            agent_id: build.text("agent_id", &config.agent_id),
            message: build.text("message", &config.message),
            message_type: config.message_type.clone(),
            token: Mutex::new(None),
        })
    }

    async fn token(&self, attempt: &mut Attempt) -> Result<Secret, Failure> {
        let kept = self.kept_token();
        let token = match kept {
            Some(token) => token,
            None => self.fetch_token(attempt).await?,
        };
        attempt.hide(&token);
        Ok(token)
    }

    fn kept_token(&self) -> Option<Secret> {
        let kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, fetched) = kept.as_ref()?;
        (fetched.elapsed() <= TOKEN_LIFE).then(|| token.clone())
    }

    fn keep_token(&self, token: Option<Secret>) {
        let token = token.map(|token| (token, Instant::now()));
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    async fn fetch_token(&self, attempt: &mut Attempt) -> Result<Secret, Failure> {
        let secret = attempt.secret(&self.api_secret).await?;
        let corp_id = attempt.needed(&self.corp_id)?;
        let parameters = [("corpid", corp_id.as_str()), ("corpsecret", secret.expose())];
        let url = self.url("gettoken", &parameters);
        let request = service::request(Method::GET, url.as_str(), Bytes::new())?;
        let answer = self.exchange(attempt, request).await?;
        let fetched: Fetched = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::lasting(format!("unexpected answer to gettoken: {error}")))?;
        if fetched.access_token.is_empty() {
            let why =
                if fetched.errmsg.is_empty() { fetched.errmsg } else { format!(": {}", fetched.errmsg) };
            return Err(Failure::lasting(format!("invalid APISecret for CorpID: {corp_id}{why}")));
        }
        let token = Secret::new(&fetched.access_token);
        self.keep_token(Some(token.clone()));
        Ok(token)
    }

    /// Sends a request; any answer but 200 is worth another attempt.
    async fn exchange(&self, attempt: &Attempt, request: Request) -> Result<Response, Failure> {
        let answer = self.service.exchange(attempt, request).await?;
        self.service.judge(attempt, &answer).map_err(|failure| Failure { retry: true, ..failure })?;
        if answer.status.as_u16() != 200 {
            return Err(Failure::retry(format!("unexpected status code {}", answer.status.as_u16())));
        }
        Ok(answer)
    }

    fn url(&self, path: &str, parameters: &[(&str, &str)]) -> Url {
        let mut url = self.api_url.clone();
        url.set_path(&format!("{}{path}", url.path()));
        url.query_pairs_mut().extend_pairs(parameters);
        url
    }
}

impl Notifier for Wechat {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let token = self.token(attempt).await?;
            let mut body = Body {
                text: Content::default(),
                touser: attempt.needed(&self.to_user)?,
                toparty: attempt.needed(&self.to_party)?,
                totag: attempt.needed(&self.to_tag)?,
                agentid: attempt.needed(&self.agent_id)?,
                safe: "0",
                msgtype: &self.message_type,
                markdown: Content::default(),
            };
            let content = attempt.message(&self.message);
            if self.message_type == "markdown" {
                body.markdown = Content { content };
            } else {
                body.text = Content { content };
            }
            let url = self.url("message/send", &[("access_token", token.expose())]);
            let request = service::json_request(Method::POST, url.as_str(), &body)?;
            let answer = self.exchange(attempt, request).await?;
            let said: Said = serde_json::from_slice(&answer.body)
                .map_err(|error| Failure::retry(format!("unexpected answer: {error}")))?;
            if TOKEN_CODES.contains(&said.errcode) {
                self.keep_token(None);
                return Err(Failure::retry(said.errmsg));
            }
            if said.errcode != 0 {
                return Err(Failure::lasting(said.errmsg));
            }
            Ok(answer.into())
        })
    }
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    text: Content,
    #[serde(skip_serializing_if = "String::is_empty")]
    touser: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    toparty: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    totag: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    agentid: String,
    safe: &'static str,
    msgtype: &'a str,
    markdown: Content,
}

#[derive(Debug, Default, Serialize)]
struct Content {
    content: String,
}

/// What the service says to a request for a token.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fetched {
    access_token: String,
    errmsg: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    errcode: i64,
    errmsg: String,
}

#[cfg(test)]
mod tests {
    use crate::model::FailureReason;
    use crate::net::testing::{Answer, Seen, ok};
    use crate::notify::testing::{self, Bench, firing, mixed};

    const PLAIN: &str =
        "wechat_configs: [{api_url: '$URL/cgi-bin', api_secret: 'hunter 2', corp_id: corp, to_user: '@all'}]";

    fn wechat(errcode: i64) -> impl Fn(&Seen) -> Answer + Send + Sync {
        move |seen| {
            if seen.uri.path().ends_with("/gettoken") {
                return ok(r#"{"errcode":0,"errmsg":"ok","access_token":"t0ken"}"#);
            }
            ok(&format!(r#"{{"errcode":{errcode},"errmsg":"because {}"}}"#, seen.uri))
        }
    }

    #[tokio::test]
    async fn fetches_a_token_and_posts() {
        let sent = testing::send_answered(PLAIN, firing(), wechat(0)).await;
        let seen = &sent.seen;
        assert_eq!((seen[0].method.as_str(), seen.len()), ("GET", 2));
        assert_eq!(seen[0].uri, "/cgi-bin/gettoken?corpid=corp&corpsecret=hunter+2");
        assert_eq!((seen[0].body.len(), seen[0].header("user-agent")), (0, Some("Alertmanager/0.34.0")));
        assert_eq!(seen[1].uri, "/cgi-bin/message/send?access_token=t0ken");
        assert_eq!(seen[1].header("content-type"), Some("application/json"));
        assert_eq!(
            String::from_utf8_lossy(&seen[1].body),
            r#"{"text":{"content":"[FIRING:1] HighCPU (\u003ceu\u003e critical)\nCPU ☃ is \"hot\"\nAlerts Firing:\n"#.to_owned()
                + r#"Labels:\n - alertname = HighCPU\n - cluster = \u003ceu\u003e\n - severity = critical\n"#
                + r#"Annotations:\n - summary = CPU ☃ is \"hot\"\nSource: http://prom/graph?g0.expr=a\u0026b\n\n\n"#
                + r#"AlertmanagerUrl:\nhttp://am.example/#/alerts?receiver=team"},"touser":"@all","safe":"0","#
                + "\"msgtype\":\"text\",\"markdown\":{\"content\":\"\"}}\n"
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn every_key() {
        let yaml = "global: {wechat_api_url: '$URL/x/', wechat_api_secret: s3cret, wechat_api_corp_id: c}\n---\n\
            wechat_configs: [{message_type: markdown, message: '**{{ .Status }}**', to_user: u, to_party: p, \
            to_tag: t, agent_id: '{{ len .Alerts }}'}]";
        let sent = testing::send_answered(yaml, mixed(), wechat(0)).await;
        assert_eq!(sent.seen[0].uri, "/x/gettoken?corpid=c&corpsecret=s3cret");
        assert_eq!(
            String::from_utf8_lossy(&sent.seen[1].body),
            r#"{"text":{"content":""},"touser":"u","toparty":"p","totag":"t","agentid":"2","safe":"0","#
                .to_owned()
                + "\"msgtype\":\"markdown\",\"markdown\":{\"content\":\"**firing**\"}}\n"
        );
    }

    /// The token is fetched once, again when WeChat does not know it any more, and again after two hours.
    #[tokio::test]
    async fn the_token_is_kept() {
        for (errcode, fetches) in [(0, 1), (42001, 2), (40014, 2), (40003, 1)] {
            let bench = Bench::answering(wechat(errcode)).await;
            let integration = testing::integration(&PLAIN.replace("$URL", &bench.url()));
            for _ in 0..2 {
                let result = testing::attempt(&integration, firing()).await;
                match errcode {
                    0 => assert!(result.is_ok()),
                    _ => {
                        let failure = result.unwrap_err();
                        assert_eq!(failure.retry, fetches == 2, "{errcode}");
                        assert_eq!(failure.reason, FailureReason::Other);
                        let error = "because /cgi-bin/message/send?access_token=<redacted>";
                        assert_eq!(failure.error, error);
                    }
                }
            }
            let seen = bench.seen();
            let fetched = seen.iter().filter(|seen| seen.uri.path().ends_with("gettoken")).count();
            assert_eq!(fetched, fetches, "{errcode}");
        }
    }

    #[tokio::test]
    async fn no_token_no_message() {
        for (body, error) in [
            (
                r#"{"errcode":40001,"errmsg":"invalid credential"}"#,
                "invalid APISecret for CorpID: corp: invalid credential",
            ),
            ("<html>", "unexpected answer to gettoken: expected value at line 1 column 1"),
        ] {
            let sent = testing::send_answered(PLAIN, firing(), move |_| ok(body)).await;
            let failure = sent.result.unwrap_err();
            assert_eq!((failure.retry, failure.error.as_str(), sent.seen.len()), (false, error, 1));
        }
    }

    /// Every status but 200 is tried again.
    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[300, 400, 401, 403, 404, 408, 429], true).await;
        let sent = testing::send_answered(PLAIN, firing(), |_| (204, Vec::new(), String::new())).await;
        assert!(sent.result.unwrap_err().retry);
        testing::redacts(PLAIN, &["hunter 2", "hunter+2"]).await;
        let sent = testing::send_answered(PLAIN, firing(), |seen| {
            ok(&format!(r#"{{"access_token":"t0ken","errcode":1,"errmsg":"{}"}}"#, seen.uri))
        });
        let failure = sent.await.result.unwrap_err();
        assert!(!failure.error.contains("t0ken"), "{failure:?}");
    }

    #[tokio::test]
    async fn a_template_that_fails_still_notifies() {
        let yaml = PLAIN.replace("to_user:", "message: '{{ .Nope }}', to_user:");
        let sent = testing::send_answered(&yaml, firing(), wechat(0)).await;
        let text = String::from_utf8_lossy(&sent.seen[1].body).into_owned();
        assert!(text.contains("[FIRING:1] HighCPU") && text.contains("message failed"), "{text}");
    }
}
