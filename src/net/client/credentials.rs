use std::path::Path;

use ::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::request::SendError;
use crate::config::{self, Authorization, BasicAuth, HttpHeader, Secret, Source};

/// The text of a file that is read for each request, without the white space at its ends.
pub(super) async fn read_file(what: &'static str, path: &Path) -> Result<String, SendError> {
    let text = tokio::fs::read_to_string(path).await;
    text.map(|text| text.trim().to_owned()).map_err(|source| SendError::AuthFile {
        what,
        path: path.to_owned(),
        source,
    })
}

pub(super) async fn secret(what: &'static str, source: &Source<Secret>) -> Result<Secret, SendError> {
    match source {
        Source::Inline(secret) => Ok(secret.clone()),
        Source::File(path) => Ok(Secret::new(&read_file(what, path).await?)),
    }
}

/// The `Authorization` header of `basic_auth`.
pub(super) async fn basic(config: &BasicAuth) -> Result<HeaderValue, SendError> {
    let username = match &config.username {
        Source::Inline(text) => text.clone(),
        Source::File(path) => read_file("basic auth username", path).await?,
    };
    let password = secret("basic auth password", &config.password).await?;
    basic_header(&username, &password)
}

pub(super) fn basic_header(username: &str, password: &Secret) -> Result<HeaderValue, SendError> {
    header_value(&format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose()))))
}

/// The `Authorization` header of `authorization`.
pub(super) async fn authorization(config: &Authorization) -> Result<HeaderValue, SendError> {
    let credentials = secret("authorization credentials", &config.credentials).await?;
    header_value(&format!("{} {}", config.scheme, credentials.expose()))
}

/// A header value that prints nowhere.
pub(super) fn header_value(text: &str) -> Result<HeaderValue, SendError> {
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_error| {
        SendError::Request("the credentials hold a character that no header may".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The values of one of the `http_headers`, in their order.
pub(super) async fn header_values(header: &HttpHeader) -> Result<Vec<(HeaderName, HeaderValue)>, SendError> {
    let name = HeaderName::from_bytes(header.name.as_bytes())
        .map_err(|_error| SendError::Request(format!("http_headers: {:?} is no header name", header.name)))?;
    let mut values = Vec::with_capacity(header.values.len());
    for value in &header.values {
        let text = match value {
            config::HeaderValue::Plain(text) => Secret::new(text),
            config::HeaderValue::Secret(secret) => secret.clone(),
            config::HeaderValue::File(path) => Secret::new(&read_file("http headers file", path).await?),
        };
        let value = HeaderValue::from_bytes(text.expose().as_bytes()).map_err(|_error| {
            SendError::Request(format!(
                "http_headers: a value of {} holds a character that no header may",
                header.name
            ))
        })?;
        values.push((name.clone(), value));
    }
    Ok(values)
}
