//! The template language against golden files that Go wrote (see `tests/template_oracle`).

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test")]

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

fn datasets() -> Vec<Arc<Data>> {
    serde_json::from_str::<Vec<Value>>(DATA).unwrap().iter().map(data).collect()
}

fn environment() -> Environment {
    let now = Time::parse_rfc3339("2026-11-21T10:20:30.123456789Z").unwrap();
    Environment::new(now, local())
}

/// The default templates, and those of the case's files over them.
fn template_set(case: &Value, defaults: &TemplateSet) -> Result<TemplateSet, Error> {
    let mut set = defaults.clone();
    for (name, source) in case.get("files").and_then(Value::as_object).into_iter().flatten() {
        set.add(name, source.as_str().unwrap())?;
    }
    Ok(set)
}

fn render(
    case: &Value,
    defaults: &TemplateSet,
    datasets: &[Arc<Data>],
    environment: &Environment,
) -> Result<String, Error> {
    let set = template_set(case, defaults)?;
    let source = text(case, "text");
    let html = case.get("html").and_then(Value::as_bool).unwrap();
    let template = if html { set.html(&source)? } else { set.text(&source)? };
    let index = usize::try_from(case.get("data").and_then(Value::as_u64).unwrap()).unwrap();
    template.render(&datasets[index], environment)
}

/// Runs the cases of a file: the same output, or both an error. Returns how many errors had the same text too.
fn check(file: &str, least: usize) -> (usize, usize) {
    let datasets = datasets();
    let (environment, defaults) = (environment(), TemplateSet::with_defaults().unwrap());
    let (mut count, mut errors, mut same_text, mut report) = (0, 0, 0, String::new());
    for line in file.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        count += 1;
        let ours = render(&case, &defaults, &datasets, &environment);
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
                let wanted = wanted
                    .map_or_else(|| format!("error {}", text(&case, "error")), |text| format!("{text:?}"));
                let ours = ours.map_or_else(|error| format!("error {error}"), |text| format!("{text:?}"));
                writeln!(
                    report,
                    "{line_no}: {source}\n  Go:   {wanted}\n  ours: {ours}",
                    line_no = count,
                    source = text(&case, "text")
                )
                .unwrap();
            }
        }
    }
    let failed = report.lines().filter(|line| line.starts_with("  ours: ")).count();
    assert!(
        report.is_empty(),
        "{failed} of {count} differ:\n{}",
        report.chars().take(12_000).collect::<String>()
    );
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

fn run_text(source: &str) -> Result<String, Error> {
    TemplateSet::empty().text(source)?.render(&datasets()[4], &environment())
}

