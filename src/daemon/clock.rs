//! The one place that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// The wall clock's time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed times from")]
pub(super) fn now() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::UNIX_EPOCH + since,
        Err(before) => Timestamp::UNIX_EPOCH - before.duration(),
    }
}

/// The wall clock's time, as files carry it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed times from")]
pub(super) fn system_now() -> SystemTime {
    SystemTime::now()
}
