//! `inhibit_rules`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::matchers::WrittenMatchers;
use crate::config::position::Position;
use crate::config::yaml::{Decode, Fields, Value};
use crate::model::{MatcherMode, Matchers};

/// While an alert that matches the source fires, those that match the target and have the same values of `equal` are
/// not notified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InhibitRuleConfig {
    /// `name`, for people; may be empty.
    pub name: String,
    source_match: BTreeMap<String, String>,
    source_match_re: BTreeMap<String, Option<String>>,
    #[serde(rename = "source_matchers")]
    source_list: Vec<String>,
    target_match: BTreeMap<String, String>,
    target_match_re: BTreeMap<String, Option<String>>,
    #[serde(rename = "target_matchers")]
    target_list: Vec<String>,
    /// `equal`.
    pub equal: Vec<String>,
    /// What a source must match: all of `source_match`, `source_match_re` and `source_matchers`.
    #[serde(skip)]
    pub source_matchers: Matchers,
    /// What a target must match: all of `target_match`, `target_match_re` and `target_matchers`.
    #[serde(skip)]
    pub target_matchers: Matchers,
    /// Where the rule begins.
    #[serde(skip)]
    pub position: Position,
}

impl InhibitRuleConfig {
    /// Reads an element of `inhibit_rules`; null is a rule without matchers, which never inhibits anything.
    pub(super) fn decode(item: &Value<'_>, mode: MatcherMode) -> Option<Self> {
        item.fields(|fields| Self::decode_fields(fields, mode))
    }

    fn decode_fields(fields: &mut Fields<'_>, mode: MatcherMode) -> Self {
        let source =
            WrittenMatchers::decode(fields, ["source_match", "source_match_re", "source_matchers"], mode);
        let target =
            WrittenMatchers::decode(fields, ["target_match", "target_match_re", "target_matchers"], mode);
        for item in fields.items("equal") {
            let name = String::decode(&item).unwrap_or_default();
            if !mode.is_label_name(&name) {
                item.fault(format!("invalid label name {name:?} in equal list"));
            }
        }
        Self {
            name: fields.get_or_default("name"),
            source_match: source.equal,
            source_match_re: source.regex,
            source_list: source.list,
            target_match: target.equal,
            target_match_re: target.regex,
            target_list: target.list,
            equal: fields.get_or_default("equal"),
            source_matchers: source.all,
            target_matchers: target.all,
            position: fields.position(),
        }
    }
}
