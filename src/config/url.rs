//! URLs of a configuration file.

use std::fmt;

use serde::{Serialize, Serializer};

use super::secret::Secret;
use super::yaml::{Decode, Value};

/// A URL as written in the file, with its parsed form. Wherever it is printed a password in it shows as `xxxxx`
/// (Go's `url.Redacted`).
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    text: String,
    parsed: url::Url,
}

impl Url {
    /// Parses an absolute URL.
    pub fn parse(text: &str) -> Result<Self, url::ParseError> {
        Ok(Self { parsed: url::Url::parse(text)?, text: text.to_owned() })
    }

    /// The text as the file has it. It may hold a password: print the value itself instead.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.text
    }

    /// The parsed URL, for requests. It may hold a password: print the value itself instead.
    #[must_use]
    pub fn parsed(&self) -> &url::Url {
        &self.parsed
    }
}

impl Url {
    /// The URL of an HTTP server, which every URL of an `alertmanager.yml` is.
    pub(super) fn parse_http(text: &str) -> Result<Self, UrlError> {
        let url = Self::parse(text)?;
        if !matches!(url.parsed.scheme(), "http" | "https") {
            return Err(UrlError::Scheme(url.parsed.scheme().to_owned()));
        }
        // The parser forgives `http:host` and `http:///host`, Go does not.
        let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
        if after_scheme.is_empty() || after_scheme.starts_with(['/', '?', '#']) {
            return Err(UrlError::Host);
        }
        Ok(url)
    }

    /// The URL with a path that ends in a slash.
    #[must_use]
    pub(super) fn with_trailing_slash(self) -> Self {
        let written = self.text.split(['?', '#']).next().unwrap_or_default();
        if written.ends_with('/') {
            return self;
        }
        let mut parsed = self.parsed;
        let path = format!("{}/", parsed.path().trim_end_matches('/'));
        parsed.set_path(&path);
        Self { text: parsed.as_str().to_owned(), parsed }
    }
}

/// Why a text is not the URL of an HTTP server, in Alertmanager's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is no URL at all.
    #[error("not a URL: {0}")]
    Syntax(#[from] url::ParseError),
    /// It is a URL of something else.
    #[error("unsupported scheme {0:?} for URL")]
    Scheme(String),
    /// It names no host.
    #[error("missing host for URL")]
    Host,
}

/// A URL that is a secret as a whole, such as a chat's webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Secret);

impl SecretUrl {
    /// Checks a URL. The text `<secret>` is accepted too, so that a printed configuration can be read again.
    pub fn new(text: &str) -> Result<Self, UrlError> {
        if text != "<secret>" {
            Url::parse_http(text)?;
        }
        Ok(Self(Secret::new(text)))
    }

    /// The URL itself, for the request. Never log, store or display it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl From<&Url> for SecretUrl {
    fn from(url: &Url) -> Self {
        Self(Secret::new(url.as_written()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Decode for SecretUrl {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let url = Self::new(&String::decode(value)?);
        url.map_err(|error| value.secret_fault(error.to_string())).ok()
    }
}

/// A [`Url`] that is read as the URL of an HTTP server.
pub(super) struct HttpUrl(pub(super) Url);

impl Decode for HttpUrl {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let url = Url::parse_http(&String::decode(value)?);
        url.map_err(|error| value.secret_fault(error.to_string())).ok().map(Self)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parsed.password().is_none() {
            return f.write_str(&self.text);
        }
        let mut shown = self.parsed.clone();
        if shown.set_password(Some("xxxxx")).is_err() {
            return f.write_str("<secret>");
        }
        // The parser writes a path where none was written.
        let has_path = self.text.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']));
        let shown = shown.as_str();
        f.write_str(if has_path { shown } else { shown.trim_end_matches('/') })
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A password counts in a hash although only its place shows.
        if let Some(password) = self.parsed.password() {
            Secret::new(password).count();
        }
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_http_servers_have_a_scheme_and_a_host() {
        let error = |text: &str| Url::parse_http(text).unwrap_err().to_string();
        assert_eq!(error("ftp://x/"), "unsupported scheme \"ftp\" for URL");
        assert_eq!(error("http:x"), "missing host for URL");
        assert_eq!(error("http:///x"), "missing host for URL");
        assert!(error("x").starts_with("not a URL"));
        assert!(SecretUrl::new("<secret>").is_ok() && SecretUrl::new("x").is_err());
        let url = |text: &str| Url::parse_http(text).unwrap().with_trailing_slash().to_string();
        assert_eq!(url("https://api.example.org/v2?x=1"), "https://api.example.org/v2/?x=1");
        assert_eq!(url("https://api.example.org/"), "https://api.example.org/");
        assert_eq!(url("https://api.example.org"), "https://api.example.org/");
    }

    #[test]
    fn shows_no_password() {
        let url = Url::parse("http://me:hunter2@proxy:3128").unwrap();
        assert_eq!(url.to_string(), "http://me:xxxxx@proxy:3128");
        assert_eq!(format!("{url:?}"), "http://me:xxxxx@proxy:3128");
        assert!(!serde_json::to_string(&url).unwrap().contains("hunter2"));
        assert_eq!(url.as_written(), "http://me:hunter2@proxy:3128");
        assert_eq!(Url::parse("http://proxy:3128").unwrap().to_string(), "http://proxy:3128");
    }
}
