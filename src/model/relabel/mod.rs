//! Relabelling: rules that change or drop label sets, with Prometheus's exact results (`model/relabel`).
//!
//! [`RelabelConfig`] is a rule as a file writes it; [`RelabelConfig::compile`] checks it and gives the
//! [`RelabelRule`] that [`relabel`] runs.

mod rule;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use super::{Regex, RegexError, is_legacy_label_name};

pub use rule::{RelabelRule, Relabelled, relabel, relabel_builder};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelabelAction {
    /// Sets the target label to the expanded replacement, if the value matches.
    Replace,
    /// Drops the set unless the value matches.
    Keep,
    /// Drops the set if the value matches.
    Drop,
    /// Drops the set unless the value equals that of the target label.
    KeepEqual,
    /// Drops the set if the value equals that of the target label.
    DropEqual,
    /// Sets the target label to the value's hash, modulo the modulus.
    HashMod,
    /// Copies the labels whose names match to the names that the replacement gives.
    LabelMap,
    /// Deletes the labels whose names match.
    LabelDrop,
    /// Deletes the labels whose names do not match.
    LabelKeep,
    /// Sets the target label to the value in lower case.
    Lowercase,
    /// Sets the target label to the value in upper case.
    Uppercase,
}

impl RelabelAction {
    const NAMES: [(Self, &str); 11] = [
        (Self::Replace, "replace"),
        (Self::Keep, "keep"),
        (Self::Drop, "drop"),
        (Self::KeepEqual, "keepequal"),
        (Self::DropEqual, "dropequal"),
        (Self::HashMod, "hashmod"),
        (Self::LabelMap, "labelmap"),
        (Self::LabelDrop, "labeldrop"),
        (Self::LabelKeep, "labelkeep"),
        (Self::Lowercase, "lowercase"),
        (Self::Uppercase, "uppercase"),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(action, _)| *action == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for RelabelAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RelabelAction {
    type Err = RelabelError;

    /// Reads an action's name in any case.
    fn from_str(text: &str) -> Result<Self, RelabelError> {
        let lower = text.to_lowercase();
        Self::NAMES
            .iter()
            .find(|(_, name)| *name == lower)
            .map(|(action, _)| *action)
            .ok_or_else(|| RelabelError::UnknownAction(text.to_owned()))
    }
}

/// Which label names are valid (`global.metric_name_validation_scheme`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum NameValidation {
    /// Any text that is not empty.
    #[default]
    Utf8,
    /// `[a-zA-Z_][a-zA-Z0-9_]*`.
    Legacy,
}

impl NameValidation {
    /// Whether `name` is a valid label name.
    #[must_use]
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy_label_name(name),
        }
    }
}

/// A rule as it stands in a file: Prometheus's defaults, overwritten by what the file gives. A key without a
/// value gives the empty text or zero, and as `regex` the expression that matches only the empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelabelConfig {
    /// The labels whose values are joined; `None` if the key is absent, which differs from an empty list.
    pub source_labels: Option<Vec<SmolStr>>,
    /// What stands between them.
    pub separator: String,
    /// What the joined value, or a label's name, has to match; `None` is the default `(.*)`, which differs from
    /// the same text written out.
    pub regex: Option<Regex>,
    /// For `hashmod`.
    pub modulus: u64,
    /// The label to set or compare.
    pub target_label: String,
    /// What to set it to.
    pub replacement: String,
    /// What to do; `None` if the key has no value.
    pub action: Option<RelabelAction>,
}

impl Default for RelabelConfig {
    fn default() -> Self {
        Self {
            source_labels: None,
            separator: DEFAULT_SEPARATOR.to_owned(),
            regex: None,
            modulus: 0,
            target_label: String::new(),
            replacement: DEFAULT_REPLACEMENT.to_owned(),
            action: Some(RelabelAction::Replace),
        }
    }
}

