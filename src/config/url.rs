//! URLs of a configuration file.

use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::secret::Secret;

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

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(password) = self.parsed.password() else { return f.write_str(&self.text) };
        let mut shown = self.parsed.clone();
        match shown.set_password(Some("xxxxx")) {
            Ok(()) => f.write_str(shown.as_str()),
            Err(()) => f.write_str(&self.text.replace(password, "xxxxx")),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The text of the password counts in a hash even though only its place shows.
        let password = self.parsed.password().map(Secret::new);
        let mut fields = serializer.serialize_struct("Url", 2)?;
        fields.serialize_field("url", &format_args!("{self}"))?;
        fields.serialize_field("password", &password)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_password() {
        let url = Url::parse("http://me:hunter2@proxy:3128").unwrap();
        assert_eq!(url.to_string(), "http://me:xxxxx@proxy:3128/");
        assert_eq!(format!("{url:?}"), "http://me:xxxxx@proxy:3128/");
        assert!(!serde_json::to_string(&url).unwrap().contains("hunter2"));
        assert_eq!(url.as_written(), "http://me:hunter2@proxy:3128");
        assert_eq!(Url::parse("http://proxy:3128").unwrap().to_string(), "http://proxy:3128");
    }
}
