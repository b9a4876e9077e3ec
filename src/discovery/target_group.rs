use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::config::yaml::{self, Value};
use crate::model::{LabelSet, LabelSetBuilder};

/// The label that holds a target's address.
pub(super) const ADDRESS: &str = "__address__";

/// Targets that share labels, from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Where it comes from, unique within its provider: a later group with the same source replaces it.
    pub source: String,
    /// The labels of each target, `__address__` among them.
    pub targets: Vec<LabelSet>,
    /// Labels of all targets; a target's own label wins.
    pub labels: LabelSet,
}

/// Why a list of target groups cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The JSON is broken, or not a list of groups. The text says where.
    #[error("{0}")]
    Json(String),
    /// The YAML is broken, or not a list of groups. The text says where.
    #[error("{0}")]
    Yaml(String),
    /// An element of the list is null.
    #[error("nil target group item found (index {0})")]
    NullGroup(usize),
}

impl TargetGroup {
    /// A group of plain addresses.
    #[must_use]
    pub fn new(source: String, addresses: &[String], labels: LabelSet) -> Self {
        let targets = addresses.iter().map(|address| LabelSet::from_iter([(ADDRESS, address)])).collect();
        Self { source, targets, labels }
    }

    /// Reads a JSON list of groups, `[{"targets": ["host:port"], "labels": {"name": "value"}}]`, as Prometheus
    /// does: unknown keys are errors, keys match in any case, `null` for the whole list is none. The sources are
    /// empty: the reader knows them.
    ///
    /// # Errors
    ///
    /// Broken JSON, an unknown key, a label without a name, a null group.
    pub fn from_json(text: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let groups: Option<Vec<Option<Decoded>>> =
            serde_json::from_slice(text).map_err(|error| DecodeError::Json(error.to_string()))?;
        let groups = groups.unwrap_or_default().into_iter().enumerate();
        groups.map(|(index, group)| Ok(group.ok_or(DecodeError::NullGroup(index))?.0)).collect()
    }

    /// Reads the same list as YAML, strictly; an empty text is an empty list. `file` names it in errors.
    ///
    /// # Errors
    ///
    /// As for JSON.
    pub fn from_yaml(file: &Path, text: &str) -> Result<Vec<Self>, DecodeError> {
        let mut null = None;
        let decode = |value: &Value<'_>| {
            let mut groups = Vec::new();
            for (index, item) in value.items().into_iter().enumerate() {
                if item.is_null() {
                    null.get_or_insert(index);
                    continue;
                }
                groups.push(yaml_group(&item)?);
            }
            Some(groups)
        };
        let groups = yaml::read(file, text, decode).map_err(|error| DecodeError::Yaml(error.to_string()))?;
        null.map_or(Ok(groups), |index| Err(DecodeError::NullGroup(index)))
    }

    /// The same group with a label that tells where it was found.
    #[must_use]
    pub(super) fn found_at(mut self, source: String, name: &str, value: &str) -> Self {
        let mut labels = LabelSetBuilder::new(&self.labels);
        labels.set(name, value);
        self.labels = labels.build();
        self.source = source;
        self
    }

    /// What takes the group of a source away.
    pub(super) fn gone(source: String) -> Self {
        Self { source, targets: Vec::new(), labels: LabelSet::default() }
    }
}

fn yaml_group(value: &Value<'_>) -> Option<TargetGroup> {
    let (targets, labels) = value.fields(|fields| {
        let targets: Vec<String> = fields.get_or_default("targets");
        let labels = fields.value_of("labels").map(|value| {
            let mut labels = Vec::new();
            for (name, value) in value.entries() {
                if name.is_empty() {
                    value.key_fault("\"\" is not a valid label name");
                }
                match value.scalar() {
                    // Null is the empty text, as for every text in Go.
                    Some(scalar) if scalar.is_null() => labels.push((name.to_owned(), String::new())),
                    Some(scalar) => labels.push((name.to_owned(), scalar.text.clone())),
                    None => value.fault("a label's value must be a text"),
                }
            }
            labels
        });
        (targets, labels)
    })?;
    Some(TargetGroup::new(String::new(), &targets, labels.unwrap_or_default().into_iter().collect()))
}

