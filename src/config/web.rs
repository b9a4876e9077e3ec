//! The web configuration file of Prometheus's exporter toolkit: TLS, client certificates, users and headers of an HTTP
//! server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{ConfigError, read_file};
use super::go_duration::GoDuration;
use super::http::{Source, TlsVersion};
use super::position::Position;
use super::secret::Secret;
use super::yaml::{Decode, Fields, Value, read};

/// How the server presents and protects itself (`--web.config.file`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// `tls_server_config`; without it the server speaks plain HTTP.
    pub tls: Option<ServerTls>,
    /// `http_server_config.http2`, true by default: offer HTTP/2, over TLS only.
    pub http2: bool,
    /// `http_server_config.headers`: added to every answer.
    pub headers: BTreeMap<String, String>,
    /// `rate_limit`; off by default.
    pub rate_limit: Option<RateLimit>,
    /// `basic_auth_users`: names with the bcrypt hashes of their passwords. None: everybody may ask.
    pub users: BTreeMap<String, Secret>,
}

/// `rate_limit`: a bucket of `burst` requests, to which one is added each `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The time between two requests; never zero.
    pub interval: Duration,
    /// How many requests may come at once.
    pub burst: u64,
}

/// `tls_server_config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// `cert_file`, or else `cert`: the chain in PEM, the leaf first.
    pub cert: Source<String>,
    /// `key_file`, or else `key`: the private key in PEM.
    pub key: Source<Secret>,
    /// `client_auth_type`.
    pub client_auth: ClientAuth,
    /// `client_ca_file`, or else `client_ca`: who signs the certificates of clients.
    pub client_ca: Option<Source<String>>,
    /// `client_allowed_sans`: one of these must be among the names of a client's certificate. `None`: any will do.
    pub client_allowed_sans: Option<Vec<String>>,
    /// `cipher_suites` for TLS up to 1.2, by their IANA numbers; empty: the default. Suites that are known and that the
    /// TLS library does not have are to be passed over.
    pub cipher_suites: Vec<u16>,
    /// `curve_preferences`, by the IANA numbers of their groups; empty: the default.
    pub curve_preferences: Vec<u16>,
    /// `min_version`, TLS 1.2 by default.
    pub min_version: TlsVersion,
    /// `max_version`, TLS 1.3 by default and never below TLS 1.2.
    pub max_version: TlsVersion,
    /// `prefer_server_cipher_suites`, true by default.
    pub prefer_server_cipher_suites: bool,
    /// Where the block begins.
    pub position: Position,
}

/// What is asked of a client's certificate (Go's `tls.ClientAuthType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// Nothing.
    #[default]
    None,
    /// It is asked for; it may be missing and is not verified.
    Request,
    /// It must be there and is not verified.
    RequireAny,
    /// It may be missing; if it is there it is verified.
    VerifyIfGiven,
    /// It must be there and is verified.
    RequireAndVerify,
}

impl Default for WebConfig {
    /// What an empty file says: plain HTTP for everybody.
    fn default() -> Self {
        Self { tls: None, http2: true, headers: BTreeMap::new(), rate_limit: None, users: BTreeMap::new() }
    }
}

impl WebConfig {
    /// Reads a file. Relative paths in it are joined to its directory.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &read_file(path)?)
    }

    /// Reads the text of the file `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        read(path, text, |root| root.fields(Self::decode))
    }

    fn decode(fields: &mut Fields<'_>) -> Self {
        let tls = fields.block("tls_server_config", ServerTls::decode);
        let http = fields.block("http_server_config", |fields| {
            let headers = fields.value_of("headers");
            (fields.get_or("http2", true), headers.map(|value| decode_headers(&value)).unwrap_or_default())
        });
        let (http2, headers) = http.unwrap_or((true, BTreeMap::new()));
        let rate_limit = fields.block("rate_limit", |fields| {
            let GoDuration(interval) = fields.get_or_default("interval");
            let burst = fields.get_or_default("burst");
            (!interval.is_zero()).then_some(RateLimit { interval, burst })
        });
        let users = fields.value_of("basic_auth_users").map(|value| value.entries()).unwrap_or_default();
        let users = users.into_iter().filter_map(|(name, hash)| Some((name.to_owned(), decode_hash(&hash)?)));
        Self { tls, http2, headers, rate_limit, users: users.collect() }
    }
}

/// The headers that may be set, with the values they may have; none listed: any.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

fn decode_headers(value: &Value<'_>) -> BTreeMap<String, String> {
    let headers = value.entries().into_iter().filter_map(|(name, value)| {
        let text = if value.is_null() { String::new() } else { String::decode(&value)? };
        match HEADERS.iter().find(|(known, _)| *known == name) {
            None => {
                let known = HEADERS.map(|(known, _)| known).join(", ");
                let message = format!("HTTP header {name:?} can not be configured");
                value.key_fault_with_help(message, format!("known are {known}"));
            }
            Some((_, values)) if !values.is_empty() && !values.contains(&text.as_str()) => {
                value.fault(format!(
                    "invalid value for {name}. Expected one of: {values:?}, but got: {text:?}"
                ));
            }
            Some(_) if http::HeaderValue::from_str(&text).is_err() => {
                value.fault("not a text that a header may have");
            }
            Some(_) => {}
        }
        Some((name.to_owned(), text))
    });
    headers.collect()
}

fn decode_hash(value: &Value<'_>) -> Option<Secret> {
    let hash = Secret::decode(value)?;
    let parsed = hash.expose().parse::<bcrypt::HashParts>();
    if parsed.is_err() {
        value.secret_fault("not a bcrypt hash of a password: make one with `htpasswd -nBC 10 \"\"`");
    }
    parsed.is_ok().then_some(hash)
}