/// Why a rule cannot be used, in Prometheus's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelabelError {
    /// `action:` names none of the eleven.
    #[error("unknown relabel action {}", super::quote(.0))]
    UnknownAction(String),
    /// `action:` without a value.
    #[error("relabel action cannot be empty")]
    NoAction,
    /// `hashmod` without a modulus.
    #[error("relabel configuration for hashmod requires non-zero modulus")]
    NoModulus,
    /// An action that needs a target label has none.
    #[error("relabel configuration for {0} action requires 'target_label' value")]
    NoTarget(RelabelAction),
    /// The target label is no label name.
    #[error("{} is invalid 'target_label' for {action} action", super::quote(.target))]
    BadTarget {
        /// The target label.
        target: String,
        /// The rule's action.
        action: RelabelAction,
    },
    /// The replacement of a `labelmap` gives no label name.
    #[error("{} is invalid 'replacement' for {action} action", super::quote(.replacement))]
    BadReplacement {
        /// The replacement.
        replacement: String,
        /// The rule's action.
        action: RelabelAction,
    },
    /// An action that has no use for a replacement has one.
    #[error("'replacement' can not be set for {0} action")]
    NeedlessReplacement(RelabelAction),
    /// `keepequal` and `dropequal` compare two values and nothing else.
    #[error("{0} action requires only 'source_labels' and `target_label`, and no other fields")]
    OnlyLabels(RelabelAction),
    /// `labeldrop` and `labelkeep` look at names and nothing else.
    #[error("{0} action requires only 'regex', and no other fields")]
    OnlyRegex(RelabelAction),
    /// The regular expression is none. Only the default can be at fault when a rule is compiled.
    #[error(transparent)]
    Regex(#[from] RegexError),
}

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REPLACEMENT: &str = "$1";
const DEFAULT_REGEX: &str = "(.*)";

impl RelabelConfig {
    /// Checks the rule as Prometheus does, in its order, and makes it ready to run.
    pub fn compile(&self, names: NameValidation) -> Result<RelabelRule, RelabelError> {
        let action = self.action.ok_or(RelabelError::NoAction)?;
        self.check_target(action, names)?;
        self.check_needless(action)?;
        let regex = match &self.regex {
            Some(regex) => regex.clone(),
            None => Regex::relabel(DEFAULT_REGEX)?,
        };
        Ok(RelabelRule::new(self, action, regex, names))
    }

    fn check_target(&self, action: RelabelAction, names: NameValidation) -> Result<(), RelabelError> {
        use RelabelAction::{DropEqual, HashMod, KeepEqual, LabelMap, Lowercase, Replace, Uppercase};
        if action == HashMod && self.modulus == 0 {
            return Err(RelabelError::NoModulus);
        }
        let target = self.target_label.as_str();
        let targets = matches!(action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual);
        if targets && target.is_empty() {
            return Err(RelabelError::NoTarget(action));
        }
        let valid = match action {
            Replace if target.contains('$') => is_name_template(target, names),
            _ => !targets || names.is_label_name(target),
        };
        if !valid {
            return Err(RelabelError::BadTarget { target: target.to_owned(), action });
        }
        let replacement = self.replacement.as_str();
        if matches!(action, Lowercase | Uppercase | KeepEqual | DropEqual)
            && replacement != DEFAULT_REPLACEMENT
        {
            return Err(RelabelError::NeedlessReplacement(action));
        }
        if action == LabelMap && !is_name_template(replacement, names) {
            return Err(RelabelError::BadReplacement { replacement: replacement.to_owned(), action });
        }
        Ok(())
    }

    fn check_needless(&self, action: RelabelAction) -> Result<(), RelabelError> {
        let has_settings = self.modulus != 0
            || self.separator != DEFAULT_SEPARATOR
            || self.replacement != DEFAULT_REPLACEMENT;
        match action {
            RelabelAction::DropEqual | RelabelAction::KeepEqual if has_settings || self.regex.is_some() => {
                Err(RelabelError::OnlyLabels(action))
            }
            RelabelAction::LabelDrop | RelabelAction::LabelKeep
                if has_settings || self.source_labels.is_some() || !self.target_label.is_empty() =>
            {
                Err(RelabelError::OnlyRegex(action))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a template can give a label name: with UTF-8 names any text that is not empty; else a letter, an
/// underscore, `$name` or `${name}`, and after it these or digits (Prometheus's `relabelTargetLegacy`).
fn is_name_template(template: &str, names: NameValidation) -> bool {
    if names == NameValidation::Utf8 {
        return !template.is_empty();
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut rest = template.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'$' {
            let leading_digit = first.is_ascii_digit() && after.len() + 1 == template.len();
            if leading_digit || !is_word(first) {
                return false;
            }
            continue;
        }
        let (name, braced) = after.strip_prefix(b"{").map_or((after, false), |inner| (inner, true));
        let length = name.iter().take_while(|byte| is_word(byte)).count();
        rest = &name[length..];
        if length == 0 || (braced && rest.first() != Some(&b'}')) {
            return false;
        }
        if braced {
            rest = &rest[1..];
        }
    }
    !template.is_empty()
}
