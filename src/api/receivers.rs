//! `GET /api/v2/receivers`.

use http::StatusCode;
use serde_json::json;

use super::answer::{self, Answer};
use super::query::Query;
use super::{Backend, operations};
use crate::model::{LabelSet, MatcherMode};

/// The receivers whose labels pass `receiver_matchers`, in the order of the file, those that no route uses included.
pub(super) fn list(backend: &dyn Backend, query: Option<&str>, mode: MatcherMode) -> Answer {
    let Some(file) = backend.alertmanager_config() else { return operations::local_delivery() };
    let matchers = match Query::new(query).matchers("receiver_matchers", mode) {
        Ok(matchers) => matchers,
        Err(error) => {
            let message = format!("failed to parse receiver_matchers param: {error}");
            return answer::json_string(StatusCode::BAD_REQUEST, &message);
        }
    };
    let wanted = file
        .receivers
        .iter()
        .filter(|receiver| matchers.passes_filter(&receiver.labels.iter().collect::<LabelSet>()));
    let list: Vec<_> =
        wanted.map(|receiver| json!({ "labels": receiver.labels, "name": receiver.name })).collect();
    answer::json(StatusCode::OK, format!("{}\n", serde_json::Value::from(list)))
}
