//! Relabelling rules of a file, checked and ready to run.

use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use super::position::Position;
use super::yaml::{Decode, Fields, Value};
use crate::model::{NameValidation, Regex, RelabelAction, RelabelConfig, RelabelError, RelabelRule};

/// The rules of one list in their order, as written and as compiled.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RelabelConfigs {
    rules: Vec<RelabelRule>,
    written: Vec<(RelabelConfig, Position)>,
    names: NameValidation,
}

impl RelabelConfigs {
    /// The rules, for [`crate::model::relabel`].
    #[must_use]
    pub fn rules(&self) -> &[RelabelRule] {
        &self.rules
    }

    /// Where the rule with this number, counted from 0, stands.
    #[must_use]
    pub fn position(&self, rule: usize) -> Option<&Position> {
        self.written.get(rule).map(|(_, position)| position)
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Reads the list at `key`; `null_rule` is said of a null element. `names` says which label names are valid.
    pub(super) fn decode_at(
        fields: &mut Fields<'_>,
        key: &'static str,
        null_rule: &str,
        names: NameValidation,
    ) -> Self {
        let mut configs = Self { names, ..Self::default() };
        for item in fields.items(key) {
            if item.is_null() {
                item.fault(null_rule);
            } else if let Some((config, rule)) = item.fields(|fields| decode(fields, names)).flatten() {
                configs.written.push((config, item.position()));
                configs.rules.push(rule);
            }
        }
        configs
    }
}

fn decode(fields: &mut Fields<'_>, names: NameValidation) -> Option<(RelabelConfig, RelabelRule)> {
    let defaults = RelabelConfig::default();
    let source_labels = fields.value_of("source_labels").filter(|value| !value.is_null());
    let action = fields.value_of("action");
    let config = RelabelConfig {
        source_labels: source_labels.map(|value| decode_label_names(&value)),
        separator: fields.get_or("separator", defaults.separator),
        regex: fields.get("regex"),
        modulus: fields.get_or_default("modulus"),
        target_label: fields.get_or_default("target_label"),
        replacement: fields.get_or("replacement", defaults.replacement),
        action: match &action {
            Some(action) if action.is_null() => None,
            Some(action) => Some(RelabelAction::decode(action)?),
            None => defaults.action,
        },
    };
    match config.compile(names) {
        Ok(rule) => Some((config, rule)),
        Err(error) => {
            let key = match error {
                RelabelError::NoAction => "action",
                RelabelError::BadTarget { .. } => "target_label",
                RelabelError::BadReplacement { .. } | RelabelError::NeedlessReplacement(_) => "replacement",
                _ => "",
            };
            fields.fault_at_key(key, &error.to_string());
            None
        }
    }
}

fn decode_label_names(value: &Value<'_>) -> Vec<SmolStr> {
    let names = value.items().into_iter().filter_map(|item| {
        let name = if item.is_null() { String::null() } else { String::decode(&item) }?;
        if name.is_empty() {
            item.fault("\"\" is not a valid label name");
        }
        Some(SmolStr::new(name))
    });
    names.collect()
}

impl Decode for RelabelAction {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let action = String::decode(value)?.parse();
        action.map_err(|error: RelabelError| value.fault(error.to_string())).ok()
    }
}

impl Decode for Regex {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let regex = Self::relabel(&String::decode(value)?);
        regex.map_err(|error| value.fault(error.to_string())).ok()
    }

    /// The expression that matches only the empty text.
    fn null() -> Option<Self> {
        Self::relabel("").ok()
    }
}

impl fmt::Debug for RelabelConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.written.iter().map(|(config, _)| config)).finish()
    }
}

impl Serialize for RelabelConfigs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.written.iter().map(|(config, _)| Written { config, names: self.names }))
    }
}

/// A rule as it counts in a hash.
struct Written<'a> {
    config: &'a RelabelConfig,
    names: NameValidation,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let config = self.config;
        let mut fields = serializer.serialize_struct("RelabelConfig", 8)?;
        fields.serialize_field("source_labels", &config.source_labels)?;
        fields.serialize_field("separator", &config.separator)?;
        fields.serialize_field("regex", &config.regex.as_ref().map(Regex::source))?;
        fields.serialize_field("modulus", &config.modulus)?;
        fields.serialize_field("target_label", &config.target_label)?;
        fields.serialize_field("replacement", &config.replacement)?;
        fields.serialize_field("action", &config.action.map(|action| action.to_string()))?;
        fields.serialize_field("legacy_names", &(self.names == NameValidation::Legacy))?;
        fields.end()
    }
}
