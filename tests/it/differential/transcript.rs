//! What came of a script: for each group the notifications, and the API's answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::harness::Sink;

/// The fraction of a second of every time that a script gives. Such times are compared as they are.
const GIVEN: &str = ".123Z";
/// The same in nanoseconds.
pub(super) const GIVEN_NANOSECONDS: i32 = 123_000_000;

/// The answer to a `get` or `request`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) asked: String,
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Everything that two programs are compared by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transcript {
    /// By path and group key, in order.
    told: BTreeMap<(String, String), Vec<Value>>,
    answers: Vec<Answer>,
}

/// What 0.34 added to the JSON of notifications and groups.
const NEW_MEMBERS: [&str; 2] = ["notification_reason", "routeLabels"];

impl Transcript {
    pub(super) fn new(sink: &Sink, answers: Vec<Answer>) -> Self {
        let mut told: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
        for request in sink.received().into_iter().filter(|request| request.taken) {
            let mut body = request.body;
            normalise(&mut body);
            if let Some(members) = body.as_object_mut() {
                for header in ["content-type", "authorization", "x-team"] {
                    let value = request.headers.get(header).cloned();
                    members.insert(format!("header {header}"), value.into());
                }
            }
            let key = body["groupKey"].as_str().unwrap_or_default().to_owned();
            told.entry((request.path, key)).or_default().push(body);
        }
        let mut answers = answers;
        for answer in &mut answers {
            normalise(&mut answer.body);
        }
        Self { told, answers }
    }

    /// In short: for each path and group a line, and below it a line for each notification: the values of its alerts'
    /// labels, `!` after one that ended, `+N` for alerts left out. Then the answers.
    pub(super) fn shown(&self) -> String {
        let mut text = String::new();
        for ((path, key), messages) in &self.told {
            writeln!(text, "{path} {key}").expect("a string");
            for message in messages {
                let alerts: Vec<String> = list(&message["alerts"]).iter().map(shown_alert).collect();
                write!(text, "  {}", alerts.join(" ")).expect("a string");
                match message["truncatedAlerts"].as_u64() {
                    Some(0) | None => writeln!(text),
                    Some(count) => writeln!(text, " +{count}"),
                }
                .expect("a string");
            }
        }
        for Answer { asked, status, body } in &self.answers {
            let body = match body {
                Value::Array(items) => items.iter().map(shown_item).collect::<Vec<_>>().join(" "),
                other => other.to_string(),
            };
            writeln!(text, "{}", format!("{asked}: {status} {body}").trim_end()).expect("a string");
        }
        text
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn values(labels: &Value) -> String {
    let values = labels.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    values.collect::<Vec<_>>().join("/").replace('\n', "\\n")
}

fn shown_alert(alert: &Value) -> String {
    format!("{}{}", values(&alert["labels"]), if alert["status"] == "resolved" { "!" } else { "" })
}

fn shown_item(item: &Value) -> String {
    let inner: Vec<String> = list(&item["alerts"]).iter().map(|alert| values(&alert["labels"])).collect();
    match item {
        _ if item["comment"].is_string() => {
            format!("{}={}", item["comment"].as_str().unwrap_or_default(), item["status"]["state"])
        }
        _ if item["alerts"].is_array() => format!("[{}]", inner.join(" ")),
        _ if item["status"]["state"].is_string() => {
            format!("{}={}", values(&item["labels"]), item["status"]["state"].as_str().unwrap_or_default())
        }
        _ => item.to_string(),
    }
}

/// Replaces what the program itself made up, times of the run and the ids of silences, and removes what only the newer
/// version has.
fn normalise(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(members) => {
            members.retain(|name, _| !NEW_MEMBERS.contains(&name.as_str()));
            for (name, member) in members {
                match name.as_str() {
                    "silencedBy" => *member = list(member).len().into(),
                    "id" | "silenceID" => *member = "an id".into(),
                    _ => normalise(member),
                }
            }
        }
        Value::String(text) if !text.ends_with(GIVEN) && is_past_the_epoch(text) => {
            *text = "a time".to_owned();
        }
        _ => {}
    }
}

fn is_past_the_epoch(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok_and(|time| time.as_second() > 0)
}
