//! `jira`: an issue for each group. It is searched by a label with the group's hash, created while the group fires,
//! updated, reopened and resolved.

use std::collections::BTreeMap;
use std::time::Duration;

use ::http::{HeaderValue, Method, header};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::Field;
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::json;
use super::service::{self, Service};
use super::structured::Structured;
use super::truncate;
use crate::config::alertmanager::JiraConfig;
use crate::model::quote;

/// How many characters a summary may have.
const MOST_SUMMARY: usize = 255;
/// How many characters a description may have.
const MOST_DESCRIPTION: usize = 32_767;

#[derive(Debug)]
pub(super) struct Jira {
    service: Service,
    api_url: Url,
    search_url: Url,
    project: Field,
    issue_type: Field,
    summary: Field,
    updates_summary: bool,
    description: Field,
    updates_description: bool,
    priority: Field,
    labels: Vec<Field>,
    fields: Vec<(String, Structured)>,
    reopen_transition: String,
    resolve_transition: String,
    wont_fix_resolution: String,
    reopen_duration: Duration,
}

impl Jira {
    pub(super) fn new(config: &JiraConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let api_url = config.api_url.parsed().clone();
        let labels = config.labels.iter().enumerate();
        let labels = labels.map(|(at, label)| build.text(&format!("labels[{at}]"), label)).collect();
        let fields = config
            .fields
            .iter()
            .map(|(name, value)| (name.clone(), Structured::new(build, &format!("fields.{name}"), value)));
        let fields = fields.collect();
        Ok(Self {
            service: build.service(Verdict::retrying(&[429]))?,
            search_url: search_url(&api_url, &config.api_type),
            api_url,
            project: build.text("project", &config.project),
            issue_type: build.text("issue_type", &config.issue_type),
            summary: build.text("summary", &config.summary.template),
            updates_summary: config.summary.enable_update.unwrap_or(true),
            description: build.text("description", &config.description.template),
            updates_description: config.description.enable_update.unwrap_or(true),
            priority: build.text("priority", &config.priority),
            labels,
            fields,
            reopen_transition: config.reopen_transition.clone(),
            resolve_transition: config.resolve_transition.clone(),
            wont_fix_resolution: config.wont_fix_resolution.clone(),
            reopen_duration: config.reopen_duration,
        })
    }

    /// The issue of the group, if there is one that counts.
    async fn search(&self, attempt: &Attempt, project: &str) -> Result<Option<Issue>, Failure> {
        let search = Search { fields: ["status"], jql: self.jql(attempt, project), max_results: 2 };
        let answer = self.call(attempt, Method::POST, &self.search_url, Some(&search)).await?;
        let found: Found = decoded(&answer)?;
        if found.issues.len() > 1 {
            let issue = found.issues.first().map(|issue| issue.key.as_str());
            tracing::warn!(component = "notify", integration = "jira", issue, "more than one issue matched");
        }
        Ok(found.issues.into_iter().next())
    }

    fn jql(&self, attempt: &Attempt, project: &str) -> String {
        let kept = match self.wont_fix_resolution.as_str() {
            "" => String::new(),
            name => format!("(resolution is EMPTY or resolution != {}) and ", quote(name)),
        };
        let minutes = self.reopen_duration.as_secs() / 60;
        let age = if attempt.is_firing() && !self.reopen_transition.is_empty() && minutes > 0 {
            format!("(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m)")
        } else {
            "statusCategory != Done".to_owned()
        };
        let (project, label) = (quote(project), quote(&label(attempt)));
        let order = "order by status ASC,resolutiondate DESC";
        format!("{kept}{age} and project={project} and labels={label} {order}")
    }

