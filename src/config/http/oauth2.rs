//! OAuth 2: where tokens come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::proxy::Proxy;
use super::source::Source;
use super::tls::TlsConfig;
use crate::config::position::Position;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::Fields;

/// `oauth2`: where and how to fetch a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OAuth2 {
    /// `client_id`, never empty.
    pub client_id: String,
    /// `grant_type` with the keys that belong to it.
    #[serde(rename = "")]
    pub grant: Grant,
    /// `scopes`, joined by spaces in the request.
    pub scopes: Vec<String>,
    /// `token_url`.
    pub token_url: Url,
    /// `endpoint_params`: further form fields of the token request.
    pub endpoint_params: BTreeMap<String, String>,
    /// `tls_config` of the token request.
    #[serde(skip_serializing_if = "TlsConfig::is_default")]
    pub tls_config: TlsConfig,
    /// The proxy of the token request.
    #[serde(rename = "")]
    pub proxy: Option<Proxy>,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// How the client proves itself to the OAuth 2 server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// `client_credentials`, the default: id and secret.
    ClientCredentials {
        /// `client_secret` or `client_secret_file`.
        client_secret: Source<Secret>,
    },
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523): a token signed with an RSA key.
    JwtBearer(JwtBearer),
}

/// The token to sign for the JWT bearer grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JwtBearer {
    /// `client_certificate_key` or `client_certificate_key_file`: the RSA key in PEM.
    #[serde(rename = "client_certificate_key")]
    pub key: Source<Secret>,
    /// `client_certificate_key_id`: the header's `kid`; empty: none.
    #[serde(rename = "client_certificate_key_id")]
    pub key_id: String,
    /// `signature_algorithm`.
    #[serde(rename = "signature_algorithm")]
    pub algorithm: SignatureAlgorithm,
    /// `iss`; when left out, the client id.
    pub iss: String,
    /// `audience`; when left out, the token URL.
    pub audience: String,
    /// `claims`: further claims of the token.
    pub claims: serde_json::Map<String, serde_json::Value>,
}

/// RSA signatures with SHA-2 (RFC 7518).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum SignatureAlgorithm {
    /// With SHA-256, the default.
    #[default]
    RS256,
    /// With SHA-384.
    RS384,
    /// With SHA-512.
    RS512,
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Grant", 2)?;
        match self {
            Self::ClientCredentials { client_secret } => {
                fields.serialize_field("client_secret", client_secret)?
            }
            Self::JwtBearer(jwt) => {
                fields.serialize_field("grant_type", JWT_BEARER)?;
                fields.serialize_field("", jwt)?;
            }
        }
        fields.end()
    }
}

impl OAuth2 {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let client_id: String = fields.get_or_default("client_id");
        if client_id.is_empty() {
            fields.value().fault("oauth2 client_id must be configured");
        }
        let token_url: Option<Url> = fields.get_if_set("token_url");
        if token_url.is_none() && fields.present(&["token_url"]).is_empty() {
            fields.value().fault("oauth2 token_url must be configured");
        }
        let grant = Grant::decode(fields);
        let scopes = fields.get_or_default("scopes");
        let endpoint_params = fields.get_or_default("endpoint_params");
        let tls_config = TlsConfig::decode_at(fields, "tls_config");
        let proxy = Proxy::decode(fields);
        Some(Self {
            client_id,
            grant,
            scopes,
            token_url: token_url?,
            endpoint_params,
            tls_config,
            proxy,
            position: fields.position(),
        })
    }
}

impl Grant {
    fn decode(fields: &mut Fields<'_>) -> Self {
        let jwt = JwtBearer::decode(fields);
        let refused = "cannot use secret ref without manager";
        fields.refuse(&["client_secret_ref"], refused, "use client_secret or client_secret_file");
        let secret: Secret = fields.get_or_default("client_secret");
        let secret_file: PathBuf = fields.get_or_default("client_secret_file");
        match fields.text("grant_type").as_deref() {
            Some(JWT_BEARER) => {
                fields.at_most_one(
                    &["client_certificate_key", "client_certificate_key_file"],
                    "at most one of oauth2 client_certificate_key, client_certificate_key_file & \
                     client_certificate_key_ref must be configured using \
                     grant-type=urn:ietf:params:oauth:grant-type:jwt-bearer",
                );
                return Self::JwtBearer(jwt);
            }
            // Prometheus takes every other grant type for client credentials; a mistyped one is better told.
            None | Some("client_credentials") => {}
            Some(_) => fields.fault_at(
                &["grant_type"],
                &format!("unknown grant type: use client_credentials or {JWT_BEARER}"),
            ),
        }
        fields.at_most_one(
            &["client_secret", "client_secret_file"],
            "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using \
             grant-type=client_credentials",
        );
        let file = !secret_file.as_os_str().is_empty();
        let client_secret = if file { Source::File(secret_file) } else { Source::Inline(secret) };
        Self::ClientCredentials { client_secret }
    }
}

impl JwtBearer {
    fn decode(fields: &mut Fields<'_>) -> Self {
        let help = "use client_certificate_key or client_certificate_key_file";
        fields.refuse(&["client_certificate_key_ref"], "cannot use secret ref without manager", help);
        let key: Secret = fields.get_or_default("client_certificate_key");
        // Prometheus does not join this one path to the directory of the file.
        let file = fields.text("client_certificate_key_file").map(PathBuf::from);
        let algorithm = match fields.text("signature_algorithm").as_deref() {
            None | Some("RS256") => SignatureAlgorithm::RS256,
            Some("RS384") => SignatureAlgorithm::RS384,
            Some("RS512") => SignatureAlgorithm::RS512,
            Some(_) => {
                let message = "valid signature algorithms are RS256, RS384 and RS512";
                fields.fault_at(&["signature_algorithm"], message);
                SignatureAlgorithm::RS256
            }
        };
        let claims: BTreeMap<String, serde_json::Value> = fields.get_or_default("claims");
        Self {
            key: file.map_or(Source::Inline(key), Source::File),
            key_id: fields.get_or_default("client_certificate_key_id"),
            algorithm,
            iss: fields.get_or_default("iss"),
            audience: fields.get_or_default("audience"),
            claims: claims.into_iter().collect(),
        }
    }
}
