//! `GET /api/v2/alerts`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};

use super::Backend;
use super::answer::{self, Answer};
use super::query::Query;
use crate::model::{Alert, ApiAlert, Fingerprint, MatcherMode, push_api_alert};

/// An answer leaves in pieces of about this size, in bytes.
const PIECE: usize = 64 << 10;

/// The alerts that have not ended and pass the filters, sorted by fingerprint. Without an `alertmanager.yml` none
/// is silenced, inhibited or has a receiver.
pub(super) async fn list(backend: &dyn Backend, query: Option<&str>) -> Answer {
    let query = Query::new(query);
    let filter = match query.matchers("filter", MatcherMode::default()) {
        Ok(filter) => filter,
        Err(error) => return answer::json_string(StatusCode::BAD_REQUEST, &error),
    };
    let receivers = match query.matchers("receiver_matchers", MatcherMode::default()) {
        Ok(receivers) => receivers,
        Err(error) => {
            let message = format!("failed to parse receiver_matchers param: {error}");
            return answer::json_string(StatusCode::BAD_REQUEST, &message);
        }
    };
    let receiver = match query.regex("receiver") {
        Ok(receiver) => receiver,
        Err(error) => {
            let message = format!("failed to parse receiver param: {error}");
            return answer::json_string(StatusCode::BAD_REQUEST, &message);
        }
    };
    if !query.switch("active", true) || receiver.is_some() || !receivers.is_empty() {
        return answer::json(StatusCode::OK, "[]\n");
    }
    let mut alerts: Vec<(Fingerprint, Arc<Alert>)> = backend
        .alerts()
        .await
        .into_iter()
        .filter(|alert| filter.passes_filter(&alert.labels))
        .map(|alert| (alert.fingerprint(), alert))
        .collect();
    alerts.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
    let list = AlertList { alerts: alerts.into_iter(), began: false, ended: false };
    let mut response = Response::new(list.boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The list as a body that is encoded as it is sent.
struct AlertList {
    alerts: std::vec::IntoIter<(Fingerprint, Arc<Alert>)>,
    began: bool,
    ended: bool,
}

impl Body for AlertList {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut piece = Vec::with_capacity(PIECE + 4096);
        while piece.len() < PIECE {
            let Some((_, alert)) = self.alerts.next() else {
                piece.extend_from_slice(if self.began { b"]\n" } else { b"[]\n" });
                self.ended = true;
                break;
            };
            piece.push(if self.began { b',' } else { b'[' });
            self.began = true;
            let shown = ApiAlert {
                alert: &alert,
                receivers: &[],
                state: "active",
                inhibited_by: &[],
                muted_by: &[],
                silenced_by: &[],
            };
            push_api_alert(&shown, &mut piece);
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))))
    }
}