#[test]
fn hostile_templates_end_with_an_error() {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    let mut tight = environment();
    tight.limits.steps = 1_000_000;
    tight.limits.output = 2 << 20;
    for (source, fault) in [
        (r#"{{define "r"}}{{template "r" .}}{{end}}{{template "r" .}}"#.to_owned(), "maximum template depth"),
        ("{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}".to_owned(), "steps"),
        ("{{$x := printf `%900000d` 1}}{{range 9}}{{$x = print $x $x}}{{end}}".to_owned(), "longer than"),
        ("{{$x := list}}{{range 100}}{{$x = list $x $x}}{{end}}".to_owned(), "nested more than"),
        ("{{$x := list 1}}{{range 40}}{{$x = list $x $x}}{{end}}{{$x}}".to_owned(), "longer than"),
        ("{{$x := list 1}}{{range 40}}{{$x = list $x $x}}{{end}}{{toJson $x}}".to_owned(), "longer than"),
        (
            "{{$x := list 1}}{{range 40}}{{$x = list $x $x}}{{end}}{{printf `%d` $x}}".to_owned(),
            "longer than",
        ),
        ("{{$x := list}}{{range 1000000}}{{$x = append $x .}}{{end}}".to_owned(), "steps"),
        ("{{range 1000000}}{{printf `%1000000d` 1}}{{end}}".to_owned(), "longer than"),
        ("{{range 1000000}}{{$x := printf `%1000000d` 1}}{{end}}".to_owned(), "steps"),
        ("{{match `((((a{1000}){1000}){1000}){1000})` `a`}}".to_owned(), "error parsing regexp"),
        ("{{range 1000000}}{{match (printf `a%d` .) `a`}}{{end}}".to_owned(), "steps"),
        (
            "{{$x := stringSlice `a`}}{{range 100}}{{$x = (stringSlice ($x.Join `a`))}}{{end}}".to_owned(),
            "Join",
        ),
        (format!("{{{{{}}}}}", nested("(", ")")), "max expression depth"),
        (nested("{{if 1}}", "{{end}}"), "max expression depth"),
        (nested("{{range .Alerts}}", "{{else}}x{{end}}"), "max expression depth"),
        (format!("{{{{if 1}}}}{}{{{{end}}}}", "{{else if 1}}".repeat(20_000)), "max expression depth"),
    ] {
        let template = TemplateSet::empty().text(&source);
        let error = template
            .and_then(|template| template.render(&datasets()[4], &tight))
            .expect_err(&source)
            .to_string();
        assert!(error.contains(fault), "{}: {error}", source.chars().take(80).collect::<String>());
    }
}

#[test]
fn hostile_html_ends_with_an_error() {
    let set = TemplateSet::empty();
    let loops = format!("{}<b>{}", "{{range .Alerts}}".repeat(40), "{{end}}".repeat(40));
    assert!(set.html(&loops).unwrap_err().to_string().contains("too large to be escaped"));
    let call =
        |n: usize| format!(r#"{{{{define "t{n}"}}}}{{{{template "t{}"}}}}<a title='{{{{end}}}}"#, n + 1);
    let calls: String = (0..60).map(call).collect();
    assert!(set.html(&(calls + r#"{{template "t0"}}"#)).is_err());
}

#[test]
fn nesting_up_to_the_limits_fits_the_stack() {
    let deep = format!("{}x{}", "{{if 1}}".repeat(99), "{{end}}".repeat(99));
    assert_eq!(run_text(&deep).as_deref(), Ok("x"));
    let parens = format!("{{{{{}1{}}}}}", "(".repeat(99), ")".repeat(99));
    assert_eq!(run_text(&parens).as_deref(), Ok("1"));
    let recursive = r#"{{define "r"}}{{if .}}{{template "r" (slice . 1)}}{{end}}{{end}}{{template "r" (printf "%60d" 1)}}ok"#;
    assert_eq!(run_text(recursive).as_deref(), Ok("ok"));
    TemplateSet::empty().html(&deep).unwrap();
}

#[test]
fn route_labels_refer_to_each_other_but_not_in_a_circle() {
    let set = TemplateSet::with_defaults().unwrap();
    let labels: Kv = [
        ("owner", "team-{{ .CommonLabels.job | toUpper }}"),
        ("page", r#"{{ routeLabels "owner" }}/{{ routeLabels "plain" }}{{ routeLabels "none" }}"#),
        ("plain", "p"),
        ("a", r#"{{ routeLabels "b" }}"#),
        ("b", r#"{{ routeLabels "a" }}"#),
        ("bad", "{{ nope }}"),
    ]
    .into_iter()
    .collect();
    let data = Data::new("r.x", "unknown", "http://am", Kv::default(), Kv::default(), vec![firing("node")])
        .with_templated_route_labels(labels);
    let data = Arc::new(data);
    let rendered = set.route_labels(&data, &environment());
    let label =
        |name: &str| rendered[&tocsin::template::Text::from(name)].clone().map(|text| text.to_string());
    assert_eq!(label("owner").as_deref(), Ok("team-NODE"));
    assert_eq!(label("page").as_deref(), Ok("team-NODE/p"));
    assert!(label("a").unwrap_err().contains("route label cycle detected: a -> b -> a"));
    assert!(label("bad").unwrap_err().contains(r#"function "nope" not defined"#));
    let asked = set.text(r#"{{ routeLabels "page" }} {{ .RouteLabels.plain }} {{ .Receiver }}"#).unwrap();
    assert_eq!(asked.render(&data, &environment()).as_deref(), Ok(r"team-NODE/p p r\.x"));
}

fn firing(job: &str) -> Alert {
    Alert {
        status: "firing".into(),
        labels: [("alertname", "HighCPU"), ("job", job), ("team", "<x>")].into_iter().collect(),
        annotations: [("summary", "a & b")].into_iter().collect(),
        starts_at: Time::parse_rfc3339("2026-08-01T10:20:30.123Z").unwrap(),
        ends_at: Time::ZERO,
        generator_url: "javascript:alert(1)".into(),
        fingerprint: "0123456789abcdef".into(),
    }
}

fn resolved(job: &str) -> Alert {
    let ends_at = Time::parse_rfc3339("2026-08-01T11:00:00Z").unwrap();
    Alert { status: "resolved".into(), ends_at, ..firing(job) }
}

fn mail(alerts: Vec<Alert>) -> String {
    let group: Kv = [("alertname", "HighCPU"), ("zone", "<eu>")].into_iter().collect();
    let data = Data::new("team-x", "first notification", "http://am:9093", group, Kv::default(), alerts);
    let set = TemplateSet::with_defaults().unwrap();
    let template = set.html(r#"{{ template "email.default.html" . }}"#).unwrap();
    template.render(&Arc::new(data), &environment()).unwrap()
}

#[test]
fn the_mail_has_alertmanagers_parts() {
    let both = mail(vec![firing("node"), resolved("db")]);
    for part in [
        "<!DOCTYPE html PUBLIC",
        "<title>[FIRING:1] HighCPU &lt;eu&gt; </title>",
        "@media only screen and (max-width: 640px)",
        "#E6522C",
        "2 alerts for ",
        "alertname=HighCPU",
        "zone=&lt;eu&gt;",
        r#"href="http://am:9093/#/alerts?receiver=team-x""#,
        "View in Alertmanager",
        "[1] Firing",
        "[1] Resolved",
        "<hr />",
        "team = &lt;x&gt;<br />",
        "summary = a &amp; b<br />",
        r##"href="#ZgotmplZ""##,
        r#"href="http://am:9093""#,
        "Sent by Alertmanager",
    ] {
        assert!(both.contains(part), "{part} is missing in\n{both}");
    }
    assert!(!both.contains("<!--") && !both.contains("#68B90F"));
    let done = mail(vec![resolved("db")]);
    assert!(done.contains("#68B90F") && done.contains("1 alert for ") && !done.contains("#E6522C"));
    assert!(!done.contains("<hr />") && !done.contains("Firing"));
}

#[test]
fn a_string_of_the_configuration_can_redefine_what_the_defaults_call() {
    let set = TemplateSet::with_defaults().unwrap();
    let render = |source: &str| set.text(source).unwrap().render(&datasets()[1], &environment()).unwrap();
    let own = r#"{{ define "__subject" }}mine{{ end }}{{ template "slack.default.title" . }}"#;
    assert_eq!(render(own), "mine");
    let blank = r#"{{ define "__alertmanager" }} {{/* nothing */}} {{ end }}{{ template "slack.default.username" . }}"#;
    assert_eq!(render(blank), "Alertmanager");
}

#[test]
fn a_bad_file_leaves_the_set_as_it_was() {
    let mut set = TemplateSet::empty();
    set.add("good.tmpl", r#"{{ define "a" }}1{{ end }}"#).unwrap();
    let error = set.add("bad.tmpl", "{{ define \"a\" }}2{{ end }}\n{{ nope }}").unwrap_err();
    assert_eq!(error.to_string(), r#"template: bad.tmpl:2: function "nope" not defined"#);
    let text = set.text(r#"{{ template "a" }}"#).unwrap();
    assert_eq!(text.render(&datasets()[0], &environment()).as_deref(), Ok("1"));
    assert!(set.contains("good.tmpl") && !set.contains("bad.tmpl"));
}
