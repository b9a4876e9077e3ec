//! Talking to a service over HTTP.

use std::fmt::Write as _;
use std::time::Duration;

use ::http::{HeaderValue, Method, header};
use bytes::Bytes;
use serde::Serialize;
use url::Url;

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::json;
use crate::config::Secret;
use crate::model::{FailureReason, format_duration};
use crate::net::{HttpClient, Request, Response, SendError};

/// How requests introduce themselves: services and proxies know Alertmanager by it.
pub(super) const USER_AGENT: &str = "Alertmanager/0.34.0";

/// The client of one integration, and how it judges answers.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) client: HttpClient,
    pub(super) verdict: Verdict,
    /// The name of the integration and its `timeout`; zero for none.
    pub(super) timeout: (&'static str, Duration),
}

impl Service {
    /// Posts a value as JSON and judges the answer.
    pub(super) async fn post_json<T: Serialize + ?Sized>(
        &self,
        attempt: &Attempt,
        url: &str,
        value: &T,
    ) -> Result<Response, Failure> {
        let request = json_request(Method::POST, url, value)?;
        self.send(attempt, request).await
    }

    /// Sends a request and judges the status of the answer.
    pub(super) async fn send(&self, attempt: &Attempt, request: Request) -> Result<Response, Failure> {
        let answer = self.exchange(attempt, request).await?;
        self.judge(attempt, &answer)?;
        Ok(answer)
    }

    /// Judges the status of an answer.
    pub(super) fn judge(&self, attempt: &Attempt, answer: &Response) -> Result<(), Failure> {
        let judged = self.verdict.check(answer);
        judged.map_err(|failure| Failure { after: answer.retry_after(attempt.now()), ..failure })
    }

    /// Sends a request within the time of the attempt and of the integration's own `timeout`. An answer may have any
    /// status; having none is worth another attempt.
    pub(super) async fn exchange(
        &self,
        attempt: &Attempt,
        mut request: Request,
    ) -> Result<Response, Failure> {
        let (name, timeout) = self.timeout;
        let left = attempt.left();
        let own = !timeout.is_zero() && timeout < left;
        request.timeout = if own { timeout } else { left };
        request.headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        let method = title(&request.method);
        self.client.send(request).await.map_err(|error| {
            let timed_out = matches!(error, SendError::Timeout(_));
            let text = format!("{method} \"<redacted>\": {error}");
            let in_doubt = timed_out || matches!(error, SendError::Closed(_));
            let failure = if timed_out && own {
                Failure::retry(format!(
                    "{text}: configured {name} timeout reached ({})",
                    format_duration(timeout)
                ))
            } else if timed_out {
                Failure::retry(text).because(FailureReason::ContextDeadlineExceeded)
            } else {
                Failure::retry(text)
            };
            if in_doubt { failure.doubtful() } else { failure }
        })
    }
}

/// A request with a value as its JSON body.
pub(super) fn json_request<T: Serialize + ?Sized>(
    method: Method,
    url: &str,
    value: &T,
) -> Result<Request, Failure> {
    let body = json::encode_body(value).map_err(|error| Failure::lasting(format!("json: {error}")))?;
    let mut request = request(method, url, body)?;
    request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// A request with a body of any kind. The error of a URL that is none does not repeat it: it may hold a secret.
pub(super) fn request(method: Method, url: &str, body: impl Into<Bytes>) -> Result<Request, Failure> {
    let url = parse(&method, url)?;
    // The time that is left is known when the request is sent.
    let mut request = Request::new(method, url, Duration::ZERO);
    request.body = body.into();
    Ok(request)
}

/// The URL of a request. The error does not repeat it.
pub(super) fn parse(method: &Method, url: &str) -> Result<Url, Failure> {
    Url::parse(url).map_err(|error| {
        // A file may be written anew before the next attempt.
        Failure::retry(format!("{} \"<redacted>\": not a URL: {error}", title(method)))
    })
}

/// The value of a header that holds a secret from `key`.
pub(super) fn secret_header(secret: &Secret, key: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(secret.expose())
        .map_err(|_error| Failure::lasting(format!("{key}: holds a character that no header may")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The URL with `path`, which may have a query, after its own path.
pub(super) fn below(base: &Url, path: &str) -> Url {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path()));
    if query.is_some() {
        url.set_query(query);
    }
    url
}

/// A text as Go's `url.QueryEscape` writes it.
pub(super) fn query_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => escaped.push('+'),
            b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            byte => {
                // Writing to a string does not fail.
                write!(escaped, "%{byte:02X}").ok();
            }
        }
    }
    escaped
}

/// `Post`, as errors of Go's client begin.
fn title(method: &Method) -> String {
    let (first, rest) = method.as_str().split_at(1);
    format!("{first}{}", rest.to_ascii_lowercase())
}
