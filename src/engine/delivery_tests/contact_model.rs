//! Whose business a begin is in fallback, told once more in the simplest words: what the engine does is compared with
//! it.

use std::collections::BTreeMap;

use super::sim::{Sim, secs};
use crate::engine::Stored;
use crate::model::{AlertId, Change, Timestamp};

/// What fires, and who has it.
#[derive(Default)]
pub(super) struct ContactModel {
    cases: BTreeMap<AlertId, Case>,
}

struct Case {
    /// When which Alertmanager took it, of those with which contact was not lost since.
    takers: BTreeMap<u8, Timestamp>,
    /// Since when nobody has it.
    since: Timestamp,
    /// An Alertmanager had it for as long as its route waits.
    theirs: bool,
    /// It is told from here.
    ours: bool,
    /// A relabelling drops it somewhere: not looked at here.
    dropped: bool,
}

impl ContactModel {
    /// A state arrived: `before` and `after` it the alert was in the store like this.
    pub(super) fn pushed(&mut self, sim: &Sim, before: Option<&Stored>, after: &Stored) {
        if before.is_some_and(|before| before.changed == after.changed) {
            return;
        }
        self.cases.remove(&after.id);
        if after.phase == Change::Begin {
            let ours = sim.engine.delivery().holds(after.id, &after.alert.labels);
            let case = Case { takers: BTreeMap::new(), since: sim.now, theirs: false, ours, dropped: false };
            self.cases.insert(after.id, case);
        }
    }

    pub(super) fn taken(&mut self, id: AlertId, by: u8, dropped: bool, now: Timestamp) {
        if let Some(case) = self.cases.get_mut(&id) {
            case.dropped |= dropped;
            if !dropped {
                case.takers.entry(by).or_insert(now);
            }
        }
        if !dropped {
            self.answered(by, now);
        }
    }

    pub(super) fn answered(&mut self, by: u8, now: Timestamp) {
        for case in self.cases.values_mut() {
            case.theirs |= case.takers.get(&by).is_some_and(|taken| *taken + secs(30) <= now);
        }
    }

    pub(super) fn lost(&mut self, by: u8, now: Timestamp) {
        for case in self.cases.values_mut() {
            if case.takers.remove(&by).is_some() && case.takers.is_empty() {
                case.since = now;
            }
        }
    }

    pub(super) fn started(&mut self, now: Timestamp) {
        for case in self.cases.values_mut() {
            case.takers.clear();
            case.since = now;
        }
    }

    /// What is wrong with what the engine does.
    pub(super) fn fault(&mut self, sim: &Sim) -> Option<String> {
        let (engine, now) = (&sim.engine, sim.now);
        let alerts = engine.alerts();
        self.cases.retain(|id, _| alerts.get_by_id(*id).is_some_and(|stored| stored.is_firing_at(now)));
        for (id, case) in self.cases.iter_mut().filter(|(_, case)| !case.ours && !case.dropped) {
            let labels = &alerts.get_by_id(*id)?.alert.labels;
            case.ours = engine.delivery().holds(*id, labels);
            if case.ours && (case.theirs || !case.takers.is_empty()) {
                return Some(format!("{labels:?} is told from here, but an Alertmanager has it"));
            }
            let alone = !case.theirs && case.takers.is_empty();
            if alone && !case.ours && case.since + secs(120) <= now {
                return Some(format!("nobody has had {labels:?} since {}", case.since));
            }
        }
        None
    }
}
