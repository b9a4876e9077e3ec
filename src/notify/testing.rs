//! What tests of integrations share: a service that records what it is asked, notifications as Alertmanager tells
//! them, and the checks that every integration has to pass.
//!
//! In the YAML of an integration `$URL` stands for the address of the service.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::failure::Failure;
use super::integration::{Build, Delivered, Integration, Notifier};
use super::metrics::Metrics;
use super::surroundings::Surroundings;
use crate::config::AlertmanagerFile;
use crate::config::alertmanager::{Integration as Settings, ReceiverConfig};
use crate::model::{
    Alert, DeliveryId, FailureReason, IntegrationId, LabelSet, MatcherMode, Notification, NotificationReason,
    Timestamp,
};
use crate::net::testing::{Answer, Seen, Server, ok};
use crate::template::{TemplateSet, Zone};

/// 2026-11-21T14:00:10Z: the clock of all tests.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_795_269_610, 0);

/// An alert that began ten seconds ago and ended `ended` ago; zero: it fires.
pub(crate) fn alert(labels: &[(&str, &str)], annotations: &[(&str, &str)], ended: Duration) -> Arc<Alert> {
    let ends_at = if ended.is_zero() { NOW + Duration::from_secs(300) } else { NOW - ended };
    Arc::new(Alert {
        labels: LabelSet::from_pairs(&mut labels.to_vec()),
        annotations: LabelSet::from_pairs(&mut annotations.to_vec()),
        starts_at: Timestamp::from_unix(1_795_269_600, 123_000_000),
        ends_at,
        updated_at: NOW,
        generator_url: "http://prom/graph?g0.expr=a&b".into(),
        timeout: false,
    })
}

/// A notification about `alerts`, grouped by their name.
pub(crate) fn notification(alerts: Vec<Arc<Alert>>) -> Notification {
    let name = alerts.first().map(|alert| alert.name().to_owned()).unwrap_or_default();
    Notification {
        delivery: DeliveryId(1),
        attempt: 1,
        integration: IntegrationId { receiver: "team".into(), kind: "?".into(), index: 0 },
        group_key: format!("{{}}:{{alertname={name:?}}}").into(),
        group_labels: LabelSet::from_pairs(&mut [("alertname", name)]),
        route_id: "{}".into(),
        route_labels: Arc::default(),
        reason: NotificationReason::FirstNotification,
        at: NOW,
        alerts: alerts.into(),
        receiver_data: None,
        deadline: NOW + Duration::from_secs(20),
        fallback: false,
    }
}

const FIRING: [(&str, &str); 3] = [("alertname", "HighCPU"), ("cluster", "<eu>"), ("severity", "critical")];

/// One alert fires. Of this very alert the expected requests were seen at Alertmanager 0.33.1.
pub(crate) fn firing() -> Notification {
    notification(vec![alert(&FIRING, &[("summary", "CPU ☃ is \"hot\"")], Duration::ZERO)])
}

/// The alert has ended.
pub(crate) fn resolved() -> Notification {
    let ended = vec![alert(&FIRING, &[("summary", "CPU ☃ is \"hot\"")], Duration::from_secs(5))];
    Notification { reason: NotificationReason::AllAlertsResolved, ..notification(ended) }
}

/// One alert fires and one has ended.
pub(crate) fn mixed() -> Notification {
    notification(vec![
        alert(&[("alertname", "HighCPU"), ("instance", "a:9100")], &[], Duration::ZERO),
        alert(&[("alertname", "HighCPU"), ("instance", "b:9100")], &[], Duration::from_secs(5)),
    ])
}

/// An alert whose annotation `text` is long and not ASCII.
pub(crate) fn wordy(characters: usize) -> Notification {
    let text = "汉".repeat(characters);
    notification(vec![alert(&FIRING, &[("text", &text)], Duration::ZERO)])
}

pub(crate) fn surroundings() -> Arc<Surroundings> {
    Arc::new(Surroundings {
        templates: TemplateSet::with_defaults().unwrap(),
        external_url: "http://am.example".into(),
        zone: Zone::Utc,
        clock: || NOW,
        may_execute: false,
    })
}

