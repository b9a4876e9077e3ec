//! Messages, replies and changes.

use std::sync::Arc;

use super::*;
use crate::config::alertmanager::Integration as Settings;
use crate::model::Notification;
use crate::net::testing::Answer;
use crate::notify::testing::{self, Bench, firing, resolved, send, send_answered, wordy};

const PLAIN: &str = "slack_configs: [{api_url: '$URL/services/T0/hunter2', channel: '#ops'}]";

/// As Alertmanager 0.33.1 sent it.
#[tokio::test]
async fn a_message_by_default() {
    let yaml = "slack_configs:\n- {api_url: '$URL/slack', fields: [{title: t, value: v}], \
                actions: [{type: button, text: t, url: 'http://x', name: n}]}";
    let sent = send(yaml, firing()).await;
    sent.post("/slack", "application/json");
    assert_eq!(
        sent.body(),
        concat!(
            r#"{"username":"Alertmanager","attachments":[{"title":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#,
            r#""title_link":"http://am.example/#/alerts?receiver=team","text":"","#,
            r#""fallback":"[FIRING:1] HighCPU (\u003ceu\u003e critical) | http://am.example/#/alerts?receiver=team","#,
            r#""callback_id":"","fields":[{"title":"t","value":"v","short":false}],"#,
            r#""actions":[{"type":"button","text":"t","url":"http://x"}],"footer":"","color":"danger","#,
            r#""mrkdwn_in":["fallback","pretext","text"]}]}"#,
            "\n"
        )
    );
    assert_eq!(send(yaml, resolved()).await.json()["attachments"][0]["color"], "good");
}

#[tokio::test]
async fn every_key() {
    let yaml = r#"slack_configs:
- api_url: '$URL/'
  channel: '#{{ .Status }}'
  username: u
  color: c
  title: '{{ .CommonAnnotations.text }}'
  title_link: tl
  pretext: p
  text: t
  message_text: mt
  short_fields: true
  fields: [{title: a, value: b}, {title: c, value: '{{ .Status }}', short: false}]
  footer: f
  fallback: fb
  callback_id: ci
  icon_emoji: ':x:'
  icon_url: iu
  image_url: im
  thumb_url: th
  link_names: true
  mrkdwn_in: [text]
  actions: [{type: button, text: x, name: n, value: v, style: danger, confirm: {text: sure, title: s, ok_text: o, dismiss_text: d}}]
"#;
    let body = send(yaml, wordy(1025)).await.json();
    assert_eq!(
        body,
        serde_json::json!({"channel": "#firing", "username": "u", "icon_emoji": ":x:", "icon_url": "iu",
            "link_names": true, "text": "mt", "attachments": [{"title": format!("{}…", "汉".repeat(1023)),
            "title_link": "tl", "pretext": "p", "text": "t", "fallback": "fb", "callback_id": "ci",
            "fields": [{"title": "a", "value": "b", "short": true}, {"title": "c", "value": "firing", "short": false}],
            "actions": [{"type": "button", "text": "x", "style": "danger", "name": "n", "value": "v",
            "confirm": {"text": "sure", "title": "s", "ok_text": "o", "dismiss_text": "d"}}],
            "image_url": "im", "thumb_url": "th", "footer": "f", "color": "c", "mrkdwn_in": ["text"]}]})
    );
}

/// Alertmanager posts such a message with empty texts.
#[tokio::test]
async fn a_template_that_fails_still_notifies() {
    let yaml = "slack_configs: [{api_url: '$URL/', title: '{{ .Nope }}', color: '{{ template \"none\" }}'}]";
    let attachment = send(yaml, firing()).await.json()["attachments"][0].clone();
    assert_eq!(attachment["title"], "[FIRING:1] HighCPU");
    let text = attachment["text"].as_str().unwrap();
    assert!(
        text.contains("firing: alertname=HighCPU") && text.contains("The template of title failed"),
        "{text}"
    );
    assert!(text.contains("The template of color failed"), "{text}");
}

fn json(body: &str) -> Answer {
    (200, vec![("content-type", "application/json; charset=utf-8".to_owned())], body.to_owned())
}

