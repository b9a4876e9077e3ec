//! The requests, with one attachment and with several.

use crate::notify::testing::{self, firing, wordy};

const PLAIN: &str = "mattermost_configs: [{webhook_url: '$URL/hooks/hunter2'}]";

#[tokio::test]
async fn posts_an_attachment() {
    let sent = testing::send(PLAIN, firing()).await;
    sent.post("/hooks/hunter2", "application/json");
    let link = "http://am.example/#/alerts?receiver=team";
    assert_eq!(
        sent.body(),
        r#"{"username":"Alertmanager","attachments":[{"#.to_owned()
            + &format!(
                r#""fallback":"[FIRING:1] HighCPU (\u003ceu\u003e critical) | {link}","color":"danger","#
            )
            + r#""text":"\n\n# Alerts Firing:\n\nLabels:\n  - alertname = HighCPU\n  - cluster = \u003ceu\u003e\n"#
            + r#"  - severity = critical\n\nAnnotations:\n  - summary = CPU ☃ is \"hot\"\n\n"#
            + r#"Source: http://prom/graph?g0.expr=a\u0026b\n\n\n\n\n","#
            + r#""title":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#
            + &format!("\"title_link\":\"{link}\"}}]}}\n")
    );
    assert!(sent.result.is_ok());
}

#[tokio::test]
async fn every_key() {
    let yaml = "mattermost_configs:
- webhook_url: '$URL/'
  channel: '{{ .Status }}'
  username: u
  icon_url: i
  icon_emoji: e
  type: custom
  props: {card: '{{ len .Alerts }}'}
  priority: {priority: URGENT, requested_ack: true, persistent_notifications: true}
  fallback: f
  color: c
  pretext: p
  text: t
  author_name: an
  author_link: al
  author_icon: ai
  title: ti
  title_link: tl
  fields: [{title: a, value: '{{ .Status }}', short: false}, {title: b, value: c}]
  thumb_url: th
  footer: fo
  footer_icon: fi
  image_url: im
";
    let sent = testing::send(yaml, firing()).await;
    assert_eq!(
        sent.body(),
        r#"{"channel":"firing","username":"u","icon_url":"i","icon_emoji":"e","attachments":[{"#.to_owned()
            + r#""fallback":"f","color":"c","pretext":"p","text":"t","author_name":"an","author_link":"al","#
            + r#""author_icon":"ai","title":"ti","title_link":"tl","#
            + r#""fields":[{"title":"a","value":"firing","short":false},{"title":"b","value":"c"}],"#
            + r#""thumb_url":"th","footer":"fo","footer_icon":"fi","image_url":"im"}],"#
            + r#""type":"custom","props":{"card":"1"},"#
            + r#""priority":{"priority":"urgent","requested_ack":true,"persistent_notifications":true}}"#
            + "\n"
    );
}

#[tokio::test]
async fn attachments_of_their_own() {
    let yaml = "mattermost_configs: [{webhook_url: '$URL/', text: 'hello {{ .Status }}', title: unused, username: '', \
        attachments: [{text: a, title: '{{ .Status }}', fields: [{title: x, value: y}]}, {color: red}]}]";
    assert_eq!(
        testing::send(yaml, firing()).await.body(),
        r#"{"text":"hello firing","attachments":[{"text":"a","title":"firing","#.to_owned()
            + "\"fields\":[{\"title\":\"x\",\"value\":\"y\"}]},{\"color\":\"red\"}]}\n"
    );
}

#[tokio::test]
async fn a_priority_that_allows_less() {
    for (priority, wanted) in [
        ("Important", r#"{"priority":"important","requested_ack":true}"#),
        ("standard", r#"{"priority":"standard"}"#),
        ("whatever", r#"{"priority":"standard"}"#),
    ] {
        let set = format!(
            "priority: {{priority: {priority}, requested_ack: true, persistent_notifications: true}}, webhook_url:"
        );
        let body = testing::send(&PLAIN.replace("webhook_url:", &set), firing()).await.body();
        assert!(body.ends_with(&format!(",\"priority\":{wanted}}}\n")), "{body}");
    }
}

#[tokio::test]
async fn long_texts_are_cut() {
    let cut = format!("{}…", "汉".repeat(16_382));
    let text = "text: '{{ .CommonAnnotations.text }}', webhook_url:";
    let body = testing::send(&PLAIN.replace("webhook_url:", text), wordy(16_384)).await.json();
    assert_eq!(body["attachments"][0]["text"], cut);
    let own = PLAIN.replace("webhook_url:", &format!("attachments: [{{title: x}}], {text}"));
    assert_eq!(testing::send(&own, wordy(16_384)).await.json()["text"], cut);
    assert_eq!(testing::send(&own, wordy(16_383)).await.json()["text"], "汉".repeat(16_383));
}

#[tokio::test]
async fn a_template_that_fails_still_notifies() {
    let yaml = PLAIN.replace("webhook_url:", "title: '{{ .Nope }}', text: '{{ .Nope }}', webhook_url:");
    let body = testing::send(&yaml, firing()).await.json();
    assert_eq!(body["attachments"][0]["title"], "[FIRING:1] HighCPU");
    let text = body["attachments"][0]["text"].as_str().unwrap();
    assert!(text.contains("title failed") && text.contains("text failed"), "{text}");
    let own = PLAIN.replace("webhook_url:", "text: x, attachments: [{text: '{{ .Nope }}'}], webhook_url:");
    let text = testing::send(&own, firing()).await.json()["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("x\n\nThe template of attachments[0].text failed"), "{text}");
}

#[tokio::test]
async fn statuses_and_secrets() {
    testing::verdicts(PLAIN, &[], true).await;
    testing::redacts(PLAIN, &["hunter2"]).await;
    let yaml = PLAIN.replace("webhook_url:", "channel: ops, webhook_url:");
    let sent = testing::send_answered(&yaml, firing(), |_| (404, Vec::new(), "gone".to_owned())).await;
    assert_eq!(sent.result.unwrap_err().error, "channel \"ops\": unexpected status code 404: gone");
}
