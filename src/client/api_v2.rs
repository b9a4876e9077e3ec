//! Queries and changes over API v2, as amtool makes them.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use super::models::{AlertmanagerStatus, GettableAlert, GettableSilence, PostableAlert, PostableSilence};
use crate::net::{Endpoint, HttpClient, Request, SendError};

/// How large an answer may be, in bytes: some hundred thousand alerts.
const MAX_ANSWER: usize = 512 << 20;
/// How much of an answer that is no JSON an error shows, in characters.
const SHOWN: usize = 300;

/// One operation of the API, by the names of its document.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Operation {
    method: Method,
    /// As the document writes it, with `{silenceID}` for an id.
    path: &'static str,
    id: &'static str,
}

const GET_STATUS: Operation = Operation { method: Method::GET, path: "/status", id: "getStatus" };
const GET_ALERTS: Operation = Operation { method: Method::GET, path: "/alerts", id: "getAlerts" };
const POST_ALERTS: Operation = Operation { method: Method::POST, path: "/alerts", id: "postAlerts" };
const GET_SILENCES: Operation = Operation { method: Method::GET, path: "/silences", id: "getSilences" };
const POST_SILENCES: Operation = Operation { method: Method::POST, path: "/silences", id: "postSilences" };
const GET_SILENCE: Operation =
    Operation { method: Method::GET, path: "/silence/{silenceID}", id: "getSilence" };
const DELETE_SILENCE: Operation =
    Operation { method: Method::DELETE, path: "/silence/{silenceID}", id: "deleteSilence" };

/// Why an operation failed. The texts are those of amtool, but name what the server said where amtool drops it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There is no answer.
    #[error("{method} {url}: {source}")]
    Send {
        /// The method of the request.
        method: Method,
        /// Where it went. Without user and password.
        url: Url,
        /// Why.
        source: SendError,
    },
    /// The operation's document knows the answer for a failure: 400, 404 and 500 with a JSON text or nothing.
    #[error("[{method} {path}][{}] {id}{}{}", .status.as_u16(), failure_name(*.status), spaced(.payload))]
    Refused {
        /// The method of the operation.
        method: Method,
        /// The path of the operation, with `{silenceID}` for an id.
        path: &'static str,
        /// The operation's name.
        id: &'static str,
        /// The answer's status.
        status: StatusCode,
        /// The answer's body, a JSON text, or empty.
        payload: String,
    },
    /// Any other status that is no success, or an answer that is none of the API's.
    #[error("[{method} {path}] {id} (status {}): {message}", .status.as_u16())]
    Unexpected {
        /// The method of the operation.
        method: Method,
        /// The path of the operation, with `{silenceID}` for an id.
        path: &'static str,
        /// The operation's name.
        id: &'static str,
        /// The answer's status.
        status: StatusCode,
        /// What the answer says, or what is wrong with it.
        message: String,
    },
}

impl ApiError {
    /// Whether the server does not know what the request is about.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }
}

fn failure_name(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "BadRequest",
        StatusCode::NOT_FOUND => "NotFound",
        _ => "InternalServerError",
    }
}

fn spaced(payload: &str) -> String {
    if payload.is_empty() { String::new() } else { format!(" {payload}") }
}

/// Which alerts to show. A state that is not asked for is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Those of which somebody is told.
    pub active: bool,
    /// Those that another alert inhibits.
    pub inhibited: bool,
    /// Those that a silence silences.
    pub silenced: bool,
    /// Those that have no state yet.
    pub unprocessed: bool,
    /// A regular expression that the name of a receiver matches; any if empty.
    pub receiver: String,
    /// Matchers as texts, which the server reads.
    pub filter: Vec<String>,
}

/// A client of API v2 for one piece of work: all its requests end at one deadline.
#[derive(Debug, Clone)]
pub struct ApiV2 {
    http: HttpClient,
    endpoint: Endpoint,
    deadline: Instant,
}

impl ApiV2 {
    /// A client of the server at `endpoint`. `http` brings the credentials, and the socket if it is one.
    #[must_use]
    pub fn new(http: HttpClient, endpoint: Endpoint, deadline: Instant) -> Self {
        Self { http, endpoint, deadline }
    }