#[tokio::test]
async fn replies() {
    let failure = async |answer: Answer| {
        let sent = send_answered(PLAIN, firing(), move |_| answer.clone()).await;
        sent.result.map_err(|failure| (failure.retry, failure.reason, failure.error))
    };
    assert!(failure(json("{\"ok\":true}")).await.is_ok());
    let text = |text: &str| format!("channel \"#ops\": {text}");
    assert_eq!(
        failure(json("{\"ok\":false,\"error\":\"channel_not_found\"}")).await,
        Err((false, FailureReason::ClientError, text("error response from Slack: channel_not_found")))
    );
    assert_eq!(
        failure((200, Vec::new(), "no_text".to_owned())).await,
        Err((false, FailureReason::ClientError, text("error response from Slack: no_text")))
    );
    let (retry, reason, error) = failure(json("{")).await.unwrap_err();
    assert_eq!((retry, reason), (true, FailureReason::Other));
    assert!(error.starts_with("channel \"#ops\": could not unmarshal JSON response"), "{error}");
    assert_eq!(
        failure((404, Vec::new(), "no_team".to_owned())).await,
        Err((false, FailureReason::ClientError, text("unexpected status code 404: no_team")))
    );
}

#[tokio::test]
async fn verdicts_and_secrets() {
    testing::verdicts(PLAIN, &[], true).await;
    testing::redacts(PLAIN, &["hunter2"]).await;
    let token = "slack_configs: [{app_token: xoxb-hunter2, app_url: '$URL/api', channel: c}]";
    testing::redacts(token, &["xoxb-hunter2"]).await;
    let sent = send(token, firing()).await;
    assert_eq!(sent.seen[0].header("authorization"), Some("Bearer xoxb-hunter2"));
    assert_eq!(sent.seen[0].uri.path(), "/api");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_own_time_limit() {
    let yaml = "slack_configs: [{api_url: '$URL/', timeout: 1s}]";
    let failure = testing::send_to_silence(yaml, firing()).await.unwrap_err();
    assert!(failure.retry && failure.error.ends_with("configured slack timeout reached (1s)"), "{failure:?}");
}

#[tokio::test]
async fn a_later_notification_replaces_the_message() {
    let bench = Bench::answering(|_| json(r#"{"ok":true,"ts":"17.5","channel":"C024"}"#)).await;
    let url = bench.url();
    let yaml = "slack_configs: [{api_url: 'https://slack.com/api/chat.postMessage', channel: '#ops', update_message: true, \
                http_config: {authorization: {credentials: xoxb}}}]";
    let integration = testing::integration_of(yaml, |settings, build| {
        let Settings::Slack(config) = settings else { panic!("Slack") };
        let made = Slack::new(config, build).unwrap();
        assert_eq!(made.update_url, "https://slack.com/api/chat.update");
        let api_url = crate::config::Source::Inline(crate::config::Secret::new(&format!("{url}/post")));
        let api_url = SecretField::literal("api_url", &api_url);
        Box::new(Slack { api_url, update_url: format!("{url}/update"), ..made })
    });
    let kept = testing::attempt(&integration, firing()).await.unwrap().receiver_data.unwrap();
    let text = |text: &str| ReceiverValue::Text(text.to_owned());
    assert_eq!(kept, [("channelId".to_owned(), text("C024")), ("threadTs".to_owned(), text("17.5"))].into());
    let later = Notification { receiver_data: Some(Arc::new(kept.clone())), ..resolved() };
    let again = testing::attempt(&integration, later).await.unwrap();
    assert_eq!(again.receiver_data, Some(kept));
    let bodies: Vec<serde_json::Value> =
        bench.seen().iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect();
    assert_eq!((bench.seen()[0].uri.path(), bench.seen()[1].uri.path()), ("/post", "/update"));
    assert_eq!((&bodies[0]["channel"], &bodies[0]["ts"]), (&"#ops".into(), &serde_json::Value::Null));
    assert_eq!((&bodies[1]["channel"], &bodies[1]["ts"]), (&"C024".into(), &"17.5".into()));
    // Half of what was kept is no use.
    let half = [("threadTs".to_owned(), text("17.5"))].into();
    let new = Notification { receiver_data: Some(Arc::new(half)), ..firing() };
    testing::attempt(&integration, new).await.unwrap();
    assert_eq!(bench.seen()[2].uri.path(), "/post");
}
