//! `GET /api/v2/alerts`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};

use super::Backend;
use super::alert_filter::AlertFilter;
use super::answer::Answer;
use super::query::Query;
use crate::engine::{AlertStatus, DeliveryView};
use crate::model::{Alert, ApiAlert, Fingerprint, MatcherMode, Timestamp, push_api_alert};

/// An answer leaves in pieces of about this size, in bytes.
const PIECE: usize = 64 << 10;

/// The alerts that have not ended and pass the filters, sorted by fingerprint. Receivers and status are those of the
/// moment of the request. Without an `alertmanager.yml` none is silenced, inhibited or has a receiver.
pub(super) async fn list(backend: &dyn Backend, query: Option<&str>, mode: MatcherMode) -> Answer {
    let file = backend.alertmanager_config();
    let filter = match AlertFilter::read(&Query::new(query), mode, file.as_deref()) {
        Ok(filter) => filter,
        Err(refusal) => return *refusal,
    };
    let view = backend.delivery().await;
    let mut alerts: Vec<(Fingerprint, Arc<Alert>)> = backend
        .alerts()
        .await
        .into_iter()
        .filter(|alert| filter.wants_labels(alert))
        .map(|alert| (alert.fingerprint(), alert))
        .collect();
    alerts.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
    let list = AlertList {
        alerts: alerts.into_iter(),
        filter,
        view,
        now: backend.now(),
        began: false,
        ended: false,
    };
    let mut response = Response::new(list.boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Appends an alert with its status; one that a time interval mutes is suppressed whatever else holds.
pub(super) fn push_alert(
    alert: &Alert,
    receivers: &[&str],
    status: &AlertStatus,
    muted_by: &[&str],
    json: &mut Vec<u8>,
) {
    let held = !status.silenced_by.is_empty() || !status.inhibited_by.is_empty() || !muted_by.is_empty();
    let silenced_by: Vec<&str> = status.silenced_by.iter().map(AsRef::as_ref).collect();
    let shown = ApiAlert {
        alert,
        receivers,
        state: if held { "suppressed" } else { "active" },
        inhibited_by: &status.inhibited_by,
        muted_by,
        silenced_by: &silenced_by,
    };
    push_api_alert(&shown, json);
}

/// The list as a body that is decided and encoded as it is sent.
struct AlertList {
    alerts: std::vec::IntoIter<(Fingerprint, Arc<Alert>)>,
    filter: AlertFilter,
    view: Option<DeliveryView>,
    now: Timestamp,
    began: bool,
    ended: bool,
}

impl AlertList {
    /// Appends an alert, if it is asked for.
    fn push(&mut self, alert: &Alert, json: &mut Vec<u8>) {
        let receivers = self.view.as_ref().map(|view| view.receivers(&alert.labels)).unwrap_or_default();
        if !self.filter.wants_receivers(&receivers) {
            return;
        }
        let status = self.view.as_ref().map(|view| view.status(&alert.labels, self.now)).unwrap_or_default();
        if !self.filter.wants_status(&status) {
            return;
        }
        json.push(if self.began { b',' } else { b'[' });
        self.began = true;
        let receivers: Vec<&str> = receivers.iter().map(AsRef::as_ref).collect();
        push_alert(alert, &receivers, &status, &[], json);
    }
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
            self.push(&alert, &mut piece);
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))))
    }
}
