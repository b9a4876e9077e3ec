//! `opsgenie`: alerts by OpsGenie's Alert API.

use std::collections::BTreeMap;

use ::http::{HeaderValue, Method, header};
use serde::Serialize;
use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::{Service, below, json_request};
use super::truncate;
use crate::config::alertmanager::OpsGenieConfig;
use crate::net::Response;

/// The most characters of a message.
const MOST_MESSAGE: usize = 130;

#[derive(Debug)]
pub(super) struct OpsGenie {
    service: Service,
    api_key: SecretField,
    api_url: Url,
    message: Field,
    description: Field,
    source: Field,
    details: Vec<(String, Field)>,
    entity: Field,
    responders: Vec<[Field; 4]>,
    actions: Field,
    tags: Field,
    note: Field,
    priority: Field,
    update_alerts: bool,
}

impl OpsGenie {
    pub(super) fn new(config: &OpsGenieConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let responders = config.responders.iter().enumerate();
        let responders = responders.map(|(at, responder)| {
            let texts = [&responder.id, &responder.name, &responder.username, &responder.kind];
            let mut keys = ["id", "name", "username", "type"].into_iter();
            texts.map(|text| {
                let key = keys.next().unwrap_or_default();
                build.text(&format!("responders[{at}].{key}"), text)
            })
        });
        let responders = responders.collect();
        let details = config.details.iter();
        let details = details
            .map(|(name, text)| (name.clone(), build.text(&format!("details.{name}"), text)))
            .collect();
        Ok(Self {
            service: build.service(Verdict::retrying(&[429]))?,
            api_key: build.secret_template("api_key", &config.api_key),
            api_url: config.api_url.parsed().clone(),
            message: build.text("message", &config.message),
            description: build.text("description", &config.description),
            source: build.text("source", &config.source),
            details,
            entity: build.text("entity", &config.entity),
            responders,
            actions: build.text("actions", &config.actions),
            tags: build.text("tags", &config.tags),
            note: build.text("note", &config.note),
            priority: build.text("priority", &config.priority),
            update_alerts: config.update_alerts,
        })
    }

    fn create(&self, attempt: &mut Attempt) -> Create {
        let labels = attempt.data().common_labels.clone();
        let labels = labels.pairs();
        let mut details: BTreeMap<String, String> =
            labels.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        for (name, field) in &self.details {
            details.insert(name.clone(), attempt.field(field));
        }
        let responders = self.responders.iter().flat_map(|responder| {
            let [id, name, username, kind] = responder.each_ref().map(|field| attempt.field(field));
            Responder { id, name, username, kind }.expand()
        });
        let responders = responders.collect();
        let mut create = Create {
            alias: attempt.key_hash(),
            source: attempt.field(&self.source),
            responders,
            tags: split(&attempt.field(&self.tags)),
            note: attempt.field(&self.note),
            priority: attempt.field(&self.priority),
            entity: attempt.field(&self.entity),
            actions: split(&attempt.field(&self.actions)),
            message: truncate::runes(&attempt.headline(&self.message), MOST_MESSAGE),
            details,
            description: String::new(),
        };
        create.description = attempt.message(&self.description);
        create
    }

    async fn call<T: Serialize + Sync>(
        &self,
        attempt: &Attempt,
        authorization: &HeaderValue,
        (method, path): (Method, &str),
        body: &T,
    ) -> Result<Response, Failure> {
        let mut request = json_request(method, below(&self.api_url, path).as_str(), body)?;
        request.headers.insert(header::AUTHORIZATION, authorization.clone());
        self.service.send(attempt, request).await
    }
}

impl Notifier for OpsGenie {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let key = attempt.secret(&self.api_key).await?;
            let authorization = HeaderValue::from_str(&format!("GenieKey {}", key.expose().trim()));
            let mut authorization = authorization
                .map_err(|_error| Failure::lasting("api_key: the key cannot stand in a header"))?;
            authorization.set_sensitive(true);
            let alias = attempt.key_hash();
            if !attempt.is_firing() {
                let close = Close { source: attempt.field(&self.source) };
                let path = format!("v2/alerts/{alias}/close?identifierType=alias");
                let answer = self.call(attempt, &authorization, (Method::POST, &path), &close).await?;
                return Ok(answer.into());
            }
            let create = self.create(attempt);
            let answer = self.call(attempt, &authorization, (Method::POST, "v2/alerts"), &create).await?;
            if self.update_alerts {
                let path = format!("v2/alerts/{alias}/message?identifierType=alias");
                let update = UpdateMessage { message: create.message };
                self.call(attempt, &authorization, (Method::PUT, &path), &update).await?;
                let path = format!("v2/alerts/{alias}/description?identifierType=alias");
                let update = UpdateDescription { description: create.description };
                self.call(attempt, &authorization, (Method::PUT, &path), &update).await?;
            }
            Ok(answer.into())
        })
    }
}

