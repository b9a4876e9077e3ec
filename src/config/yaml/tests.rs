//! What a decoder sees of a file, and what a file at fault is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Fields, Value, read};
use crate::config::error::ConfigError;
use crate::config::secret::Secret;

#[derive(Debug, PartialEq)]
struct Sample {
    text: String,
    flag: bool,
    count: u16,
    wait: Duration,
    file: PathBuf,
    list: Vec<String>,
    map: BTreeMap<String, String>,
    secret: Secret,
    inner: Option<String>,
}

fn inner(fields: &mut Fields<'_>) -> String {
    fields.get_or_default("name")
}

fn sample(value: &Value<'_>) -> Option<Sample> {
    value.fields(|fields| Sample {
        text: fields.get_or("text", "unset".to_owned()),
        flag: fields.get_or("flag", true),
        count: fields.get_or("count", 7),
        wait: fields.get_or("wait", Duration::from_secs(10)),
        file: fields.get_or_default("file"),
        list: fields.get_or_default("list"),
        map: fields.get_or_default("map"),
        secret: fields.get_or_default("secret"),
        inner: fields.value_of("inner").and_then(|value| value.fields(inner)),
    })
}

fn decode(text: &str) -> Result<Sample, ConfigError> {
    read(Path::new("/etc/x/f.yml"), text, sample)
}

fn faults(text: &str) -> Vec<String> {
    let error = decode(text).unwrap_err().to_string();
    error.lines().map(|line| line.replace("/etc/x/", "")).collect()
}

#[test]
fn defaults_hold_for_an_empty_file_and_null_replaces_them() {
    let unset = decode("").unwrap();
    assert_eq!((unset.text.as_str(), unset.flag, unset.count), ("unset", true, 7));
    assert_eq!(unset.wait, Duration::from_secs(10));
    let null = decode("text:\nflag: ~\ncount: null\nwait:\nlist:\nmap:\ninner:\n").unwrap();
    assert_eq!((null.text.as_str(), null.flag, null.count), ("", false, 0));
    assert_eq!((null.wait, null.inner.as_deref()), (Duration::ZERO, Some("")));
}

#[test]
fn any_scalar_is_a_text_as_written() {
    let read = |text: &str| decode(&format!("text: {text}")).unwrap().text;
    for text in ["0123", "true", "1.50", "2020-01-01", "0x10", "yes"] {
        assert_eq!(read(text), text);
    }
    assert_eq!(read("'null'"), "null");
    assert_eq!(read("|\n  a\n  b\n"), "a\nb\n");
    let list = decode("list: [1, null, 'x']\nmap: {1: 2, yes: ~}").unwrap();
    assert_eq!(list.list, ["1", "", "x"]);
    assert_eq!(list.map, BTreeMap::from([("1".into(), "2".into()), ("yes".into(), String::new())]));
}

#[test]
fn paths_are_joined_to_the_directory() {
    assert_eq!(decode("file: a/../b").unwrap().file, Path::new("/etc/x/b"));
    assert_eq!(decode("file: /b").unwrap().file, Path::new("/b"));
    assert_eq!(decode("file: ''").unwrap().file, Path::new(""));
}

#[test]
fn merges_in_the_order_of_the_file() {
    let base = "inner: &base {name: base}\n";
    let merged = |text: &str| {
        let text = format!("{base}{text}");
        read(Path::new("f"), &text, |root| {
            root.fields(|fields| {
                let _ = fields.value_of("inner");
                fields.value_of("it").and_then(|it| it.fields(inner))
            })
        })
    };
    assert_eq!(merged("it: {<<: *base}").unwrap().unwrap(), "base");
    assert_eq!(merged("it: {<<: *base, name: own}").unwrap().unwrap(), "own");
    assert_eq!(merged("it: {name: own, <<: *base}").unwrap().unwrap(), "base");
    assert_eq!(merged("it: {<<: [{name: first}, *base]}").unwrap().unwrap(), "first");
    assert!(merged("it: {<<: 5}").unwrap_err().to_string().contains("<< needs a mapping"));
}

#[test]
fn every_fault_is_told_with_its_place() {
    let text = "txt: a\nflag: maybe\ncount: 70000\nwait: 5 minutes\nlist: x\nmap: [1]\ninner:\n  nam: x\n  other: 1\n\
                flag: on\n? [a]\n: b\ntext: [1]\n";
    assert_eq!(
        faults(text),
        [
            "f.yml:1:1: txt: field txt not found (did you mean text?)",
            "f.yml:3:8: count: must be a whole number from 0 to 65535, not the text \"70000\"",
            "f.yml:4:7: wait: unknown unit \" minutes\" in duration \"5 minutes\" \
             (write a number with its unit, such as 30s, 5m or 1h30m)",
            "f.yml:5:7: list: must be a list, not a text",
            "f.yml:6:6: map: must be a mapping of keys to values, not a list",
            "f.yml:8:3: inner.nam: field nam not found (did you mean name?)",
            "f.yml:9:3: inner.other: field other not found (known are name)",
            "f.yml:10:1: field flag is set twice (it stands on line 2 already)",
            "f.yml:11:3: a key must be a text",
            "f.yml:13:7: text: must be a text, not a list",
        ]
    );
}

#[test]
fn quoted_scalars_are_no_booleans_or_numbers() {
    assert_eq!(faults("flag: 'true'"), ["f.yml:1:7: flag: must be true or false, not the text \"true\""]);
    assert_eq!(faults("count: '5'").len(), 1);
}

#[test]
fn a_secret_at_fault_does_not_show() {
    for text in ["secret: [hunter2]", "secret: {a: hunter2}", "{secret: hunter2, txt: 1}", "secrt: hunter2"] {
        let error = decode(text).unwrap_err();
        assert!(!format!("{error} {error:?} {}", error.render(false)).contains("hunter2"), "{text}");
    }
    let broken = decode("secret: \"hunter2\n").unwrap_err();
    assert!(!format!("{broken} {}", broken.render(false)).contains("hunter2"));
}

#[test]
fn what_is_not_yaml_is_told_with_its_place() {
    assert!(faults("a: [1\nb: 2")[0].starts_with("f.yml:"));
    assert_eq!(faults("- a")[0], "f.yml:1:1: must be a mapping of keys to values, not a list");
}
