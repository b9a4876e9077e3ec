//! The secrets of an `http_config`: a service that repeats what it was sent must not show them.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::attempt::Attempt;
use crate::config::{Authentication, HeaderValue, HttpClientConfig, Secret, Source};

/// The secrets that the HTTP client of an integration adds to its requests. Tokens of OAuth 2 are not among them:
/// the client alone knows them.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    secrets: Vec<Source<Secret>>,
    /// User and password, which are sent as one text.
    basic: Option<(Source<String>, Source<Secret>)>,
}

impl Credentials {
    pub(super) fn new(config: &HttpClientConfig) -> Self {
        let mut credentials = Self::default();
        match &config.authentication {
            Some(Authentication::BasicAuth(basic)) => {
                credentials.secrets.push(basic.password.clone());
                credentials.basic = Some((basic.username.clone(), basic.password.clone()));
            }
            Some(Authentication::Authorization(fixed)) => {
                credentials.secrets.push(fixed.credentials.clone());
            }
            Some(Authentication::Oauth2(_)) | None => {}
        }
        let values = config.http_headers.iter().flat_map(|header| &header.values);
        credentials.secrets.extend(values.filter_map(|value| match value {
            HeaderValue::Plain(_) => None,
            HeaderValue::Secret(secret) => Some(Source::Inline(secret.clone())),
            HeaderValue::File(path) => Some(Source::File(path.clone())),
        }));
        credentials
    }

    /// Keeps them out of whatever the attempt says. A file that cannot be read was not sent either.
    pub(super) async fn hide(&self, attempt: &mut Attempt) {
        for secret in &self.secrets {
            let text = match secret {
                Source::Inline(secret) => secret.expose().to_owned(),
                Source::File(path) => content(path).await,
            };
            attempt.hide(&Secret::new(&text));
        }
        if let Some((user, password)) = &self.basic {
            let user = match user {
                Source::Inline(user) => user.clone(),
                Source::File(path) => content(path).await,
            };
            let password = match password {
                Source::Inline(password) => password.expose().to_owned(),
                Source::File(path) => content(path).await,
            };
            attempt.hide(&basic(&user, &password));
        }
    }
}

/// User and password as basic authentication sends them (RFC 7617).
pub(super) fn basic(user: &str, password: &str) -> Secret {
    Secret::new(&STANDARD.encode(format!("{user}:{password}")))
}

async fn content(path: &PathBuf) -> String {
    tokio::fs::read_to_string(path).await.map(|text| text.trim().to_owned()).unwrap_or_default()
}
