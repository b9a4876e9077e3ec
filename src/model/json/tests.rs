use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{Alert, Fingerprint, LabelSet, MatcherMode, Timestamp};

/// The answer to a body that is refused: status, code and message.
fn refusal(body: &str) -> String {
    match decode_alerts(body.as_bytes()) {
        Ok(alerts) => format!("accepted {}", alerts.len()),
        Err(error) => format!("{} {} {}", error.status, error.code, error.message),
    }
}

fn decode_one(body: &str) -> PostedAlert {
    decode_alerts(body.as_bytes()).unwrap().remove(0)
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn alert() -> Alert {
    Alert {
        labels: LabelSet::from_iter([("severity", "page"), ("alertname", "x")]),
        annotations: LabelSet::from_iter([("summary", "a <b>")]),
        starts_at: time("2026-08-21T10:11:12.345678Z"),
        ends_at: time("2026-08-21T10:15:12.3459Z"),
        updated_at: time("2026-08-21T10:11:13Z"),
        generator_url: Arc::from("http://h:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"),
        timeout: false,
    }
}

fn pushed(alert: &Alert) -> String {
    let mut json = Vec::new();
    push_alerts([alert], &mut json);
    String::from_utf8(json).unwrap()
}

#[test]
fn writes_what_prometheus_writes() {
    assert_eq!(
        pushed(&alert()),
        r#"[{"annotations":{"summary":"a \u003cb\u003e"},"endsAt":"2026-08-21T10:15:12.345Z","startsAt":"2026-08-21T10:11:12.345Z","generatorURL":"http://h:9090/graph?g0.expr=up+%3D%3D+0\u0026g0.tab=1","labels":{"alertname":"x","severity":"page"}}]"#
    );
    let bare = Alert {
        annotations: LabelSet::default(),
        labels: LabelSet::default(),
        generator_url: Arc::from(""),
        timeout: true,
        ..alert()
    };
    assert_eq!(
        pushed(&bare),
        r#"[{"endsAt":"0001-01-01T00:00:00.000Z","startsAt":"2026-08-21T10:11:12.345Z","labels":{}}]"#
    );
}

#[test]
fn escapes_as_go_does() {
    let mut json = Vec::new();
    push_json_string("\"\\/\n\r\t\u{8}\u{c}\0\u{1f}\u{7f}<>&é\u{2027}\u{2028}\u{2029}🙂", &mut json);
    assert_eq!(
        String::from_utf8(json).unwrap(),
        "\"\\\"\\\\/\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}\\u003c\\u003e\\u0026é\u{2027}\\u2028\\u2029🙂\""
    );
}

#[test]
fn shows_alerts_as_the_api_does() {
    let mut json = Vec::new();
    let alert = alert();
    let shown = ApiAlert {
        alert: &alert,
        receivers: &["team-x", "default"],
        state: "suppressed",
        inhibited_by: &[Fingerprint(1)],
        muted_by: &[],
        silenced_by: &["a1"],
    };
    push_api_alert(&shown, &mut json);
    let expected = format!(
        r#"{{"annotations":{{"summary":"a \u003cb\u003e"}},"endsAt":"2026-08-21T10:15:12.345Z","fingerprint":"{}","receivers":[{{"name":"team-x"}},{{"name":"default"}}],"startsAt":"2026-08-21T10:11:12.345Z","status":{{"inhibitedBy":["0000000000000001"],"mutedBy":[],"silencedBy":["a1"],"state":"suppressed"}},"updatedAt":"2026-08-21T10:11:13.000Z","generatorURL":"http://h:9090/graph?g0.expr=up+%3D%3D+0\u0026g0.tab=1","labels":{{"alertname":"x","severity":"page"}}}}"#,
        alert.fingerprint()
    );
    assert_eq!(String::from_utf8(json).unwrap(), expected);
}

#[test]
fn reads_what_it_writes() {
    let posted = decode_one(&pushed(&alert()));
    let read = posted.validate(alert().updated_at, Duration::from_secs(300), MatcherMode::Fallback).unwrap();
    let truncated = Alert {
        starts_at: time("2026-08-21T10:11:12.345Z"),
        ends_at: time("2026-08-21T10:15:12.345Z"),
        ..alert()
    };
    assert_eq!(read, truncated);
}

#[test]
fn reads_as_leniently_as_go() {
    let posted = decode_one(
        r#" [ {"LABELſ": {"a": "1", "b": null, "c": "x"}, "x": [{"y": [1.5e3, -0, true, {}]}], "labels": {"a": "\u0032", "d": "\ud83d\ude42\ud83dx\/"},
        "annotations": {"n": null, "e": ""}, "StartsAt": "2026-08-21T10:00:00+02:00", "startsAt": null,
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "/x"} ] trailing"#,
    );
    assert_eq!(posted.labels, LabelSet::from_iter([("a", "2"), ("c", "x"), ("d", "🙂\u{fffd}x/")]));
    assert_eq!(posted.annotations, LabelSet::from_iter([("e", ""), ("n", "")]));
    assert_eq!(posted.starts_at, Some(time("2026-08-21T08:00:00Z")));
    assert_eq!(posted.ends_at, None);
    assert_eq!(&*posted.generator_url, "/x");

    let broken = b"[{\"labels\":{\"a\":\"\xe2\x80x\xff\",\"b\":\"\xc3\xa9\"}}]";
    let posted = decode_alerts(broken).unwrap().remove(0);
    assert_eq!(posted.labels, LabelSet::from_iter([("a", "\u{fffd}\u{fffd}x\u{fffd}"), ("b", "é")]));

    let emptied = decode_one(r#"[{"labels":{"a":"1","b":"x","a":""}}]"#);
    assert_eq!(emptied.labels, LabelSet::from_iter([("b", "x")]));
    assert_eq!(refusal("[]"), "accepted 0");
    assert_eq!(refusal("null"), "accepted 0");
    assert_eq!(refusal(r#"[{"labels":{}}]"#), "accepted 1");
}

#[test]
fn refuses_in_the_words_of_the_framework() {
    let cases = [
        ("", "422 602 alerts in body is required"),
        (" \n", "422 602 alerts in body is required"),
        ("[{}]", "422 602 0.labels in body is required"),
        (r#"[{"labels":{"a":"b"}},{"labels":null}]"#, "422 602 1.labels in body is required"),
        (r#"[{"labels":{"a":"b"},"labels":null}]"#, "422 602 0.labels in body is required"),
        ("[null]", "422 602 0 in body is required"),
        (
            r#"[{"labels":{},"generatorURL":"foo"}]"#,
            "422 601 0.generatorURL in body must be of type uri: \"foo\"",
        ),
        (r#"[{"generatorURL":"foo"}]"#, "422 601 0.generatorURL in body must be of type uri: \"foo\""),
    ];
    for (body, expected) in cases {
        assert_eq!(refusal(body), expected, "{body}");
    }
}

#[test]
fn names_broken_json_as_go_does() {
    let cases = [
        ("[", "unexpected EOF"),
        ("[{\"a", "unexpected EOF"),
        ("[tru", "unexpected EOF"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[01]", "invalid character '1' after array element"),
        ("[{]", "invalid character ']' looking for beginning of object key string"),
        ("[{\"a\":1,}]", "invalid character '}' looking for beginning of object key string"),
        ("[{\"a\" 1}]", "invalid character '1' after object key"),
        ("[{\"a\":1 \"b\"}]", "invalid character '\"' after object key:value pair"),
        ("[{\"a\":{\"b\":1]}]", "invalid character ']' after object key:value pair"),
        ("[\"\n\"]", "invalid character '\\n' in string literal"),
        ("[\"\\x\"]", "invalid character 'x' in string escape code"),
        ("[\"\\u00g0\"]", "invalid character 'g' in \\u hexadecimal character escape"),
        ("[-]", "invalid character ']' in numeric literal"),
        ("[1.]", "invalid character ']' after decimal point in numeric literal"),
        ("[1e+]", "invalid character ']' in exponent of numeric literal"),
        ("[trve]", "invalid character 'v' in literal true (expecting 'u')"),
        ("[nulL]", "invalid character 'L' in literal null (expecting 'l')"),
        ("['a']", "invalid character '\\'' looking for beginning of value"),
        ("é", "invalid character 'Ã' looking for beginning of value"),
        ("{}", "json: cannot unmarshal object into Go value of type models.PostableAlerts"),
        ("\"x\"", "json: cannot unmarshal string into Go value of type models.PostableAlerts"),
        (
            "[1]",
            "json: cannot unmarshal number into Go value of type struct { Annotations models.LabelSet \"json:\\\"annotations,omitempty\\\"\"; EndsAt strfmt.DateTime \"json:\\\"endsAt,omitempty\\\"\"; StartsAt strfmt.DateTime \"json:\\\"startsAt,omitempty\\\"\" }",
        ),
        (
            r#"[{"labels":{"a":1},"annotations":[]}]"#,
            "json: cannot unmarshal array into Go struct field .annotations of type models.LabelSet",
        ),
        (
            r#"[{"labels":{"a":1}}]"#,
            "json: cannot unmarshal number into Go struct field Alert.labels of type string",
        ),
        (r#"[{"endsAt":1}]"#, "json: cannot unmarshal number into Go struct field .endsAt of type string"),
        (
            r#"[{"labels":{"a":1},"generatorURL":{}}]"#,
            "json: cannot unmarshal object into Go struct field Alert.generatorURL of type string",
        ),
        (
            r#"[{"annotations":1,"endsAt":"yesterday"}]"#,
            "parsing time \"yesterday\" as \"2006-01-02\": cannot parse \"yesterday\" as \"2006\"",
        ),
        (r#"[{"endsAt":"2026-08-21T25"}]"#, "parsing time \"2026-08-21T25\": extra text: \"T25\""),
        (r#"[{"endsAt":"2026-13-01"}]"#, "parsing time \"2026-13-01\": month out of range"),
        (r#"[{"endsAt":"2026-02-30"}]"#, "parsing time \"2026-02-30\": day out of range"),
        (
            r#"[{"endsAt":"2026/02"}]"#,
            "parsing time \"2026/02\" as \"2006-01-02\": cannot parse \"/02\" as \"-\"",
        ),
        (r#"[{"endsAt":1},"#, "unexpected EOF"),
    ];
    for (body, expected) in cases {
        let expected = format!("400 400 parsing alerts body from \"\" failed, because {expected}");
        assert_eq!(refusal(body), expected, "{body}");
    }
    let error = decode_alerts(b"<").unwrap_err();
    assert_eq!(
        String::from_utf8(error.to_json()).unwrap(),
        r#"{"code":400,"message":"parsing alerts body from \"\" failed, because invalid character '\u003c' looking for beginning of value"}"#
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("[{{\"x\":{}{}}}]", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refusal(&nested(9_998)), "422 602 0.labels in body is required");
    assert_eq!(
        refusal(&nested(9_999)),
        "400 400 parsing alerts body from \"\" failed, because invalid character '[' exceeded max depth"
    );
    let objects = format!("[{}", "{\"x\":".repeat(100_000));
    assert!(refusal(&objects).ends_with("invalid character '{' exceeded max depth"));
}

#[test]
fn knows_uris() {
    let cases = [
        ("http://h:9090/graph?g0.expr=up&g0.tab=1#x", true),
        ("/path", true),
        ("mailto:a@b", true),
        ("http://[::1]:80/", true),
        ("http://u:p@h", true),
        ("http://é/ü", true),
        ("*", true),
        ("foo", false),
        ("foo/bar", false),
        (":foo", false),
        ("?a=b", false),
        ("http://h h/", false),
        ("http://h:port/", false),
        ("http://[::1", false),
        ("http://h/%zz", false),
        ("http://h%41/", false),
        ("http://h/\u{7f}", false),
        ("http://h/a b", true),
    ];
    for (text, expected) in cases {
        assert_eq!(uri::is_request_uri(text), expected, "{text}");
    }
}

#[test]
fn accepts_and_refuses_alerts_as_alertmanager_does() {
    let now = time("2026-08-21T10:00:00Z");
    let accept = |body: &str, mode| {
        let posted = decode_one(body);
        posted.validate(now, Duration::from_secs(300), mode).map_err(|error| error.to_string())
    };
    let fallback = |body| accept(body, MatcherMode::Fallback);

    let open = fallback(r#"[{"labels":{"a":"b"}}]"#).unwrap();
    assert_eq!((open.starts_at, open.ends_at, open.timeout), (now, time("2026-08-21T10:05:00Z"), true));
    let ended = fallback(r#"[{"labels":{"a":"b"},"endsAt":"2026-08-21T09:00:00Z"}]"#).unwrap();
    assert_eq!((ended.starts_at, ended.ends_at, ended.timeout), (ended.ends_at, ended.ends_at, false));
    assert!(!decode_one(r#"[{"labels":{"a":"b"},"endsAt":"2026-08-21T09:00:00Z"}]"#).is_firing_at(now));
    assert!(fallback(r#"[{"labels":{"a.b":"c"},"annotations":{"d.e":""}}]"#).is_ok());

    let cases = [
        (
            MatcherMode::Fallback,
            r#"[{"labels":{"a":"b"},"startsAt":"2026-08-21T10:00:01Z","endsAt":"2026-08-21T10:00:00Z"}]"#,
            "start time must be before end time",
        ),
        (MatcherMode::Fallback, r#"[{"labels":{"a":""}}]"#, "at least one label pair required"),
        (MatcherMode::Fallback, r#"[{"labels":{"":"b"}}]"#, "invalid label set: invalid name \"\""),
        (MatcherMode::Classic, r#"[{"labels":{"a.b":"c"}}]"#, "invalid label set: invalid name \"a.b\""),
        (
            MatcherMode::Classic,
            r#"[{"labels":{"a":"c"},"annotations":{"a-b":"c"}}]"#,
            "invalid annotations: invalid name \"a-b\"",
        ),
    ];
    for (mode, body, expected) in cases {
        assert_eq!(accept(body, mode), Err(expected.to_owned()), "{body}");
    }
}
