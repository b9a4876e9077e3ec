//! Retry: what is sent, and when the next attempt is made after one that failed.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::flush::{FlushAlert, Run};
use crate::model::{Alert, DeliveryId, Timestamp};

/// The first interval between attempts.
const INITIAL: Duration = Duration::from_millis(500);
/// The longest.
const MOST: Duration = Duration::from_mins(1);
/// An interval is this many times the one before, in tenths.
const FACTOR_TENTHS: u32 = 15;

/// What to send to an integration out of what the stages kept; nothing, if only ends are left and the integration
/// does not want to hear of them: then it counts as told.
pub(crate) fn to_send<'a>(
    kept: impl Iterator<Item = &'a FlushAlert>,
    send_resolved: bool,
) -> Arc<[Arc<Alert>]> {
    kept.filter(|alert| send_resolved || !alert.resolved).map(|alert| Arc::clone(&alert.alert)).collect()
}

/// The interval from the start of attempt number `attempt` (from 1) to that of the next: exponential, and
/// random by half up or down. The same delivery gets the same intervals.
#[must_use]
pub fn back_off(delivery: DeliveryId, attempt: u32) -> Duration {
    let mut interval = INITIAL;
    for _ in 1..attempt {
        interval = (interval * FACTOR_TENTHS / 10).min(MOST);
        if interval == MOST {
            break;
        }
    }
    let random = scatter(delivery.0 ^ (u64::from(attempt) << 48)) % 1_000_001;
    // Between 0.5 and 1.5 times the interval, in millionths.
    let nanos = interval.as_nanos() * (500_000 + u128::from(random)) / 1_000_000;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// When the attempt after a failed one is made: never before now, nor before the receiver allows it.
pub(crate) fn next_attempt(run: &Run, now: Timestamp, after: Option<Duration>) -> Timestamp {
    let earliest = now + after.unwrap_or_default();
    (run.started + back_off(run.delivery, run.attempts)).max(earliest)
}

/// SplitMix64's output function: spreads numbers that differ little.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
