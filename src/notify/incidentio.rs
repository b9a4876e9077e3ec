//! `incidentio`: the webhook's JSON to an alert source of incident.io.

use ::http::{HeaderValue, Method, header};
use serde::Deserialize;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::SecretField;
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::json;
use super::message::Message;
use super::service::{self, Service};
use crate::config::alertmanager::IncidentioConfig;
use crate::config::{Secret, Source};
use crate::net::Response;

/// The version of the JSON that incident.io knows.
const VERSION: &str = "1";
/// How many bytes a message should have.
const MOST_BYTES: usize = 512 * 1024;

#[derive(Debug)]
pub(super) struct Incidentio {
    service: Service,
    url: SecretField,
    token: Option<SecretField>,
    max_alerts: usize,
}

impl Incidentio {
    pub(super) fn new(config: &IncidentioConfig, build: &Build<'_>) -> Result<Self, BuildError> {
        let verdict = Verdict { details, ..Verdict::retrying(&[429]) };
        let mut service = build.service_with(verdict, config.timeout)?;
        service.timeout.0 = "incident.io";
        let url = match &config.url {
            Source::Inline(url) => Source::Inline(Secret::new(url.as_written())),
            Source::File(path) => Source::File(path.clone()),
        };
        let token = config.alert_source_token.as_ref();
        Ok(Self {
            service,
            url: SecretField::literal("url", &url),
            token: token.map(|token| SecretField::literal("alert_source_token", token)),
            max_alerts: usize::try_from(config.max_alerts).unwrap_or(usize::MAX),
        })
    }
}

impl Notifier for Incidentio {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let url = attempt.secret_url(&self.url).await?;
            let authorization = match &self.token {
                Some(token) => Some(bearer(&attempt.secret(token).await?)?),
                None => None,
            };
            let mut request = service::request(Method::POST, url.expose(), body(attempt)?)?;
            request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if let Some(authorization) = authorization {
                request.headers.insert(header::AUTHORIZATION, authorization);
            }
            Ok(self.service.send(attempt, request).await?.into())
        })
    }

    fn max_alerts(&self) -> usize {
        self.max_alerts
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    service::secret_header(&Secret::new(&format!("Bearer {}", token.expose())), "alert_source_token")
}

/// The message; of one that is too long the first alert, and that is sent whatever its size.
fn body(attempt: &Attempt) -> Result<Vec<u8>, Failure> {
    let encode = |message: &Message<'_>| {
        json::encode_body(message).map_err(|error| Failure::lasting(format!("json: {error}")))
    };
    let mut message = Message::new(attempt, VERSION);
    let body = encode(&message)?;
    if body.len() <= MOST_BYTES {
        return Ok(body);
    }
    message.keep_first();
    let shorter = encode(&message)?;
    tracing::warn!(
        component = "notify",
        integration = "incidentio",
        aggr_group = %attempt.notification().group_key,
        original_size = body.len(),
        final_size = shorter.len(),
        max_size = MOST_BYTES,
        "message is too long: only its first alert is sent"
    );
    Ok(shorter)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    message: String,
    error: String,
    errors: Vec<String>,
}

/// What incident.io says is wrong.
fn details(answer: &Response) -> String {
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let parts = [refusal.message, refusal.error, refusal.errors.join(", ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::notify::testing::{self, alert, firing, mixed, notification};

    const PLAIN: &str = "incidentio_configs: [{url: '$URL/alerts', alert_source_token: hunter2}]";

    #[tokio::test]
    async fn posts_the_webhooks_json() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/alerts", "application/json");
        assert_eq!(sent.seen[0].header("authorization"), Some("Bearer hunter2"));
        let webhook = testing::send("webhook_configs: [{url: '$URL/'}]", firing()).await;
        assert_eq!(sent.body(), webhook.body().replace(r#""version":"4""#, r#""version":"1""#));
    }

    #[tokio::test]
    async fn url_and_token_may_stand_in_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let bench = testing::Bench::start().await;
        std::fs::write(file("url"), format!("{}/x\n", bench.url())).unwrap();
        std::fs::write(file("token"), " first\n").unwrap();
        let yaml = format!(
            "incidentio_configs: [{{url_file: '{}', alert_source_token_file: '{}', max_alerts: 1}}]",
            file("url").display(),
            file("token").display()
        );
        let integration = testing::integration(&yaml);
        testing::attempt(&integration, mixed()).await.unwrap();
        std::fs::write(file("token"), "second").unwrap();
        testing::attempt(&integration, mixed()).await.unwrap();
        let seen = bench.seen();
        let tokens: Vec<_> = seen.iter().map(|seen| seen.header("authorization").unwrap()).collect();
        assert_eq!(tokens, ["Bearer first", "Bearer second"]);
        let body: serde_json::Value = serde_json::from_slice(&seen[0].body).unwrap();
        assert_eq!((body["alerts"].as_array().unwrap().len(), &body["truncatedAlerts"]), (1, &1.into()));
    }

    #[tokio::test]
    async fn the_clients_authorization_serves_too() {
        let yaml = "incidentio_configs: [{url: '$URL/', http_config: {authorization: {credentials: abcd}}}]";
        let sent = testing::send(yaml, firing()).await;
        assert_eq!(sent.seen[0].header("authorization"), Some("Bearer abcd"));
        testing::redacts(yaml, &["abcd"]).await;
    }

    #[tokio::test]
    async fn of_a_long_message_the_first_alert_is_sent() {
        let long = |name: &str, characters: usize| {
            // Texts that differ are no common annotation.
            let text = format!("{name}{}", "汉".repeat(characters));
            alert(&[("alertname", "A"), ("instance", name)], &[("text", &text)], Duration::ZERO)
        };
        // The bodies are just below and above the limit, and each alert alone may be above it.
        for (each, count) in [(80_000, 2), (90_000, 1), (180_000, 1)] {
            let told = notification(vec![long("a", each), long("b", each)]);
            let body = testing::send(PLAIN, told).await.json();
            assert_eq!(body["alerts"].as_array().unwrap().len(), count, "{each}");
            assert_eq!(body["truncatedAlerts"], 0);
            let text = body["alerts"][0]["annotations"]["text"].as_str().unwrap();
            assert_eq!(text.chars().count(), each + 1);
        }
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
        for (body, error) in [
            (r#"{"message":"no","error":"bad","errors":["a","b"]}"#, ": no: bad: a, b"),
            (r#"{"errors":["a"]}"#, ": a"),
            ("oops", ""),
        ] {
            let sent = testing::send_answered(PLAIN, firing(), move |_| (422, Vec::new(), body.to_owned()));
            let failure = sent.await.result.unwrap_err();
            assert_eq!(failure.error, format!("unexpected status code 422{error}"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_has_its_own_time_limit() {
        let yaml = PLAIN.replace("url:", "timeout: 1s, url:");
        let failure = testing::send_to_silence(&yaml, firing()).await.unwrap_err();
        assert!(
            failure.retry && failure.error.ends_with("configured incident.io timeout reached (1s)"),
            "{failure:?}"
        );
    }
}