/// The receiver `team` with the integrations of `yaml`, such as `webhook_configs: [{url: …}]`; before a line `---`
/// may stand the `global` section.
pub(crate) fn receiver(yaml: &str) -> ReceiverConfig {
    let (global, yaml) = yaml.split_once("---\n").unwrap_or(("", yaml));
    let indented: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("{global}route: {{receiver: team}}\nreceivers:\n- name: team\n{indented}");
    let file = AlertmanagerFile::parse(Path::new("alertmanager.yml"), &text, MatcherMode::Fallback);
    file.unwrap_or_else(|error| panic!("{error}\n{text}")).receivers.remove(0)
}

/// The first integration of [`receiver`].
pub(crate) fn integration(yaml: &str) -> Integration {
    Integration::new("team", &receiver(yaml).integrations[0], &surroundings()).unwrap()
}

/// An integration that notifies by `make`, for services whose address is fixed.
pub(crate) fn integration_of(
    yaml: &str,
    make: impl FnOnce(&Settings, &mut Build<'_>) -> Box<dyn Notifier>,
) -> Integration {
    Integration::made("team", &receiver(yaml).integrations[0], &surroundings(), make)
}

/// Makes one attempt.
pub(crate) async fn attempt(
    integration: &Integration,
    notification: Notification,
) -> Result<Delivered, Failure> {
    let notification = Notification { integration: integration.id().clone(), ..notification };
    integration.attempt(notification, &Metrics::new().unwrap()).await
}

/// A service.
pub(crate) struct Bench(Server);

impl Bench {
    /// One that says `ok` to everything.
    pub(crate) async fn start() -> Self {
        Self::answering(|_| ok("ok")).await
    }

    pub(crate) async fn answering(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self(Server::start(answer).await)
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.seen()
    }

    pub(crate) async fn send(&self, yaml: &str, notification: Notification) -> Result<Delivered, Failure> {
        attempt(&integration(&yaml.replace("$URL", &self.url())), notification).await
    }
}

/// What one attempt came to.
pub(crate) struct Sent {
    pub(crate) result: Result<Delivered, Failure>,
    pub(crate) seen: Vec<Seen>,
}

impl Sent {
    /// The only request was a POST to `path` (its query included) with this type of content, by Alertmanager.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, content_type: &str) {
        let [seen] = &self.seen[..] else { panic!("{} requests, {:?}", self.seen.len(), self.result) };
        assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("POST", path));
        assert_eq!(seen.header("content-type"), Some(content_type));
        assert_eq!(seen.header("user-agent"), Some("Alertmanager/0.34.0"));
    }

    /// The body of the first request.
    #[track_caller]
    pub(crate) fn body(&self) -> String {
        let seen = self.seen.first().unwrap_or_else(|| panic!("no request: {:?}", self.result));
        String::from_utf8(seen.body.to_vec()).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body()).unwrap()
    }
}

/// Makes one attempt at a service that says `ok`.
pub(crate) async fn send(yaml: &str, notification: Notification) -> Sent {
    send_answered(yaml, notification, |_| ok("ok")).await
}

/// Makes one attempt at a service that answers so.
pub(crate) async fn send_answered(
    yaml: &str,
    notification: Notification,
    answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> Sent {
    let bench = Bench::answering(answer).await;
    let result = bench.send(yaml, notification).await;
    Sent { result, seen: bench.seen() }
}

/// Makes one attempt at a service that takes the request and never answers. Under paused time.
pub(crate) async fn send_to_silence(yaml: &str, notification: Notification) -> Result<Delivered, Failure> {
    let silence = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silence.local_addr().unwrap());
    attempt(&integration(&yaml.replace("$URL", &url)), notification).await
}

