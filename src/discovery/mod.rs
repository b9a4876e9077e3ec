//! Where the Alertmanagers are.

use std::collections::BTreeMap;

use crate::model::LabelSet;

/// Targets that share labels, from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Where it comes from, unique within its provider.
    pub source: String,
    /// The labels of each target, `__address__` among them.
    pub targets: Vec<LabelSet>,
    /// Labels of all targets; a target's own label wins.
    pub labels: LabelSet,
}

/// All groups of all sets, by the set's id. A set without targets has an empty list.
pub type TargetSets = BTreeMap<String, Vec<TargetGroup>>;
