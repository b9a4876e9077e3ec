//! Answers: their bodies and the shapes of errors that clients of Prometheus and Alertmanager know.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

/// The body of an answer: whole, or streamed piece by piece.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;
/// An answer on its way out.
pub type Answer = Response<Body>;

/// An answer with a body that is there as a whole.
#[must_use]
pub fn whole(status: StatusCode, content_type: Option<&'static str>, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = status;
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    answer
}

/// A status and nothing else.
#[must_use]
pub fn empty(status: StatusCode) -> Answer {
    whole(status, None, Bytes::new())
}

/// Plain text.
#[must_use]
pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    whole(status, Some("text/plain; charset=utf-8"), text)
}

/// JSON that is encoded already.
#[must_use]
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    whole(status, Some("application/json"), body)
}

/// A handler's error in API v2: the message as one JSON string and a line feed.
#[must_use]
pub fn json_string(status: StatusCode, message: &str) -> Answer {
    json(status, format!("{}\n", serde_json::Value::from(message)))
}

/// The error of go-openapi's framework in API v2: `{"code":N,"message":"…"}`.
#[must_use]
pub fn framework_error(status: StatusCode, code: u16, message: &str) -> Answer {
    json(status, format!("{{\"code\":{code},\"message\":{}}}", serde_json::Value::from(message)))
}

/// What go-openapi answers to a request without a body whose `Accept` header leaves JSON out.
#[must_use]
pub fn refuse_accept(headers: &HeaderMap) -> Option<Answer> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let takes_json = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let quality = parts.find_map(|parameter| parameter.strip_prefix("q=")).unwrap_or("1");
        ["*/*", "application/*", "application/json"].iter().any(|known| media.eq_ignore_ascii_case(known))
            && quality.parse::<f64>().is_ok_and(|quality| quality > 0.0)
    };
    (!accept.is_empty() && !accept.split(',').any(takes_json)).then(|| {
        let message = "unsupported media type requested, only [application/json] are available";
        framework_error(StatusCode::NOT_ACCEPTABLE, 406, message)
    })
}

/// go-openapi's check of what the body is.
#[must_use]
pub fn refuse_content_type(headers: &HeaderMap) -> Option<Answer> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = given.unwrap_or("application/octet-stream");
    let media = content_type.split(';').next().unwrap_or_default().trim();
    (!media.eq_ignore_ascii_case("application/json")).then(|| {
        let message = format!("unsupported media type {content_type:?}, only [application/json] are allowed");
        framework_error(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, &message)
    })
}

/// What go-openapi answers to a method that a known path does not have.
#[must_use]
pub fn method_not_allowed(method: &http::Method, allowed: &'static str) -> Answer {
    let message = format!("method {method} is not allowed, but [{allowed}] are");
    with_header(framework_error(StatusCode::METHOD_NOT_ALLOWED, 405, &message), ALLOW, allowed)
}

/// The answer with one more header.
#[must_use]
pub fn with_header(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

/// The answer, not to be cached.
#[must_use]
pub fn no_store(answer: Answer) -> Answer {
    with_header(answer, CACHE_CONTROL, "no-store")
}
