//! How long a suspect has to refute: Lifeguard's timer, which shortens as more nodes confirm.

use std::collections::BTreeSet;
use std::time::Duration;

/// The timer of one suspect.
#[derive(Debug, Clone)]
pub(super) struct Suspicion {
    start: Duration,
    min: Duration,
    max: Duration,
    /// How many confirmations shorten the timer to its minimum.
    wanted: u32,
    /// Who suspects, the first accuser included.
    accusers: BTreeSet<String>,
    /// The incarnation that is suspected.
    pub(super) incarnation: u32,
}

/// The least time a suspect is given in a ring of `nodes` (dead ones included).
pub(super) fn minimum(multiplier: u32, nodes: usize, probe_interval: Duration) -> Duration {
    let scale = (nodes.max(1) as f64).log10().max(1.0);
    probe_interval * multiplier * ((scale * 1000.0) as u32) / 1000
}

impl Suspicion {
    /// A timer that starts at `start`, accused by `from`; `multiplier` is memberlist's `SuspicionMult`, `max_multiplier`
    /// its `SuspicionMaxTimeoutMult`.
    pub(super) fn new(
        start: Duration,
        from: &str,
        incarnation: u32,
        nodes: usize,
        (multiplier, max_multiplier, probe_interval): (u32, u32, Duration),
    ) -> Self {
        let wanted = multiplier.saturating_sub(2);
        let wanted = if nodes < wanted as usize + 2 { 0 } else { wanted };
        let min = minimum(multiplier, nodes, probe_interval);
        let accusers = BTreeSet::from([from.to_owned()]);
        Self { start, min, max: min * max_multiplier, wanted, accusers, incarnation }
    }

    /// Counts `from` as another accuser; whether it is one that counts.
    pub(super) fn confirm(&mut self, from: &str) -> bool {
        self.confirmations() < self.wanted && self.accusers.insert(from.to_owned())
    }

    fn confirmations(&self) -> u32 {
        self.accusers.len().saturating_sub(1) as u32
    }

    /// When the suspect is declared dead.
    pub(super) fn deadline(&self) -> Duration {
        self.start + self.timeout()
    }

    fn timeout(&self) -> Duration {
        if self.wanted == 0 {
            return self.min;
        }
        let done = f64::from(self.confirmations() + 1).ln() / f64::from(self.wanted + 1).ln();
        let seconds = self.max.as_secs_f64() - done * (self.max.as_secs_f64() - self.min.as_secs_f64());
        Duration::from_millis((seconds.max(0.0) * 1000.0).floor() as u64).max(self.min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn timeouts(nodes: usize) -> Vec<u128> {
        let mut suspicion = Suspicion::new(Duration::ZERO, "a", 1, nodes, (4, 6, SECOND));
        let mut timeouts = vec![suspicion.deadline().as_millis()];
        for from in ["a", "b", "b", "c", "d"] {
            if suspicion.confirm(from) {
                timeouts.push(suspicion.deadline().as_millis());
            }
        }
        timeouts
    }

    #[test]
    fn the_table_of_timeouts() {
        assert_eq!(timeouts(2), [4000]);
        assert_eq!(timeouts(3), [4000]);
        assert_eq!(timeouts(4), [24_000, 11_381, 4000]);
        assert_eq!(timeouts(10), [24_000, 11_381, 4000]);
        assert_eq!(timeouts(20), [31_224, 14_807, 5204]);
        assert_eq!(timeouts(100), [48_000, 22_762, 8000]);
    }
}
