//! TLS of a client.

use serde::Serialize;

use super::source::Source;
use crate::config::position::Position;
use crate::config::secret::Secret;
use crate::config::yaml::{Decode, Fields, Value, always};

/// `tls_config` of a client. The default verifies the server against the system's roots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TlsConfig {
    /// `ca` or `ca_file`: PEM certificates that replace the system's roots.
    pub ca: Option<Source<String>>,
    /// The client's certificate with its key.
    #[serde(rename = "")]
    pub certificate: Option<ClientCertificate>,
    /// `server_name` to verify, and for SNI, instead of the host of the URL.
    pub server_name: Option<String>,
    /// `insecure_skip_verify`.
    #[serde(serialize_with = "always")]
    pub insecure_skip_verify: bool,
    /// `min_version`; TLS 1.2 if unset.
    pub min_version: Option<TlsVersion>,
    /// `max_version`, not below the minimum.
    pub max_version: Option<TlsVersion>,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// A certificate and its private key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientCertificate {
    /// `cert` or `cert_file`: the chain, the leaf first.
    pub cert: Source<String>,
    /// `key` or `key_file`.
    pub key: Source<Secret>,
}

/// A version of TLS, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum TlsVersion {
    /// `TLS10`.
    #[serde(rename = "TLS10")]
    Tls10,
    /// `TLS11`.
    #[serde(rename = "TLS11")]
    Tls11,
    /// `TLS12`.
    #[serde(rename = "TLS12")]
    Tls12,
    /// `TLS13`.
    #[serde(rename = "TLS13")]
    Tls13,
}

impl TlsConfig {
    /// Whether nothing is configured.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the block at `key`; without one the defaults hold.
    pub(crate) fn decode_at(fields: &mut Fields<'_>, key: &'static str) -> Self {
        let position = fields.position();
        fields.block(key, Self::decode).unwrap_or_else(|| Self { position, ..Self::default() })
    }

    fn decode(fields: &mut Fields<'_>) -> Self {
        let ca = Source::decode(
            fields,
            "ca",
            "ca_file",
            "ca_ref",
            "at most one of ca, ca_file & ca_ref must be configured",
        );
        let cert = Source::decode(
            fields,
            "cert",
            "cert_file",
            "cert_ref",
            "at most one of cert, cert_file & cert_ref must be configured",
        );
        let key = Source::decode(
            fields,
            "key",
            "key_file",
            "key_ref",
            "at most one of key and key_file must be configured",
        );
        let certificate = match (cert, key) {
            (Some(cert), Some(key)) => Some(ClientCertificate { cert, key }),
            (None, None) => None,
            (Some(_), None) => {
                fields.fault_at(
                    &["cert", "cert_file"],
                    "exactly one of key or key_file must be configured when a client certificate is configured",
                );
                None
            }
            (None, Some(_)) => {
                fields.fault_at(
                    &["key", "key_file"],
                    "exactly one of cert or cert_file must be configured when a client key is configured",
                );
                None
            }
        };
        let config = Self {
            ca,
            certificate,
            server_name: fields.text("server_name"),
            insecure_skip_verify: fields.get_or_default("insecure_skip_verify"),
            min_version: fields.get("min_version"),
            max_version: fields.get("max_version"),
            position: fields.position(),
        };
        config.check_versions(fields);
        config
    }

    fn check_versions(&self, fields: &Fields<'_>) {
        let Some(most) = self.max_version else { return };
        if self.min_version.is_some_and(|least| most < least) {
            let message = "tls_config.max_version must be greater than or equal to tls_config.min_version if both \
                           are specified";
            fields.fault_at(&["max_version"], message);
        } else if most < TlsVersion::Tls12 {
            fields.fault_at(&["max_version"], "TLS 1.0 and 1.1 are not supported: use TLS12 or TLS13");
        }
    }
}

impl Decode for TlsVersion {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let text = String::decode(value)?;
        let version = match text.as_str() {
            "TLS10" => Self::Tls10,
            "TLS11" => Self::Tls11,
            "TLS12" => Self::Tls12,
            "TLS13" => Self::Tls13,
            _ => {
                let message = format!("unknown TLS version: {text}");
                value.fault_with_help(message, "known are TLS10, TLS11, TLS12 and TLS13");
                return None;
            }
        };
        Some(version)
    }
}
