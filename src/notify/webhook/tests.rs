//! The requests: Alertmanager's own, and what can be asked for beyond it.

use std::time::Duration;

use crate::model::FailureReason;
use crate::net::testing::Seen;
use crate::notify::testing::{self, Bench, alert, firing, mixed, notification};

const PLAIN: &str = "webhook_configs: [{url: '$URL/hook'}]";

/// As Alertmanager 0.33.1 sent it, with the member that 0.34 added.
#[tokio::test]
async fn posts_alertmanagers_json() {
    let sent = testing::send(PLAIN, firing()).await;
    sent.post("/hook", "application/json");
    assert_eq!(
            sent.body(),
            r#"{"receiver":"team","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"HighCPU","#.to_owned()
                + r#""cluster":"\u003ceu\u003e","severity":"critical"},"annotations":{"summary":"CPU ☃ is \"hot\""},"#
                + r#""startsAt":"2026-11-21T14:00:00.123Z","endsAt":"0001-01-01T00:00:00Z","#
                + r#""generatorURL":"http://prom/graph?g0.expr=a\u0026b","fingerprint":"ac3df37169ad34ca"}],"#
                + r#""notification_reason":"first notification","groupLabels":{"alertname":"HighCPU"},"#
                + r#""commonLabels":{"alertname":"HighCPU","cluster":"\u003ceu\u003e","severity":"critical"},"#
                + r#""commonAnnotations":{"summary":"CPU ☃ is \"hot\""},"routeLabels":{},"#
                + r#""externalURL":"http://am.example","version":"4","groupKey":"{}:{alertname=\"HighCPU\"}","#
                + "\"truncatedAlerts\":0}\n"
        );
    assert_eq!(sent.result.unwrap().answer, "200 OK: ok");
}

/// The alerts beyond are counted, and part of nothing else.
#[tokio::test]
async fn shows_the_first_alerts() {
    let sent = testing::send("webhook_configs: [{url: '$URL/hook', max_alerts: 1}]", mixed()).await;
    let body = sent.json();
    assert_eq!((body["alerts"].as_array().unwrap().len(), &body["truncatedAlerts"]), (1, &1.into()));
    assert_eq!(body["status"], "firing");
    assert_eq!(body["commonLabels"]["instance"], "a:9100");
}

#[tokio::test]
async fn payload_and_url_are_templates() {
    let yaml = r#"webhook_configs:
- url: '$URL/{{ .Status | toUpper }}'
  payload:
    subject: '{{ template "__subject" . }}'
    alerts: '{{ .Alerts | toJson }}'
    count: '{{ len .Alerts }}'
    "{{ .Status }}": [x, true, 1.5, null, {deep: '{{ .ExternalURL }}'}]
"#;
    let sent = testing::send(yaml, firing()).await;
    sent.post("/FIRING", "application/json");
    assert_eq!(
        sent.body(),
        r#"{"alerts":[{"annotations":{"summary":"CPU ☃ is \"hot\""},"endsAt":"0001-01-01T00:00:00Z","#
            .to_owned()
            + r#""fingerprint":"ac3df37169ad34ca","generatorURL":"http://prom/graph?g0.expr=a\u0026b","#
            + r#""labels":{"alertname":"HighCPU","cluster":"\u003ceu\u003e","severity":"critical"},"#
            + r#""startsAt":"2026-11-21T14:00:00.123Z","status":"firing"}],"count":1,"#
            + r#""firing":["x",true,1.5,null,{"deep":"http://am.example"}],"#
            + "\"subject\":\"[FIRING:1] HighCPU (\\u003ceu\\u003e critical)\"}\n"
    );
}

#[tokio::test]
async fn a_template_that_fails_still_notifies() {
    let yaml = "webhook_configs: [{url: '$URL/', payload: {text: '{{ .Nope }}', other: '{{ .Status }}'}}]";
    let sent = testing::send(yaml, firing()).await;
    let body = sent.json();
    assert_eq!(body["other"], "firing");
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("[FIRING:1] HighCPU\n\nfiring: alertname=HighCPU, cluster=<eu>"), "{text}");
    assert!(text.contains("The template of payload.text failed: template: :1:3:"), "{text}");
    assert!(sent.result.is_ok());
}

