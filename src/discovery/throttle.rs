use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(5);

/// How long a change waits before it is handed on, so that a burst of changes goes as one (Prometheus 3.12): about
/// 100 ms in quiet times, half as much again after each emission, 5 s at most, all by ±50 %. Over 5 s after the
/// last emission it starts anew.
#[derive(Debug)]
pub(super) struct Throttle {
    interval: Duration,
    last: Option<Instant>,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Self { interval: FIRST, last: None }
    }

    /// The wait for a change that comes `now`; `random` is from 0 to 1.
    pub(super) fn wait(&mut self, now: Instant, random: f64) -> Duration {
        if self.last.is_none_or(|last| now.duration_since(last) > MAX) {
            self.interval = FIRST;
        }
        let wait = self.interval.mul_f64(0.5 + random.clamp(0.0, 1.0));
        self.interval = self.interval.mul_f64(1.5).min(MAX);
        wait
    }

    /// Notes that the state was handed on.
    pub(super) fn emitted(&mut self, now: Instant) {
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slows_down_under_changes_and_forgets_in_quiet() {
        let mut throttle = Throttle::new();
        let mut now = Instant::now();
        assert_eq!(throttle.wait(now, 0.0), Duration::from_millis(50));
        throttle.emitted(now);
        assert_eq!(throttle.wait(now, 1.0), Duration::from_millis(225));
        for _ in 0..20 {
            throttle.emitted(now);
            throttle.wait(now, 0.5);
        }
        assert_eq!(throttle.wait(now, 0.5), Duration::from_secs(5));
        now += Duration::from_secs(6);
        assert_eq!(throttle.wait(now, 0.5), Duration::from_millis(100));
    }
}
