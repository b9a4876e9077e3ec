//! `email_configs`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Context, named, required};
use crate::config::alertmanager::HostPort;
use crate::config::alertmanager::global::pair;
use crate::config::http::{Source, TlsConfig};
use crate::config::secret::Secret;
use crate::config::yaml::Fields;

/// Notifications by mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmailConfig {
    /// `to`, a template: addresses, separated by commas.
    pub to: String,
    /// `from`, a template: one address.
    pub from: String,
    /// `hello`: the name for EHLO.
    pub hello: String,
    /// `smarthost`: the mail server.
    pub smarthost: HostPort,
    /// `auth_username`; empty: no authentication.
    pub auth_username: String,
    /// `auth_password` or its file, for PLAIN and LOGIN.
    pub auth_password: Option<Source<Secret>>,
    /// `auth_secret` or its file, for CRAM-MD5.
    pub auth_secret: Option<Source<Secret>>,
    /// `auth_identity`, for PLAIN.
    pub auth_identity: String,
    /// `headers`, templates by canonical name.
    pub headers: BTreeMap<String, String>,
    /// `html`, a template with HTML escaping; empty: no such part.
    pub html: String,
    /// `text`, a template; empty: no such part.
    pub text: String,
    /// `require_tls`.
    #[serde(serialize_with = "crate::config::yaml::always")]
    pub require_tls: bool,
    /// `tls_config`; paths in it are not joined to the directory of the file.
    pub tls_config: TlsConfig,
    /// `force_implicit_tls`; unset: TLS from the start on port 465.
    pub force_implicit_tls: Option<bool>,
    /// `threading`: mails of one group refer to each other; unset: off.
    pub threading: Option<ThreadByDate>,
}

/// Which mails of a group belong to one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadByDate {
    /// All.
    None,
    /// Those of one day.
    Daily,
}

impl Serialize for ThreadByDate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("Threading", 2)?;
        fields.serialize_field("enabled", &true)?;
        let by_date = match self {
            Self::None => "none",
            Self::Daily => "daily",
        };
        fields.serialize_field("thread_by_date", by_date)?;
        fields.end()
    }
}

impl EmailConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let global = context.global;
        let to = fields.text("to");
        let from = fields.text("from").or_else(|| global.smtp_from.clone());
        let smarthost = fields.get_if_set("smarthost").or_else(|| global.smtp_smarthost.clone());
        let or_global = |own: String, global: &String| if own.is_empty() { global.clone() } else { own };
        let has_tls = fields.value_of("tls_config").is_some_and(|value| !value.is_null());
        let tls_config = TlsConfig::decode_at(fields, "tls_config");
        let password = pair(fields, "auth_password", "auth_password_file");
        let secret = pair(fields, "auth_secret", "auth_secret_file");
        let headers = decode_headers(fields);
        let threading = fields.block("threading", |fields| ThreadByDate::decode(fields, &headers));
        let to = required(fields, to, "missing to address in email config");
        // An address at fault has its own fault.
        if smarthost.is_none() && fields.present(&["smarthost"]).is_empty() {
            fields.value().fault("no global SMTP smarthost set");
        }
        let from = required(fields, from, "no global SMTP from set");
        let config = Self {
            to: to.unwrap_or_default(),
            from: from.unwrap_or_default(),
            hello: or_global(fields.get_or_default("hello"), &global.smtp_hello),
            smarthost: smarthost.unwrap_or_else(|| HostPort { host: String::new(), port: String::new() }),
            auth_username: or_global(fields.get_or_default("auth_username"), &global.smtp_auth_username),
            auth_password: password.or_else(|| global.smtp_auth_password.clone()),
            auth_secret: secret.or_else(|| global.smtp_auth_secret.clone()),
            auth_identity: or_global(fields.get_or_default("auth_identity"), &global.smtp_auth_identity),
            headers,
            html: fields.get_or("html", named("email.default.html")),
            text: fields.get_or_default("text"),
            require_tls: fields.pointer("require_tls", None).unwrap_or(global.smtp_require_tls),
            tls_config: if has_tls { tls_config } else { global.smtp_tls_config.clone() },
            force_implicit_tls: fields.pointer("force_implicit_tls", None).or(global.smtp_force_implicit_tls),
            threading,
        };
        Some(config)
    }
}

/// The headers under their canonical names, no two of which may be the same.
fn decode_headers(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let entries = fields.value_of("headers").map(|value| value.entries()).unwrap_or_default();
    let mut headers = BTreeMap::new();
    for (name, value) in entries {
        let name = canonical(name);
        let text =
            if value.is_null() { Some(String::new()) } else { crate::config::yaml::Decode::decode(&value) };
        if headers.insert(name.clone(), text.unwrap_or_default()).is_some() {
            value.key_fault(format!("duplicate header {name:?} in email config"));
        }
    }
    headers
}

/// `x-foo` as `X-Foo` (Go's `textproto.CanonicalMIMEHeaderKey`); what cannot be a header's name stays.
fn canonical(name: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(is_token) {
        return name.to_owned();
    }
    let mut upper = true;
    let letters = name.chars().map(|letter| {
        let shown = if upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        upper = letter == '-';
        shown
    });
    letters.collect()
}

impl ThreadByDate {
    fn decode(fields: &mut Fields<'_>, headers: &BTreeMap<String, String>) -> Option<Self> {
        let enabled: bool = fields.get_or_default("enabled");
        let by_date = fields.text("thread_by_date");
        if !enabled {
            return None;
        }
        for name in ["References", "In-Reply-To"] {
            if headers.contains_key(name) {
                let message = format!(
                    "conflicting configuration: threading.enabled conflicts with custom {name} header"
                );
                fields.fault_at_key("enabled", &message);
            }
        }
        match by_date.as_deref() {
            None | Some("daily") => Some(Self::Daily),
            Some("none") => Some(Self::None),
            Some(_) => {
                let message = "threading.thread_by_date must be either 'none' or 'daily'";
                fields.fault_at_key("thread_by_date", message);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_headers_are_canonical() {
        for (name, expected) in [
            ("x-foo", "X-Foo"),
            ("REFERENCES", "References"),
            ("in-reply-to", "In-Reply-To"),
            ("a b", "a b"),
            ("x--y", "X--Y"),
        ] {
            assert_eq!(canonical(name), expected);
        }
    }
}