#[tokio::test]
async fn without_a_url_nothing_is_sent() {
    for (url, error) in [
        ("{{ .Status | printf \"%.0s\" }}", "webhook url is empty"),
        ("http://x/{{ .Nope }}?key=hunter2", "url: the template fails at 1:12"),
    ] {
        let sent = testing::send(&format!("webhook_configs: [{{url: '{url}'}}]"), firing()).await;
        let failure = sent.result.unwrap_err();
        assert_eq!((failure.retry, failure.error.as_str()), (false, error));
        assert_eq!(sent.seen.len(), 0);
    }
}

#[tokio::test]
async fn the_url_may_stand_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("url");
    let bench = Bench::start().await;
    let yaml = format!("webhook_configs: [{{url_file: '{}'}}]", path.display());
    let failure = bench.send(&yaml, firing()).await.unwrap_err();
    assert!(!failure.retry && failure.error.contains("could not read"), "{failure:?}");
    std::fs::write(&path, format!("  {}/{{{{ .Status }}}}\n", bench.url())).unwrap();
    bench.send(&yaml, firing()).await.unwrap();
    assert_eq!(bench.seen()[0].uri.path(), "/firing");
}

#[tokio::test]
async fn statuses_and_secrets() {
    testing::verdicts(PLAIN, &[], true).await;
    testing::redacts("webhook_configs: [{url: '$URL/services/hunter2?key=k3y-'}]", &["hunter2", "k3y-"])
        .await;
}

/// A service that repeats the headers it got: basic authentication, a token, headers of one's own, and a login in the
/// URL.
#[tokio::test]
async fn what_the_client_adds_is_hidden_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let encoded = "dGltOmh1bnRlcjI=";
    for http_config in [
        "basic_auth: {username: tim, password: hunter2}".to_owned(),
        format!("basic_auth: {{username: tim, password_file: '{}'}}", file.display()),
        "authorization: {credentials: hunter2}".to_owned(),
        format!("authorization: {{type: Token, credentials_file: '{}'}}", file.display()),
        "http_headers: {X-Key: {secrets: [hunter2]}}".to_owned(),
        format!("http_headers: {{X-Key: {{files: ['{}']}}}}", file.display()),
        "oauth2: {client_id: tim, client_secret: hunter2, token_url: '$URL/token'}".to_owned(),
    ] {
        let yaml = format!("webhook_configs: [{{url: '$URL/', http_config: {{{http_config}}}}}]");
        testing::redacts(&yaml, &["hunter2", encoded]).await;
    }
    let bench = Bench::answering(|seen| (400, Vec::new(), format!("{:?}", seen.headers))).await;
    let yaml = format!("webhook_configs: [{{url: '{}'}}]", bench.url().replace("//", "//tim:hunter%32@"));
    let failure = bench.send(&yaml, firing()).await.unwrap_err();
    assert!(!failure.error.contains("hunter") && !failure.error.contains(encoded), "{failure:?}");
    assert!(failure.error.contains("Basic <redacted>"), "{failure:?}");
}

