//! Inhibition: while a source fires, targets that share the rule's `equal` labels are not told.
//!
//! All sources are kept, by the values of their `equal` labels, so that one ending early or being collected does
//! not hide another that still fires. Both sides of the rules are indexed by their matchers: an alert costs what
//! concerns it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;
use xxhash_rust::xxh64::Xxh64;

use super::matcher_index::MatcherIndex;
use super::plan::{InhibitRuleDefinition, Plan, PlanError, compile};
use super::route::matches_all;
use crate::model::{Alert, AlertId, Fingerprint, LabelSet, Matcher, Timestamp};

/// A rule with its matchers compiled.
#[derive(Debug)]
pub struct InhibitRule {
    /// The rule's name; may be empty.
    pub name: String,
    /// What a source must match.
    pub source_matchers: Vec<Matcher>,
    /// What a target must match.
    pub target_matchers: Vec<Matcher>,
    /// The labels whose values must be the same.
    pub equal: Vec<SmolStr>,
}

impl InhibitRule {
    /// Compiles a rule.
    pub fn new(definition: &InhibitRuleDefinition) -> Result<Self, PlanError> {
        Ok(Self {
            name: definition.name.clone(),
            source_matchers: compile(&definition.source_matchers)?,
            target_matchers: compile(&definition.target_matchers)?,
            equal: definition.equal.clone(),
        })
    }

    /// A number that is the same for label sets with the same values of `equal`.
    fn equal_hash(&self, labels: &LabelSet) -> u64 {
        let mut hash = Xxh64::new(0);
        for name in &self.equal {
            hash.update(labels.get(name).unwrap_or_default().as_bytes());
            hash.update(&[0xff]);
        }
        hash.digest()
    }

    fn has_equal(&self, left: &LabelSet, right: &LabelSet) -> bool {
        self.equal
            .iter()
            .all(|name| left.get(name).unwrap_or_default() == right.get(name).unwrap_or_default())
    }
}

/// The sources of all rules. A clone is cheap: it shares what neither of the two changes.
#[derive(Debug, Clone, Default)]
pub struct Inhibitor {
    rules: Vec<Arc<Sources>>,
    source_index: Arc<MatcherIndex>,
    target_index: Arc<MatcherIndex>,
}

/// The sources of one rule.
#[derive(Debug, Clone, Default)]
struct Sources {
    /// By the hash of the values of `equal`, then by id.
    by_equal: HashMap<u64, BTreeMap<AlertId, Source>>,
}

#[derive(Debug, Clone)]
struct Source {
    alert: Arc<Alert>,
    /// Whether the alert is a target of the rule as well.
    two_sided: bool,
}

impl Inhibitor {
    /// An inhibitor for the rules of `plan` that knows no alert yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let (mut source_index, mut target_index) = (MatcherIndex::default(), MatcherIndex::default());
        for (number, rule) in (0_u32..).zip(&plan.inhibit_rules) {
            source_index.insert(number, &rule.source_matchers);
            target_index.insert(number, &rule.target_matchers);
        }
        Self {
            rules: plan.inhibit_rules.iter().map(|_| Arc::default()).collect(),
            source_index: Arc::new(source_index),
            target_index: Arc::new(target_index),
        }
    }

    /// Takes note of the newest state of an alert.
    pub fn update(&mut self, plan: &Plan, id: AlertId, alert: &Arc<Alert>) {
        let mut candidates = Vec::new();
        self.source_index.candidates(&alert.labels, &mut candidates);
        for number in candidates {
            let Some(rule) = plan.inhibit_rules.get(number as usize) else { continue };
            if !matches_all(&rule.source_matchers, &alert.labels) {
                continue;
            }
            let two_sided = matches_all(&rule.target_matchers, &alert.labels);
            let Some(sources) = self.rules.get_mut(number as usize) else { continue };
            let by_equal = &mut Arc::make_mut(sources).by_equal;
            let sources = by_equal.entry(rule.equal_hash(&alert.labels)).or_default();
            sources.insert(id, Source { alert: Arc::clone(alert), two_sided });
        }
    }

    /// Forgets an alert that left the store.
    pub fn forget(&mut self, plan: &Plan, id: AlertId, labels: &LabelSet) {
        let mut candidates = Vec::new();
        self.source_index.candidates(labels, &mut candidates);
        for number in candidates {
            let Some(rule) = plan.inhibit_rules.get(number as usize) else { continue };
            let Some(sources) = self.rules.get_mut(number as usize) else { continue };
            let by_equal = &mut Arc::make_mut(sources).by_equal;
            let hash = rule.equal_hash(labels);
            if let Some(sources) = by_equal.get_mut(&hash) {
                sources.remove(&id);
                if sources.is_empty() {
                    by_equal.remove(&hash);
                }
            }
        }
    }

    /// Whether a firing source inhibits an alert with `labels`.
    #[must_use]
    pub fn mutes(&self, plan: &Plan, labels: &LabelSet, now: Timestamp, scratch: &mut Vec<u32>) -> bool {
        self.target_index.candidates(labels, scratch);
        scratch.iter().any(|number| self.inhibiting(plan, *number, labels, now).next().is_some())
    }

    /// The fingerprints of all firing alerts that inhibit one with `labels`: in the order of the rules, then of
    /// the alerts' arrival, each once.
    #[must_use]
    pub fn inhibitors(&self, plan: &Plan, labels: &LabelSet, now: Timestamp) -> Vec<Fingerprint> {
        let mut candidates = Vec::new();
        self.target_index.candidates(labels, &mut candidates);
        let mut found: Vec<Fingerprint> = Vec::new();
        for number in candidates {
            for source in self.inhibiting(plan, number, labels, now) {
                let fingerprint = source.alert.fingerprint();
                if !found.contains(&fingerprint) {
                    found.push(fingerprint);
                }
            }
        }
        found
    }

    /// The firing sources of rule `number` for an alert with `labels`. A two-sided alert is not inhibited by
    /// another two-sided one, so that alerts do not silence each other, or themselves.
    fn inhibiting<'a>(
        &'a self,
        plan: &'a Plan,
        number: u32,
        labels: &'a LabelSet,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Source> + 'a {
        let rule =
            plan.inhibit_rules.get(number as usize).filter(|rule| matches_all(&rule.target_matchers, labels));
        let sources = rule.and_then(|rule| {
            let sources = self.rules.get(number as usize)?.by_equal.get(&rule.equal_hash(labels))?;
            Some((rule, sources, matches_all(&rule.source_matchers, labels)))
        });
        sources.into_iter().flat_map(move |(rule, sources, two_sided)| {
            sources.values().filter(move |source| {
                (!two_sided || !source.two_sided)
                    && !source.alert.is_resolved_at(now)
                    && rule.has_equal(&source.alert.labels, labels)
            })
        })
    }
}
