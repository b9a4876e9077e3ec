//! `sns_configs`.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::named;
use crate::config::http::SigV4Config;
use crate::config::yaml::{Fields, always};

/// Notifications by Amazon's Simple Notification Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnsConfig {
    /// `api_url`, a template; empty: the endpoint of the region.
    pub api_url: String,
    /// `sigv4`.
    #[serde(serialize_with = "serialize_sigv4")]
    pub sigv4: SigV4Config,
    /// `topic_arn`, a template.
    pub topic_arn: String,
    /// `phone_number`, a template.
    pub phone_number: String,
    /// `target_arn`, a template.
    pub target_arn: String,
    /// `subject`, a template.
    pub subject: String,
    /// `message`, a template.
    pub message: String,
    /// `attributes`, both sides templates.
    pub attributes: BTreeMap<String, String>,
    /// `use_aws_http_client`: of the HTTP client only TLS and proxy apply.
    pub use_aws_http_client: bool,
}

/// The block without the name of the service, which is always `sns`.
fn serialize_sigv4<S: Serializer>(sigv4: &SigV4Config, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = SigV4Config { service_name: String::new(), ..sigv4.clone() };
    always(&shown, serializer)
}

impl SnsConfig {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let sigv4 = fields.block("sigv4", |fields| SigV4Config::decode(fields, "sns"));
        let sigv4 = sigv4.or_else(|| fields.empty_block(|fields| SigV4Config::decode(fields, "sns")));
        let [topic_arn, phone_number, target_arn, api_url] =
            ["topic_arn", "phone_number", "target_arn", "api_url"]
                .map(|key| fields.get_or_default::<String>(key));
        // Alertmanager counts them so: one is right, and so are all three.
        let targets = [&topic_arn, &phone_number, &target_arn];
        if targets.iter().filter(|target| !target.is_empty()).count() % 2 == 0 {
            let message = "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config";
            fields.value().fault(message);
        }
        let [subject, message] =
            ["subject", "message"].map(|key| fields.get_or(key, named(&format!("sns.default.{key}"))));
        let attributes = fields.get_or_default("attributes");
        let use_aws_http_client = fields.get_or_default("use_aws_http_client");
        Some(Self {
            api_url,
            sigv4: sigv4?,
            topic_arn,
            phone_number,
            target_arn,
            subject,
            message,
            attributes,
            use_aws_http_client,
        })
    }
}
