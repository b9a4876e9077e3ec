//! The calls to each kind of target, and what comes back.

use crate::config::{HttpClientConfig, Source, TlsConfig};
use crate::model::FailureReason;
use crate::notify::testing::{self, firing, mixed, wordy};

const PLAIN: &str = "sns_configs: [{api_url: '$URL/', topic_arn: 'arn:aws:sns:us-east-1:1:ops', \
    sigv4: {region: us-east-1, access_key: AKID, secret_key: hunter2}}]";
const FORM: &str = "application/x-www-form-urlencoded";

/// The parameters of the call, decoded, one line each in their order.
fn parameters(sent: &testing::Sent) -> Vec<String> {
    let body = sent.body();
    let pairs = url::form_urlencoded::parse(body.as_bytes());
    pairs.map(|(name, value)| format!("{name}={value}")).collect()
}

#[tokio::test]
async fn publishes_to_a_topic() {
    let sent = testing::send(PLAIN, firing()).await;
    sent.post("/", FORM);
    assert_eq!(
        sent.body(),
        "Action=Publish&Message=CPU+%E2%98%83+is+%22hot%22%0A%0AAlerts+Firing%3A%0ALabels%3A%0A+-+alertname+%3D+HighCPU\
         %0A+-+cluster+%3D+%3Ceu%3E%0A+-+severity+%3D+critical%0AAnnotations%3A%0A+-+summary+%3D+CPU+%E2%98%83+is+%22hot\
         %22%0ASource%3A+http%3A%2F%2Fprom%2Fgraph%3Fg0.expr%3Da%26b%0A%0A%0A%0A&Subject=%5BFIRING%3A1%5D+HighCPU+\
         %28%3Ceu%3E+critical%29&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A1%3Aops&Version=2010-03-31"
    );
    let seen = &sent.seen[0];
    let authorization = seen.header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
    assert!(
        authorization
            .contains("/us-east-1/sns/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="),
        "{authorization}"
    );
    assert!(seen.header("x-amz-date").is_some());
    assert!(sent.result.is_ok());
}

#[tokio::test]
async fn a_fifo_topic_gets_the_groups_hash() {
    let yaml = PLAIN.replace(":ops'", ":{{ .Status }}.fifo', message: m, subject: ''");
    let sent = testing::send(&yaml, firing()).await;
    let hash = crate::notify::data::key_hash(&firing().group_key);
    assert_eq!(
        parameters(&sent),
        [
            "Action=Publish".to_owned(),
            "Message=m".to_owned(),
            format!("MessageDeduplicationId={hash}"),
            format!("MessageGroupId={hash}"),
            "TopicArn=arn:aws:sns:us-east-1:1:firing.fifo".to_owned(),
            "Version=2010-03-31".to_owned(),
        ]
    );
}

#[tokio::test]
async fn phones_and_other_targets_with_attributes() {
    let topic = "topic_arn: 'arn:aws:sns:us-east-1:1:ops'";
    let yaml = PLAIN.replace(topic, "phone_number: '+1{{ len .Alerts }}', message: m, subject: s");
    let wanted = ["Action=Publish", "Message=m", "PhoneNumber=+12", "Subject=s", "Version=2010-03-31"];
    assert_eq!(parameters(&testing::send(&yaml, mixed()).await), wanted);
    let yaml = PLAIN.replace(
        topic,
        "target_arn: 'arn:t', message: m, subject: '', attributes: {'b{{ .Status }}': '{{ .Receiver }}', a: x}",
    );
    assert_eq!(
        parameters(&testing::send(&yaml, firing()).await),
        [
            "Action=Publish",
            "Message=m",
            "MessageAttributes.entry.1.Name=a",
            "MessageAttributes.entry.1.Value.DataType=String",
            "MessageAttributes.entry.1.Value.StringValue=x",
            "MessageAttributes.entry.2.Name=bfiring",
            "MessageAttributes.entry.2.Value.DataType=String",
            "MessageAttributes.entry.2.Value.StringValue=team",
            "TargetArn=arn:t",
            "Version=2010-03-31",
        ]
    );
}