    fn issue(
        &self,
        attempt: &mut Attempt,
        project: String,
        is_new: bool,
    ) -> Result<BTreeMap<String, FieldValue>, Failure> {
        let mut fields: BTreeMap<String, FieldValue> = BTreeMap::new();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), FieldValue::Plain(value));
        set("project", serde_json::json!({"key": project}));
        set("issuetype", serde_json::json!({"name": attempt.needed(&self.issue_type)?}));
        let summary = truncate::runes(&attempt.headline(&self.summary), MOST_SUMMARY);
        if is_new || self.updates_summary {
            set("summary", summary.into());
        }
        let labels = self.labels.iter().filter_map(|field| attempt.try_field(field));
        let mut labels: Vec<String> = labels.collect();
        labels.push(label(attempt));
        labels.sort_unstable();
        set("labels", labels.into());
        let priority = attempt.field(&self.priority);
        if !priority.is_empty() {
            set("priority", serde_json::json!({"name": priority}));
        }
        let others: Vec<_> =
            self.fields.iter().map(|(name, value)| (name.clone(), value.render(attempt))).collect();
        let description = self.description(attempt)?;
        if let Some(description) = description.filter(|_| is_new || self.updates_description) {
            fields.insert("description".to_owned(), description);
        }
        fields.extend(others.into_iter().map(|(name, value)| (name, FieldValue::Plain(value))));
        Ok(fields)
    }

    /// The description; version 3 of the API wants a document in JSON instead of a text.
    fn description(&self, attempt: &mut Attempt) -> Result<Option<FieldValue>, Failure> {
        let faults = attempt.faults().len();
        let is_document = self.api_url.path().trim_end_matches('/').ends_with("/3");
        if !is_document {
            let text = truncate::runes(&attempt.message(&self.description), MOST_DESCRIPTION);
            return Ok((!text.is_empty()).then(|| FieldValue::Plain(text.into())));
        }
        let Some(text) = attempt.try_field(&self.description).filter(|_| faults == 0) else {
            let text = truncate::runes(&attempt.plain(), MOST_DESCRIPTION);
            return Ok(Some(FieldValue::Plain(document(&text))));
        };
        let text = truncate::runes(&text, MOST_DESCRIPTION);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let raw = serde_json::from_str::<&RawValue>(text.trim())
            .and_then(|raw| RawValue::from_string(json::compact(raw.get())))
            .map_err(|error| Failure::lasting(format!("description: invalid JSON for API v3: {error}")))?;
        Ok(Some(FieldValue::Raw(raw)))
    }

    /// Moves a known issue to where it belongs, if it is elsewhere and the configuration names a way.
    async fn transition(&self, attempt: &Attempt, issue: &Issue) -> Result<(), Failure> {
        let Some(status) = issue.fields.as_ref().and_then(|fields| fields.status.as_ref()) else {
            return Ok(());
        };
        let is_done = status.status_category.key == "done";
        let name = match (attempt.is_firing(), is_done) {
            (true, true) => &self.reopen_transition,
            (false, false) => &self.resolve_transition,
            (true, false) | (false, true) => return Ok(()),
        };
        if name.is_empty() {
            return Ok(());
        }
        let url = self.url(&["issue", &issue.key, "transitions"]);
        let answer = self.call(attempt, Method::GET, &url, None::<&()>).await?;
        let ways: Transitions = decoded(&answer)?;
        let way = ways.transitions.into_iter().find(|way| way.name == *name).ok_or_else(|| {
            Failure::lasting(format!("can't find transition {name} for issue {}", issue.key))
        })?;
        let body = serde_json::json!({"transition": {"id": way.id}});
        self.call(attempt, Method::POST, &url, Some(&body)).await.map(|_answer| ())
    }

    async fn call<T: Serialize + ?Sized>(
        &self,
        attempt: &Attempt,
        method: Method,
        url: &Url,
        body: Option<&T>,
    ) -> Result<Bytes, Failure> {
        let mut request = match body {
            Some(body) => service::json_request(method, url.as_str(), body)?,
            None => service::request(method, url.as_str(), Bytes::new())?,
        };
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        Ok(self.service.send(attempt, request).await?.body)
    }

    fn url(&self, path: &[&str]) -> Url {
        joined(&self.api_url, path)
    }
}

impl Notifier for Jira {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let project = attempt.needed(&self.project)?;
            let found = self.search(attempt, &project).await;
            let found = found.map_err(|failure| failure.prefixed("failed to look up existing issues: "))?;
            let Some(issue) = found else {
                if !attempt.is_firing() {
                    return Ok(said("no open issue to resolve"));
                }
                let body = Body { fields: self.issue(attempt, project, true)? };
                let made = self.call(attempt, Method::POST, &self.url(&["issue"]), Some(&body)).await;
                let answer = made.map_err(|failure| failure.prefixed("failed to create the issue: "))?;
                return Ok(said(&format!("created: {}", String::from_utf8_lossy(&answer))));
            };
            let body = Body { fields: self.issue(attempt, project, false)? };
            let url = self.url(&["issue", &issue.key]);
            let updated = self.call(attempt, Method::PUT, &url, Some(&body)).await;
            let failed = format!("failed to update the issue {}: ", issue.key);
            updated.map_err(|failure| failure.prefixed(&failed))?;
            self.transition(attempt, &issue).await?;
            Ok(said(&format!("updated {}", issue.key)))
        })
    }
}

/// The label by which the group's issue is found.
fn label(attempt: &Attempt) -> String {
    format!("ALERT{{{}}}", attempt.key_hash())
}

fn said(answer: &str) -> Delivered {
    Delivered { receiver_data: None, answer: answer.to_owned() }
}

fn decoded<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(answer).map_err(|error| Failure::lasting(format!("unexpected answer: {error}")))
}

/// The cloud's search has an address of its own, and there only in version 3.
fn search_url(api_url: &Url, api_type: &str) -> Url {
    let is_atlassian = api_url.host_str().is_some_and(|host| host.ends_with("atlassian.net"));
    if api_type == "cloud" || (api_type == "auto" && is_atlassian) {
        let mut url = joined(api_url, &["search", "jql"]);
        let path = url.path().replacen("/rest/api/2/", "/rest/api/3/", 1);
        url.set_path(&path);
        return url;
    }
    joined(api_url, &["search"])
}

fn joined(api_url: &Url, path: &[&str]) -> Url {
    let mut url = api_url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// A text as a document.
fn document(text: &str) -> Value {
    serde_json::json!({
        "type": "doc",
        "version": 1,
        "content": [{"type": "codeBlock", "content": [{"type": "text", "text": text}]}],
    })
}

#[derive(Debug, Serialize)]
struct Search {
    fields: [&'static str; 1],
    jql: String,
    #[serde(rename = "maxResults")]
    max_results: u8,
}

#[derive(Debug, Serialize)]
struct Body {
    fields: BTreeMap<String, FieldValue>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum FieldValue {
    Plain(Value),
    /// JSON of the configuration, members in its order.
    Raw(Box<RawValue>),
}

#[derive(Debug, Deserialize)]
struct Found {
    #[serde(default)]
    issues: Vec<Issue>,
}

#[derive(Debug, Deserialize)]
struct Issue {
    key: String,
    fields: Option<IssueFields>,
}

#[derive(Debug, Deserialize)]
struct IssueFields {
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(rename = "statusCategory")]
    status_category: StatusCategory,
}

#[derive(Debug, Deserialize)]
struct StatusCategory {
    key: String,
}

#[derive(Debug, Deserialize)]
struct Transitions {
    #[serde(default)]
    transitions: Vec<Transition>,
}

#[derive(Debug, Deserialize)]
struct Transition {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
}

#[cfg(test)]
mod tests;
