use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::config::RateLimit;

/// A token bucket: one request every interval, and as many at once as the burst.
#[derive(Debug)]
pub struct RateLimiter {
    limit: RateLimit,
    /// When the bucket was last looked at, and what was in it. Held for a look.
    bucket: Mutex<(Instant, f64)>,
}

impl RateLimiter {
    /// A full bucket at `now`.
    #[must_use]
    pub fn new(limit: RateLimit, now: Instant) -> Self {
        Self { limit, bucket: Mutex::new((now, limit.burst as f64)) }
    }

    /// Whether a request that comes `now` may go on; otherwise the answer is 429.
    #[must_use]
    pub fn allow(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, tokens) = *bucket;
        let interval = self.limit.interval.as_secs_f64();
        let gained = if interval > 0.0 {
            now.saturating_duration_since(last).as_secs_f64() / interval
        } else {
            f64::INFINITY
        };
        let tokens = (tokens + gained).min(self.limit.burst as f64);
        let allowed = tokens >= 1.0;
        *bucket = (now.max(last), if allowed { tokens - 1.0 } else { tokens });
        allowed
    }
}
