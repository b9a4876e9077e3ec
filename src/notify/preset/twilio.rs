//! `twilio`: text messages by Twilio. One integration tells one number, so that another attempt repeats nothing to
//! somebody who has been told.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Limit, Preset, TEXT, TITLE};
use crate::net::Response;

#[derive(Debug)]
pub(super) struct Twilio;

impl Preset for Twilio {
    fn body(&self) -> Value {
        json!({"Body": format!("{TITLE}\n{TEXT}")})
    }

    fn is_form(&self) -> bool {
        true
    }

    fn demanded(&self) -> &'static [&'static str] {
        &["To"]
    }

    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[("/Body", Limit::Characters(1600))]
    }

    fn details(&self) -> fn(&Response) -> String {
        details
    }
}

/// What Twilio says is wrong.
fn details(answer: &Response) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        code: i64,
        message: String,
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Refusal { code, message }) if !message.is_empty() => format!("{message} ({code})"),
        _ => String::from_utf8_lossy(&answer.body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::notify::Integration;
    use crate::notify::testing::{self, firing, wordy};

    const PLAIN: &str = "webhook_configs: [{preset: twilio, url: '$URL/2010-04-01/Accounts/AC1/Messages.json', \
        form: {From: '+100', To: '+200'}, http_config: {basic_auth: {username: AC1, password: hunter2}}}]";
    const FORM: &str = "application/x-www-form-urlencoded";

    #[tokio::test]
    async fn posts_a_form() {
        let sent = testing::send(PLAIN, firing()).await;
        sent.post("/2010-04-01/Accounts/AC1/Messages.json", FORM);
        assert_eq!(sent.seen[0].header("authorization"), Some("Basic QUMxOmh1bnRlcjI="));
        assert_eq!(
            sent.body(),
            "From=%2B100&To=%2B200&Body=%5BFIRING%3A1%5D+HighCPU+%28%3Ceu%3E+critical%29%0AFIRING+HighCPU+%3Ceu%3E+\
             critical%0Asummary%3A+CPU+%E2%98%83+is+%22hot%22%0A"
        );
        assert!(sent.result.is_ok());
    }

    #[tokio::test]
    async fn fields_may_be_others() {
        let form = "form: {MessagingServiceSid: MG1, To: '+{{ len .Alerts }}', Body: '{{ .Status }}'}";
        let sent = testing::send(&PLAIN.replace("form: {From: '+100', To: '+200'}", form), firing()).await;
        assert_eq!(sent.body(), "Body=firing&MessagingServiceSid=MG1&To=%2B1");
        let receiver = testing::receiver(&PLAIN.replace("$URL", "http://x").replace(", To: '+200'", ""));
        let error =
            Integration::new("team", &receiver.integrations[0], &testing::surroundings()).unwrap_err();
        assert!(error.to_string().ends_with("the preset needs To in form"), "{error}");
    }

    #[tokio::test]
    async fn long_texts_are_cut() {
        let yaml = PLAIN.replace("form: {", "form: {Body: '{{ .CommonAnnotations.text }}', ");
        let body = testing::send(&yaml, wordy(1601)).await.body();
        let text = url::form_urlencoded::parse(body.as_bytes()).next().unwrap().1.into_owned();
        assert_eq!(text, format!("{}…", "汉".repeat(1599)));
    }

    #[tokio::test]
    async fn a_template_that_fails_still_notifies() {
        let yaml = PLAIN.replace("form: {", "form: {Body: '{{ .Nope }}', ");
        let body = testing::send(&yaml, firing()).await.body();
        assert!(body.contains("The+template+of+form.Body+failed"), "{body}");
    }

    #[tokio::test]
    async fn statuses_and_secrets() {
        testing::verdicts(PLAIN, &[429], true).await;
        testing::redacts(PLAIN, &["hunter2", "QUMxOmh1bnRlcjI="]).await;
        let sent = testing::send_answered(PLAIN, firing(), |_| {
            (400, Vec::new(), r#"{"code":21211,"message":"not a number","status":400}"#.to_owned())
        });
        assert_eq!(sent.await.result.unwrap_err().error, "unexpected status code 400: not a number (21211)");
    }
}
