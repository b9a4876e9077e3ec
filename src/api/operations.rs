//! The pages for operators: health, readiness, reload, Alertmanagers, queues.

use http::StatusCode;
use serde_json::json;

use super::answer::{self, Answer};
use super::{Backend, Readiness};

/// `GET /`: what this is and what to point at it.
pub(super) fn root() -> Answer {
    answer::text(
        StatusCode::OK,
        "tocsin: point Prometheus, amtool, karma and other clients at /api/v2 of this address \
         (/api/v2/swagger.json describes it); see /-/ready?verbose, /api/v1/queues and /metrics\n",
    )
}

/// `GET /-/healthy`: Alertmanager's answer.
pub(super) fn healthy() -> Answer {
    answer::text(StatusCode::OK, "OK")
}

/// `GET /-/ready`; with `?verbose` every part and how it is.
pub(super) fn ready(readiness: &Readiness, query: Option<&str>) -> Answer {
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.is_some_and(|query| {
        url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "verbose")
    });
    let summary = if readiness.ready { "OK" } else { "Service Unavailable" };
    if !verbose {
        return answer::text(status, summary);
    }
    let mut body = format!("{summary}\n");
    for (part, state) in &readiness.details {
        body.push_str(part);
        body.push_str(": ");
        body.push_str(state);
        body.push('\n');
    }
    answer::text(status, body)
}

/// `POST /-/reload`: waits for the reload; Prometheus's answers.
pub(super) async fn reload(backend: &dyn Backend) -> Answer {
    match backend.reload().await {
        Ok(()) => answer::empty(StatusCode::OK),
        Err(error) => {
            answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {error}\n"))
        }
    }
}

/// `GET /api/v1/alertmanagers`, in Prometheus's form.
pub(super) fn alertmanagers(backend: &dyn Backend) -> Answer {
    let (active, dropped) = backend.alertmanagers();
    let list = |urls: Vec<String>| urls.into_iter().map(|url| json!({ "url": url })).collect::<Vec<_>>();
    let body = json!({
        "status": "success",
        "data": {
            "activeAlertmanagers": list(active),
            "droppedAlertmanagers": list(dropped),
        },
    });
    answer::json(StatusCode::OK, body.to_string())
}

/// `GET /api/v1/queues`.
pub(super) async fn queues(backend: &dyn Backend) -> Answer {
    let body = json!({ "status": "success", "data": backend.queues().await });
    answer::json(StatusCode::OK, format!("{body}\n"))
}

/// What Alertmanager answers where `/api/v1` was, and what to write instead.
pub(super) fn removed_v1() -> Answer {
    let error = "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 \
                 - please use the equivalent route in the v2 API: /api/v2/alerts \
                 (in a prometheus.yml, `api_version: v2`)";
    let body = format!("{{\"status\":\"deprecated\",\"error\":{}}}\n", json!(error));
    answer::json(StatusCode::GONE, body)
}

/// The answer of everything that an `alertmanager.yml` would bring.
pub(super) fn local_delivery() -> Answer {
    answer::json_string(StatusCode::NOT_FOUND, "no alertmanager.yml is loaded: silences have no effect here")
}