/// The cut of a long answer goes through no secret, and of two secrets the longer one goes first.
#[tokio::test]
async fn no_half_of_a_secret_is_left() {
    for before in 970..1000 {
        let answer = move |_: &Seen| (400, Vec::new(), format!("{}hunter2-of-three", "x".repeat(before)));
        let bench = Bench::answering(answer).await;
        let yaml = "http_headers: {X-A: {secrets: [hunter2]}, X-B: {secrets: [hunter2-of-three]}}";
        let yaml = format!("webhook_configs: [{{url: '{}', http_config: {{{yaml}}}}}]", bench.url());
        let failure = bench.send(&yaml, firing()).await.unwrap_err();
        assert!(!failure.error.contains("hu") && !failure.error.contains("three"), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_own_time_limit() {
    let yaml = "webhook_configs: [{url: '$URL/', timeout: 1s}]";
    let failure = testing::send_to_silence(yaml, firing()).await.unwrap_err();
    assert_eq!((failure.retry, failure.reason, failure.in_doubt), (true, FailureReason::Other, true));
    assert_eq!(
        failure.error,
        "Post \"<redacted>\": no answer within 1s: configured webhook timeout reached (1s)"
    );
    let failure = testing::send_to_silence(PLAIN, firing()).await.unwrap_err();
    assert_eq!((failure.retry, failure.reason), (true, FailureReason::ContextDeadlineExceeded));
}

#[tokio::test]
async fn route_labels_are_rendered() {
    let mut told = notification(vec![alert(&[("alertname", "A")], &[], Duration::ZERO)]);
    let labels = [("owner", "{{ .GroupLabels.alertname }}-team"), ("broken", "{{ .Nope }}")];
    let labels = labels.map(|(name, value)| (name.into(), value.to_owned()));
    told.route_labels = std::sync::Arc::new(labels.into_iter().collect());
    let sent = testing::send(PLAIN, told).await;
    assert_eq!(sent.json()["routeLabels"], serde_json::json!({"owner": "A-team"}));
}

#[tokio::test]
async fn method_headers_query_and_text() {
    let yaml = "webhook_configs:
- url: '$URL/x?a=b'
  method: put
  headers: {X-Status: '{{ .Status }}', X-Lines: \"a\\nb\"}
  query: {n: '{{ len .Alerts }}', q: 'a&b c'}
  content_type: text/markdown
  body: '# {{ .GroupLabels.alertname }} ☃'
";
    let sent = testing::send(yaml, firing()).await;
    let seen = &sent.seen[0];
    assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("PUT", "/x?a=b&n=1&q=a%26b+c"));
    let headers = ["x-status", "content-type", "x-lines"].map(|name| seen.header(name).unwrap());
    assert_eq!(headers, ["firing", "text/markdown", "a b"]);
    assert_eq!(sent.body(), "# HighCPU ☃");
    let plain = testing::send("webhook_configs: [{url: '$URL/', body: '{{ .Nope }}'}]", firing()).await;
    plain.post("/", "text/plain; charset=utf-8");
    assert!(plain.body().starts_with("[FIRING:1] HighCPU\n"), "{}", plain.body());
    let yaml = "webhook_configs: [{url: '$URL/', headers: {X-Token: 'hunter2'}, query: {key: 'k 3y'}}]";
    testing::redacts(yaml, &["hunter2", "k 3y", "k+3y"]).await;
    let failing = "webhook_configs: [{url: '$URL/', headers: {X-Token: 'hunter2{{ .Nope }}'}}]";
    let failure = testing::send(failing, firing()).await.result.unwrap_err();
    assert_eq!(failure.error, "headers.X-Token: the template fails at 1:10");
}

#[tokio::test]
async fn forms_and_empty_bodies() {
    let yaml = "webhook_configs: [{url: '$URL/', form: {b: '{{ .Status }} ☃', a: 'x&y'}}]";
    let sent = testing::send(yaml, firing()).await;
    sent.post("/", "application/x-www-form-urlencoded");
    assert_eq!(sent.body(), "a=x%26y&b=firing+%E2%98%83");
    let failing =
        testing::send("webhook_configs: [{url: '$URL/', form: {a: 'hunter2{{ .Nope }}'}}]", firing()).await;
    assert!(failing.body().contains("form.a") && !failing.body().contains("hunter2"), "{}", failing.body());
    for keys in ["method: GET", "method: delete", "method: GET, body: ''"] {
        let sent = testing::send(&format!("webhook_configs: [{{url: '$URL/', {keys}}}]"), firing()).await;
        let seen = &sent.seen[0];
        assert_eq!((seen.body.len(), seen.header("content-type")), (0, None));
    }
    let sent = testing::send("webhook_configs: [{url: '$URL/', method: PATCH}]", firing()).await;
    assert_eq!((sent.seen[0].method.as_str(), &sent.json()["version"]), ("PATCH", &"4".into()));
}