    /// What the server says of itself.
    ///
    /// # Errors
    ///
    /// There is no answer, or none of the API's.
    pub async fn status(&self) -> Result<AlertmanagerStatus, ApiError> {
        self.query(&GET_STATUS, self.url(&GET_STATUS)).await
    }

    /// Alerts, in the server's order.
    ///
    /// # Errors
    ///
    /// There is no answer, or the server refuses the query.
    pub async fn alerts(&self, query: &AlertQuery) -> Result<Vec<GettableAlert>, ApiError> {
        let mut url = self.url(&GET_ALERTS);
        let states = [
            ("active", query.active),
            ("inhibited", query.inhibited),
            ("silenced", query.silenced),
            ("unprocessed", query.unprocessed),
        ];
        for (state, wanted) in states {
            url.query_pairs_mut().append_pair(state, if wanted { "true" } else { "false" });
        }
        if !query.receiver.is_empty() {
            url.query_pairs_mut().append_pair("receiver", &query.receiver);
        }
        append_filter(&mut url, &query.filter);
        self.query(&GET_ALERTS, url).await
    }

    /// Adds alerts.
    ///
    /// # Errors
    ///
    /// There is no answer, or the server refuses some of the alerts; it keeps the others.
    pub async fn post_alerts(&self, alerts: &[PostableAlert]) -> Result<(), ApiError> {
        let url = self.url(&POST_ALERTS);
        self.exchange(&POST_ALERTS, url, json(&POST_ALERTS, alerts)?).await.map(drop)
    }

    /// Silences in every state that have all these matchers, in the server's order. The server reads the texts.
    ///
    /// # Errors
    ///
    /// There is no answer, or the server refuses the query.
    pub async fn silences(&self, filter: &[String]) -> Result<Vec<GettableSilence>, ApiError> {
        let mut url = self.url(&GET_SILENCES);
        append_filter(&mut url, filter);
        self.query(&GET_SILENCES, url).await
    }

    /// The silence with this id, whatever its state.
    ///
    /// # Errors
    ///
    /// There is no answer, or no such silence.
    pub async fn silence(&self, id: &str) -> Result<GettableSilence, ApiError> {
        self.query(&GET_SILENCE, self.silence_url(id)).await
    }

    /// Creates or changes a silence, and gives the id it has then: a change that cannot be made in place ends the
    /// old silence and makes a new one.
    ///
    /// # Errors
    ///
    /// There is no answer, or the server refuses the silence.
    pub async fn post_silence(&self, silence: &PostableSilence) -> Result<String, ApiError> {
        #[derive(serde::Deserialize)]
        struct Created {
            #[serde(rename = "silenceID")]
            id: String,
        }
        let url = self.url(&POST_SILENCES);
        let answer = self.exchange(&POST_SILENCES, url, json(&POST_SILENCES, silence)?).await?;
        read(&POST_SILENCES, &answer).map(|created: Created| created.id)
    }

    /// Ends a silence now.
    ///
    /// # Errors
    ///
    /// There is no answer, or no such silence.
    pub async fn delete_silence(&self, id: &str) -> Result<(), ApiError> {
        self.exchange(&DELETE_SILENCE, self.silence_url(id), Bytes::new()).await.map(drop)
    }

    fn url(&self, operation: &Operation) -> Url {
        self.endpoint.url(&format!("/api/v2{}", operation.path))
    }

    fn silence_url(&self, id: &str) -> Url {
        let mut url = self.endpoint.url("/api/v2/silence");
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(id);
        }
        url
    }

    async fn query<T: DeserializeOwned>(&self, operation: &Operation, url: Url) -> Result<T, ApiError> {
        read(operation, &self.exchange(operation, url, Bytes::new()).await?)
    }

    /// One request; gives the body of its answer if that is a success.
    async fn exchange(&self, operation: &Operation, url: Url, body: Bytes) -> Result<Bytes, ApiError> {
        let timeout = self.deadline.saturating_duration_since(Instant::now());
        let mut request = Request::new(operation.method.clone(), url, timeout);
        request.max_answer = MAX_ANSWER;
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if !body.is_empty() {
            request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request.body = body;
        let (method, url) = (request.method.clone(), without_credentials(&request.url));
        let answer =
            self.http.send(request).await.map_err(|source| ApiError::Send { method, url, source })?;
        if answer.truncated {
            return Err(unexpected(
                operation,
                answer.status,
                format!("the answer is longer than {} MB", MAX_ANSWER >> 20),
            ));
        }
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(refusal(operation, answer.status, &answer.body))
    }
}

