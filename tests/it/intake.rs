//! `POST /api/v2/alerts`: what is accepted, what is refused and with which bytes, and what is made of it.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Alertmanager, Api, DEADLINE, Sink, TocsinBuilder, ago, eventually, firing, numbers};

const JSON: &str = "Content-Type: application/json\r\n";

/// A request of a client that does not go on afterwards, as bytes.
fn request(line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

/// Requests, and what Alertmanager answers to them: the status, the content type, the body. Go's texts for values
/// of a wrong type are not among them: they are another with every version of Go.
fn exchanges() -> Vec<(String, &'static str)> {
    let post = |body: &str| request("POST /api/v2/alerts", JSON, body);
    let with = |headers: &str| request("POST /api/v2/alerts", headers, "[]");
    let mixed = json!([
        { "labels": { "alertname": "Good", "from": "mixed" } },
        { "labels": { "alertname": "Late" }, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z" },
        { "labels": {} },
        { "labels": { "empty": "" } },
        { "labels": { "": "nameless" } },
        { "labels": { "alertname": "Annotated" }, "annotations": { "": "nameless" } },
        { "labels": { "alertname": "Equal" }, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z" },
    ])
    .to_string();
    vec![
        (post("[]"), "200 - "),
        (post(r#"[{"labels":{"alertname":"x"},"unknown":1}]"#), "200 - "),
        (with("Content-Type: Application/JSON; charset=utf-8\r\n"), "200 - "),
        (
            post(&mixed),
            "400 application/json \"start time must be before end time\\nat least one label pair required\\nat least one label pair required\\ninvalid label set: invalid name \\\"\\\"\\ninvalid annotations: invalid name \\\"\\\"\"\n",
        ),
        (
            with(""),
            r#"415 application/json {"code":415,"message":"unsupported media type \"application/octet-stream\", only [application/json] are allowed"}"#,
        ),
        (
            with("Content-Type: text/plain\r\n"),
            r#"415 application/json {"code":415,"message":"unsupported media type \"text/plain\", only [application/json] are allowed"}"#,
        ),
        (with("Content-Type: application/json\r\nAccept: text/html\r\n"), "200 - "),
        (
            request("POST /api/v2/alerts", "Content-Type: application/json\r\nAccept: text/html\r\n", ""),
            r#"406 application/json {"code":406,"message":"unsupported media type requested, only [application/json] are available"}"#,
        ),
        (
            request("GET /api/v2/alerts", "Accept: text/html, application/json;q=0\r\n", ""),
            r#"406 application/json {"code":406,"message":"unsupported media type requested, only [application/json] are available"}"#,
        ),
        (
            post("[{]"),
            r#"400 application/json {"code":400,"message":"parsing alerts body from \"\" failed, because invalid character ']' looking for beginning of object key string"}"#,
        ),
        (
            post(r#"[{"labels":{"a":"1"},"startsAt":"yesterday"}]"#),
            r#"400 application/json {"code":400,"message":"parsing alerts body from \"\" failed, because parsing time \"yesterday\" as \"2006-01-02\": cannot parse \"yesterday\" as \"2006\""}"#,
        ),
        (
            post("{}"),
            r#"400 application/json {"code":400,"message":"parsing alerts body from \"\" failed, because json: cannot unmarshal object into Go value of type models.PostableAlerts"}"#,
        ),
        (
            post("[{"),
            r#"400 application/json {"code":400,"message":"parsing alerts body from \"\" failed, because unexpected EOF"}"#,
        ),
        (
            post(r#"[{"labels":null}]"#),
            r#"422 application/json {"code":602,"message":"0.labels in body is required"}"#,
        ),
        (post("[] and more"), "200 - "),
        (post(""), r#"422 application/json {"code":602,"message":"alerts in body is required"}"#),
        (post("null"), "200 - "),
        (post("[{}]"), r#"422 application/json {"code":602,"message":"0.labels in body is required"}"#),
        (
            post(r#"[{"labels":{"a":"1"}},{"labels":{"a":"2"},"generatorURL":"foo"}]"#),
            r#"422 application/json {"code":601,"message":"1.generatorURL in body must be of type uri: \"foo\""}"#,
        ),
        (
            request("PUT /api/v2/alerts", JSON, "[]"),
            r#"405 application/json {"code":405,"message":"method PUT is not allowed, but [GET,POST] are"}"#,
        ),
        (
            request("POST /api/v2/alert", JSON, "[]"),
            r#"404 application/json {"code":404,"message":"path /api/v2/alert was not found"}"#,
        ),
    ]
}

/// Status, content type and body of an answer in bytes.
fn essence(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    let content_type = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-type: ").map(str::to_owned))
        .unwrap_or_else(|| "-".to_owned());
    // Go lists them in the order of a map, which is another each time.
    let body = body.replace("[POST,GET]", "[GET,POST]");
    format!("{status} {content_type} {body}")
}

async fn assert_answers(who: &str, api: &Api) {
    for (request, expected) in exchanges() {
        assert_eq!(essence(&api.wire(&request).await), expected, "{who} to\n{request}");
    }
    let good: Vec<_> = api.firing("from").await;
    assert_eq!(good, ["mixed"], "{who}: the good alert of a mixed request is kept");
}

#[tokio::test]
async fn answers_are_those_of_alertmanager() {
    let tocsin = TocsinBuilder::forwarding_to(&[]).start().await;
    assert_answers("tocsin", &tocsin).await;
    assert_eq!(tocsin.metric("tocsin_alerts_invalid_total", &[]).await, Some(5.0));
    tocsin.assert_balance().await;
    let peer = Alertmanager::start("0.33", "route: { receiver: x }\nreceivers: [{ name: x }]\n").await;
    if let Some(peer) = peer {
        let port = peer.address().rsplit(':').next().and_then(|port| port.parse().ok());
        assert_answers("Alertmanager", &Api::new(port.expect("a port"))).await;
    }
}

#[tokio::test]
async fn the_removed_api_says_what_to_use() {
    let tocsin = TocsinBuilder::forwarding_to(&[]).start().await;
    let answer = tocsin.wire(&request("POST /api/v1/alerts", JSON, "[]")).await;
    let (status, body) = (answer.split(' ').nth(1), answer.split("\r\n\r\n").nth(1).expect("a body"));
    assert_eq!(status, Some("410"));
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["status"], "deprecated");
    assert!(body["error"].as_str().is_some_and(|text| text.contains("/api/v2/alerts")));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let tocsin = TocsinBuilder::forwarding_to(&[]).flag("--web.max-body-size=1000").start().await;
    let announced = format!(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{JSON}Content-Length: 1000000000\r\n\r\n["
    );
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 1001, " ".repeat(1001));
    let chunked = format!(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{chunk}"
    );
    for request in [announced, chunked] {
        let answer = tocsin.wire(&request).await;
        assert_eq!(essence(&answer), "413 application/json \"the request body is larger than 1000 bytes\"\n");
    }
    assert_eq!(tocsin.push(&firing(0..1)).await, Ok(200));
}

/// A connection on which `bytes` were sent and nothing follows.
async fn stuck(api: &Api, bytes: &str) -> TcpStream {
    let mut connection = TcpStream::connect(api.address()).await.expect("a connection");
    connection.write_all(bytes.as_bytes()).await.expect("a piece of a request");
    connection
}

#[tokio::test]
async fn slow_and_broken_clients_cost_the_others_nothing() {
    let tocsin = TocsinBuilder::forwarding_to(&[]).flag("--web.read-timeout=1s").start().await;
    let half =
        format!("POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 500\r\n\r\n[{{\"labels\":");
    let mut waiting = Vec::new();
    for number in 0..100 {
        let bytes = if number % 2 == 0 { half.as_str() } else { "POST /api/v2/al" };
        waiting.push(stuck(&tocsin, bytes).await);
    }
    for number in 0..20 {
        assert_eq!(tocsin.push(&firing(number..number + 1)).await, Ok(200));
        drop(stuck(&tocsin, &half).await);
    }
    for mut connection in waiting.into_iter().step_by(2) {
        let mut answer = vec![0; 12];
        let read = tokio::time::timeout(DEADLINE, connection.read_exact(&mut answer)).await;
        read.expect("an answer in time").expect("an answer");
        assert_eq!(answer, b"HTTP/1.1 408");
    }
    assert_eq!(tocsin.firing("n").await, numbers(0..20), "nothing of half a request is accepted");
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn times_are_set_or_left_as_they_came() {
    let sink = Sink::start().await;
    let tocsin = TocsinBuilder::forwarding_to(&[sink.address().to_string()]).start().await;
    let (began, ended) = (ago(100), ago(1));
    let alerts = json!([
        { "labels": { "n": "0" } },
        { "labels": { "n": "1" }, "startsAt": began },
        { "labels": { "n": "2" }, "endsAt": "2100-01-01T00:00:00Z" },
        { "labels": { "n": "3" }, "startsAt": began, "endsAt": ended },
        { "labels": { "n": "4", "empty": "" }, "annotations": { "a": "<&>", "b": "" }, "startsAt": began,
          "endsAt": "2100-01-01T02:00:00.123456789+02:00", "generatorURL": "http://x/graph?a=1&b=2" },
    ]);
    let before = ago(1);
    assert_eq!(tocsin.push(&alerts).await, Ok(200));
    let taken = sink.wait_for(5).await;
    let alert = |number: &str| taken.iter().find(|alert| alert["labels"]["n"] == *number).expect("it");
    let set = alert("0")["startsAt"].as_str().expect("a time").to_owned();
    assert!(set >= before, "{set}");
    // Go's zero time, which Alertmanager takes for missing: its resolve_timeout rules.
    let missing = json!("0001-01-01T00:00:00.000Z");
    assert_eq!(alert("0")["endsAt"], missing);
    assert_eq!((&alert("1")["startsAt"], &alert("1")["endsAt"]), (&json!(began), &missing));
    assert_eq!(alert("2")["endsAt"], "2100-01-01T00:00:00.000Z");
    assert_eq!((&alert("3")["startsAt"], &alert("3")["endsAt"]), (&json!(began), &json!(ended)));
    assert_eq!(alert("4")["labels"], json!({ "n": "4" }));
    assert_eq!(alert("4")["annotations"]["a"], "<&>");
    assert_eq!(alert("4")["generatorURL"], "http://x/graph?a=1&b=2");
    assert!(
        alert("4")["endsAt"].as_str().is_some_and(|text| text.starts_with("2100-01-01T0")),
        "{:?}",
        alert("4")
    );
    tocsin.assert_balance().await;
}

const RELABELLING: &str = r"
global:
  external_labels:
    cluster: $CLUSTER
    zone: ${ZONE}-$$x
    unset: $NOT_SET
    severity: default
alerting:
  alert_relabel_configs:
    - { source_labels: [severity], regex: none, action: drop }
    - { regex: replica, action: labeldrop }
    - { source_labels: [cluster, alertname], separator: /, target_label: path }
    - { source_labels: [alertname], regex: Watchdog, action: drop }
  alertmanagers:
    - file_sd_configs:
        - files: [alertmanagers.json]
";

fn relabelling(sink: &Sink) -> TocsinBuilder {
    let targets = json!([{ "targets": [sink.address().to_string()] }]).to_string();
    TocsinBuilder::new(RELABELLING)
        .file("alertmanagers.json", targets)
        .environment("CLUSTER", "eu-1")
        .environment("ZONE", "a")
}

#[tokio::test]
async fn external_labels_and_relabelling_are_applied_and_drops_are_shown() {
    let sink = Sink::start().await;
    let tocsin = relabelling(&sink).start().await;
    let alerts = json!([
        { "labels": { "alertname": "A", "replica": "1" } },
        { "labels": { "alertname": "B", "severity": "page", "cluster": "own" } },
        { "labels": { "alertname": "C", "severity": "none" } },
        { "labels": { "alertname": "Watchdog", "replica": "2" } },
    ]);
    for _again in 0..2 {
        assert_eq!(tocsin.push(&alerts).await, Ok(200));
    }
    sink.wait_for(2).await;
    let mut labels: Vec<_> = sink.taken().iter().map(|alert| alert["labels"].to_string()).collect();
    labels.sort();
    labels.dedup();
    assert_eq!(
        labels,
        [
            r#"{"alertname":"A","cluster":"eu-1","path":"eu-1/A","severity":"default","zone":"a-$x"}"#,
            r#"{"alertname":"B","cluster":"own","path":"own/B","severity":"page","zone":"a-$x"}"#,
        ]
    );
    let queues = tocsin.json("/api/v1/queues").await;
    let drops: Vec<_> = queues["data"]["relabelDrops"].as_array().expect("drops").iter().collect();
    let told: Vec<_> = drops.iter().map(|drop| (&drop["rule"], &drop["count"], &drop["labels"])).collect();
    assert_eq!(
        told,
        [
            (
                &json!(0),
                &json!(2),
                &json!(r#"{alertname="C", cluster="eu-1", severity="none", zone="a-$x"}"#)
            ),
            (
                &json!(3),
                &json!(2),
                &json!(
                    r#"{alertname="Watchdog", cluster="eu-1", path="eu-1/Watchdog", severity="default", zone="a-$x"}"#
                )
            ),
        ]
    );
    let dropped = "tocsin_alerts_relabel_dropped_total";
    assert_eq!(tocsin.metric(dropped, &["rule=\"0\""]).await, Some(2.0));
    assert_eq!(tocsin.metric(dropped, &["rule=\"3\""]).await, Some(2.0));
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn the_prometheus_in_front_may_have_relabelled_already() {
    let sink = Sink::start().await;
    let tocsin = relabelling(&sink).flag("--no-alerts.relabel").start().await;
    let labels = json!({ "alertname": "Watchdog", "replica": "1", "severity": "none" });
    assert_eq!(tocsin.push(&json!([{ "labels": labels }])).await, Ok(200));
    assert_eq!(sink.wait_for(1).await[0]["labels"], labels);
}

#[tokio::test]
async fn what_comes_back_to_its_tocsin_changes_nothing() {
    let sink = Sink::start().await;
    let tocsin = TocsinBuilder::forwarding_to(&[sink.address().to_string()]).start().await;
    let push = |path: String, number: usize| {
        let request = tocsin.request(Method::POST, "/api/v2/alerts").header("Tocsin-Path", path);
        let request = request.json(&firing(number..number + 1));
        async move { request.send().await.expect("an answer") }
    };
    let answer = push("somebody-else".to_owned(), 0).await;
    assert_eq!(answer.status(), 200);
    let id = answer.headers()["tocsin-id"].to_str().expect("an id").to_owned();
    sink.wait_for(1).await;
    assert_eq!(sink.received()[0].headers["tocsin-path"], format!("somebody-else,{id}"));

    let looped = "tocsin_requests_looped_total";
    assert_eq!(tocsin.metric(looped, &[]).await, Some(0.0));
    assert_eq!(push(format!("somebody-else, {id}"), 1).await.status(), 200);
    assert_eq!(tocsin.metric(looped, &[]).await, Some(1.0));
    assert_eq!(tocsin.firing("n").await, ["0"]);
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn the_id_of_a_tocsin_survives_its_restart() {
    let mut tocsin = TocsinBuilder::forwarding_to(&[]).start().await;
    let mut ids = Vec::new();
    for _start in 0..2 {
        let answer = tocsin.request(Method::GET, "/api/v2/status").send().await.expect("an answer");
        ids.push(answer.headers()["tocsin-id"].clone());
        assert_eq!(tocsin.stop().await, Some(0));
        tocsin.start().await;
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_full_store_refuses_what_it_does_not_know() {
    let tocsin = TocsinBuilder::forwarding_to(&[]).flag("--alerts.max=10").start().await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    let request = tocsin.request(Method::POST, "/api/v2/alerts").json(&firing(5..13));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "60");
    assert_eq!(
        answer.text().await.expect("a text"),
        "\"the store is full: 3 unknown alerts were not accepted\"\n"
    );
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200), "what is known may be repeated");
    assert_eq!(tocsin.firing("n").await, numbers(0..10));
    eventually("the refusals are counted", || async {
        let refused = tocsin.metric("tocsin_alerts_refused_total", &[]).await?;
        (refused == 3.0).then_some(())
    })
    .await;
    tocsin.assert_balance().await;
}