/// The items of a list separated by commas; empty ones are left out.
fn split(text: &str) -> Vec<String> {
    text.trim().split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[derive(Debug, Serialize)]
struct Create {
    alias: String,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    details: BTreeMap<String, String>,
    source: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    responders: Vec<Responder>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    priority: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    entity: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Responder {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Responder {
    /// One for each team of a list of teams; none if there is nothing in it.
    fn expand(self) -> Vec<Self> {
        let Self { id, name, username, kind } = &self;
        if [id, name, username, kind].iter().all(|text| text.is_empty()) {
            return Vec::new();
        }
        if kind != "teams" {
            return vec![self];
        }
        let teams = split(name).into_iter();
        teams.map(|name| Self { name, kind: "team".to_owned(), ..Self::default() }).collect()
    }
}

#[derive(Debug, Serialize)]
struct Close {
    source: String,
}

#[derive(Debug, Serialize)]
struct UpdateMessage {
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

#[derive(Debug, Serialize)]
struct UpdateDescription {
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, resolved, wordy};

    const PLAIN: &str = "opsgenie_configs: [{api_key: k3y-hunter2, api_url: '$URL/og'}]";
    const HASH: &str = "9f2a099adf99adbf3e1d24abbd84835468e75b8b96fca010db3f2b763340e4c1";

    /// As Alertmanager 0.33.1 sent it.
    #[tokio::test]
    async fn creates_and_updates() {
        let yaml = "opsgenie_configs:\n- {api_key: KEY, api_url: '$URL/og', tags: ' a, b,,c ', update_alerts: true, \
                    responders: [{name: 'a,b', type: teams}, {id: x, type: user}]}";
        let sent = testing::send(yaml, firing()).await;
        let requests: Vec<String> = sent
            .seen
            .iter()
            .map(|seen| {
                assert_eq!(seen.header("authorization"), Some("GenieKey KEY"));
                assert_eq!(seen.header("content-type"), Some("application/json"));
                assert_eq!(seen.header("user-agent"), Some("Alertmanager/0.34.0"));
                format!("{} {} {}", seen.method, seen.uri, String::from_utf8_lossy(&seen.body))
            })
            .collect();
        let description = concat!(
            r#""CPU ☃ is \"hot\"\nAlerts Firing:\nLabels:\n - alertname = HighCPU\n - cluster = \u003ceu\u003e\n"#,
            r#" - severity = critical\nAnnotations:\n - summary = CPU ☃ is \"hot\"\n"#,
            r#"Source: http://prom/graph?g0.expr=a\u0026b\n\n""#
        );
        let create = format!(
            concat!(
                r#"POST /og/v2/alerts {{"alias":"{}","message":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#,
                r#""description":{},"details":{{"alertname":"HighCPU","cluster":"\u003ceu\u003e","severity":"critical"}},"#,
                r#""source":"http://am.example/#/alerts?receiver=team","#,
                r#""responders":[{{"name":"a","type":"team"}},{{"name":"b","type":"team"}},{{"id":"x","type":"user"}}],"#,
                r#""tags":["a"," b","c"]}}"#
            ),
            HASH, description
        );
        let message = format!(
            "PUT /og/v2/alerts/{HASH}/message?identifierType=alias \
             {{\"message\":\"[FIRING:1] HighCPU (\\u003ceu\\u003e critical)\"}}\n"
        );
        let described = format!(
            "PUT /og/v2/alerts/{HASH}/description?identifierType=alias {{\"description\":{description}}}\n"
        );
        assert_eq!(requests, [format!("{create}\n"), message, described]);
    }

    #[tokio::test]
    async fn closes() {
        let sent = testing::send(PLAIN, resolved()).await;
        sent.post(&format!("/og/v2/alerts/{HASH}/close?identifierType=alias"), "application/json");
        assert_eq!(sent.body(), "{\"source\":\"http://am.example/#/alerts?receiver=team\"}\n");
    }

    #[tokio::test]
    async fn every_key() {
        let yaml = "opsgenie_configs:\n- {api_key: '{{ .Status }} ', api_url: '$URL', message: '{{ .CommonAnnotations.text }}', \
                    description: d, source: s, details: {cluster: '{{ .Status }}', x: y}, entity: e, note: n, \
                    priority: P1, actions: 'a,b', responders: [{username: u, type: '{{ \"user\" }}'}]}";
        let sent = testing::send(yaml, wordy(131)).await;
        assert_eq!(sent.seen[0].header("authorization"), Some("GenieKey firing"));
        let mut body = sent.json();
        assert_eq!(body["message"].take(), format!("{}…", "汉".repeat(129)));
        body["alias"].take();
        assert_eq!(
            body,
            serde_json::json!({"alias": null, "message": null, "description": "d", "source": "s", "note": "n",
                "details": {"alertname": "HighCPU", "cluster": "firing", "severity": "critical", "x": "y"},
                "priority": "P1", "entity": "e", "actions": ["a", "b"],
                "responders": [{"username": "u", "type": "user"}]})
        );
    }

    #[tokio::test]
    async fn verdicts_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["k3y-hunter2"]).await;
        // The first call that fails ends it.
        let yaml = "opsgenie_configs: [{api_key: KEY, api_url: '$URL', update_alerts: true}]";
        let sent = testing::send_answered(yaml, firing(), |seen| match seen.method.as_str() {
            "PUT" => (503, Vec::new(), String::new()),
            _ => (202, Vec::new(), String::new()),
        });
        let sent = sent.await;
        assert!(sent.result.unwrap_err().retry);
        assert_eq!(sent.seen.len(), 2);
    }
}
