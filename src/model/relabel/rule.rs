//! Running rules.

use smol_str::SmolStr;

use super::{NameValidation, RelabelAction, RelabelConfig};
use crate::model::{LabelSet, LabelSetBuilder, Regex, Template};

/// A checked rule, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelabelRule {
    source_labels: Vec<SmolStr>,
    separator: String,
    regex: Regex,
    modulus: u64,
    target_label: String,
    /// `target_label` and `replacement` as templates over the groups of `regex`.
    target: Template,
    replacement: Template,
    action: RelabelAction,
    names: NameValidation,
}

/// What became of a label set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relabelled {
    /// It was kept, with these labels; they are the very set that was given if nothing changed.
    Kept(LabelSet),
    /// It was dropped.
    Dropped {
        /// The rule that dropped it, counted from 0.
        rule: usize,
    },
}

impl Relabelled {
    /// The labels, unless the set was dropped.
    #[must_use]
    pub fn kept(self) -> Option<LabelSet> {
        match self {
            Self::Kept(labels) => Some(labels),
            Self::Dropped { .. } => None,
        }
    }
}

/// Runs `rules` over `labels` in order; the first drop ends it. Labels with an empty value count as absent and do
/// not survive. Where nothing matches nothing is allocated, but for the text of a rule that joins several labels.
#[must_use]
pub fn relabel(rules: &[RelabelRule], labels: &LabelSet) -> Relabelled {
    let mut builder = LabelSetBuilder::new(labels);
    match relabel_builder(rules, &mut builder) {
        Some(rule) => Relabelled::Dropped { rule },
        None => Relabelled::Kept(builder.build()),
    }
}

/// Runs `rules` over labels under construction and returns the number of the rule that dropped them.
pub fn relabel_builder(rules: &[RelabelRule], labels: &mut LabelSetBuilder) -> Option<usize> {
    rules.iter().position(|rule| !rule.apply(labels))
}

impl RelabelRule {
    pub(super) fn new(
        config: &RelabelConfig,
        action: RelabelAction,
        regex: Regex,
        names: NameValidation,
    ) -> Self {
        Self {
            source_labels: config.source_labels.clone().unwrap_or_default(),
            separator: config.separator.clone(),
            modulus: config.modulus,
            target_label: config.target_label.clone(),
            target: Template::new(&config.target_label, &regex),
            replacement: Template::new(&config.replacement, &regex),
            regex,
            action,
            names,
        }
    }

    /// What the rule does.
    #[must_use]
    pub fn action(&self) -> RelabelAction {
        self.action
    }

    /// Runs the rule and tells whether the labels are kept.
    fn apply(&self, labels: &mut LabelSetBuilder) -> bool {
        let target = self.target_label.as_str();
        match self.action {
            RelabelAction::Drop => !self.with_value(labels, |value, _| self.regex.is_match(value)),
            RelabelAction::Keep => self.with_value(labels, |value, _| self.regex.is_match(value)),
            RelabelAction::DropEqual => {
                self.with_value(labels, |value, labels| labels.get(target).unwrap_or_default() != value)
            }
            RelabelAction::KeepEqual => {
                self.with_value(labels, |value, labels| labels.get(target).unwrap_or_default() == value)
            }
            RelabelAction::Replace => {
                if let Some((name, value)) = self.with_value(labels, |value, _| self.replaced(value)) {
                    labels.set(&name, &value);
                }
                true
            }
            RelabelAction::Lowercase => {
                let lower = self.with_value(labels, |value, _| map_characters(value, lower_character));
                labels.set(target, &lower);
                true
            }
            RelabelAction::Uppercase => {
                let upper = self.with_value(labels, |value, _| map_characters(value, upper_character));
                labels.set(target, &upper);
                true
            }
            RelabelAction::HashMod => {
                let hash = self.with_value(labels, |value, _| hash(value) % self.modulus.max(1));
                labels.set(target, &hash.to_string());
                true
            }
            RelabelAction::LabelMap => {
                self.map_labels(labels);
                true
            }
            RelabelAction::LabelDrop => {
                self.remove_labels(labels, |name| self.regex.is_match(name));
                true
            }
            RelabelAction::LabelKeep => {
                self.remove_labels(labels, |name| !self.regex.is_match(name));
                true
            }
        }
    }

    /// Calls `look` with the joined values of the source labels.
    fn with_value<R>(&self, labels: &LabelSetBuilder, look: impl FnOnce(&str, &LabelSetBuilder) -> R) -> R {
        match self.source_labels.as_slice() {
            [] => look("", labels),
            [single] => look(labels.get(single).unwrap_or_default(), labels),
            several => {
                let mut joined = String::with_capacity(128);
                for (place, name) in several.iter().enumerate() {
                    if place > 0 {
                        joined.push_str(&self.separator);
                    }
                    joined.push_str(labels.get(name).unwrap_or_default());
                }
                look(&joined, labels)
            }
        }
    }

    /// The label that `replace` sets; an empty value deletes. A target that comes out as no label name is passed
    /// over in silence.
    fn replaced(&self, value: &str) -> Option<(SmolStr, SmolStr)> {
        if let (Some(name), Some(replacement)) = (self.target.constant(), self.replacement.constant()) {
            let applies = self.regex.is_match(value) && self.names.is_label_name(name);
            return applies.then(|| (SmolStr::new(name), SmolStr::new(replacement)));
        }
        let captures = self.regex.captures(value)?;
        let mut text = String::new();
        self.target.expand(&captures, &mut text);
        if !self.names.is_label_name(&text) {
            return None;
        }
        let name = SmolStr::new(&text);
        text.clear();
        self.replacement.expand(&captures, &mut text);
        Some((name, SmolStr::new(&text)))
    }

    /// Walks the labels as they stood before; later writes to one name win.
    fn map_labels(&self, labels: &mut LabelSetBuilder) {
        let mapped: Vec<(String, SmolStr)> = labels
            .iter()
            .filter(|(name, _)| self.regex.is_match(name))
            .map(|(name, value)| (self.regex.replace_all(name, &self.replacement), SmolStr::new(value)))
            .collect();
        for (name, value) in mapped {
            labels.set(&name, &value);
        }
    }

    fn remove_labels(&self, labels: &mut LabelSetBuilder, matches: impl Fn(&str) -> bool) {
        let removed: Vec<SmolStr> =
            labels.iter().map(|(name, _)| name).filter(|name| matches(name)).map(SmolStr::new).collect();
        for name in removed {
            labels.remove(&name);
        }
    }
}

/// The last eight bytes of the md5 sum as a number, highest byte first.
fn hash(value: &str) -> u64 {
    let sum = md5::compute(value);
    sum.0[8..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn map_characters(text: &str, map: impl Fn(char) -> char) -> String {
    text.chars().map(map).collect()
}

/// Unicode's simple mapping, one character to one: `İ` becomes `i`, not two characters.
fn lower_character(character: char) -> char {
    if character == 'İ' { 'i' } else { single(character, character.to_lowercase()) }
}

/// Unicode's simple mapping, one character to one: `ß` stays. Greek letters with iota have a capital of one
/// character besides the full mapping of two.
fn upper_character(character: char) -> char {
    match u32::from(character) {
        0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => {
            char::from_u32(u32::from(character) + 8).unwrap_or(character)
        }
        0x1fb3 | 0x1fc3 | 0x1ff3 => char::from_u32(u32::from(character) + 9).unwrap_or(character),
        _ => single(character, character.to_uppercase()),
    }
}

fn single(character: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}
