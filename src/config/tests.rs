//! Whole files, good and bad, and what the fixtures of this room share.

use std::fmt::Write as _;
use std::path::Path;

use super::{AlertmanagerFile, ConfigError, PrometheusConfig, SdConfig};
use crate::model::{LabelSet, MatcherMode};

/// The cases of a fixture: a line `=== name`, then the text.
pub(super) fn cases(fixture: &'static str) -> Vec<(&'static str, &'static str)> {
    let cases = fixture.split("=== ").skip(1);
    cases.map(|case| case.split_once('\n').expect("a name, then a text")).collect()
}

/// What each case is told, without the file's name; no case may be told the secret that the fixtures use.
pub(super) fn tell_faults(
    cases: &[(&'static str, &'static str)],
    error: impl Fn(&str) -> ConfigError,
) -> String {
    let mut told = String::new();
    for (name, text) in cases {
        let error = error(text);
        let rendered = format!("{error} {error:?} {}", error.render(false));
        assert!(!rendered.contains("hunter2"), "{name}: {rendered}");
        assert!(error.faults().iter().all(|fault| fault.position.line() > 0));
        writeln!(told, "=== {name}").unwrap();
        for fault in error.to_string().lines() {
            writeln!(told, "{}", fault.split_once(".yml:").map_or(fault, |(_, rest)| rest)).unwrap();
        }
    }
    told
}

fn no_variables(_name: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<PrometheusConfig, ConfigError> {
    PrometheusConfig::parse(Path::new("/etc/prometheus/prometheus.yml"), text, &no_variables)
}

#[test]
fn bad_files_are_told_what_is_wrong() {
    let cases = cases(include_str!("testdata/prometheus-bad.txt"));
    let told = tell_faults(&cases, |text| parse(text).expect_err(text));
    insta::assert_snapshot!("prometheus_bad", told);
}

#[test]
fn an_empty_file_has_all_defaults() {
    assert_eq!(parse("").unwrap(), PrometheusConfig::default());
    assert_eq!(parse("global:\nalerting:\nscrape_configs:\n").unwrap(), PrometheusConfig::default());
}

#[test]
fn a_whole_file_is_read_unchanged() {
    let config = parse(include_str!("testdata/prometheus-whole.yml")).unwrap();
    insta::assert_debug_snapshot!("prometheus_whole", config);
}

#[test]
fn external_labels_are_expanded() {
    let text = "global:\n  external_labels: {bar: foo, foo: '${TEST}', baz: 'foo${TEST}bar', \
                qux: 'foo$${TEST}', xyz: 'foo$$bar', num: 0123}";
    let unset = parse(text).unwrap().external_labels;
    let expected = [
        ("bar", "foo"),
        ("baz", "foobar"),
        ("foo", ""),
        ("num", "0123"),
        ("qux", "foo${TEST}"),
        ("xyz", "foo$bar"),
    ];
    assert_eq!(unset, LabelSet::from_iter(expected));
    let set = |name: &str| (name == "TEST").then(|| "TestValue".to_owned());
    let set = PrometheusConfig::parse(Path::new("p.yml"), text, &set).unwrap().external_labels;
    assert_eq!(set.get("foo"), Some("TestValue"));
    assert_eq!(set.get("baz"), Some("fooTestValuebar"));
}

#[test]
fn null_static_configs_are_legal() {
    let config = parse("alerting:\n  alertmanagers:\n    - static_configs:\n").unwrap();
    assert_eq!(config.alerting.alertmanagers[0].service_discovery, []);
}

#[test]
fn a_target_may_be_a_url_where_relabelling_can_repair_it() {
    let text = "alerting: {alertmanagers: [{static_configs: [{targets: ['a/b']}], \
                relabel_configs: [{target_label: __address__, replacement: a}]}]}";
    assert!(parse(text).is_ok());
}

#[test]
fn a_hash_counts_secrets_and_not_places() {
    let hash = |entry: &str| {
        let text = format!("alerting: {{alertmanagers: [{entry}]}}");
        parse(&text).unwrap().alerting.alertmanagers.last().unwrap().hash()
    };
    let one = hash("{basic_auth: {password: a}}");
    assert_eq!(one, hash("{scheme: https}, {basic_auth: {password: a}, timeout: 10s}"));
    assert_ne!(one, hash("{basic_auth: {password: b}}"));
    assert_ne!(one, hash("{basic_auth: {password_file: a}}"));
    assert_ne!(hash("{}"), hash("{path_prefix: /x}"));
    let rule = |rule: &str| hash(&format!("{{alert_relabel_configs: [{{{rule}, target_label: x}}]}}"));
    assert_ne!(rule("regex: a"), rule("regex: b"));
    assert_eq!(rule("separator: ;"), rule("action: replace"));
}

#[test]
fn relative_paths_stand_beside_the_file() {
    let text = "alerting: {alertmanagers: [{file_sd_configs: [{files: [am/*.yml, /abs.json]}]}]}";
    let files = |path: &str| {
        let config = PrometheusConfig::parse(Path::new(path), text, &no_variables).unwrap();
        match &config.alerting.alertmanagers[0].service_discovery[..] {
            [SdConfig::File(config)] => config.files.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(files("/etc/prometheus.yml"), [Path::new("/etc/am/*.yml"), Path::new("/abs.json")]);
    assert_eq!(files("prometheus.yml"), [Path::new("am/*.yml"), Path::new("/abs.json")]);
}

#[test]
fn a_missing_file_is_named() {
    let error = PrometheusConfig::load(Path::new("/nonexistent/p.yml"), &no_variables).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/p.yml: No such file"), "{error}");
}

#[test]
fn damaged_files_are_read_or_refused_with_a_place() {
    let fixtures = [
        include_str!("testdata/prometheus-whole.yml"),
        include_str!("testdata/prometheus-bad.txt"),
        include_str!("testdata/http-bad.txt"),
        include_str!("testdata/web-whole.yml"),
        include_str!("alertmanager/testdata/whole.yml"),
        include_str!("alertmanager/testdata/bad.txt"),
    ];
    let signs: Vec<char> = "&*<>{}[]:,-?!|%@`'\"# \n\t\0é~1".chars().collect();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let mut text: Vec<char> = fixtures[random.usize(..fixtures.len())].chars().collect();
        for _ in 0..random.usize(1..12) {
            let place = random.usize(..text.len());
            match random.u8(..4) {
                0 => _ = text.remove(place),
                1 => text.insert(place, random.choice(signs.clone()).unwrap()),
                2 => text.truncate(place.max(40)),
                _ => {
                    let end = text.len().min(place + random.usize(1..60));
                    let piece = text[place..end].to_vec();
                    let target = random.usize(..text.len());
                    text.splice(target..target, piece);
                }
            }
        }
        let text: String = text.into_iter().collect();
        let web = super::WebConfig::parse(Path::new("w.yml"), &text).err();
        let alertmanager = AlertmanagerFile::parse(Path::new("a.yml"), &text, MatcherMode::default());
        for error in [parse(&text).err(), web, alertmanager.err()] {
            let Some(error) = error else { continue };
            assert!(!error.faults().is_empty(), "{text}");
            assert!(!error.render(false).is_empty());
        }
    }
}
