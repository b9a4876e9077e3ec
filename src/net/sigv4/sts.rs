use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use url::{Url, form_urlencoded};

use super::Credentials;
use super::signer::headers_signed;
use crate::config::Secret;
use crate::model::Timestamp;
use crate::net::client::{Transport, read, transmit};

/// The largest answer of STS that is read.
const MAX_ANSWER: usize = 256 * 1024;
/// Keys are renewed this long before they expire, or they would expire under way.
const EXPIRES_EARLY: Duration = Duration::from_secs(60);

/// Asks STS for keys. `signed_by` signs the request; a web identity is asked for unsigned.
///
/// # Errors
///
/// STS did not answer, refused, or sent something else.
pub(super) async fn ask(
    transport: &Transport,
    endpoint: &Url,
    region: &str,
    fields: &[(&str, &str)],
    signed_by: Option<&Credentials>,
    now: Timestamp,
) -> Result<(Credentials, Option<Duration>), String> {
    let body = form(fields);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    if let Some(credentials) = signed_by {
        headers = headers_signed(credentials, region, "sts", now, &Method::POST, endpoint, headers, &body)?;
    }
    let failed = |error: crate::net::SendError| format!("cannot reach STS at {endpoint}: {error}");
    let answer = transmit(transport, &Method::POST, endpoint, headers, body).await.map_err(failed)?;
    let answer = read(answer, MAX_ANSWER).await.map_err(failed)?;
    let text = String::from_utf8_lossy(&answer.body);
    if !answer.status.is_success() {
        let code = element(&text, "Code").unwrap_or_default();
        let message = element(&text, "Message").unwrap_or_default();
        return Err(format!("STS at {endpoint} answered {}: {code} {message}", answer.status_text()));
    }
    handed_out(&text, now).ok_or_else(|| format!("STS at {endpoint} sent no credentials"))
}

fn form(fields: &[(&str, &str)]) -> Bytes {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Version", "2011-06-15").extend_pairs(fields);
    Bytes::from(form.finish())
}

/// The keys in an answer, and how long they may be used from `now`.
pub(super) fn handed_out(text: &str, now: Timestamp) -> Option<(Credentials, Option<Duration>)> {
    let credentials = Credentials {
        access_key: element(text, "AccessKeyId")?,
        secret_key: Secret::new(&element(text, "SecretAccessKey")?),
        session_token: Some(Secret::new(&element(text, "SessionToken")?)),
    };
    let expires = Timestamp::parse(&element(text, "Expiration")?).ok()?;
    Some((credentials, Some(expires.since(now).saturating_sub(EXPIRES_EARLY))))
}

/// The text of the first element of this name: the answers of STS and SNS are flat and known, so no parser of XML is
/// needed.
pub(crate) fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = inside
        .trim()
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'");
    Some(plain.replace("&amp;", "&"))
}
