//! `pagerduty`: PagerDuty's Events API, version 2 by a routing key and version 1 by a service key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::Service;
use super::structured::Structured;
use super::{json, truncate};
use crate::config::alertmanager::{PagerdutyConfig, PagerdutyKey};
use crate::net::Response;

/// Where version 1 lives.
const V1_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";
/// The most characters of a summary.
const MOST_SUMMARY: usize = 1024;
/// The most bytes of an event.
const MOST_EVENT: usize = 512_000;
const DETAILS_REMOVED: &str =
    "Custom details have been removed because the original event exceeds the maximum size of 512KB";

#[derive(Debug)]
pub(super) struct Pagerduty {
    service: Service,
    key: Key,
    url: String,
    description: Field,
    client: Field,
    client_url: Field,
    source: Field,
    severity: Field,
    class: Field,
    component: Field,
    group: Field,
    details: Vec<(String, Structured)>,
    images: Vec<[Field; 3]>,
    links: Vec<[Field; 2]>,
}

#[derive(Debug)]
enum Key {
    Service(SecretField),
    Routing(SecretField),
}

impl Pagerduty {
    pub(super) fn new(config: &PagerdutyConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let (key, url, retried): (_, _, &'static [u16]) = match &config.key {
            PagerdutyKey::ServiceKey(key) => {
                (Key::Service(build.secret_template("service_key", key)), V1_URL, &[403])
            }
            PagerdutyKey::RoutingKey(key) => {
                let key = Key::Routing(build.secret_template("routing_key", key));
                (key, config.url.as_written(), &[429])
            }
        };
        let details = config.details.iter();
        let details = details
            .map(|(name, value)| (name.clone(), Structured::new(build, &format!("details.{name}"), value)))
            .collect();
        let images = config.images.iter().enumerate();
        let images = images.map(|(at, image)| {
            [("src", &image.src), ("alt", &image.alt), ("href", &image.href)]
                .map(|(key, text)| build.text(&format!("images[{at}].{key}"), text))
        });
        let images = images.collect();
        let links = config.links.iter().enumerate();
        let links = links.map(|(at, link)| {
            [("href", &link.href), ("text", &link.text)]
                .map(|(key, text)| build.text(&format!("links[{at}].{key}"), text))
        });
        let links = links.collect();
        let verdict = Verdict { retried, details: error_details };
        Ok(Self {
            service: build.service_with(verdict, config.timeout)?,
            key,
            url: url.to_owned(),
            description: build.text("description", &config.description),
            client: build.text("client", &config.client),
            client_url: build.text("client_url", &config.client_url),
            source: build.text("source", &config.source),
            severity: build.text("severity", &config.severity),
            class: build.text("class", &config.class),
            component: build.text("component", &config.component),
            group: build.text("group", &config.group),
            details,
            images,
            links,
        })
    }

    fn details(&self, attempt: &mut Attempt) -> BTreeMap<String, Value> {
        self.details.iter().map(|(name, value)| (name.clone(), value.render(attempt))).collect()
    }

    fn event_v2(&self, attempt: &mut Attempt, key: &str) -> Event {
        let custom_details = self.details(attempt);
        let severity = attempt.field(&self.severity);
        let images = self.images.iter().map(|image| {
            let [src, alt, href] = image.each_ref().map(|field| attempt.field(field));
            Image { src, alt, href }
        });
        let images = images.filter(|image| !image.src.is_empty()).collect();
        let links = self.links.iter().map(|link| {
            let [href, text] = link.each_ref().map(|field| attempt.field(field));
            Link { href, text }
        });
        let links = links.filter(|link| !link.href.is_empty()).collect();
        let mut payload = Payload {
            source: attempt.field(&self.source),
            severity: if severity.is_empty() { "error".to_owned() } else { severity },
            class: attempt.field(&self.class),
            component: attempt.field(&self.component),
            group: attempt.field(&self.group),
            custom_details,
            summary: String::new(),
        };
        let (client, client_url) = (attempt.field(&self.client), attempt.field(&self.client_url));
        payload.summary = truncate::runes(&attempt.message(&self.description), MOST_SUMMARY);
        Event {
            routing_key: key.to_owned(),
            dedup_key: attempt.key_hash(),
            event_action: event_type(attempt),
            payload,
            client,
            client_url,
            images,
            links,
        }
    }

    fn event_v1(&self, attempt: &mut Attempt, key: &str) -> EventV1 {
        let details = self.details(attempt);
        let (mut client, mut client_url) = (attempt.field(&self.client), attempt.field(&self.client_url));
        if !attempt.is_firing() {
            (client, client_url) = (String::new(), String::new());
        }
        EventV1 {
            service_key: key.to_owned(),
            incident_key: attempt.key_hash(),
            event_type: event_type(attempt),
            description: truncate::runes(&attempt.message(&self.description), MOST_SUMMARY),
            event_action: "",
            payload: (),
            client,
            client_url,
            details,
        }
    }

