//! The template language against golden files that Go wrote (see `tests/template_oracle`).

use std::{fmt::Write as _, sync::Arc};

use serde_json::Value;
use tocsin::template::{Alert, Data, Environment, Error, Kv, TemplateSet, Time, Zone};

const DATA: &str = include_str!("../fixtures/template/data.json");
const GENERATED: &str = include_str!("../fixtures/template/generated.jsonl");
const DEFAULTS: &str = include_str!("../fixtures/template/defaults.jsonl");
const WRITTEN: &str = include_str!("../fixtures/template/written.jsonl");

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn kv(value: &Value, name: &str) -> Kv {
    let pairs = value.get(name).and_then(Value::as_object).unwrap();
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

fn time(value: &Value, name: &str) -> Time {
    let text = text(value, name);
    let time = Time::parse_rfc3339(&text).unwrap();
    // The oracle's local zone is Berlin, and Go takes an offset for it where it fits the instant.
    let berlin = time.with_zone(local());
    let fits = !text.ends_with('Z') && berlin.format(b"-07:00") == time.format(b"-07:00");
    if fits { berlin } else { time }
}

fn local() -> Zone {
    Zone::local("Europe/Berlin", jiff::tz::TimeZone::get("Europe/Berlin").unwrap())
}

fn alert(value: &Value) -> Alert {
    Alert {
        status: text(value, "status").into(),
        labels: kv(value, "labels"),
        annotations: kv(value, "annotations"),
        starts_at: time(value, "startsAt"),
        ends_at: time(value, "endsAt"),
        generator_url: text(value, "generatorURL").into(),
        fingerprint: text(value, "fingerprint").into(),
    }
}

fn data(value: &Value) -> Arc<Data> {
    let alerts = value.get("alerts").and_then(Value::as_array).unwrap();
    Arc::new(Data {
        receiver: text(value, "receiver").into(),
        status: text(value, "status").into(),
        alerts: alerts.iter().map(|value| Arc::new(alert(value))).collect(),
        notification_reason: text(value, "notification_reason").into(),
        group_labels: kv(value, "groupLabels"),
        common_labels: kv(value, "commonLabels"),
        common_annotations: kv(value, "commonAnnotations"),
        route_labels: kv(value, "routeLabels"),
        external_url: text(value, "externalURL").into(),
        route_labels_rendered: true,
    })
}

fn environment() -> Environment {
    let now = Time::parse_rfc3339("2026-11-21T10:20:30.123456789Z").unwrap();
    Environment::new(now, local())
}

/// Templates of the configuration's files in the case; without any, our default templates.
fn template_set(case: &Value) -> Result<TemplateSet, Error> {
    let Some(files) = case.get("files").and_then(Value::as_object) else {
        return TemplateSet::with_defaults();
    };
    let mut set = TemplateSet::empty();
    for (name, source) in files {
        set.add(name, source.as_str().unwrap())?;
    }
    Ok(set)
}

fn render(case: &Value, datasets: &[Arc<Data>], environment: &Environment) -> Result<String, Error> {
    let set = template_set(case)?;
    let source = text(case, "text");
    let html = case.get("html").and_then(Value::as_bool).unwrap();
    let template = if html { set.html(&source)? } else { set.text(&source)? };
    let index = usize::try_from(case.get("data").and_then(Value::as_u64).unwrap()).unwrap();
    template.render(&datasets[index], environment)
}

/// Runs the cases of a file: the same output, or both an error. Returns how many errors had the same text too.
fn check(file: &str, least: usize) -> (usize, usize) {
    let datasets: Vec<_> =
        serde_json::from_str::<Vec<Value>>(DATA).unwrap().iter().map(data).collect();
    let environment = environment();
    let (mut count, mut errors, mut same_text, mut report) = (0, 0, 0, String::new());
    for line in file.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        count += 1;
        let ours = render(&case, &datasets, &environment);
        match (case.get("out").and_then(Value::as_str), ours) {
            (Some(wanted), Ok(ours)) if wanted == ours => {}
            (None, Err(error)) => {
                errors += 1;
                let same = text(&case, "error") == error.to_string();
                same_text += usize::from(same);
                if !same && std::env::var_os("TEMPLATE_ERRORS").is_some() {
                    println!("{}\n  Go:   {}\n  ours: {error}", text(&case, "text"), text(&case, "error"));
                }
            }
            (wanted, ours) => {
                let wanted = wanted.map_or_else(|| format!("error {}", text(&case, "error")), |text| format!("{text:?}"));
                let ours = ours.map_or_else(|error| format!("error {error}"), |text| format!("{text:?}"));
                writeln!(report, "{line_no}: {source}\n  Go:   {wanted}\n  ours: {ours}", line_no = count, source = text(&case, "text")).unwrap();
            }
        }
    }
    let failed = report.lines().filter(|line| line.starts_with("  ours: ")).count();
    assert!(report.is_empty(), "{failed} of {count} differ:\n{}", report.chars().take(12_000).collect::<String>());
    assert!(count >= least, "only {count} cases");
    (errors, same_text)
}

#[test]
fn generated_templates_render_as_in_go() {
    let (errors, _) = check(GENERATED, 1_000);
    assert!(errors * 5 <= 1_600, "too many errors to mean much: {errors}");
}

#[test]
fn written_templates_render_as_in_go() {
    let (errors, same) = check(WRITTEN, 0);
    println!("{same} of {errors} errors have the same text");
}

#[test]
fn default_templates_print_what_alertmanagers_print() {
    let (errors, _) = check(DEFAULTS, 400);
    assert_eq!(errors, 0);
}