fn append_filter(url: &mut Url, filter: &[String]) {
    for matcher in filter {
        url.query_pairs_mut().append_pair("filter", matcher);
    }
}

fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // They fail for URLs without a host only, which have no credentials.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url
}

fn json(operation: &Operation, value: &(impl Serialize + ?Sized)) -> Result<Bytes, ApiError> {
    let body = serde_json::to_vec(value)
        .map_err(|error| unexpected(operation, StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Bytes::from(body))
}

fn read<T: DeserializeOwned>(operation: &Operation, body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        unexpected(operation, StatusCode::OK, format!("the answer is none of Alertmanager's API v2: {error}"))
    })
}

fn unexpected(operation: &Operation, status: StatusCode, message: String) -> ApiError {
    let Operation { method, path, id } = operation.clone();
    ApiError::Unexpected { method, path, id, status, message }
}

/// What an answer that is no success says: handlers answer a JSON text, the framework an object with `message`,
/// proxies anything.
fn refusal(operation: &Operation, status: StatusCode, body: &[u8]) -> ApiError {
    #[derive(serde::Deserialize)]
    struct Framework {
        message: String,
    }
    let declared =
        matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::INTERNAL_SERVER_ERROR);
    let text = String::from_utf8_lossy(body).trim().to_owned();
    if declared && (text.is_empty() || serde_json::from_slice::<String>(body).is_ok()) {
        let Operation { method, path, id } = operation.clone();
        return ApiError::Refused { method, path, id, status, payload: text };
    }
    let message = match serde_json::from_slice::<Framework>(body) {
        Ok(framework) => framework.message,
        Err(_) if text.is_empty() => {
            status.canonical_reason().unwrap_or("an answer without a body").to_owned()
        }
        Err(_) => text.chars().take(SHOWN).collect(),
    };
    unexpected(operation, status, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_as_amtools() {
        let cases: [(&Operation, u16, &str, &str); 7] = [
            (
                &GET_ALERTS,
                400,
                "\"bad matcher format: nope\"\n",
                "[GET /alerts][400] getAlertsBadRequest \"bad matcher format: nope\"",
            ),
            (&DELETE_SILENCE, 404, "", "[DELETE /silence/{silenceID}][404] deleteSilenceNotFound"),
            (
                &GET_SILENCE,
                500,
                "\"x\"",
                "[GET /silence/{silenceID}][500] getSilenceInternalServerError \"x\"",
            ),
            (
                &DELETE_SILENCE,
                422,
                "{\"code\":601,\"message\":\"silenceID in path must be of type uuid: \\\"foo\\\"\"}",
                "[DELETE /silence/{silenceID}] deleteSilence (status 422): silenceID in path must be of type uuid: \"foo\"",
            ),
            (
                &GET_ALERTS,
                404,
                "404 page not found\n",
                "[GET /alerts] getAlerts (status 404): 404 page not found",
            ),
            (
                &GET_ALERTS,
                404,
                "{\"code\":404,\"message\":\"path /x was not found\"}",
                "[GET /alerts] getAlerts (status 404): path /x was not found",
            ),
            (&GET_STATUS, 502, "", "[GET /status] getStatus (status 502): Bad Gateway"),
        ];
        for (operation, status, body, expected) in cases {
            let error = refusal(operation, StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.is_not_found(), status == 404 && body.is_empty(), "{expected}");
        }
    }

    #[test]
    fn ids_are_escaped_and_credentials_not_shown() {
        let http = HttpClient::plain(crate::net::ClientOptions::default()).unwrap();
        let endpoint = Endpoint::parse("http://user:secret@am:9093/prefix").unwrap();
        let client = ApiV2::new(http, endpoint, Instant::now());
        let url = client.silence_url("a/b?c");
        assert_eq!(url.path(), "/prefix/api/v2/silence/a%2Fb%3Fc");
        assert_eq!(without_credentials(&url).as_str(), "http://am:9093/prefix/api/v2/silence/a%2Fb%3Fc");
    }
}
