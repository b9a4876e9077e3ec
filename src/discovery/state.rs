use std::collections::{BTreeMap, BTreeSet};

use super::target_group::TargetGroup;
use crate::config::{ConfigHash, SdConfig};

/// What is to be discovered for one entry of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoverySet {
    /// The key in [`TargetSets`]. Two sets with one key are one set.
    pub id: String,
    /// The label `config` of the metrics, such as `config-0`.
    pub config: String,
    /// Its sections. None: the set has no targets, and is told so.
    pub service_discovery: Vec<SdConfig>,
}

/// All groups of all sets, by the set's id. A set without targets has an empty list.
pub type TargetSets = BTreeMap<String, Vec<TargetGroup>>;

/// The groups of all providers, and which set looks at which provider. No I/O and no time.
#[derive(Debug, Default)]
pub(super) struct State {
    sets: Vec<(DiscoverySet, Vec<ConfigHash>)>,
    groups: BTreeMap<ConfigHash, Groups>,
}

/// A provider's groups by source; `(length, source)` puts `x:10` after `x:9`.
type Groups = BTreeMap<(usize, String), TargetGroup>;

/// What a new configuration changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Providers to start, each with the label of the first set that has it.
    pub(super) started: Vec<ConfigHash>,
    /// Providers that no set has any more.
    pub(super) stopped: Vec<ConfigHash>,
    /// Metric labels that went away.
    pub(super) forgotten: Vec<String>,
}

impl State {
    /// Takes a new configuration over. Providers that stay keep their groups.
    pub(super) fn apply(&mut self, sets: &[DiscoverySet]) -> Changes {
        let labels = |sets: &[(DiscoverySet, Vec<ConfigHash>)]| -> BTreeSet<String> {
            sets.iter().map(|(set, _)| set.config.clone()).collect()
        };
        let before = labels(&self.sets);
        self.sets = sets.iter().map(|set| (set.clone(), providers(set))).collect();
        let wanted: BTreeSet<ConfigHash> = self.sets.iter().flat_map(|(_, hashes)| hashes).copied().collect();
        let started: Vec<_> = wanted.iter().filter(|hash| !self.groups.contains_key(hash)).copied().collect();
        let stopped: Vec<_> = self.groups.keys().filter(|hash| !wanted.contains(hash)).copied().collect();
        for hash in &stopped {
            self.groups.remove(hash);
        }
        for hash in &started {
            self.groups.insert(*hash, Groups::new());
        }
        let forgotten = before.difference(&labels(&self.sets)).cloned().collect();
        Changes { started, stopped, forgotten }
    }

    /// Takes groups of a provider over; one without targets takes its source away. Groups of a provider that is no
    /// longer wanted are ignored.
    pub(super) fn update(&mut self, provider: ConfigHash, groups: Vec<TargetGroup>) {
        let Some(known) = self.groups.get_mut(&provider) else { return };
        for group in groups {
            let key = (group.source.len(), group.source.clone());
            if group.targets.is_empty() {
                known.remove(&key);
            } else {
                known.insert(key, group);
            }
        }
    }

    /// Everything that is known, for every set.
    pub(super) fn all(&self) -> TargetSets {
        let mut all = TargetSets::new();
        for (set, hashes) in &self.sets {
            let known = hashes.iter().filter_map(|hash| self.groups.get(hash)).flat_map(BTreeMap::values);
            // An id that comes twice has the same sections both times.
            all.entry(set.id.clone()).or_insert_with(|| known.cloned().collect());
        }
        all
    }

    /// How many targets each set has, by its metric label.
    pub(super) fn counts(&self) -> Vec<(&str, usize)> {
        let count = |hashes: &[ConfigHash]| {
            let known = hashes.iter().filter_map(|hash| self.groups.get(hash)).flat_map(BTreeMap::values);
            known.map(|group| group.targets.len()).sum()
        };
        self.sets.iter().map(|(set, hashes)| (set.config.as_str(), count(hashes))).collect()
    }
}

/// The sections of a set as hashes, each once.
fn providers(set: &DiscoverySet) -> Vec<ConfigHash> {
    let mut hashes = Vec::new();
    for section in &set.service_discovery {
        let hash = ConfigHash::of(section);
        if !hashes.contains(&hash) {
            hashes.push(hash);
        }
    }
    hashes
}
