use std::fmt::Write as _;

use ::http::{HeaderMap, Method};
use aws_lc_rs::{digest, hmac};
use url::Url;

use crate::config::Secret;
use crate::model::Timestamp;

/// Keys that requests are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::net) struct Credentials {
    /// The id, which is no secret.
    pub access_key: String,
    /// The key.
    pub secret_key: Secret,
    /// Sent along with keys that expire.
    pub session_token: Option<Secret>,
}

/// Headers that are never signed: proxies rewrite them, or they are the signature itself.
const UNSIGNED: [&str; 7] = [
    "authorization",
    "user-agent",
    "x-amzn-trace-id",
    "expect",
    "transfer-encoding",
    "uber-trace-id",
    "connection",
];

/// The `Authorization` header for a request whose `headers` hold everything to be signed, `host` and `x-amz-date`
/// included (AWS General Reference, "Signature Version 4 signing process").
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a request, its scope and its time: no two belong together"
)]
pub(in crate::net) fn authorization(
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    body: &[u8],
) -> String {
    let (names, canonical_headers) = canonical_headers(headers);
    let canonical = format!(
        "{method}\n{}\n{}\n{canonical_headers}\n{names}\n{}",
        canonical_path(url.path()),
        canonical_query(url),
        hex(digest::digest(&digest::SHA256, body).as_ref()),
    );
    let time = amz_date(now);
    let day = time.get(..8).unwrap_or(&time);
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
    let secret = format!("AWS4{}", credentials.secret_key.expose());
    let key =
        [day, region, service, "aws4_request"].iter().fold(secret.into_bytes(), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &to_sign));
    let access_key = &credentials.access_key;
    format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}")
}

/// A time as `x-amz-date` carries it: `20150830T123600Z`.
pub(super) fn amz_date(now: Timestamp) -> String {
    now.to_rfc3339_millis().chars().filter(|c| !matches!(c, '-' | ':')).take(15).chain(['Z']).collect()
}

/// A path without `.`, `..` and doubled slashes (Go's `path.Clean`), which is also the path to send.
pub(super) fn clean_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// The path encoded once more: for every service but S3 the signature covers the twice encoded path.
fn canonical_path(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        push_encoded(&mut text, byte, byte == b'/');
    }
    text
}

fn canonical_query(url: &Url) -> String {
    let encoded = |text: &str| {
        let mut out = String::with_capacity(text.len());
        text.bytes().for_each(|byte| push_encoded(&mut out, byte, false));
        out
    };
    let mut pairs: Vec<_> =
        url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn push_encoded(text: &mut String, byte: u8, plain: bool) {
    if plain || byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        text.push(char::from(byte));
    } else {
        // Writing to a String cannot fail.
        let _ = write!(text, "%{byte:02X}");
    }
}

fn canonical_headers(headers: &HeaderMap) -> (String, String) {
    let mut names: Vec<&str> =
        headers.keys().map(|name| name.as_str()).filter(|name| !UNSIGNED.contains(name)).collect();
    names.sort_unstable();
    let mut lines = String::new();
    for name in &names {
        let values: Vec<String> =
            headers.get_all(*name).iter().map(|value| squeezed(value.as_bytes())).collect();
        let _ = writeln!(lines, "{name}:{}", values.join(","));
    }
    (names.join(";"), lines)
}

/// A value without white space at its ends, runs of blanks made one.
fn squeezed(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").trim().to_owned()
}

fn mac(key: &[u8], data: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
