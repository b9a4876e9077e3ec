//! AWS Signature Version 4.

use serde::Serialize;

use crate::config::position::Position;
use crate::config::secret::Secret;
use crate::config::yaml::Fields;

/// `sigv4`: AWS Signature Version 4 over each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SigV4Config {
    /// `region`; unset: from the AWS environment.
    pub region: Option<String>,
    /// `access_key` and `secret_key`, which come together; unset: AWS's default chain.
    #[serde(rename = "")]
    pub keys: Option<AwsKeys>,
    /// `profile` of the shared AWS files.
    pub profile: Option<String>,
    /// `role_arn` to assume.
    pub role_arn: Option<String>,
    /// `external_id`, only with a role.
    pub external_id: Option<String>,
    /// `use_fips_sts_endpoint`.
    pub use_fips_sts_endpoint: bool,
    /// `service_name`, `aps` by default.
    pub service_name: String,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// A pair of AWS keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AwsKeys {
    /// `access_key`: the id, which is no secret.
    pub access_key: String,
    /// `secret_key`.
    pub secret_key: Secret,
}

impl SigV4Config {
    /// Reads the block `sigv4`; `default_service` is what requests are signed for if the file does not say.
    pub(crate) fn decode(fields: &mut Fields<'_>, default_service: &str) -> Self {
        let access_key = fields.text("access_key");
        let secret_key = fields.get_if_set("secret_key");
        let role_arn = fields.text("role_arn");
        let external_id = fields.text("external_id");
        if access_key.is_some() != secret_key.is_some() {
            fields.fault_at(
                &["access_key", "secret_key"],
                "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
            );
        }
        if external_id.is_some() && role_arn.is_none() {
            fields.fault_at(&["external_id"], "external_id can only be used with role_arn");
        }
        Self {
            region: fields.text("region"),
            keys: access_key
                .zip(secret_key)
                .map(|(access_key, secret_key)| AwsKeys { access_key, secret_key }),
            profile: fields.text("profile"),
            role_arn,
            external_id,
            use_fips_sts_endpoint: fields.get_or_default("use_fips_sts_endpoint"),
            service_name: fields.text("service_name").unwrap_or_else(|| default_service.to_owned()),
            position: fields.position(),
        }
    }
}