#[tokio::test]
async fn long_messages_are_cut_between_characters() {
    let message = "message: '{{ .CommonAnnotations.text }}', subject: ''";
    for (target, whole, cut) in [
        ("phone_number: '+1'", 533, 1599),
        ("topic_arn: t", 87_381, 262_143),
        ("target_arn: t", 87_381, 262_143),
    ] {
        let yaml = PLAIN.replace("topic_arn: 'arn:aws:sns:us-east-1:1:ops'", &format!("{target}, {message}"));
        let sent = testing::send(&yaml, wordy(whole)).await;
        assert_eq!(parameters(&sent)[1].len(), "Message=".len() + whole * 3);
        let sent = testing::send(&yaml, wordy(whole + 1)).await;
        let parameters = parameters(&sent);
        assert_eq!(parameters[1], format!("Message={}", "汉".repeat(cut / 3)));
        assert_eq!(parameters[2], "MessageAttributes.entry.1.Name=truncated");
        assert_eq!(parameters[4], "MessageAttributes.entry.1.Value.StringValue=true");
    }
}

#[tokio::test]
async fn templates_that_fail() {
    let yaml = PLAIN.replace("api_url:", "subject: '{{ .Nope }}', attributes: {a: '{{ .Nope }}'}, api_url:");
    let parameters = parameters(&testing::send(&yaml, firing()).await);
    assert!(parameters[1].contains("subject failed") && parameters[1].contains("attributes.a failed"));
    assert_eq!(parameters[2], "Subject=[FIRING:1] HighCPU");
    let yaml = PLAIN.replace(":ops'", ":{{ .Nope }}'");
    assert!(!testing::send(&yaml, firing()).await.result.unwrap_err().retry);
}

#[tokio::test]
async fn errors_are_aws_own() {
    let error = |code: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>no &lt;way&gt;</Message></Error></ErrorResponse>"
        )
    };
    for (status, code, retry, reason) in [
        (400, "InvalidParameter", false, FailureReason::ClientError),
        (403, "AuthorizationError", false, FailureReason::AuthError),
        (400, "Throttling", true, FailureReason::ClientError),
        (429, "Throttled", true, FailureReason::RateLimited),
        (500, "InternalError", true, FailureReason::ServerError),
    ] {
        let body = error(code);
        let sent = testing::send_answered(PLAIN, firing(), move |_| (status, Vec::new(), body.clone())).await;
        let failure = sent.result.unwrap_err();
        assert_eq!((failure.retry, failure.reason), (retry, reason), "{code}");
        assert_eq!(failure.error, format!("unexpected status code {status}: no <way>"));
    }
}

#[tokio::test]
async fn statuses_and_secrets() {
    testing::verdicts(PLAIN, &[], true).await;
    testing::redacts(PLAIN, &["hunter2"]).await;
}

#[test]
fn of_the_client_aws_takes_tls_and_proxy() {
    let tls_config = TlsConfig { server_name: Some("x".to_owned()), ..TlsConfig::default() };
    let http = HttpClientConfig { tls_config, follow_redirects: false, ..HttpClientConfig::default() };
    let made = super::as_aws_does(http, Some("/ca.pem".into()));
    assert!(made.follow_redirects);
    assert_eq!(made.tls_config.server_name.as_deref(), Some("x"));
    assert_eq!(made.tls_config.ca, Some(Source::File("/ca.pem".into())));
}

/// Without `api_url` the service's own address in the region is called.
#[test]
fn the_region_has_an_address() {
    let config = testing::receiver(&PLAIN.replace("api_url: '$URL/', ", "")).integrations.remove(0);
    let crate::config::alertmanager::Integration::Sns(settings) = &config.settings else { panic!() };
    let options = crate::net::ClientOptions {
        sigv4: Some(settings.sigv4.clone()),
        ..crate::net::ClientOptions::default()
    };
    let client = crate::net::HttpClient::new(&HttpClientConfig::default(), options).unwrap();
    assert_eq!(client.aws_endpoint().unwrap().as_str(), "https://sns.us-east-1.amazonaws.com/");
}