    async fn send<E: Serialize + Oversized + Sync>(
        &self,
        attempt: &Attempt,
        mut event: E,
    ) -> Result<Delivered, Failure> {
        let size =
            json::encode_body(&event).map_err(|error| Failure::lasting(format!("json: {error}")))?.len();
        if size > MOST_EVENT {
            let aggr_group = &*attempt.notification().group_key;
            tracing::warn!(
                component = "notify",
                aggr_group,
                size,
                "PagerDuty event too large: details removed"
            );
            *event.details() = BTreeMap::from([("error".to_owned(), DETAILS_REMOVED.into())]);
        }
        Ok(self.service.post_json(attempt, &self.url, &event).await?.into())
    }
}

impl Notifier for Pagerduty {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let (Key::Service(field) | Key::Routing(field)) = &self.key;
            let key = attempt.secret(field).await?;
            match (&self.key, key.is_empty()) {
                (Key::Service(_), true) => Err(Failure::lasting("service key cannot be empty")),
                (Key::Routing(_), true) => Err(Failure::lasting("routing key cannot be empty")),
                (Key::Service(_), false) => {
                    let event = self.event_v1(attempt, key.expose());
                    self.send(attempt, event).await
                }
                (Key::Routing(_), false) => {
                    let event = self.event_v2(attempt, key.expose());
                    self.send(attempt, event).await
                }
            }
        })
    }
}

fn event_type(attempt: &Attempt) -> &'static str {
    if attempt.is_firing() { "trigger" } else { "resolve" }
}

/// What PagerDuty says is wrong with an event; of other answers nothing.
fn error_details(answer: &Response) -> String {
    #[derive(Deserialize)]
    struct Reply {
        #[serde(default)]
        message: String,
        #[serde(default)]
        errors: Vec<String>,
    }
    if answer.status.as_u16() != 400 {
        return String::new();
    }
    let reply: Result<Reply, _> = serde_json::from_slice(&answer.body);
    reply.map(|Reply { message, errors }| format!("{message}: {}", errors.join(","))).unwrap_or_default()
}

/// An event whose details can be taken out.
trait Oversized {
    fn details(&mut self) -> &mut BTreeMap<String, Value>;
}

#[derive(Debug, Serialize)]
struct Event {
    routing_key: String,
    dedup_key: String,
    event_action: &'static str,
    payload: Payload,
    #[serde(skip_serializing_if = "String::is_empty")]
    client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Image>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
}

#[derive(Debug, Serialize)]
struct Payload {
    summary: String,
    source: String,
    severity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    class: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    component: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    custom_details: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize)]
struct Image {
    src: String,
    alt: String,
    href: String,
}

