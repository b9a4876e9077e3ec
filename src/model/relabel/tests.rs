use super::*;
use crate::model::{LabelSet, unquote};

/// Reads `{a="x", b="y"}`.
fn label_set(text: &str) -> LabelSet {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap();
    inner
        .split(", ")
        .map(|label| label.split_once('=').unwrap())
        .map(|(name, value)| (name, unquote(value).unwrap()))
        .collect()
}

/// Reads `key=value key=value`.
fn config(text: &str) -> RelabelConfig {
    let mut config = RelabelConfig::default();
    for (key, value) in text.split(' ').filter_map(|field| field.split_once('=')) {
        match key {
            "source_labels" => config.source_labels = Some(value.split(',').map(SmolStr::new).collect()),
            "separator" => config.separator = value.to_owned(),
            "regex" => config.regex = Some(Regex::relabel(value).unwrap()),
            "modulus" => config.modulus = value.parse().unwrap(),
            "target_label" => config.target_label = value.to_owned(),
            "replacement" => config.replacement = value.to_owned(),
            "action" => config.action = Some(value.parse().unwrap()),
            other => panic!("no such key: {other}"),
        }
    }
    config
}

#[test]
fn rules_do_what_prometheus_does() {
    let mut cases = 0;
    let mut labels = LabelSet::default();
    let mut rules = Vec::new();
    for (number, line) in include_str!("vectors.txt").lines().enumerate() {
        let place = format!("vectors.txt:{}", number + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "labels" => {
                labels = label_set(rest);
                rules.clear();
            }
            "rule" => rules.push(config(rest).compile(NameValidation::Utf8).expect(&place)),
            "is" => assert_eq!(relabel(&rules, &labels), Relabelled::Kept(label_set(rest)), "{place}"),
            "drop" => {
                let rule = rest.parse().unwrap();
                assert_eq!(relabel(&rules, &labels), Relabelled::Dropped { rule }, "{place}");
            }
            _ => assert!(word.is_empty() || word == "#", "{place}"),
        }
        cases += usize::from(matches!(word, "is" | "drop"));
    }
    assert_eq!(cases, 42);
}

#[test]
fn checks_what_prometheus_checks() {
    use NameValidation::{Legacy, Utf8};
    let cases = [
        (Utf8, "", "relabel configuration for replace action requires 'target_label' value"),
        (
            Utf8,
            "action=lowercase",
            "relabel configuration for lowercase action requires 'target_label' value",
        ),
        (
            Utf8,
            "action=keepequal",
            "relabel configuration for keepequal action requires 'target_label' value",
        ),
        (
            Utf8,
            "action=hashmod target_label=a",
            "relabel configuration for hashmod requires non-zero modulus",
        ),
        (
            Utf8,
            "action=hashmod modulus=2",
            "relabel configuration for hashmod action requires 'target_label' value",
        ),
        (Utf8, "action=LOWERCASE target_label=${3}", ""),
        (
            Legacy,
            "action=lowercase target_label=${3}",
            "\"${3}\" is invalid 'target_label' for lowercase action",
        ),
        (
            Legacy,
            "action=hashmod modulus=2 target_label=a.b",
            "\"a.b\" is invalid 'target_label' for hashmod action",
        ),
        (Legacy, "target_label=a.b", "\"a.b\" is invalid 'target_label' for replace action"),
        (Legacy, "target_label=0${3}", "\"0${3}\" is invalid 'target_label' for replace action"),
        (Legacy, "target_label=a${3}", ""),
        (Utf8, "target_label=${3}", ""),
        (Utf8, "target_label=0${3}", ""),
        (Utf8, "target_label=-${3}", ""),
        (Legacy, "action=labelmap regex=a_(.+) replacement=$1", ""),
        (Legacy, "action=labelmap regex=a_(.+) replacement=${1}", ""),
        (Legacy, "action=labelmap", ""),
        (Legacy, "action=labelmap replacement=a-$1", "\"a-$1\" is invalid 'replacement' for labelmap action"),
        (Utf8, "action=labelmap replacement=", "\"\" is invalid 'replacement' for labelmap action"),
        (
            Utf8,
            "action=uppercase target_label=a replacement=b",
            "'replacement' can not be set for uppercase action",
        ),
        (
            Utf8,
            "action=keepequal target_label=a regex=(.*)",
            "keepequal action requires only 'source_labels' and `target_label`, and no other fields",
        ),
        (
            Utf8,
            "action=dropequal target_label=a separator=,",
            "dropequal action requires only 'source_labels' and `target_label`, and no other fields",
        ),
        (Utf8, "action=dropequal target_label=a separator=;", ""),
        (
            Utf8,
            "action=labeldrop source_labels=a",
            "labeldrop action requires only 'regex', and no other fields",
        ),
        (
            Utf8,
            "action=labelkeep target_label=a",
            "labelkeep action requires only 'regex', and no other fields",
        ),
        (Utf8, "action=labelkeep modulus=1", "labelkeep action requires only 'regex', and no other fields"),
        (Utf8, "action=labeldrop regex=a separator=;", ""),
        (Utf8, "action=keep", ""),
    ];
    for (names, text, expected) in cases {
        let error = config(text).compile(names).err().map(|error| error.to_string());
        assert_eq!(error.unwrap_or_default(), expected, "{text}");
    }
    let null = RelabelConfig { action: None, ..RelabelConfig::default() };
    assert_eq!(null.compile(Utf8).err(), Some(RelabelError::NoAction));
    let unknown = "Rename".parse::<RelabelAction>().map_err(|error| error.to_string());
    assert_eq!(unknown, Err("unknown relabel action \"Rename\"".to_owned()));
}

#[test]
fn knows_which_templates_can_name_a_classic_label() {
    let cases = [
        ("-label", false),
        ("label", true),
        ("label${1}", true),
        ("${1}label", true),
        ("${1}", true),
        ("${", false),
        ("$", false),
        ("${}", false),
        ("foo${", false),
        ("$1", true),
        ("asd$2asd", true),
        ("-foo${1}bar-", false),
        ("bar.foo${1}bar", false),
        ("_${1}_", true),
        ("foo${bar}foo", true),
        ("0label", false),
        ("label0", true),
        ("$a0$1", true),
        ("${1", false),
        ("${a b}", false),
        ("", false),
    ];
    for (template, expected) in cases {
        assert_eq!(is_name_template(template, NameValidation::Legacy), expected, "{template}");
    }
}

#[test]
fn a_classic_scheme_passes_over_targets_that_are_no_names() {
    let rules = [config("source_labels=a regex=(.*) target_label=$1 replacement=x")]
        .map(|config| config.compile(NameValidation::Legacy).unwrap());
    let labels = LabelSet::from_iter([("a", "b.c")]);
    assert_eq!(relabel(&rules, &labels), Relabelled::Kept(labels));
}
