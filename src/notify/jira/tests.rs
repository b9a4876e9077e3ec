//! The requests for each way that an issue can go.

use crate::model::{FailureReason, Notification};
use crate::net::testing::{Answer, Seen, ok};
use crate::notify::testing::{self, Sent, firing, resolved, wordy};

const PLAIN: &str =
    "jira_configs: [{api_url: '$URL/rest/api/2', project: OPS, issue_type: Bug, description: 'on fire'}]";
/// Stands for the hash of the group's key.
const HASH: &str = "HASH";

/// Jira with one issue in this category, or none.
fn jira(category: Option<&'static str>) -> impl Fn(&Seen) -> Answer + Send + Sync {
    move |seen| match (seen.method.as_str(), seen.uri.path().rsplit('/').next()) {
        ("POST", Some("search" | "jql")) => {
            let issue = category.map(|category| {
                format!(
                    r#"{{"key":"OPS-7","fields":{{"status":{{"statusCategory":{{"key":"{category}"}}}}}}}}"#
                )
            });
            ok(&format!(r#"{{"issues":[{}]}}"#, issue.unwrap_or_default()))
        }
        ("GET", Some("transitions")) => {
            ok(r#"{"transitions":[{"id":"11","name":"Close"},{"id":"21","name":"Back"}]}"#)
        }
        ("POST", Some("issue")) => (201, Vec::new(), r#"{"key":"OPS-7"}"#.to_owned()),
        _ => (204, Vec::new(), String::new()),
    }
}

async fn sent(yaml: &str, told: Notification, category: Option<&'static str>) -> Sent {
    testing::send_answered(yaml, told, jira(category)).await
}

/// The requests, one line each: method, path and body.
fn lines(sent: &Sent) -> Vec<String> {
    let hash = hash_of_the_group();
    let line = |seen: &Seen| {
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header("accept-language"), Some("en"));
        let body = String::from_utf8(seen.body.to_vec()).unwrap();
        format!("{} {} {}", seen.method, seen.uri, body.replace(&hash, HASH).trim_end())
    };
    sent.seen.iter().map(line).collect()
}

fn hash_of_the_group() -> String {
    crate::notify::data::key_hash(&firing().group_key)
}

fn search(condition: &str) -> String {
    format!(
        r#"POST /rest/api/2/search {{"fields":["status"],"jql":"{condition}project=\"OPS\" and labels=\"ALERT{{{HASH}}}\" order by status ASC,resolutiondate DESC","maxResults":2}}"#
    )
}

const OPEN: &str = "statusCategory != Done and ";

#[tokio::test]
async fn a_group_that_fires_gets_an_issue() {
    let sent = sent(PLAIN, firing(), None).await;
    let issue = format!(
        r#"POST /rest/api/2/issue {{"fields":{{"description":"on fire","issuetype":{{"name":"Bug"}},"labels":["ALERT{{{HASH}}}"],"priority":{{"name":"High"}},"project":{{"key":"OPS"}},"summary":"[FIRING:1] HighCPU (\u003ceu\u003e critical)"}}}}"#
    );
    assert_eq!(lines(&sent), [search(OPEN), issue]);
    assert_eq!(sent.result.unwrap().answer, r#"created: {"key":"OPS-7"}"#);
}

#[tokio::test]
async fn nothing_is_created_for_what_has_ended() {
    let sent = sent(PLAIN, resolved(), None).await;
    assert_eq!(lines(&sent), [search(OPEN)]);
    assert!(sent.result.is_ok());
}

const FULL: &str = r#"jira_configs:
- api_url: '$URL/rest/api/2/'
  project: '{{ "OPS" }}'
  issue_type: '{{ .Status }}'
  summary: {template: '{{ .GroupLabels.alertname }}', enable_update: false}
  description: {template: '', enable_update: true}
  priority: ''
  labels: [zebra, '{{ .CommonLabels.severity }}']
  reopen_transition: Back
  resolve_transition: Close
  wont_fix_resolution: "won't \"fix\""
  reopen_duration: 1h30m
  fields:
    customfield_1: {value: '{{ .Status }}'}
    customfield_2: ['{{ len .Alerts }}', 2]
    '{{ .Status }}': x
"#;

#[tokio::test]
async fn an_issue_is_updated_and_reopened() {
    let sent = sent(FULL, firing(), Some("done")).await;
    let condition = r#"(resolution is EMPTY or resolution != \"won't \\\"fix\\\"\") and (resolutiondate is EMPTY OR resolutiondate \u003e= -90m) and "#;
    let fields = format!(
        r#""customfield_1":{{"value":"firing"}},"customfield_2":[1,2],"issuetype":{{"name":"firing"}},"labels":["ALERT{{{HASH}}}","critical","zebra"],"project":{{"key":"OPS"}},"{{{{ .Status }}}}":"x""#
    );
    assert_eq!(
        lines(&sent),
        [
            search(condition),
            format!(r#"PUT /rest/api/2/issue/OPS-7 {{"fields":{{{fields}}}}}"#),
            "GET /rest/api/2/issue/OPS-7/transitions ".to_owned(),
            r#"POST /rest/api/2/issue/OPS-7/transitions {"transition":{"id":"21"}}"#.to_owned(),
        ]
    );
    assert!(sent.result.is_ok());
}

#[tokio::test]
async fn an_issue_is_resolved() {
    let sent = sent(FULL, resolved(), Some("new")).await;
    let lines = lines(&sent);
    assert!(lines[0].contains("statusCategory != Done and project"), "{}", lines[0]);
    assert_eq!(
        lines[2..],
        [
            "GET /rest/api/2/issue/OPS-7/transitions ",
            r#"POST /rest/api/2/issue/OPS-7/transitions {"transition":{"id":"11"}}"#
        ]
    );
    assert!(sent.result.is_ok());
}

#[tokio::test]
async fn an_issue_that_is_where_it_belongs_stays_there() {
    for (yaml, told, category) in [
        (FULL, firing(), "new"),
        (FULL, resolved(), "done"),
        (PLAIN, resolved(), "new"),
        (PLAIN, firing(), "done"),
    ] {
        let sent = sent(yaml, told, Some(category)).await;
        assert_eq!(sent.seen.len(), 2);
        assert!(sent.result.is_ok());
    }
}

#[tokio::test]
async fn a_transition_must_exist() {
    let yaml = FULL.replace("Close", "Nowhere");
    let failure = sent(&yaml, resolved(), Some("new")).await.result.unwrap_err();
    assert_eq!((failure.retry, failure.reason), (false, FailureReason::Other));
    assert_eq!(failure.error, "can't find transition Nowhere for issue OPS-7");
}

#[tokio::test]
async fn the_cloud_searches_elsewhere() {
    for (api, wanted) in [
        ("api_type: cloud", "/rest/api/3/search/jql"),
        ("api_type: datacenter", "/rest/api/2/search"),
        ("api_type: auto", "/rest/api/2/search"),
    ] {
        let yaml = PLAIN.replace("project:", &format!("{api}, project:"));
        let sent = sent(&yaml, firing(), None).await;
        assert_eq!(sent.seen[0].uri, wanted);
        assert_eq!(sent.seen[1].uri, "/rest/api/2/issue");
    }
    let at = |api_url: &str| super::search_url(&url::Url::parse(api_url).unwrap(), "auto").to_string();
    assert_eq!(at("https://x.atlassian.net/rest/api/2"), "https://x.atlassian.net/rest/api/3/search/jql");
    assert_eq!(at("https://jira.example/rest/api/3/"), "https://jira.example/rest/api/3/search");
}

#[tokio::test]
async fn version_3_takes_a_document() {
    let yaml = r#"jira_configs:
- api_url: '$URL/rest/api/3'
  project: OPS
  issue_type: Bug
  priority: ''
  description: ' {"version": 1, "type": "doc", "content": [{"text": "<{{ .Status }}>", "b": " \" "}]} '
"#;
    let told = sent(yaml, firing(), None).await;
    let body = String::from_utf8(told.seen[1].body.to_vec()).unwrap();
    let document =
        r#""description":{"version":1,"type":"doc","content":[{"text":"\u003cfiring\u003e","b":" \" "}]},"#;
    assert!(body.contains(document), "{body}");
    let broken = yaml.replace(r#"{"version""#, r#"oops {"version""#);
    let failure = sent(&broken, firing(), None).await.result.unwrap_err();
    assert!(!failure.retry && failure.error.contains("invalid JSON for API v3"), "{failure:?}");
    let yaml = yaml.replace(".Status", ".Nope");
    let body: serde_json::Value =
        serde_json::from_slice(&sent(&yaml, firing(), None).await.seen[1].body).unwrap();
    let text = body["fields"]["description"]["content"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("[FIRING:1] HighCPU\n") && text.contains("description failed"), "{text}");
}

#[tokio::test]
async fn long_texts_are_cut() {
    let yaml = "jira_configs: [{api_url: '$URL/rest/api/2', project: OPS, issue_type: Bug, \
        summary: '{{ .CommonAnnotations.text }}', description: '{{ .CommonAnnotations.text }}'}]";
    let sent = sent(yaml, wordy(40_000), None).await;
    let body: serde_json::Value = serde_json::from_slice(&sent.seen[1].body).unwrap();
    let text = |name: &str| body["fields"][name].as_str().unwrap().to_owned();
    assert_eq!(text("summary"), format!("{}…", "汉".repeat(254)));
    assert_eq!(text("description"), format!("{}…", "汉".repeat(32_766)));
}

#[tokio::test]
async fn templates_that_fail() {
    let yaml = "jira_configs: [{api_url: '$URL/rest/api/2', project: OPS, issue_type: Bug, \
        summary: '{{ .Nope }}', labels: ['{{ .Nope }}'], description: 'fine'}]";
    let told = sent(yaml, firing(), None).await;
    let body: serde_json::Value = serde_json::from_slice(&told.seen[1].body).unwrap();
    assert_eq!(body["fields"]["summary"], "[FIRING:1] HighCPU");
    assert_eq!(body["fields"]["labels"].as_array().unwrap().len(), 1);
    let text = body["fields"]["description"].as_str().unwrap();
    assert!(text.starts_with("fine\n\nThe template of summary failed: "), "{text}");
    let yaml = yaml.replace("project: OPS", "project: '{{ .Nope }}'");
    let told = sent(&yaml, firing(), None).await;
    assert!(!told.result.unwrap_err().retry && told.seen.is_empty());
}

#[tokio::test]
async fn statuses_and_secrets() {
    testing::verdicts(PLAIN, &[429], true).await;
    let yaml =
        PLAIN.replace("project:", "http_config: {basic_auth: {username: u, password: hunter2}}, project:");
    testing::redacts(&yaml, &["hunter2", "dTpodW50ZXIy"]).await;
    // The search may work and the rest fail.
    let answer = |seen: &Seen| match seen.uri.path() {
        "/rest/api/2/search" => ok(r#"{"issues":[]}"#),
        _ => (429, Vec::new(), "slow down".to_owned()),
    };
    let failure = testing::send_answered(PLAIN, firing(), answer).await.result.unwrap_err();
    assert_eq!((failure.retry, failure.reason), (true, FailureReason::RateLimited));
    assert_eq!(failure.error, "failed to create the issue: unexpected status code 429: slow down");
    let failure = testing::send_answered(PLAIN, firing(), |_| ok("<html>")).await.result.unwrap_err();
    assert!(!failure.retry && failure.error.contains("unexpected answer"), "{failure:?}");
}