#[derive(Debug, Serialize)]
struct Link {
    href: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct EventV1 {
    service_key: String,
    incident_key: String,
    event_type: &'static str,
    description: String,
    event_action: &'static str,
    payload: (),
    #[serde(skip_serializing_if = "String::is_empty")]
    client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_url: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, Value>,
}

impl Oversized for Event {
    fn details(&mut self) -> &mut BTreeMap<String, Value> {
        &mut self.payload.custom_details
    }
}

impl Oversized for EventV1 {
    fn details(&mut self) -> &mut BTreeMap<String, Value> {
        &mut self.details
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::alertmanager::Integration as Settings;
    use crate::model::FailureReason;
    use crate::notify::testing::{self, Bench, firing, mixed, resolved, wordy};

    const PLAIN: &str = "pagerduty_configs: [{routing_key: k3y-hunter2, url: '$URL/pd'}]";
    const HASH: &str = "9f2a099adf99adbf3e1d24abbd84835468e75b8b96fca010db3f2b763340e4c1";
    const DETAILS: &str = concat!(
        r#"{"firing":[{"annotations":{"summary":"CPU ☃ is \"hot\""},"endsAt":"0001-01-01T00:00:00Z","#,
        r#""fingerprint":"ac3df37169ad34ca","generatorURL":"http://prom/graph?g0.expr=a\u0026b","#,
        r#""labels":{"alertname":"HighCPU","cluster":"\u003ceu\u003e","severity":"critical"},"#,
        r#""startsAt":"2026-11-21T14:00:00.123Z","status":"firing"}],"num_firing":1,"num_resolved":0,"resolved":[]}"#
    );

    /// As Alertmanager 0.33.1 sent it.
    #[tokio::test]
    async fn version_2() {
        let yaml = "pagerduty_configs:\n- routing_key: KEY\n  url: '$URL/pd'\n  \
                    images: [{src: s, alt: a, href: h}, {alt: none}]\n  links: [{href: h, text: t}, {text: none}]";
        let sent = testing::send(yaml, firing()).await;
        sent.post("/pd", "application/json");
        let expected = format!(
            concat!(
                r#"{{"routing_key":"KEY","dedup_key":"{}","event_action":"trigger","payload":{{"summary":"#,
                r#""[FIRING:1] HighCPU (\u003ceu\u003e critical)","source":"Alertmanager","severity":"error","#,
                r#""custom_details":{}}},"client":"Alertmanager","client_url":"#,
                r#""http://am.example/#/alerts?receiver=team","images":[{{"src":"s","alt":"a","href":"h"}}],"#,
                r#""links":[{{"href":"h","text":"t"}}]}}"#
            ),
            HASH, DETAILS
        );
        assert_eq!(sent.body(), format!("{expected}\n"));
        let body = testing::send(yaml, resolved()).await.json();
        assert_eq!((&body["event_action"], &body["client"]), (&"resolve".into(), &"Alertmanager".into()));
        assert_eq!(testing::send(yaml, mixed()).await.json()["event_action"], "trigger");
    }

    #[tokio::test]
    async fn every_key() {
        let yaml = "pagerduty_configs:\n- {routing_key: '{{ .Status }}', url: '$URL/', client: c, client_url: u, \
                    description: d, severity: '{{ .Status }}', source: s, class: cl, component: co, group: g, \
                    details: {firing: x, nested: {n: '{{ len .Alerts }}'}}}";
        let body = testing::send(yaml, firing()).await.json();
        assert_eq!(
            (&body["routing_key"], &body["client"], &body["client_url"]),
            (&"firing".into(), &"c".into(), &"u".into())
        );
        assert_eq!(
            body["payload"],
            serde_json::json!({"summary": "d", "source": "s", "severity": "firing", "class": "cl", "component": "co",
                "group": "g", "custom_details": {"firing": "x", "nested": {"n": 1}, "num_firing": 1,
                "num_resolved": 0, "resolved": []}})
        );
    }

    #[tokio::test]
    async fn version_1() {
        let bench = Bench::start().await;
        let url = bench.url();
        let integration =
            testing::integration_of("pagerduty_configs: [{service_key: KEY}]", |settings, build| {
                let Settings::Pagerduty(config) = settings else { panic!("PagerDuty") };
                let made = Pagerduty::new(config, build).unwrap();
                assert_eq!(made.url, "https://events.pagerduty.com/generic/2010-04-15/create_event.json");
                Box::new(Pagerduty { url, ..made })
            });
        testing::attempt(&integration, firing()).await.unwrap();
        testing::attempt(&integration, resolved()).await.unwrap();
        let bodies: Vec<String> =
            bench.seen().iter().map(|seen| String::from_utf8(seen.body.to_vec()).unwrap()).collect();
        let expected = format!(
            concat!(
                r#"{{"service_key":"KEY","incident_key":"{}","event_type":"trigger","description":"#,
                r#""[FIRING:1] HighCPU (\u003ceu\u003e critical)","event_action":"","payload":null,"#,
                r#""client":"Alertmanager","client_url":"http://am.example/#/alerts?receiver=team","details":{}}}"#
            ),
            HASH, DETAILS
        );
        assert_eq!(bodies[0], format!("{expected}\n"));
        assert!(
            bodies[1].contains(r#""event_type":"resolve""#) && !bodies[1].contains("client"),
            "{}",
            bodies[1]
        );
    }

    #[tokio::test]
    async fn limits() {
        let yaml = "pagerduty_configs: [{routing_key: k, url: '$URL/', description: '{{ .CommonAnnotations.text }}'}]";
        let summary = testing::send(yaml, wordy(1025)).await.json()["payload"]["summary"].clone();
        assert_eq!(summary, format!("{}…", "汉".repeat(1023)));
        let body = testing::send(yaml, wordy(170_000)).await.json();
        assert_eq!(body["payload"]["custom_details"], serde_json::json!({"error": DETAILS_REMOVED}));
        let body = testing::send(yaml, wordy(169_000)).await.json();
        assert_eq!(body["payload"]["custom_details"]["num_firing"], 1);
    }

    #[tokio::test]
    async fn verdicts_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["k3y-hunter2"]).await;
        let refusal = r#"{"status":"invalid event","message":"Event object is invalid","errors":["a","b"]}"#;
        let sent = testing::send_answered(PLAIN, firing(), |_| (400, Vec::new(), refusal.to_owned())).await;
        let failure = sent.result.unwrap_err();
        assert_eq!(failure.error, "unexpected status code 400: Event object is invalid: a,b");
        let empty = "pagerduty_configs: [{routing_key: '{{ \"\" }}', url: '$URL/'}]";
        let failure = testing::send(empty, firing()).await.result.unwrap_err();
        assert_eq!((failure.retry, failure.error.as_str()), (false, "routing key cannot be empty"));
        assert_eq!(failure.reason, FailureReason::Other);
    }
}