/// Checks the verdict on statuses: 5xx and `retried` are tried again, the rest is not; and, where `has_reason`, the
/// reason in the metrics. A refused connection is tried again.
pub(crate) async fn verdicts(yaml: &str, retried: &[u16], has_reason: bool) {
    use FailureReason::{AuthError, ClientError, Other, RateLimited, ServerError};
    for (status, reason) in [
        (300, Other),
        (400, ClientError),
        (401, AuthError),
        (403, AuthError),
        (404, ClientError),
        (408, ClientError),
        (429, RateLimited),
        (500, ServerError),
        (503, ServerError),
    ] {
        let headers = vec![("retry-after", "7".to_owned())];
        let sent =
            send_answered(yaml, firing(), move |_| (status, headers.clone(), "broken".to_owned())).await;
        let failure = sent.result.expect_err("the service refuses");
        let retry = status >= 500 || retried.contains(&status);
        assert_eq!(failure.retry, retry, "{status}: {failure:?}");
        let reason = if has_reason { reason } else { Other };
        assert_eq!(failure.reason, reason, "{status}: {failure:?}");
        let wanted = format!("unexpected status code {status}");
        assert!(failure.error.contains(&wanted), "{failure:?}");
        assert_eq!(failure.after, Some(Duration::from_secs(7)));
    }
    let failure = refused(yaml).await;
    assert!(failure.retry && failure.reason == Other, "{failure:?}");
}

/// An attempt at a service where nobody listens.
async fn refused(yaml: &str) -> Failure {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    attempt(&integration(&yaml.replace("$URL", &url)), firing()).await.expect_err("nobody listens")
}

/// Checks that no secret is part of an error, even if the service repeats all that it was sent, or of what the
/// integration prints; and that no half of one stands where a long error is cut.
pub(crate) async fn redacts(yaml: &str, secrets: &[&str]) {
    let echo = |seen: &Seen| {
        let body = String::from_utf8_lossy(&seen.body);
        (400, Vec::new(), format!("{} {:?} {body}", seen.uri, seen.headers))
    };
    let sent = send_answered(yaml, firing(), echo).await;
    assert!(!sent.seen.is_empty(), "{:?}", sent.result);
    let integration = format!("{:?}", integration(&yaml.replace("$URL", "http://127.0.0.1:1")));
    let texts = [sent.result.expect_err("it is refused").error, refused(yaml).await.error, integration];
    for text in &texts {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    for secret in secrets {
        redacts_at_the_cut(yaml, secret).await;
    }
}

/// Characters of an error before what the service says, at most.
const PREFIX: usize = 64;

/// The service repeats what it was sent, a little further right each time: so the cut of the error goes through the
/// secret at one place and another, were it not taken out before.
async fn redacts_at_the_cut(yaml: &str, secret: &str) {
    let (asked, wanted) = (AtomicUsize::new(0), secret.to_owned());
    let answer = move |seen: &Seen| {
        let turn = asked.fetch_add(1, Ordering::Relaxed);
        let echo = format!("{} {:?} {}", seen.uri, seen.headers, String::from_utf8_lossy(&seen.body));
        let at = echo.find(&wanted).unwrap_or_default();
        let start =
            (0..=at.saturating_sub(300)).rfind(|start| echo.is_char_boundary(*start)).unwrap_or_default();
        let before = echo[start..at].chars().count();
        let text = format!("{}{}", "_".repeat(1024 - PREFIX + turn * 2 - before), &echo[start..]);
        // A status, or what the services say that refuse with 200.
        let refusal = serde_json::json!({
            "ok": false, "success": false, "error": text, "description": text, "error_code": 400,
            "errcode": 1, "errmsg": text, "code": 1, "msg": text,
        });
        let json = vec![("content-type", "application/json".to_owned())];
        if turn % 2 == 0 { (400, Vec::new(), text) } else { (200, json, refusal.to_string()) }
    };
    let bench = Bench::answering(answer).await;
    let integration = integration(&yaml.replace("$URL", &bench.url()));
    for _ in 0..PREFIX / 2 {
        let Err(Failure { error, .. }) = attempt(&integration, firing()).await else { continue };
        let end = error.trim_end_matches('…');
        let half = (3..secret.len()).filter_map(|len| secret.get(..len)).find(|half| end.ends_with(half));
        assert!(half.is_none() && !error.contains(secret), "{half:?} of {secret} in {error}");
    }
}
