//! How many GET requests are answered at once (`--web.get-concurrency`), all pages together.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::{self, Answer};

/// The bound. What comes beyond is refused; nothing waits.
#[derive(Debug, Clone)]
pub struct GetLimit {
    room: Arc<Semaphore>,
    most: usize,
}

impl GetLimit {
    /// A bound of `most`; 0 means as many as there are processors, but at least 8.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let most = if most == 0 { processors.max(8) } else { most.min(Semaphore::MAX_PERMITS) };
        Self { room: Arc::new(Semaphore::new(most)), most }
    }

    /// A place for one request, which it keeps until its answer has left; `None` if there is none.
    pub(super) fn enter(&self, in_flight: &IntGauge) -> Option<Place> {
        let permit = Arc::clone(&self.room).try_acquire_owned().ok()?;
        in_flight.inc();
        Some(Place { _permit: permit, in_flight: in_flight.clone() })
    }

    /// What is answered without a place.
    pub(super) fn refusal(&self) -> Answer {
        let text = format!("Limit of concurrent GET requests reached ({}), try again later.\n\n", self.most);
        let answer = answer::text(StatusCode::SERVICE_UNAVAILABLE, text);
        answer::with_header(answer, HeaderName::from_static("x-content-type-options"), "nosniff")
    }
}

/// The place of a request.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    in_flight: IntGauge,
}

impl Place {
    /// Keeps the place until the answer's body has left or is dropped.
    pub(super) fn keep_for(self, answer: Answer) -> Answer {
        answer.map(|body| Kept { body, _place: self }.boxed_unsync())
    }
}

/// A body and the place of its request.
struct Kept {
    body: answer::Body,
    _place: Place,
}

impl Body for Kept {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

/// What is answered when a request took longer than it may.
pub(super) fn timed_out(after: std::time::Duration) -> Answer {
    let text = format!("Exceeded configured timeout of {}.", crate::model::format_duration(after));
    let mut answer = answer::whole(StatusCode::SERVICE_UNAVAILABLE, None, text);
    answer.headers_mut().insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_free_again_when_the_answer_has_left() {
        let limit = GetLimit::new(1);
        let in_flight = IntGauge::new("in_flight", "GET requests").unwrap();
        let place = limit.enter(&in_flight).unwrap();
        assert!(limit.enter(&in_flight).is_none());
        let answer = place.keep_for(answer::text(StatusCode::OK, "x"));
        assert!(limit.enter(&in_flight).is_none());
        assert_eq!(answer.body().size_hint().exact(), Some(1), "the length is told ahead");
        drop(answer.into_body().collect().await);
        assert_eq!(in_flight.get(), 0);
        assert!(limit.enter(&in_flight).is_some());
    }
}
