//! What the manager's task owns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::ConfigHash;
use crate::discovery::TargetSets;
use crate::forward::alertmanager::Alertmanager;
use crate::forward::post::{Post, Verdict};
use crate::forward::queue::Batch;
use crate::forward::set::AlertmanagerSet;
use crate::forward::view::QueueView;
use crate::model::{Destination, Refill, Timestamp};

/// An Alertmanager that is gone, with what is needed to drain it.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) alertmanager: Alertmanager,
    pub(super) client: Arc<dyn Post>,
    pub(super) timeout: Duration,
}

/// What the task owns.
#[derive(Debug)]
pub(super) struct State {
    pub(super) sets: BTreeMap<ConfigHash, AlertmanagerSet>,
    pub(super) gone: Vec<Gone>,
    pub(super) targets: TargetSets,
    pub(super) tasks: JoinSet<Done>,
    pub(super) random: fastrand::Rng,
    /// The destinations that the store was told last.
    pub(super) told: (Vec<Destination>, Vec<Destination>),
}

/// What a task for an Alertmanager has done.
#[derive(Debug)]
pub(super) enum Done {
    Posted {
        destination: Destination,
        batch: Batch,
        verdict: Verdict,
        tocsin: Option<Arc<str>>,
        took: Duration,
    },
    Refilled {
        destination: Destination,
        refill: Refill,
    },
    Reported {
        destination: Destination,
    },
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            sets: BTreeMap::new(),
            gone: Vec::new(),
            targets: TargetSets::new(),
            tasks: JoinSet::new(),
            random: fastrand::Rng::with_seed(seed),
            told: (Vec::new(), Vec::new()),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Alertmanager> {
        let active = self.sets.values().flat_map(AlertmanagerSet::active);
        active.chain(self.gone.iter().map(|gone| &gone.alertmanager))
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Alertmanager> {
        let active = self.sets.values_mut().flat_map(AlertmanagerSet::active_mut);
        active.chain(self.gone.iter_mut().map(|gone| &mut gone.alertmanager))
    }

    pub(super) fn find(&mut self, destination: &Destination) -> Option<&mut Alertmanager> {
        let gone = self.gone.iter_mut().map(|gone| &mut gone.alertmanager);
        let mut gone = gone.filter(|am| am.destination == *destination);
        let set = self.sets.get_mut(&ConfigHash::from_bytes(destination.set));
        set.and_then(|set| set.get_mut(&destination.url)).or_else(|| gone.next())
    }

    pub(super) fn next_back_off(&self, now: Instant) -> Option<Instant> {
        let drains = self.gone.iter().filter_map(|gone| gone.alertmanager.drain_until);
        self.all().filter_map(|am| am.back_off(now)).chain(drains.filter(|until| *until > now)).min()
    }

    pub(super) fn views(&self, instant: Instant, now: Timestamp) -> Vec<QueueView> {
        self.all().map(|alertmanager| QueueView::of(alertmanager, instant, now)).collect()
    }
}