impl ServerTls {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let cert = file_or_inline(fields, "cert_file", "cert");
        let key = file_or_inline(fields, "key_file", "key");
        let client_ca = file_or_inline(fields, "client_ca_file", "client_ca");
        let auth_type = fields.text("client_auth_type");
        let enabled = cert.is_some() || key.is_some() || client_ca.is_some() || auth_type.is_some();
        if enabled && cert.is_none() {
            fields.value().fault("missing one of cert or cert_file");
        } else if enabled && key.is_none() {
            fields.value().fault("missing one of key or key_file");
        }
        let client_auth = ClientAuth::decode(fields, auth_type.as_deref());
        if client_ca.is_some() && client_auth == ClientAuth::None {
            let message = "client CA's have been configured without a Client Auth Policy";
            fields.fault_at(&["client_ca", "client_ca_file"], message);
        }
        let min_version = fields.get_or("min_version", TlsVersion::Tls12);
        let max_version = fields.get_or("max_version", TlsVersion::Tls13);
        if max_version < min_version {
            fields.fault_at(&["min_version", "max_version"], "max_version is below min_version");
        } else if max_version < TlsVersion::Tls12 {
            fields.fault_at(&["max_version"], "TLS 1.0 and 1.1 are not supported: use TLS12 or TLS13");
        }
        let sans = fields.value_of("client_allowed_sans").filter(|value| !value.is_null());
        let cipher_suites = numbers(fields, "cipher_suites", "cipher", &CIPHER_SUITES);
        let curve_preferences = numbers(fields, "curve_preferences", "curve", &CURVES);
        let prefer_server_cipher_suites = fields.get_or("prefer_server_cipher_suites", true);
        Some(Self {
            cert: cert?,
            key: key?,
            client_auth,
            client_ca,
            client_allowed_sans: sans.and_then(|value| Decode::decode(&value)),
            cipher_suites,
            curve_preferences,
            min_version,
            max_version,
            prefer_server_cipher_suites,
            position: fields.position(),
        })
    }
}

/// A value from a file or from the configuration itself; the file wins.
fn file_or_inline<T: Decode + Default + PartialEq>(
    fields: &mut Fields<'_>,
    file: &'static str,
    inline: &'static str,
) -> Option<Source<T>> {
    let path: Option<PathBuf> = fields.get_if_set(file);
    let value: Option<T> = fields.get_if_set(inline);
    path.map(Source::File).or_else(|| value.map(Source::Inline))
}

impl ClientAuth {
    fn decode(fields: &Fields<'_>, text: Option<&str>) -> Self {
        match text {
            None | Some("NoClientCert") => Self::None,
            Some("RequestClientCert") => Self::Request,
            Some("RequireAnyClientCert" | "RequireClientCert") => Self::RequireAny,
            Some("VerifyClientCertIfGiven") => Self::VerifyIfGiven,
            Some("RequireAndVerifyClientCert") => Self::RequireAndVerify,
            Some(other) => {
                fields.fault_at(&["client_auth_type"], &format!("invalid ClientAuth: {other}"));
                Self::RequireAndVerify
            }
        }
    }
}

/// The suites that Go takes for secure, with their IANA numbers.
const CIPHER_SUITES: [(&str, u16); 13] = [
    ("TLS_AES_128_GCM_SHA256", 0x1301),
    ("TLS_AES_256_GCM_SHA384", 0x1302),
    ("TLS_CHACHA20_POLY1305_SHA256", 0x1303),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc009),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0xc00a),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc013),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xc014),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9),
];

/// The curves with the IANA numbers of their groups.
const CURVES: [(&str, u16); 4] = [("CurveP256", 23), ("CurveP384", 24), ("CurveP521", 25), ("X25519", 29)];

fn numbers(fields: &mut Fields<'_>, key: &'static str, what: &str, known: &[(&str, u16)]) -> Vec<u16> {
    let numbers = fields.items(key).into_iter().filter_map(|item| {
        let name = String::decode(&item)?;
        let number = known.iter().find(|(known, _)| *known == name);
        if number.is_none() {
            item.fault(format!("unknown {what}: {name}"));
        }
        number.map(|(_, number)| *number)
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{cases, tell_faults};

    fn parse(text: &str) -> Result<WebConfig, ConfigError> {
        WebConfig::parse(Path::new("/etc/tocsin/web.yml"), text)
    }

    #[test]
    fn bad_files_are_told_what_is_wrong() {
        let told =
            tell_faults(&cases(include_str!("testdata/web-bad.txt")), |text| parse(text).expect_err(text));
        insta::assert_snapshot!("web_bad", told);
    }

    #[test]
    fn an_empty_file_protects_nothing() {
        for text in [
            "",
            "tls_server_config:",
            "tls_server_config: {cert: '', min_version: TLS13}",
            "rate_limit: {burst: 5}",
        ] {
            let config = parse(text).unwrap();
            assert!(config.tls.is_none() && config.http2 && config.users.is_empty(), "{text}");
            assert_eq!(config.rate_limit, None);
        }
    }

    #[test]
    fn every_key_arrives() {
        insta::assert_debug_snapshot!("web_whole", parse(include_str!("testdata/web-whole.yml")).unwrap());
    }

    #[test]
    fn a_file_wins_over_the_text() {
        let tls = parse("tls_server_config: {cert: a, cert_file: b, key: hunter2}").unwrap().tls.unwrap();
        assert_eq!(tls.cert, Source::File("/etc/tocsin/b".into()));
        assert!(matches!(&tls.key, Source::Inline(key) if key.expose() == "hunter2"));
    }
}
