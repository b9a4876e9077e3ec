//! API v2 of a tocsin with an `alertmanager.yml`: bodies, status codes and errors, beside the real Alertmanager's.

use std::collections::BTreeSet;

use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Alertmanager, Api, TocsinBuilder, eventually};

const CONFIG: &str = "
route:
  receiver: default
  group_by: [alertname]
  group_wait: 0s
  routes:
    - {matchers: [team=a], receiver: team-a, continue: true}
    - {matchers: [team=~'a|b'], receiver: team-ab, mute_time_intervals: [always]}
inhibit_rules:
  - {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [cluster]}
receivers: [{name: default}, {name: team-a}, {name: team-ab}, {name: unused}]
time_intervals: [{name: always, time_intervals: [{}]}]
";

const NOBODY: &str = "4b0bd0e3-4f6a-4c7e-8a3d-0d7f3c1c9a01";
const TIMES: &str =
    r#""startsAt":"2026-01-01T00:00:00Z","endsAt":"2100-01-01T00:00:00Z","createdBy":"me","comment":"c""#;
const MATCHER: &str = r#"{"name":"a","value":"b","isRegex":false}"#;

/// Bodies of `POST /api/v2/silences`, and what is answered.
fn silences() -> Vec<(String, &'static str)> {
    let whole = |matchers: &str| format!("{{\"matchers\":{matchers},{TIMES}}}");
    let during = |starts_at: &str, ends_at: &str| {
        format!(
            "{{\"matchers\":[{MATCHER}],\"startsAt\":\"{starts_at}\",\"endsAt\":\"{ends_at}\",\"createdBy\":\"\",\"comment\":\"\"}}"
        )
    };
    vec![
        (String::new(), r#"422 {"code":602,"message":"silence in body is required"}"#),
        ("null".to_owned(), r#"422 {"code":602,"message":"comment in body is required"}"#),
        (
            "{".to_owned(),
            r#"400 {"code":400,"message":"parsing silence body from \"\" failed, because unexpected EOF"}"#,
        ),
        (format!("{{{TIMES}}}"), r#"422 {"code":602,"message":"matchers in body is required"}"#),
        (whole("[]"), r#"422 {"code":612,"message":"matchers in body should have at least 1 items"}"#),
        (whole("null"), r#"422 {"code":602,"message":"matchers in body is required"}"#),
        (whole("[{}]"), r#"422 {"code":602,"message":"matchers.0.isRegex in body is required"}"#),
        (
            whole(&format!(r#"[{MATCHER},{{"isRegex":true,"value":"x"}}]"#)),
            r#"422 {"code":602,"message":"matchers.1.name in body is required"}"#,
        ),
        (
            format!(
                r#"{{"matchers":[{MATCHER}],"createdBy":"x","comment":"","startsAt":"soon","endsAt":1}}"#
            ),
            r#"400 {"code":400,"message":"parsing silence body from \"\" failed, because parsing time \"soon\" as \"2006-01-02\": cannot parse \"soon\" as \"2006\""}"#,
        ),
        (
            whole(r#"[{"name":"","value":"b","isRegex":false}]"#),
            r#"400 "invalid silence: invalid label matcher 0 in set 0: invalid label name \"\"""#,
        ),
        (
            whole(r#"[{"name":"a","value":"","isRegex":false}]"#),
            r#"400 "invalid silence: matcher set 0: at least one matcher must not match the empty string""#,
        ),
        (
            whole(r#"[{"name":"a","value":"[","isRegex":true}]"#),
            r#"400 "invalid silence: invalid label matcher 0 in set 0: invalid regular expression \"[\": error parsing regexp: missing closing ]: `[`""#,
        ),
        (
            whole(r#"[{"name":"a","value":"x(","isRegex":true,"isEqual":false}]"#),
            r#"400 "invalid silence: invalid label matcher 0 in set 0: invalid regular expression \"x(\": error parsing regexp: missing closing ): `x(`""#,
        ),
        (
            during("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            r#"400 "Failed to create silence: end time can't be in the past""#,
        ),
        (
            during("2100-01-01T00:00:00Z", "2100-01-01T00:00:00Z"),
            r#"400 "Failed to create silence: start time must be before end time""#,
        ),
        (format!("{{\"id\":\"foo\",\"matchers\":[{MATCHER}],{TIMES}}}"), r#"404 "silence not found""#),
        (
            whole(r#"[{"NAME":"team","value":"<b>","isRegex":false,"unknown":[]}]"#) + "{",
            r#"200 {"silenceID":"ID"}"#,
        ),
        (during("0001-01-01T00:00:00Z", "2101-01-01T00:00:00Z"), r#"200 {"silenceID":"ID"}"#),
        (during("", "2102-01-01T00:00:00Z"), r#"200 {"silenceID":"ID"}"#),
    ]
}

/// Requests without a body, and what is answered.
fn requests() -> Vec<(Method, String, &'static str)> {
    let silence = |id: &str| format!("/api/v2/silence/{id}");
    let get = |path: &str, answer| (Method::GET, path.to_owned(), answer);
    vec![
        get(
            &silence("foo"),
            r#"422 {"code":601,"message":"silenceID in path must be of type uuid: \"foo\""}"#,
        ),
        (
            Method::DELETE,
            silence("foo"),
            r#"422 {"code":601,"message":"silenceID in path must be of type uuid: \"foo\""}"#,
        ),
        get(&silence(NOBODY), "404 "),
        (Method::DELETE, silence(NOBODY), "404 "),
        get(&silence(""), r#"404 {"code":404,"message":"path /api/v2/silence/ was not found"}"#),
        get("/api/v2/", r#"404 {"code":404,"message":"path /api/v2/ was not found"}"#),
        (
            Method::POST,
            "/api/v2/receivers".to_owned(),
            r#"405 {"code":405,"message":"method POST is not allowed, but [GET] are"}"#,
        ),
        (
            Method::OPTIONS,
            "/api/v2/status".to_owned(),
            r#"405 {"code":405,"message":"method OPTIONS is not allowed, but [GET] are"}"#,
        ),
        (Method::POST, "/-/healthy".to_owned(), "405 Method Not Allowed\n"),
        get("/api/v2/alerts?filter=nope", r#"400 "bad matcher format: nope""#),
        get("/api/v2/alerts?filter=", r#"400 "bad matcher format: ""#),
        get("/api/v2/silences?filter=x%3D1&filter=%7B", r#"400 "unexpected open or close brace: {""#),
        get(
            "/api/v2/alerts?receiver=%5B",
            r#"400 "failed to parse receiver param: error parsing regexp: missing closing ]: `[)$`""#,
        ),
        get("/api/v2/alerts/groups?filter=nope", r#"400 "bad matcher format: nope""#),
        get(
            "/api/v2/alerts/groups?receiver=%5B",
            r#"400 "failed to parse receiver param: error parsing regexp: missing closing ]: `[)$`""#,
        ),
        get(
            "/api/v2/receivers?receiver_matchers=nope",
            r#"400 "failed to parse receiver_matchers param: bad matcher format: nope""#,
        ),
        get(
            "/api/v2/receivers",
            r#"200 [{"labels":{"name":"default"},"name":"default"},{"labels":{"name":"team-a"},"name":"team-a"},{"labels":{"name":"team-ab"},"name":"team-ab"},{"labels":{"name":"unused"},"name":"unused"}]"#,
        ),
        get(
            "/api/v2/receivers?receiver_matchers=name%3D~%22team.*%22&receiver_matchers=name!=team-a",
            r#"200 [{"labels":{"name":"team-ab"},"name":"team-ab"}]"#,
        ),
    ]
}

/// Status and body, ids and times of today made equal.
async fn ask(api: &Api, method: Method, path: &str, body: Option<&str>) -> String {
    let mut request = api.request(method, path);
    if let Some(body) = body {
        request = request.header("Content-Type", "application/json").body(body.to_owned());
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a text");
    let id = Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("a pattern");
    let today = Regex::new(r"20[012]\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").expect("a pattern");
    let text = today.replace_all(&text, "TODAY").into_owned();
    format!("{status} {}", id.replace_all(&text, "ID"))
}

async fn assert_answers(who: &str, api: &Api) {
    for (body, expected) in silences() {
        let told = ask(api, Method::POST, "/api/v2/silences", Some(&body)).await;
        assert_eq!(told.trim_end_matches('\n'), expected, "{who}: {body}");
    }
    for (method, path, expected) in requests() {
        let told = ask(api, method.clone(), &path, None).await;
        assert_eq!(told.trim_end_matches('\n'), expected.trim_end_matches('\n'), "{who}: {method} {path}");
    }
}

/// A tocsin and, where there is one, a real Alertmanager with the same file.
async fn both(config: &str) -> (crate::harness::Tocsin, Option<(Alertmanager, Api)>) {
    let tocsin = TocsinBuilder::new(config).start().await;
    let real = Alertmanager::start("0.33", config).await.map(|real| {
        let port = real.address().rsplit(':').next().and_then(|port| port.parse().ok());
        let api = Api::new(port.expect("a port"));
        (real, api)
    });
    (tocsin, real)
}

#[tokio::test]
async fn refusals_are_those_of_alertmanager() {
    let (tocsin, real) = both(CONFIG).await;
    assert_answers("tocsin", &tocsin).await;
    if let Some((_real, api)) = real {
        assert_answers("Alertmanager", &api).await;
    }
}

/// Alerts in every state: silenced, inhibited, muted, in two groups, ended.
async fn fill(api: &Api) {
    let alert = |labels: Value, starts_at: &str, ends_at: &str| json!({ "labels": labels, "startsAt": starts_at, "endsAt": ends_at });
    let (then, later) = ("2040-01-01T00:00:00Z", "2041-01-01T00:00:00Z");
    let began = "2001-01-01T00:00:00Z";
    let alerts = json!([
        alert(json!({ "alertname": "plain", "instance": "<i>", "job": "b" }), began, then),
        alert(json!({ "alertname": "plain", "instance": "2", "job": "a" }), began, later),
        { "labels": { "alertname": "plain" }, "annotations": { "summary": "&" }, "startsAt": began, "endsAt": then,
          "generatorURL": "http://x/<y>" },
        alert(json!({ "alertname": "silenced", "team": "b" }), began, then),
        alert(json!({ "alertname": "two", "team": "a" }), began, then),
        alert(json!({ "alertname": "source", "severity": "critical", "cluster": "1" }), began, then),
        alert(json!({ "alertname": "target", "severity": "warning", "cluster": "1" }), began, then),
        alert(json!({ "alertname": "other", "severity": "warning", "cluster": "2" }), began, then),
        alert(json!({ "alertname": "ended" }), began, "2002-01-01T00:00:00Z"),
    ]);
    let silence = json!({ "matchers": [{ "name": "alertname", "value": "silen.*", "isRegex": true }],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z", "createdBy": "<me>", "comment": "" });
    let silence = silence.to_string();
    assert!(ask(api, Method::POST, "/api/v2/silences", Some(&silence)).await.starts_with("200 "));
    assert_eq!(api.push(&alerts).await, Ok(200));
    eventually("the group of a route that a time interval mutes has been flushed", || async {
        let groups = api.json("/api/v2/alerts/groups?muted=false&receiver=team-ab").await;
        groups.as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
}

/// The order that needs no other words: every query, and of every group what 0.33 knows too.
async fn shown(api: &Api) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    let switches = ["active", "silenced", "inhibited", "unprocessed", "muted"];
    let mut queries = vec![String::new(), "active=no&silenced=NO&inhibited=f".to_owned()];
    queries.extend(switches.iter().flat_map(|name| [format!("{name}=false"), format!("{name}=ON&{name}=")]));
    let filters = [
        "filter=alertname%3Dplain&filter=job!~%22%22",
        "filter=team%3D%22%22",
        "filter=team!%3D%22%22",
        "receiver=team-.*",
        "receiver=team",
        "receiver=",
        "receiver_matchers=name%3Dteam-a",
    ];
    queries.extend(filters.map(str::to_owned));
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups"] {
        for query in &queries {
            let told = ask(api, Method::GET, &format!("{path}?{query}"), None).await;
            shown.push((format!("{path}?{query}"), told.replace(",\"routeLabels\":{}", "")));
        }
    }
    shown.push(("silences".to_owned(), ask(api, Method::GET, "/api/v2/silences", None).await));
    shown
}

#[tokio::test]
async fn queries_show_what_alertmanager_shows() {
    let (tocsin, real) = both(CONFIG).await;
    fill(&tocsin).await;
    let ours = shown(&tocsin).await;
    let names = |told: &str| -> BTreeSet<String> {
        let list: Value = serde_json::from_str(&told[4..]).expect("JSON");
        let names = list.as_array().expect("a list").iter();
        names.map(|alert| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let all = ["other", "plain", "silenced", "source", "target", "two"].map(str::to_owned);
    assert_eq!(names(&ours[0].1), BTreeSet::from(all));
    assert!(names(&ours[1].1).is_empty());
    if let Some((_real, api)) = real {
        fill(&api).await;
        for ((query, ours), (_, theirs)) in ours.iter().zip(shown(&api).await) {
            assert_eq!(*ours, theirs, "{query}");
        }
    }
}

#[tokio::test]
async fn silences_are_listed_by_state_and_changed_in_place_or_made_anew() {
    let tocsin = TocsinBuilder::new(CONFIG).start().await;
    let post = async |silence: Value| {
        let answer = tocsin.request(Method::POST, "/api/v2/silences").json(&silence).send().await;
        let answer: Value = answer.expect("an answer").json().await.expect("JSON");
        answer["silenceID"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let silence = |comment: &str, starts_at: &str, ends_at: &str| {
        json!({ "matchers": [{ "name": "a", "value": comment, "isRegex": false }], "startsAt": starts_at,
            "endsAt": ends_at, "createdBy": "me", "comment": comment })
    };
    let now = "2026-01-01T00:00:00Z";
    let late = post(silence("late", now, "2091-01-01T00:00:00Z")).await;
    post(silence("early", now, "2090-01-01T00:00:00Z")).await;
    post(silence("pending-late", "2081-01-01T00:00:00Z", "2091-01-01T00:00:00Z")).await;
    post(silence("pending", "2080-01-01T00:00:00Z", "2092-01-01T00:00:00Z")).await;
    for comment in ["ended-first", "ended"] {
        let id = post(silence(comment, now, "2093-01-01T00:00:00Z")).await;
        let answer = tocsin.request(Method::DELETE, &format!("/api/v2/silence/{id}")).send().await;
        assert_eq!(answer.expect("an answer").status(), 200);
    }
    let listed = async |query: &str| {
        let list = tocsin.json(&format!("/api/v2/silences?{query}")).await;
        let list = list.as_array().expect("a list").clone();
        list.iter().map(|silence| silence["comment"].as_str().expect("one").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ["early", "late", "pending", "pending-late", "ended", "ended-first"]);
    assert_eq!(listed("active=false&expired=false").await, ["pending", "pending-late"]);
    assert_eq!(listed("active=false&expired=false&pending=false").await, Vec::<String>::new());
    assert_eq!(listed("filter=a%3Dlate").await, ["late"]);
    assert_eq!(listed("filter=a%3D~late").await, Vec::<String>::new());

    let mut known = tocsin.json(&format!("/api/v2/silence/{late}")).await;
    known["comment"] = json!("changed");
    assert_eq!(post(known.clone()).await, late, "words and end change in place");
    known["matchers"][0]["value"] = json!("other");
    let anew = post(known).await;
    assert_ne!(anew, late, "what it silenced stays as it was");
    let old = tocsin.json(&format!("/api/v2/silence/{late}")).await;
    assert_eq!((&old["status"]["state"], &old["comment"]), (&json!("expired"), &json!("changed")));
}

#[tokio::test]
async fn route_labels_are_rendered_and_silences_survive_a_kill() {
    let config = "route: {receiver: x, group_by: [alertname], labels: {who: '{{ .GroupLabels.alertname }}'}}\nreceivers: [{name: x}]\n";
    let mut tocsin = TocsinBuilder::new(config).start().await;
    assert_eq!(tocsin.push(&json!([{ "labels": { "alertname": "Down" } }])).await, Ok(200));
    let groups = tocsin.json("/api/v2/alerts/groups").await;
    assert_eq!(groups[0]["routeLabels"], json!({ "who": "Down" }), "{groups}");
    let body = format!("{{\"matchers\":[{MATCHER}],{TIMES}}}");
    assert!(ask(&tocsin, Method::POST, "/api/v2/silences", Some(&body)).await.starts_with("200 "));
    let before = tocsin.json("/api/v2/silences").await;
    tocsin.kill().await;
    tocsin.start().await;
    assert_eq!(tocsin.json("/api/v2/silences").await, before);
}

#[tokio::test]
async fn browsers_clients_and_scrapers_find_their_way() {
    let tocsin = TocsinBuilder::new(CONFIG).flag("--web.route-prefix=/am").build();
    let mut tocsin = tocsin;
    tocsin.spawn();
    let document = eventually("the document below the prefix", || async {
        let text = tocsin.get("/am/api/v2/swagger.json").await?;
        serde_json::from_str::<Value>(&text).ok()
    })
    .await;
    assert_eq!(document["basePath"], "/am/api/v2/");
    let root = tocsin.get("/am/").await.expect("a page");
    assert_eq!(root.lines().count(), 1);
    for word in ["amtool", "karma", "/api/v2"] {
        assert!(root.contains(word), "{root}");
    }
    let preflight = |method: &'static str| {
        tocsin
            .request(Method::OPTIONS, "/am/api/v2/silences")
            .header("Origin", "http://page")
            .header("Access-Control-Request-Method", method)
            .send()
    };
    let allowed = preflight("POST").await.expect("an answer");
    assert_eq!(
        (allowed.status().as_u16(), &allowed.headers()["access-control-allow-methods"]),
        (204, &"POST".parse().expect("one"))
    );
    let refused = preflight("DELETE").await.expect("an answer");
    assert_eq!(refused.status(), 204);
    assert!(!refused.headers().contains_key("access-control-allow-origin"));
    drop(tocsin.get("/am/api/v2/silence/foo").await);
    for (metric, labels) in [
        ("alertmanager_http_request_duration_seconds_count", "handler=\"/api/v2/silence/{silenceID}\""),
        ("alertmanager_http_response_size_bytes_count", "handler=\"/\""),
        ("alertmanager_http_requests_in_flight", "method=\"get\""),
        ("alertmanager_http_concurrency_limit_exceeded_total", "method=\"get\""),
        ("alertmanager_alerts_received_total", "status=\"firing\",version=\"v2\""),
        ("alertmanager_alerts_invalid_total", "version=\"v2\""),
    ] {
        let page = tocsin.get("/am/metrics").await.expect("a page");
        let is_there = page.lines().any(|line| line.starts_with(metric) && line.contains(labels));
        assert!(is_there, "{metric}{{{labels}}} in\n{page}");
    }
}
