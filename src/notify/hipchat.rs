//! `hipchat`: messages to a room, as Alertmanager sent them until 0.20.

use serde::Serialize;
use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::Service;
use crate::config::Source;
use crate::config::alertmanager::HipChatConfig;

#[derive(Debug)]
pub(super) struct HipChat {
    service: Service,
    api_url: Url,
    auth_token: SecretField,
    room_id: Field,
    from: Field,
    notify: bool,
    message: Field,
    message_format: String,
    color: Field,
}

impl HipChat {
    pub(super) fn new(config: &HipChatConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let is_html = config.message_format == "html";
        Ok(Self {
            service: build.service(Verdict::retrying(&[429]))?,
            api_url: config.api_url.parsed().clone(),
            auth_token: SecretField::literal("auth_token", &Source::Inline(config.auth_token.clone())),
            room_id: build.text("room_id", &config.room_id),
            from: build.text("from", &config.from),
            notify: config.notify,
            message: if is_html {
                build.html("message", &config.message)
            } else {
                build.text("message", &config.message)
            },
            message_format: config.message_format.clone(),
            color: build.text("color", &config.color),
        })
    }

    fn url(&self, room_id: &str, token: &str) -> Url {
        let mut url = self.api_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["v2", "room", room_id, "notification"]);
        }
        url.query_pairs_mut().append_pair("auth_token", token);
        url
    }
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    from: String,
    notify: bool,
    message: String,
    message_format: &'a str,
    color: String,
}

impl Notifier for HipChat {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let room_id = attempt.needed(&self.room_id)?;
            let token = attempt.secret(&self.auth_token).await?;
            let body = Body {
                from: attempt.field(&self.from),
                notify: self.notify,
                color: attempt.field(&self.color),
                message_format: &self.message_format,
                message: attempt.message(&self.message),
            };
            let url = self.url(&room_id, token.expose());
            Ok(self.service.post_json(attempt, url.as_str(), &body).await?.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{self, firing, resolved};

    const PLAIN: &str = "hipchat_configs: [{api_url: '$URL/', auth_token: 'hunter 2', room_id: ops}]";

    #[tokio::test]
    async fn posts_to_the_room() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/v2/room/ops/notification?auth_token=hunter+2", "application/json");
        assert_eq!(
            sent.body(),
            r#"{"from":"Alertmanager","notify":false,"message":"[FIRING:1] HighCPU (\u003ceu\u003e critical)","#.to_owned()
                + "\"message_format\":\"text\",\"color\":\"red\"}\n"
        );
        let yaml = PLAIN.replace("room_id:", "send_resolved: true, room_id:");
        assert_eq!(testing::send(&yaml, resolved()).await.json()["color"], "green");
    }

    #[tokio::test]
    async fn every_key() {
        let yaml = "global: {hipchat_api_url: '$URL/base', hipchat_auth_token: secret-token}\n---\n\
            hipchat_configs: [{room_id: 'the {{ .Status }}/room', from: '{{ .Receiver }}', notify: true, \
            message: '<b>{{ .CommonLabels.cluster }}</b>', message_format: html, color: purple}]";
        let sent = testing::send(yaml, firing()).await;
        sent.post(
            "/base/v2/room/the%20firing%2Froom/notification?auth_token=secret-token",
            "application/json",
        );
        assert_eq!(
            sent.body(),
            r#"{"from":"team","notify":true,"message":"\u003cb\u003e\u0026lt;eu\u0026gt;\u003c/b\u003e","#
                .to_owned()
                + "\"message_format\":\"html\",\"color\":\"purple\"}\n"
        );
    }

    #[tokio::test]
    async fn templates_that_fail() {
        let yaml = PLAIN.replace("room_id:", "from: '{{ .Nope }}', message_format: html, room_id:");
        let body = testing::send(&yaml, firing()).await.json();
        assert_eq!(body["from"], "");
        let text = body["message"].as_str().unwrap();
        assert!(text.contains("&lt;eu&gt;") && text.contains("The template of from failed"), "{text}");
        let sent = testing::send(&PLAIN.replace("ops", "'{{ .Nope }}'"), firing()).await;
        assert!(!sent.result.unwrap_err().retry && sent.seen.is_empty());
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter 2", "hunter+2"]).await;
    }
}
