//! `matrix`: messages to a room that is not encrypted, by the API of a homeserver. The URL is the server and the room's
//! id: `https://matrix.example.org/!room:example.org`.

use ::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Draft, Limit, Preset, TEXT, TITLE};
use crate::config::Secret;
use crate::net::Response;
use crate::notify::attempt::Attempt;
use crate::notify::data::key_hash;

/// How many bytes of text are sent, and of HTML: an event with all in it may have 65,536.
const MOST: usize = 20_000;

const HTML: &str = "<b>{{ template \"__subject\" . }}</b><ul>{{ range .Alerts }}<li><b>{{ .Status | toUpper }}</b> \
    {{ .Labels.SortedPairs.Values | join \" \" }}{{ range .Annotations.SortedPairs }}<br>{{ .Name }}: {{ .Value }}{{ end }}\
    {{ with .GeneratorURL }}<br><a href=\"{{ . }}\">Source</a>{{ end }}</li>{{ end }}</ul>";

#[derive(Debug)]
pub(super) struct Matrix;

impl Preset for Matrix {
    fn body(&self) -> Value {
        json!({
            "msgtype": "m.text",
            "body": format!("{TITLE}\n{TEXT}"),
            "format": "org.matrix.custom.html",
            "formatted_body": HTML,
        })
    }

    fn method(&self) -> Method {
        Method::PUT
    }

    fn html(&self) -> &'static [&'static str] {
        &["formatted_body"]
    }

    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/body", Limit::Bytes(MOST))]
    }

    fn finish(&self, attempt: &Attempt, _secret: Option<&Secret>, draft: &mut Draft) {
        if let Value::Object(members) = &mut draft.body {
            // HTML cannot be cut, and where a template failed the text alone tells of it.
            let html = members.get("formatted_body").and_then(Value::as_str).unwrap_or_default();
            if html.is_empty() || html.len() > MOST || !attempt.faults().is_empty() {
                members.remove("format");
                members.remove("formatted_body");
            }
        }
        let path = draft.url.path().trim_end_matches('/');
        let (server, room) = path.rsplit_once('/').unwrap_or(("", path));
        let api = "_matrix/client/v3/rooms";
        let path = format!("{server}/{api}/{room}/send/m.room.message/{}", transaction(attempt));
        draft.url.set_path(&path);
    }

    fn details(&self) -> fn(&Response) -> String {
        details
    }
}

/// The name of the message, the same for all attempts at one delivery: the server takes it once.
fn transaction(attempt: &Attempt) -> String {
    let told = attempt.notification();
    let at = told.at.unix_seconds();
    key_hash(&format!("{}\n{}\n{at}\n{}", told.group_key, told.integration, told.delivery))
}

/// What the homeserver says is wrong.
fn details(answer: &Response) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        errcode: String,
        error: String,
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Refusal { errcode, error }) if !errcode.is_empty() => format!("{errcode}: {error}"),
        _ => String::from_utf8_lossy(&answer.body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::model::DeliveryId;
    use crate::notify::testing::{self, Bench, firing, wordy};

    const PLAIN: &str = "webhook_configs: [{preset: matrix, url: '$URL/!r:example.org', \
        http_config: {authorization: {credentials: hunter2}}}]";

    #[tokio::test]
    async fn puts_an_event() {
        let sent = testing::send(PLAIN, firing()).await;
        let seen = &sent.seen[0];
        let (path, transaction) = seen.uri.path().rsplit_once('/').unwrap();
        assert_eq!(seen.method.as_str(), "PUT");
        assert_eq!(path, "/_matrix/client/v3/rooms/!r:example.org/send/m.room.message");
        assert_eq!(transaction.len(), 64);
        assert_eq!(seen.header("authorization"), Some("Bearer hunter2"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(
            sent.body(),
            r#"{"body":"[FIRING:1] HighCPU (\u003ceu\u003e critical)\nFIRING HighCPU \u003ceu\u003e critical\n"#.to_owned()
                + r#"summary: CPU ☃ is \"hot\"\n","format":"org.matrix.custom.html","formatted_body":"#
                + r#""\u003cb\u003e[FIRING:1] HighCPU (\u0026lt;eu\u0026gt; critical)\u003c/b\u003e\u003cul\u003e\u003cli\u003e"#
                + r#"\u003cb\u003eFIRING\u003c/b\u003e HighCPU \u0026lt;eu\u0026gt; critical\u003cbr\u003esummary: "#
                + r#"CPU ☃ is \u0026#34;hot\u0026#34;\u003cbr\u003e\u003ca href=\""#
                + r#"http://prom/graph?g0.expr=a\u0026amp;b\"\u003eSource\u003c/a\u003e\u003c/li\u003e\u003c/ul\u003e","#
                + "\"msgtype\":\"m.text\"}\n"
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn attempts_at_one_delivery_have_one_name() {
        let bench = Bench::start().await;
        let integration = testing::integration(&PLAIN.replace("$URL", &bench.url()));
        let mut told = firing();
        testing::attempt(&integration, told.clone()).await.unwrap();
        (told.attempt, told.deadline) = (2, told.deadline + Duration::from_secs(9));
        testing::attempt(&integration, told.clone()).await.unwrap();
        told.delivery = DeliveryId(2);
        testing::attempt(&integration, told).await.unwrap();
        let seen = bench.seen();
        assert_eq!(seen[0].uri, seen[1].uri);
        assert_ne!(seen[0].uri, seen[2].uri);
    }

    #[tokio::test]
    async fn members_may_be_others() {
        let keys = "payload: {msgtype: m.notice, body: '{{ .Status }}', formatted_body: ''}, url: '$URL/base/%23{{ .Status }}/'";
        let sent = testing::send(&PLAIN.replace("url: '$URL/!r:example.org'", keys), firing()).await;
        let path = sent.seen[0].uri.path();
        assert!(path.starts_with("/base/_matrix/client/v3/rooms/%23firing/send/m.room.message/"), "{path}");
        assert_eq!(sent.body(), "{\"body\":\"firing\",\"msgtype\":\"m.notice\"}\n");
    }

    #[tokio::test]
    async fn long_texts_are_cut_and_long_html_is_left_out() {
        let text = "payload: {body: 'x{{ .CommonAnnotations.text }}', formatted_body: '{{ .CommonAnnotations.text }}'}, url:";
        let body = testing::send(&PLAIN.replace("url:", text), wordy(7000)).await.json();
        assert_eq!(body["body"], format!("x{}…", "汉".repeat(6665)));
        assert_eq!((body.get("formatted_body"), body.get("format")), (None, None));
    }

    #[tokio::test]
    async fn a_template_that_fails_still_notifies() {
        let keys = "payload: {formatted_body: '{{ .Nope }}'}, url:";
        let body = testing::send(&PLAIN.replace("url:", keys), firing()).await.json();
        assert!(body["body"].as_str().unwrap().starts_with("[FIRING:1] HighCPU"), "{body}");
        assert_eq!(body.get("formatted_body"), None);
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter2"]).await;
        let sent = testing::send_answered(PLAIN, firing(), |_| {
            (403, Vec::new(), r#"{"errcode":"M_FORBIDDEN","error":"not in room"}"#.to_owned())
        });
        let failure = sent.await.result.unwrap_err();
        assert_eq!(failure.error, "unexpected status code 403: M_FORBIDDEN: not in room");
    }
}
