//! When the cluster has settled: after a start nothing is notified before the number of members holds still.

use std::time::Duration;

/// What `/api/v2/status` says of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Notifications wait.
    #[default]
    Settling,
    /// Notifications go out.
    Ready,
}

impl Status {
    /// The word that Alertmanager's API uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settling => "settling",
            Self::Ready => "ready",
        }
    }
}

/// So many polls with the same number of members; the next one ends the settling.
const POLLS_WANTED: u32 = 3;
/// The time between two polls, in gossip intervals.
const POLL_INTERVALS: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct Settling {
    status: Status,
    next_poll: Option<Duration>,
    deadline: Duration,
    members: usize,
    unchanged: u32,
}

impl Settling {
    pub(super) fn start(&mut self, now: Duration, timeout: Duration, gossip_interval: Duration) {
        if self.status == Status::Ready || self.next_poll.is_some() {
            return;
        }
        self.deadline = now + timeout;
        if timeout.is_zero() {
            self.status = Status::Ready;
        } else {
            self.next_poll = Some(now + gossip_interval * POLL_INTERVALS);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.next_poll.map(|poll| poll.min(self.deadline))
    }

    pub(super) fn handle_timeout(&mut self, now: Duration, members: usize, gossip_interval: Duration) {
        let Some(next_poll) = self.next_poll else { return };
        if now >= next_poll {
            if self.unchanged >= POLLS_WANTED {
                self.finish("gossip settled");
                return;
            }
            self.unchanged = if members == self.members { self.unchanged + 1 } else { 0 };
            self.members = members;
            self.next_poll = Some(next_poll.max(now) + gossip_interval * POLL_INTERVALS);
        }
        if now >= self.deadline {
            self.finish("gossip not settled but continuing anyway");
        }
    }

    fn finish(&mut self, why: &'static str) {
        tracing::info!(component = "cluster", members = self.members, "{why}");
        self.status = Status::Ready;
        self.next_poll = None;
    }

    pub(super) fn status(&self) -> Status {
        self.status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOSSIP: Duration = Duration::from_millis(200);

    fn settled_after(timeout: u64, members: impl Fn(u64) -> usize) -> u64 {
        let mut settling = Settling::default();
        settling.start(Duration::ZERO, Duration::from_secs(timeout), GOSSIP);
        let mut now = Duration::ZERO;
        while let Some(next) = settling.next_timeout() {
            now = next;
            settling.handle_timeout(now, members(now.as_secs()), GOSSIP);
        }
        assert_eq!(settling.status(), Status::Ready);
        now.as_secs()
    }

    #[test]
    fn settling_takes_as_long_as_in_alertmanager() {
        assert_eq!(settled_after(60, |_| 1), 10);
        assert_eq!(settled_after(60, |second| if second < 4 { 1 } else { 2 }), 12);
        assert_eq!(settled_after(5, |_| 1), 5);
        assert_eq!(settled_after(60, |second| second as usize), 60);
        assert_eq!(settled_after(0, |_| 1), 0);
    }
}
