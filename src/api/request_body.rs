//! Reading request bodies within bounds: of one body, of all bodies together, and of the time between two pieces.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes of bodies may be in memory at once, over all connections.
const ALL_BODIES: usize = 256 << 20;
/// What is reserved at a time as a body grows, in bytes.
const STEP: usize = 64 << 10;

/// The bounds of request bodies. A body that would pass them is refused; nothing waits for room, so that slow
/// senders cannot hold up each other.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    steps: Arc<Semaphore>,
    one: usize,
    patience: Duration,
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Larger than one body may be.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// All bodies together are as large as they may be.
    #[error("too many bytes of request bodies in flight, try again later")]
    Busy,
    /// No byte came for too long.
    #[error("no byte of the request body came for {0:?}")]
    Slow(Duration),
    /// The connection broke.
    #[error("the request body broke off: {0}")]
    Broken(String),
}

impl BodyError {
    /// The status that answers it.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// A body and its share of the memory for bodies, which it gives back when dropped.
#[derive(Debug)]
pub struct WholeBody {
    bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for WholeBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyLimits {
    /// At most `one` bytes a body, and at most `patience` between two pieces of it.
    #[must_use]
    pub fn new(one: usize, patience: Duration) -> Self {
        Self { steps: Arc::new(Semaphore::new(ALL_BODIES / STEP)), one, patience }
    }

    /// Reads the whole body of `request`.
    pub async fn read<B>(&self, request: Request<B>) -> Result<WholeBody, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let mut body = request.into_body();
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.one {
            return Err(BodyError::TooLarge { limit: self.one });
        }
        let mut share = self.reserve(None, announced)?;
        let mut bytes = BytesMut::with_capacity(announced.min(STEP));
        loop {
            let frame = tokio::time::timeout(self.patience, body.frame());
            let Some(frame) = frame.await.map_err(|_elapsed| BodyError::Slow(self.patience))? else {
                return Ok(WholeBody { bytes: bytes.freeze(), _share: share });
            };
            let frame = frame.map_err(|error| BodyError::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.one {
                return Err(BodyError::TooLarge { limit: self.one });
            }
            share = self.reserve(share, bytes.len() + data.len())?;
            bytes.extend_from_slice(&data);
        }
    }

    /// Makes `share` large enough for `size` bytes.
    fn reserve(
        &self,
        share: Option<OwnedSemaphorePermit>,
        size: usize,
    ) -> Result<Option<OwnedSemaphorePermit>, BodyError> {
        let has = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = size.div_ceil(STEP).saturating_sub(has);
        if missing == 0 {
            return Ok(share);
        }
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let more =
            Arc::clone(&self.steps).try_acquire_many_owned(missing).map_err(|_full| BodyError::Busy)?;
        Ok(Some(match share {
            Some(mut share) => {
                share.merge(more);
                share
            }
            None => more,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::Frame;

    use super::*;

    fn limits() -> BodyLimits {
        BodyLimits::new(100_000, Duration::from_secs(10))
    }

    #[tokio::test]
    async fn reads_a_body_and_gives_its_share_back() {
        let limits = limits();
        let all = limits.steps.available_permits();
        let body = limits.read(Request::new(Full::new(Bytes::from(vec![b'x'; 70_000])))).await.unwrap();
        assert_eq!(body.as_ref().len(), 70_000);
        assert_eq!(limits.steps.available_permits(), all - 2);
        drop(body);
        assert_eq!(limits.steps.available_permits(), all);
    }

    #[tokio::test]
    async fn refuses_what_passes_the_bounds() {
        let limits = limits();
        let large = limits.read(Request::new(Full::new(Bytes::from(vec![b'x'; 100_001])))).await;
        assert_eq!(large.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);

        let _others = Arc::clone(&limits.steps).try_acquire_many_owned(4096).unwrap();
        let busy = limits.read(Request::new(Full::new(Bytes::from_static(b"[]")))).await;
        assert_eq!(busy.unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_a_sender_that_stops_in_the_middle() {
        let error = limits().read(Request::new(Silent)).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }

    /// A body of which no byte ever comes.
    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }
}
