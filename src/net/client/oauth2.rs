use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use serde::Deserialize;
use url::form_urlencoded;

use super::credentials;
use super::http::{read, transmit};
use super::jwt;
use super::request::{Response, SendError};
use super::transport::Transport;
use crate::config::{Grant, OAuth2, Secret};
use crate::net::fetched::Fetched;
use crate::net::{NetError, clock};

/// A token is not used in its last seconds (golang.org/x/oauth2 `expiryDelta`).
const EXPIRES_EARLY: Duration = Duration::from_secs(10);
/// The largest answer of a token server that is read.
const MAX_TOKEN: usize = 1 << 20;

/// Fetches and keeps the access token of one `oauth2` block. A changed secret file gives a new token.
#[derive(Debug)]
pub(super) struct TokenSource {
    config: OAuth2,
    transport: Transport,
    user_agent: HeaderValue,
    token: Fetched<Token>,
    /// Whether the server wants id and secret in the form instead of a header. Found out by trying, as
    /// golang.org/x/oauth2 does.
    in_form: AtomicBool,
}

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    secret: Secret,
}

/// The fields of a token server's answer (RFC 6749 5.1 and 5.2) that matter.
#[derive(Debug, Deserialize)]
struct Granted {
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    token_type: String,
    expires_in: Option<serde_json::Value>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl TokenSource {
    pub(super) fn new(config: &OAuth2, user_agent: HeaderValue) -> Result<Self, NetError> {
        if let Some(name) = config
            .endpoint_params
            .keys()
            .find(|name| matches!(name.as_str(), "scope" if !config.scopes.is_empty()))
        {
            return Err(NetError::Setup {
                position: config.position.clone(),
                message: format!("oauth2: endpoint_params cannot overwrite parameter {name:?}"),
            });
        }
        let transport = Transport::new(&config.tls_config, config.proxy.as_ref(), true, None)?;
        Ok(Self {
            config: config.clone(),
            transport,
            user_agent,
            token: Fetched::new(),
            in_form: AtomicBool::new(false),
        })
    }

    /// The `Authorization` header, fetching a token if there is none that can be used.
    pub(super) async fn header(&self) -> Result<HeaderValue, SendError> {
        let (what, source) = match &self.config.grant {
            Grant::ClientCredentials { client_secret } => ("oauth2 client secret", client_secret),
            Grant::JwtBearer(jwt) => ("oauth2 client certificate key", &jwt.key),
        };
        let secret = credentials::secret(what, source).await?;
        let token = self.token.get(|token| token.secret == secret, self.fetch(&secret)).await?;
        Ok(token.header)
    }

    /// Drops a token that a server answered 401 to.
    pub(super) fn forget(&self, header: &HeaderValue) {
        self.token.forget(|token| token.header == *header);
    }

    async fn fetch(&self, secret: &Secret) -> Result<(Token, Option<Duration>), SendError> {
        let granted = match &self.config.grant {
            Grant::JwtBearer(jwt) => {
                let assertion =
                    jwt::assertion(&self.config, jwt, secret, clock::now()).map_err(SendError::Token)?;
                let fields = [("grant_type", jwt::GRANT_TYPE), ("assertion", assertion.as_str())];
                self.ask(&fields, None).await.and_then(granted)
            }
            Grant::ClientCredentials { .. } => self.client_credentials(secret).await,
        };
        let granted = granted.map_err(|error| match error {
            SendError::Token(_) => error,
            other => SendError::Token(other.to_string()),
        })?;
        let lifetime = granted
            .expires_in
            .as_ref()
            .and_then(seconds)
            .map(|lifetime| lifetime.saturating_sub(EXPIRES_EARLY));
        let header =
            credentials::header_value(&format!("{} {}", kind(&granted.token_type), granted.access_token))?;
        Ok((Token { header, secret: secret.clone() }, lifetime))
    }

    async fn client_credentials(&self, secret: &Secret) -> Result<Granted, SendError> {
        let id = self.config.client_id.as_str();
        let grant = ("grant_type", "client_credentials");
        let in_form = [grant, ("client_id", id), ("client_secret", secret.expose())];
        if self.in_form.load(Ordering::Relaxed) {
            return self.ask(&in_form, None).await.and_then(granted);
        }
        let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let header = credentials::basic_header(&escaped(id), &Secret::new(&escaped(secret.expose())))?;
        let refused = match self.ask(&[grant], Some(header)).await.map(granted)? {
            Ok(granted) => return Ok(granted),
            Err(refused) => refused,
        };
        // Many servers read only one of the two forms that RFC 6749 2.3.1 allows.
        match self.ask(&in_form, None).await.and_then(granted) {
            Ok(granted) => {
                self.in_form.store(true, Ordering::Relaxed);
                Ok(granted)
            }
            Err(_) => Err(refused),
        }
    }

    async fn ask(
        &self,
        fields: &[(&str, &str)],
        authorization: Option<HeaderValue>,
    ) -> Result<Response, SendError> {
        let body = self.form(fields);
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(authorization) = authorization {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        let url = self.config.token_url.parsed();
        let answer = transmit(&self.transport, &Method::POST, url, headers, body).await?;
        read(answer, MAX_TOKEN).await
    }

    /// The fields with the scope and the configured parameters, which may replace `grant_type`, in sorted order.
    fn form(&self, fields: &[(&str, &str)]) -> Bytes {
        let scope = self.config.scopes.join(" ");
        let mut form: BTreeMap<&str, &str> = fields.iter().copied().collect();
        if !scope.is_empty() {
            form.insert("scope", &scope);
        }
        form.extend(self.config.endpoint_params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Bytes::from(form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish())
    }
}

/// Reads an answer of the token server, JSON or a form.
fn granted(answer: Response) -> Result<Granted, SendError> {
    let text = String::from_utf8_lossy(&answer.body);
    if !answer.status.is_success() {
        let said: String = text.trim().chars().take(500).collect();
        return Err(SendError::Token(format!("{}: {said}", answer.status_text())));
    }
    let content_type =
        answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let granted = if matches!(kind, "application/x-www-form-urlencoded" | "text/plain") {
        let fields: BTreeMap<_, _> = form_urlencoded::parse(&answer.body).into_owned().collect();
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        Granted {
            access_token: field("access_token"),
            token_type: field("token_type"),
            expires_in: fields.get("expires_in").map(|text| text.as_str().into()),
            error: field("error"),
            error_description: field("error_description"),
        }
    } else {
        serde_json::from_slice(&answer.body)
            .map_err(|error| SendError::Token(format!("cannot parse the answer: {error}")))?
    };
    if !granted.error.is_empty() {
        return Err(SendError::Token(
            format!("{} {}", granted.error, granted.error_description).trim().to_owned(),
        ));
    }
    if granted.access_token.is_empty() {
        return Err(SendError::Token("server response missing access_token".to_owned()));
    }
    Ok(granted)
}

/// `expires_in`: a number, or, from some servers, a text with one. 0 means that the token does not expire.
fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let seconds = match value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    // A century at most: later deadlines do not fit a clock.
    seconds.filter(|seconds| *seconds > 0).map(|seconds: u64| Duration::from_secs(seconds.min(3_155_760_000)))
}

/// The scheme that a token is sent with.
fn kind(token_type: &str) -> &str {
    if token_type.is_empty() || token_type.eq_ignore_ascii_case("bearer") { "Bearer" } else { token_type }
}
