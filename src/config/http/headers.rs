//! Headers that requests carry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::config::secret::Secret;
use crate::config::yaml::{Fields, Value};

/// One header of `http_headers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHeader {
    /// The name as written.
    pub name: String,
    /// Its values in the order in which they are added.
    pub values: Vec<HeaderValue>,
}

/// A value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// From `values`.
    Plain(String),
    /// From `secrets`.
    Secret(Secret),
    /// From `files`: read for each request, white space at both ends cut off.
    File(PathBuf),
}

/// Headers that the client or SigV4 sets itself.
const RESERVED: [&str; 18] = [
    "Authorization",
    "Host",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "User-Agent",
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Www-Authenticate",
    "Accept-Encoding",
    "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Scrape-Timeout-Seconds",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

/// The headers as the mapping that the file has.
pub(super) fn serialize_headers<S: Serializer>(
    headers: &[HttpHeader],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(headers.iter().map(|header| (&header.name, Values::of(header))))
}

/// The values of a header as the file lists them.
#[derive(Default, Serialize)]
struct Values<'a> {
    values: Vec<&'a String>,
    secrets: Vec<&'a Secret>,
    files: Vec<&'a PathBuf>,
}

impl<'a> Values<'a> {
    fn of(header: &'a HttpHeader) -> Self {
        let mut values = Self::default();
        for value in &header.values {
            match value {
                HeaderValue::Plain(text) => values.values.push(text),
                HeaderValue::Secret(secret) => values.secrets.push(secret),
                HeaderValue::File(file) => values.files.push(file),
            }
        }
        values
    }
}

impl HttpHeader {
    /// Reads the mapping `http_headers`.
    pub(super) fn decode_all(fields: &mut Fields<'_>) -> Vec<Self> {
        let entries = fields.value_of("http_headers").map(|value| value.entries()).unwrap_or_default();
        let headers =
            entries.into_iter().filter_map(|(name, value)| Some((name, Self::decode(name, &value)?)));
        headers.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    fn decode(name: &str, value: &Value<'_>) -> Option<Self> {
        if let Some(reserved) = RESERVED.iter().find(|reserved| reserved.eq_ignore_ascii_case(name)) {
            value.key_fault(format!("setting header {reserved:?} is not allowed"));
        } else if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            value.key_fault(format!("{name:?} is not a valid header name"));
        }
        let values = value.fields(|fields| {
            let plain: Vec<String> = fields.get_or_default("values");
            let secrets: Vec<Secret> = fields.get_or_default("secrets");
            let files: Vec<PathBuf> = fields.get_or_default("files");
            let plain = plain.into_iter().map(HeaderValue::Plain);
            let secrets = secrets.into_iter().map(HeaderValue::Secret);
            plain.chain(secrets).chain(files.into_iter().map(HeaderValue::File)).collect()
        })?;
        Some(Self { name: name.to_owned(), values })
    }
}
