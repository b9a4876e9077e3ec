//! Who dies, and when.

use std::time::Duration;

use super::deployment::{GROUP_WAIT, INCIDENTS, Wiring};

/// Whom `kill -9` meets. 0 is the one whose tocsin comes first in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Nobody,
    Prometheus(usize),
    Tocsin(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    BeforeTheAlert,
    /// Both tocsins know of the incidents, and wait for their groups.
    BeforeThePage,
    /// About when the groups have waited.
    AsItPages,
    /// The other tocsin has heard of the page.
    AfterThePage,
}

/// One run of a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) wiring: Wiring,
    pub(super) victim: Victim,
    pub(super) moment: Moment,
    /// How long after that it dies.
    pub(super) delay: Duration,
    /// Whether the victim is started again while the incidents last.
    pub(super) returns: bool,
}

impl Case {
    fn new(wiring: Wiring, victim: Victim, moment: Moment, returns: bool) -> Self {
        let milliseconds = match moment {
            Moment::BeforeTheAlert | Moment::AfterThePage => 0..1000,
            Moment::BeforeThePage => 0..GROUP_WAIT.as_millis() / 2,
            Moment::AsItPages => GROUP_WAIT.as_millis() - 300..GROUP_WAIT.as_millis() + 300,
        };
        let milliseconds = fastrand::u128(milliseconds);
        let delay = Duration::from_millis(u64::try_from(milliseconds).expect("a short time"));
        Self { wiring, victim, moment, delay, returns }
    }

    /// Whether a page may be told twice: it was under way, or the other had not heard of it, when its teller died.
    /// `told` is how many pages there were just before and just after.
    pub(super) fn may_repeat(&self, told: (usize, usize)) -> bool {
        let is_shared = self.moment == Moment::AfterThePage && told.0 == INCIDENTS.len();
        let is_under_way = self.moment == Moment::AsItPages || told != (0, 0) && !is_shared;
        matches!(self.victim, Victim::Tocsin(_)) && is_under_way
    }
}

/// All of them in a full run. Else one without a death and one of each kind of victim, at moments that differ from
/// run to run.
pub(super) fn cases(full: bool) -> Vec<Case> {
    let wirings = [Wiring::EachToBoth, Wiring::EachToItsOwn];
    let victims = [0, 1].into_iter().flat_map(|side| [Victim::Prometheus(side), Victim::Tocsin(side)]);
    let moments = [Moment::BeforeTheAlert, Moment::BeforeThePage, Moment::AsItPages, Moment::AfterThePage];
    let mut cases: Vec<Case> =
        wirings.map(|wiring| Case::new(wiring, Victim::Nobody, Moment::BeforeTheAlert, false)).into();
    let first = fastrand::bool();
    for (number, victim) in victims.enumerate() {
        for (at, &moment) in moments.iter().enumerate() {
            for (other, &wiring) in wirings.iter().enumerate() {
                let returns = (number + at + other) % 2 == usize::from(first);
                cases.push(Case::new(wiring, victim, moment, returns));
            }
        }
    }
    if !full {
        fastrand::shuffle(&mut cases);
        let kinds: [fn(&Case) -> bool; 3] = [
            |case| case.victim == Victim::Nobody && case.wiring == Wiring::EachToItsOwn,
            |case| matches!(case.victim, Victim::Prometheus(_)),
            |case| matches!(case.victim, Victim::Tocsin(_)),
        ];
        cases = kinds.iter().filter_map(|kind| cases.iter().copied().find(kind)).collect();
    }
    cases
}
