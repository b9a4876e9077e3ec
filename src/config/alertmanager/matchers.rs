//! Matchers in a file: the lists of today and the maps of old.

use std::collections::BTreeMap;

use crate::config::yaml::{Decode, Fields, Value};
use crate::model::{MatchType, Matcher, MatcherMode, MatcherNotice, Matchers, Regex, is_legacy_label_name};

/// Matchers from up to three keys, sorted together, with what each key says (for printing the file again).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WrittenMatchers {
    /// From `match`, `source_match` or `target_match`.
    pub(super) equal: BTreeMap<String, String>,
    /// From `match_re` and its like: the expressions without their anchors, an empty one as null.
    pub(super) regex: BTreeMap<String, Option<String>>,
    /// From `matchers` and its like, sorted.
    pub(super) list: Vec<String>,
    /// All of them, sorted.
    pub(super) all: Matchers,
}

impl WrittenMatchers {
    /// Reads the keys `equal`, `regex` and `list` of a mapping.
    pub(super) fn decode(
        fields: &mut Fields<'_>,
        [equal, regex, list]: [&'static str; 3],
        mode: MatcherMode,
    ) -> Self {
        let mut matchers = Self::default();
        let mut all = Vec::new();
        for (name, value) in fields.value_of(equal).map(|value| value.entries()).unwrap_or_default() {
            check_name(name, &value);
            let text = if value.is_null() { String::null() } else { String::decode(&value) };
            let matcher = text.as_ref().map(|text| Matcher::new(MatchType::Equal, name, text));
            if let (Some(text), Some(Ok(matcher))) = (text, matcher) {
                matchers.equal.insert(name.to_owned(), text);
                all.push(matcher);
            }
        }
        for (name, value) in fields.value_of(regex).map(|value| value.entries()).unwrap_or_default() {
            check_name(name, &value);
            if let Some((text, matcher)) = decode_regex(name, &value) {
                matchers.regex.insert(name.to_owned(), Some(text).filter(|text| !text.is_empty()));
                all.push(matcher);
            }
        }
        let mut listed: Vec<Matcher> =
            fields.items(list).iter().filter_map(|item| decode_list(item, mode)).flatten().collect();
        listed.sort();
        matchers.list = listed.iter().map(ToString::to_string).collect();
        all.extend(listed);
        matchers.all = Matchers::from(all);
        matchers.all.sort();
        matchers
    }
}

fn check_name(name: &str, value: &Value<'_>) {
    if !is_legacy_label_name(name) {
        value.key_fault(format!("invalid label name {name:?}"));
    }
}

/// A value of `match_re`. It enters the matcher with its anchors, as in Alertmanager, where route keys show them.
fn decode_regex(name: &str, value: &Value<'_>) -> Option<(String, Matcher)> {
    let text = if value.is_null() { String::new() } else { String::decode(value)? };
    if value.is_null() {
        value.fault(format!("invalid regexp value for {name:?}"));
        return None;
    }
    if let Err(error) = Regex::matcher(&text) {
        value.fault(error.to_string());
        return None;
    }
    let matcher = Matcher::new(MatchType::Regex, name, &format!("^(?:{text})$"));
    matcher.map_err(|error| value.fault(error.to_string())).ok().map(|matcher| (text, matcher))
}

/// An element of `matchers`, which may hold several.
fn decode_list(item: &Value<'_>, mode: MatcherMode) -> Option<Matchers> {
    let text = if item.is_null() { String::new() } else { String::decode(item)? };
    match mode.parse_list(&text) {
        Ok(parsed) => {
            match parsed.notice {
                Some(MatcherNotice::Incompatible { error, suggestion }) => item.notice(format!(
                    "the UTF-8 grammar of matchers refuses {text:?} ({error}); write {suggestion:?} instead"
                )),
                Some(MatcherNotice::Disagreement) if !parsed.value.is_empty() => item.notice(format!(
                    "{text:?} means something else in the UTF-8 grammar of matchers; the classic reading is used"
                )),
                _ => {}
            }
            Some(parsed.value)
        }
        Err(error) => {
            item.fault(error.to_string());
            None
        }
    }
}
