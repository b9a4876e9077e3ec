//! One POST to one Alertmanager, and how its answer is judged.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// What a trait's async method gives back.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The request header that carries the ids of the tocsins that alerts came through, the sender's last, separated by
/// commas.
pub const TOCSIN_PATH: &str = "tocsin-path";

/// The response header by which a tocsin says which one it is.
pub const TOCSIN_ID: &str = "tocsin-id";

/// A batch of alerts to post.
#[derive(Debug, Clone)]
pub struct PostRequest {
    /// The push URL.
    pub url: Arc<str>,
    /// A JSON array of alerts.
    pub body: Bytes,
    /// The limit for the whole request, answer included.
    pub timeout: Duration,
    /// The value of the header [`TOCSIN_PATH`].
    pub path: Arc<str>,
}

/// An answer that was read to its end.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status, such as 503.
    pub status: u16,
    /// The status as text, such as `503 Service Unavailable`.
    pub status_text: String,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// The beginning of the body.
    pub body: String,
    /// The header [`TOCSIN_ID`]: the Alertmanager is a tocsin.
    pub tocsin: Option<Arc<str>>,
}

/// Posts batches: the HTTP client of a set, or a test (the hook `Do` of Prometheus's notifier).
pub trait Post: Send + Sync {
    /// Posts a batch; an error is the reason why there was no answer.
    fn post(&self, request: PostRequest) -> BoxFuture<Result<Answer, String>>;
}

impl fmt::Debug for dyn Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Post")
    }
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The alerts are there.
    Delivered,
    /// The Alertmanager works but will not have this batch: it is halved.
    Refused(String),
    /// To be tried again, no sooner than the Alertmanager asked for.
    Failed { reason: String, retry_after: Option<Duration> },
}

impl Verdict {
    /// Judges an answer. Redirects that are still redirects here (301 to 303 would turn a POST into a GET without
    /// the alerts) are failures like everything else that is not 2xx. 401, 403 and 404 are tried again, since
    /// credentials rotate and proxies restart; 400, 413 and 422 are about the batch.
    pub(super) fn of(answer: &Result<Answer, String>) -> Self {
        match answer {
            Ok(answer) if (200..300).contains(&answer.status) => Self::Delivered,
            Ok(answer) => {
                let mut reason = format!("bad response status {}", answer.status_text);
                if matches!(answer.status, 400 | 413 | 422) {
                    let body = answer.body.trim();
                    if !body.is_empty() {
                        reason.push_str(": ");
                        reason.extend(body.chars().take(500));
                    }
                    return Self::Refused(reason);
                }
                Self::Failed { reason, retry_after: answer.retry_after }
            }
            Err(reason) => Self::Failed { reason: reason.clone(), retry_after: None },
        }
    }
}
