//! Structured values of a configuration: the webhook's `payload`, PagerDuty's `details`, Jira's `fields`.
//!
//! Texts in them are templates, and what a text renders to is read as YAML: `{{ .Alerts | toJson }}` becomes a list,
//! `{{ len .Alerts }}` a number, a text that is no YAML, or YAML of a text, stays what it is.

use serde_json::{Map, Number, Value};

use super::attempt::Attempt;
use super::field::Field;
use super::integration::Build;
use crate::config::yaml::{Node, NodeKind, Scalar, parse_whole};

/// A value whose texts are rendered.
#[derive(Debug)]
pub(super) enum Structured {
    Text(Field),
    /// A text that stays one, whatever it renders to.
    Verbatim(Field),
    List(Vec<Self>),
    Map(Vec<(Field, Self)>),
    /// A number, a boolean or null.
    Plain(Value),
}

impl Structured {
    /// Parses a value that stands at `key`. Keys in it are rendered like texts.
    pub(super) fn new(build: &mut Build<'_>, key: &str, value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(build.text(key, text)),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Self::List(items.map(|(at, item)| Self::new(build, &format!("{key}[{at}]"), item)).collect())
            }
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| {
                    let path = format!("{key}.{name}");
                    (build.text(&path, name), Self::new(build, &path, value))
                });
                Self::Map(members.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Plain(value.clone()),
        }
    }

    /// Parses a value whose texts stay texts, whatever they render to, and whose keys are taken as they are. Members
    /// named in `html` are rendered with HTML escaping.
    pub(super) fn verbatim(build: &mut Build<'_>, key: &str, value: &Value, html: &[&str]) -> Self {
        match value {
            Value::String(text) => Self::Verbatim(build.text(key, text)),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items =
                    items.map(|(at, item)| Self::verbatim(build, &format!("{key}[{at}]"), item, html));
                Self::List(items.collect())
            }
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| {
                    let path = format!("{key}.{name}");
                    let member = match value {
                        Value::String(text) if html.contains(&name.as_str()) => {
                            Self::Verbatim(build.html(&path, text))
                        }
                        _ => Self::verbatim(build, &path, value, html),
                    };
                    (Field::literal(&path, name), member)
                });
                Self::Map(members.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Plain(value.clone()),
        }
    }

    /// The value for a notification. A text whose template fails is the message in plain words.
    pub(super) fn render(&self, attempt: &mut Attempt) -> Value {
        match self {
            Self::Text(field) => match attempt.try_field(field) {
                Some(text) => reinterpret(text),
                None => Value::String(attempt.plain()),
            },
            Self::Verbatim(field) => {
                let text = attempt.try_field(field);
                Value::String(text.unwrap_or_else(|| attempt.plain()))
            }
            Self::List(items) => items.iter().map(|item| item.render(attempt)).collect(),
            Self::Map(members) => {
                let members = members.iter().map(|(name, value)| {
                    let name = attempt.try_field(name).unwrap_or_else(|| name.key.as_ref().to_owned());
                    (name, value.render(attempt))
                });
                Value::Object(members.collect::<Vec<_>>().into_iter().collect())
            }
            Self::Plain(value) => value.clone(),
        }
    }
}

/// What YAML 1.1 makes of a rendered text. Unlike Alertmanager, which reads only the beginning and so makes the list
/// `["FIRING:1"]` of `[FIRING:1] HighCPU`, the whole text has to be YAML.
fn reinterpret(text: String) -> Value {
    match parse_whole(&text).map(|root| value(&root)) {
        Err(_) | Ok(Value::String(_)) => Value::String(text),
        Ok(parsed) => parsed,
    }
}

fn value(node: &Node) -> Value {
    match &node.kind {
        NodeKind::Scalar(scalar) => scalar_value(scalar),
        NodeKind::Sequence(items) => items.iter().map(|item| value(item)).collect(),
        NodeKind::Mapping(_) => Value::Object(members(node)),
    }
}

/// The members of a mapping; those whose keys are no texts are left out.
fn members(node: &Node) -> Map<String, Value> {
    let NodeKind::Mapping(pairs) = &node.kind else { return Map::new() };
    let mut object = Map::new();
    for (key, member) in pairs {
        let NodeKind::Scalar(key) = &key.kind else { continue };
        if key.plain && key.text == "<<" {
            match &member.kind {
                NodeKind::Sequence(sources) => {
                    object.extend(sources.iter().rev().flat_map(|source| members(source)));
                }
                _ => object.extend(members(member)),
            }
        } else if let Value::String(key) = scalar_value(key) {
            object.insert(key, value(member));
        }
    }
    object
}

fn scalar_value(scalar: &Scalar) -> Value {
    if scalar.is_null() {
        return Value::Null;
    }
    if let Some(boolean) = scalar.as_bool() {
        return Value::Bool(boolean);
    }
    let integer = scalar.as_integer().and_then(Number::from_i128);
    // Infinity and NaN are no numbers in JSON: they stay texts.
    let number = integer.or_else(|| scalar.as_float().and_then(Number::from_f64));
    number.map_or_else(|| Value::String(scalar.text.clone()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen at Alertmanager 0.33.1, but for those that say otherwise.
    #[test]
    fn rendered_texts_are_yaml() {
        for (text, json) in [
            ("plain", r#""plain""#),
            ("1e3", "1000"),
            ("1e30", "1e+30"),
            ("0x1F", "31"),
            ("yes", "true"),
            ("", "null"),
            ("~", "null"),
            ("2020-01-01", r#""2020-01-01""#),
            ("disk: full", r#"{"disk":"full"}"#),
            ("disk: full: yes", r#""disk: full: yes""#),
            ("- y", "[true]"),
            ("1: x", "{}"),
            ("a:\tb", r#"{"a":"b"}"#),
            ("<<: {a: 1}", r#"{"a":1}"#),
            ("*foo bar", r#""*foo bar""#),
            ("!foo bar", r#""!foo bar""#),
            ("%foo", r#""%foo""#),
            ("a\nb: c", r#""a\nb: c""#),
            (r#""abc" def"#, r#""\"abc\" def""#),
            ("--- a\n--- b", r#""--- a\n--- b""#),
            (r#"[{"a": "yes"}]"#, r#"[{"a":"yes"}]"#),
            // Alertmanager: ["FIRING:1"], {"a":"b"} and an error.
            ("[FIRING:1] HighCPU", r#""[FIRING:1] HighCPU""#),
            ("{a: b} c", r#""{a: b} c""#),
            (".inf", r#"".inf""#),
        ] {
            let value = super::super::json::encode(&reinterpret(text.to_owned())).unwrap();
            assert_eq!(String::from_utf8(value).unwrap(), json, "{text}");
        }
    }
}
