//! Inhibition rules.

use std::sync::Arc;

use super::sim::{START as NOW, labels, matcher, plan, root, secs};
use crate::engine::{InhibitRuleDefinition, Inhibitor, Plan};
use crate::model::{Alert, AlertId, LabelSet};

fn rule(source: &[&str], target: &[&str], equal: &[&str]) -> InhibitRuleDefinition {
    InhibitRuleDefinition {
        source_matchers: source.iter().map(|text| matcher(text)).collect(),
        target_matchers: target.iter().map(|text| matcher(text)).collect(),
        equal: equal.iter().map(|name| (*name).into()).collect(),
        ..InhibitRuleDefinition::default()
    }
}

struct World {
    plan: Plan,
    inhibitor: Inhibitor,
    next: u64,
}

impl World {
    fn new(rules: Vec<InhibitRuleDefinition>) -> Self {
        let mut definition = plan(vec![root(&[])]);
        definition.inhibit_rules = rules;
        let plan = Plan::new(definition).unwrap();
        Self { inhibitor: Inhibitor::new(&plan), plan, next: 1 }
    }

    fn put(&mut self, id: u64, pairs: &[(&str, &str)], fires: bool) {
        let alert = Alert {
            labels: labels(pairs),
            annotations: LabelSet::default(),
            starts_at: NOW - secs(10),
            ends_at: if fires { NOW + secs(10) } else { NOW },
            updated_at: NOW,
            generator_url: Arc::from(""),
            timeout: false,
        };
        self.inhibitor.update(&self.plan, AlertId(id), &Arc::new(alert));
    }

    fn fire(&mut self, pairs: &[(&str, &str)]) -> u64 {
        let id = self.next;
        self.next += 1;
        self.put(id, pairs, true);
        id
    }

    fn inhibitors(&self, pairs: &[(&str, &str)]) -> Vec<String> {
        let set = labels(pairs);
        let found = self.inhibitor.inhibitors(&self.plan, &set, NOW);
        let mutes = self.inhibitor.mutes(&self.plan, &set, NOW, &mut Vec::new());
        assert_eq!(mutes, !found.is_empty());
        found.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn a_target_is_inhibited_while_a_source_with_equal_labels_fires() {
    let mut world = World::new(vec![rule(&["s=1"], &["t=1"], &["e"])]);
    assert!(world.inhibitors(&[("t", "1"), ("e", "f")]).is_empty());
    let source = [("s", "1"), ("e", "f")];
    let id = world.fire(&source);
    let fingerprint = crate::model::Fingerprint::of(&labels(&source)).to_string();
    assert_eq!(world.inhibitors(&[("t", "1"), ("e", "f")]), [fingerprint]);
    assert!(world.inhibitors(&[("t", "1"), ("e", "g")]).is_empty());
    assert!(world.inhibitors(&[("s", "1"), ("e", "f")]).is_empty());
    world.put(id, &source, false);
    assert!(world.inhibitors(&[("t", "1"), ("e", "f")]).is_empty());
}

#[test]
fn a_missing_label_equals_an_empty_one() {
    let mut world = World::new(vec![rule(&["s=1"], &["t=1"], &["e", "f"])]);
    world.fire(&[("s", "1"), ("f", "x")]);
    assert_eq!(world.inhibitors(&[("t", "1"), ("f", "x")]).len(), 1);
    assert!(world.inhibitors(&[("t", "1"), ("f", "x"), ("e", "y")]).is_empty());
    let mut world = World::new(vec![rule(&["s=1"], &["t=1"], &[])]);
    world.fire(&[("s", "1"), ("f", "x")]);
    assert_eq!(world.inhibitors(&[("t", "1"), ("anything", "else")]).len(), 1);
}

#[test]
fn two_sided_alerts_do_not_inhibit_each_other_or_themselves() {
    let mut world = World::new(vec![rule(&["s=1"], &["t=1"], &["e"])]);
    let two_sided = [("s", "1"), ("t", "1"), ("e", "f")];
    world.fire(&two_sided);
    assert!(world.inhibitors(&two_sided).is_empty());
    assert_eq!(world.inhibitors(&[("t", "1"), ("e", "f")]).len(), 1);
    // A source that is no target inhibits it.
    world.fire(&[("s", "1"), ("e", "f")]);
    assert_eq!(world.inhibitors(&two_sided).len(), 1);
    // An empty rule has only two-sided alerts.
    let mut world = World::new(vec![rule(&[], &[], &[])]);
    world.fire(&[("a", "b")]);
    assert!(world.inhibitors(&[("a", "b")]).is_empty() && world.inhibitors(&[("c", "d")]).is_empty());
}

#[test]
fn every_source_counts_and_one_that_ends_hides_no_other() {
    let mut world = World::new(vec![
        rule(&["s=1"], &["t=1"], &["e"]),
        rule(&["s=~2|3"], &["t!="], &[]),
        rule(&["s=1"], &["t=~.+"], &[]),
    ]);
    let first = world.fire(&[("s", "1"), ("e", "f"), ("n", "1")]);
    world.fire(&[("s", "1"), ("e", "f"), ("n", "2")]);
    world.fire(&[("s", "3")]);
    let target = [("t", "1"), ("e", "f")];
    assert_eq!(world.inhibitors(&target).len(), 3, "each once, although two rules name it");
    world.put(first, &[("s", "1"), ("e", "f"), ("n", "1")], false);
    assert_eq!(world.inhibitors(&target).len(), 2);
    let set = labels(&[("s", "1"), ("e", "f"), ("n", "2")]);
    world.inhibitor.forget(&world.plan, AlertId(2), &set);
    assert_eq!(world.inhibitors(&target).len(), 1);
}