struct Decoded(TargetGroup);

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(GroupVisitor)
    }
}

struct GroupVisitor;

impl<'de> Visitor<'de> for GroupVisitor {
    type Value = Decoded;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target group with targets and labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Decoded, A::Error> {
        let (mut targets, mut labels) = (Vec::new(), LabelSet::default());
        while let Some(key) = map.next_key::<String>()? {
            match key.to_ascii_lowercase().as_str() {
                "targets" => {
                    let given: Option<Vec<Option<String>>> = map.next_value()?;
                    targets = given.unwrap_or_default().into_iter().map(Option::unwrap_or_default).collect();
                }
                "labels" => labels = map.next_value::<Option<Labels>>()?.unwrap_or_default().0,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    return Err(A::Error::custom(format_args!(
                        "unknown field {key:?}: a group has targets and labels"
                    )));
                }
            }
        }
        Ok(Decoded(TargetGroup::new(String::new(), &targets, labels)))
    }
}

#[derive(Default)]
struct Labels(LabelSet);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels: an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels: Vec<(String, String)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Option<String>>()? {
            if name.is_empty() {
                return Err(A::Error::custom("\"\" is not a valid label name"));
            }
            labels.push((name, value.unwrap_or_default()));
        }
        Ok(Labels(labels.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Vec<TargetGroup>, DecodeError> {
        TargetGroup::from_json(text.as_bytes())
    }

    fn yaml(text: &str) -> Result<Vec<TargetGroup>, DecodeError> {
        TargetGroup::from_yaml(Path::new("targets.yml"), text)
    }

    fn group(addresses: &[&str], labels: &[(&str, &str)]) -> TargetGroup {
        let addresses: Vec<String> = addresses.iter().map(|&address| address.to_owned()).collect();
        TargetGroup::new(String::new(), &addresses, labels.iter().copied().collect())
    }

    #[test]
    fn json_is_strict_but_not_about_case() {
        let expected = vec![group(&["a:9093", "b:9093"], &[("my", "label")])];
        assert_eq!(
            json(r#"[{"targets":["a:9093","b:9093"],"labels":{"my":"label"}}]"#),
            Ok(expected.clone())
        );
        assert_eq!(json(r#"[{"Targets":["a:9093","b:9093"],"LABELS":{"my":"label"}}]"#), Ok(expected));
        assert_eq!(json("null"), Ok(vec![]));
        assert_eq!(json("[]"), Ok(vec![]));
        assert_eq!(json("[{}]"), Ok(vec![group(&[], &[])]));
        assert_eq!(json(r#"[{"targets":null,"labels":null}]"#), Ok(vec![group(&[], &[])]));
        assert_eq!(json(r#"[{"targets":[]},null]"#), Err(DecodeError::NullGroup(1)));
        for bad in [
            "",
            "{}",
            r#"[{"targets":"a"}]"#,
            r#"[{"targets":["a"],"label":{}}]"#,
            r#"[{"labels":{"":"x"}}]"#,
            r#"[{"labels":{"x":1}}]"#,
            r#"[{"targets":["a"]}] x"#,
            "[[]]",
        ] {
            assert!(matches!(json(bad), Err(DecodeError::Json(_))), "{bad}");
        }
    }

    #[test]
    fn yaml_is_strict() {
        let expected = vec![group(&["a:9093", "b:9093"], &[("my", "label"), ("n", "1")])];
        assert_eq!(yaml("- targets: ['a:9093', 'b:9093']\n  labels: {my: label, n: 1}\n"), Ok(expected));
        assert_eq!(yaml(""), Ok(vec![]));
        assert_eq!(yaml("[]"), Ok(vec![]));
        assert_eq!(yaml("- labels: ~\n"), Ok(vec![group(&[], &[])]));
        assert_eq!(yaml("- targets: [a]\n-\n"), Err(DecodeError::NullGroup(1)));
        for bad in
            ["- target: [a]", "targets: [a]", "- targets: [a]\n  targets: [b]", "- labels: {'': x}", "- ["]
        {
            assert!(matches!(yaml(bad), Err(DecodeError::Yaml(_))), "{bad}");
        }
    }
}
