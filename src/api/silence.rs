//! `GET /api/v2/silence/{id}` and `DELETE /api/v2/silence/{id}`.

use http::StatusCode;
use smol_str::SmolStr;

use super::answer::{self, Answer};
use super::silences::refuse_sets;
use super::{Backend, SilenceRefusal, operations};
use crate::model::{push_api_silence, quote};

/// The silence, whatever its state, as long as it is kept.
pub(super) async fn get(backend: &dyn Backend, id: &str) -> Answer {
    if let Some(refusal) = refuse_id(id) {
        return refusal;
    }
    let Some(view) = backend.delivery().await else { return operations::local_delivery() };
    let Some(silence) = view.silences().get(id) else { return answer::empty(StatusCode::NOT_FOUND) };
    if let Some(refusal) = refuse_sets(silence) {
        return refusal;
    }
    let mut json = Vec::new();
    push_api_silence(silence, backend.now(), &mut json);
    json.push(b'\n');
    answer::json(StatusCode::OK, json)
}

/// Ends the silence now; answers when that is durable. One that has ended already stays as it is.
pub(super) async fn delete(backend: &dyn Backend, id: &str) -> Answer {
    if let Some(refusal) = refuse_id(id) {
        return refusal;
    }
    if backend.alertmanager_config().is_none() {
        return operations::local_delivery();
    }
    match backend.expire_silence(SmolStr::new(id)).await {
        Ok(()) => answer::empty(StatusCode::OK),
        Err(SilenceRefusal::Refused(_)) => answer::empty(StatusCode::NOT_FOUND),
        Err(error @ SilenceRefusal::Stopping) => {
            answer::json_string(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
        }
    }
}

/// go-openapi's check of the path.
fn refuse_id(id: &str) -> Option<Answer> {
    uuid::Uuid::parse_str(id).is_err().then(|| {
        let message = format!("silenceID in path must be of type uuid: {}", quote(id));
        answer::framework_error(StatusCode::UNPROCESSABLE_ENTITY, 601, &message)
    })
}
