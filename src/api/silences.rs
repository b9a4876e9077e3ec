//! `GET /api/v2/silences` and `POST /api/v2/silences`.

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Body;
use serde_json::json;

use super::answer::{self, Answer};
use super::query::Query;
use super::request_body::BodyLimits;
use super::{Backend, SilenceRefusal, operations};
use crate::engine::{SilenceError, SilenceQuery, check_times};
use crate::model::{MatcherMode, Silence, SilenceMatcher, SilenceState, decode_silence, push_api_silence};

/// The silences that have all the matchers of `filter` literally and are in a state that is asked for: active ones by
/// their end, pending ones by their start, expired ones by their end from the latest on.
pub(super) async fn list(backend: &dyn Backend, query: Option<&str>, mode: MatcherMode) -> Answer {
    let Some(view) = backend.delivery().await else { return operations::local_delivery() };
    let query = Query::new(query);
    let matchers = match query.matchers("filter", mode) {
        Ok(matchers) => matchers,
        Err(error) => return answer::json_string(StatusCode::BAD_REQUEST, &error),
    };
    let states: Vec<SilenceState> = [SilenceState::Active, SilenceState::Pending, SilenceState::Expired]
        .into_iter()
        .filter(|state| query.switch(state.as_str(), true))
        .collect();
    if states.is_empty() {
        return answer::json(StatusCode::OK, "[]\n");
    }
    let matchers = matchers.iter().map(|matcher| SilenceMatcher {
        kind: matcher.kind(),
        name: matcher.name().into(),
        value: matcher.value().into(),
    });
    let now = backend.now();
    let wanted = SilenceQuery { ids: None, matchers: matchers.collect(), states };
    let mut json = vec![b'['];
    for silence in view.silences().query(&wanted, now) {
        if let Some(refusal) = refuse_sets(&silence) {
            return refusal;
        }
        if json.len() > 1 {
            json.push(b',');
        }
        push_api_silence(&silence, now, &mut json);
    }
    json.extend_from_slice(b"]\n");
    answer::json(StatusCode::OK, json)
}

/// Makes a silence or, with an id, changes one; answers when that is durable. A change that would rewrite what the
/// silence has held ends it and makes a new one.
pub(super) async fn post<B>(backend: &dyn Backend, limits: &BodyLimits, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: std::fmt::Display,
{
    if let Some(refusal) = answer::refuse_content_type(request.headers()) {
        return refusal;
    }
    let not_acceptable = answer::refuse_accept(request.headers());
    let body = match limits.read(request).await {
        Ok(body) => body,
        Err(error) => return answer::json_string(error.status(), &error.to_string()),
    };
    // go-openapi asks what the answer may be only where there is no body.
    if let Some(refusal) = not_acceptable.filter(|_| body.as_ref().is_empty()) {
        return refusal;
    }
    if backend.alertmanager_config().is_none() {
        return operations::local_delivery();
    }
    let silence = match decode_silence(body.as_ref()) {
        Ok(silence) => silence,
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            return answer::json(status, error.to_json());
        }
    };
    if let Err(error) = check_times(&silence, backend.now()) {
        return answer::json_string(StatusCode::BAD_REQUEST, &error.to_string());
    }
    match backend.set_silence(silence).await {
        Ok(id) => answer::json(StatusCode::OK, format!("{}\n", json!({ "silenceID": id.as_str() }))),
        Err(SilenceRefusal::Refused(error @ SilenceError::NotFound)) => {
            answer::json_string(StatusCode::NOT_FOUND, &error.to_string())
        }
        Err(SilenceRefusal::Refused(error)) => {
            answer::json_string(StatusCode::BAD_REQUEST, &error.to_string())
        }
        Err(error @ SilenceRefusal::Stopping) => {
            answer::json_string(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
        }
    }
}

/// The answer where a silence is one that API v2 cannot show.
pub(super) fn refuse_sets(silence: &Silence) -> Option<Answer> {
    (silence.matcher_sets.len() > 1).then(|| {
        let message = format!(
            "silence '{}' has multiple matcher sets which is not supported by this API version",
            silence.id
        );
        answer::json_string(StatusCode::INTERNAL_SERVER_ERROR, &message)
    })
}
