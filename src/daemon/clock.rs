//! The one place that reads the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::engine::ClockStep;
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

/// A step larger than this, against the time that passed, means that the clock was set.
const STEP: Duration = Duration::from_secs(1);

/// The wall clock as the engine is handed it: it never goes back by itself, and when somebody sets it, that is told
/// first.
#[derive(Debug)]
pub(super) struct SteppedClock {
    wall: Timestamp,
    at: Instant,
}

impl SteppedClock {
    pub(super) fn new() -> Self {
        Self { wall: now(), at: Instant::now() }
    }

    /// The time at a start. A clock that is behind `known`, a time that was read before, has been set back.
    pub(super) fn start(
        &mut self,
        known: Timestamp,
        told: &mut dyn FnMut(Timestamp, ClockStep),
    ) -> Timestamp {
        *self = Self::new();
        if known > self.wall + STEP {
            told(self.wall, ClockStep { by: known.since(self.wall), back: true });
        }
        self.wall
    }

    /// The time; if the clock was set, `told` learns of the new time and the step before.
    pub(super) fn now(&mut self, told: &mut dyn FnMut(Timestamp, ClockStep)) -> Timestamp {
        self.read(now(), Instant::now(), told)
    }

    fn read(
        &mut self,
        wall: Timestamp,
        at: Instant,
        told: &mut dyn FnMut(Timestamp, ClockStep),
    ) -> Timestamp {
        let expected = self.wall + at.saturating_duration_since(self.at);
        self.at = at;
        if wall > expected + STEP {
            self.wall = wall;
            told(wall, ClockStep { by: wall.since(expected), back: false });
        } else if expected > wall + STEP {
            self.wall = wall;
            told(wall, ClockStep { by: expected.since(wall), back: true });
        } else {
            // A little back is a clock that is being slewed: it stands still meanwhile.
            self.wall = self.wall.max(wall);
        }
        self.wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_of_once() {
        let began = Instant::now();
        let mut clock = SteppedClock { wall: Timestamp::from_unix(1000, 0), at: began };
        let mut steps = Vec::new();
        let mut read = |wall: i64, after: u64| {
            let at = began + Duration::from_secs(after);
            clock.read(Timestamp::from_unix(wall, 0), at, &mut |now, step| {
                steps.push((now.unix_seconds(), step.by.as_secs(), step.back));
            })
        };
        let read =
            [read(1010, 10), read(1012, 13), read(4613, 14), read(4612, 14), read(1015, 15), read(1016, 16)];
        assert_eq!(read.map(Timestamp::unix_seconds), [1010, 1012, 4613, 4613, 1015, 1016]);
        assert_eq!(steps, [(4613, 3600, false), (1015, 3599, true)]);
    }
}
