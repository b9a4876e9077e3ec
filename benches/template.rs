//! Rendering of the default Slack and e-mail templates. `tests/template_oracle/bench.go` measures the same in Go.

use std::{hint::black_box, path::Path, process::Command, sync::Arc};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tocsin::template::{Alert, Data, Environment, Kv, Template, TemplateSet, Time, Zone};
use tokio::time::Instant;

/// How many alerts a notification has.
const COUNTS: [usize; 3] = [1, 10, 100];

/// What a Slack notification renders: title, link, fallback, colour and a text with every alert.
const SLACK: &str = r#"{{ template "slack.default.title" . }}
{{ template "slack.default.titlelink" . }}
{{ template "slack.default.fallback" . }}
{{ template "slack.default.color" . }}
{{ template "slack.default.username" . }}
{{ range .Alerts }}*{{ .Labels.alertname }}* {{ .Labels.severity | toUpper }}: {{ .Annotations.summary }}
{{ range .Labels.SortedPairs }} - {{ .Name }}: `{{ .Value }}`
{{ end }}{{ end }}"#;

const MAIL: &str = r#"{{ template "email.default.html" . }}"#;

fn alert(index: usize) -> Alert {
    let labels = [
        ("alertname", "InstanceDown".to_owned()),
        ("instance", format!("host-{index:04}.example.org:9100")),
        ("job", "node".to_owned()),
        ("severity", "critical".to_owned()),
        ("cluster", "eu-west-1".to_owned()),
        ("namespace", "monitoring".to_owned()),
    ];
    let annotations = [
        ("summary", format!("Instance host-{index:04} is down & out")),
        ("description", "It has been <b>down</b> for more than 5 minutes.".to_owned()),
    ];
    let firing = index % 4 != 3;
    Alert {
        status: if firing { "firing" } else { "resolved" }.into(),
        labels: labels.into_iter().collect(),
        annotations: annotations.into_iter().collect(),
        starts_at: Time::new(1_785_579_630, 123_000_000, Zone::Utc),
        ends_at: if firing { Time::ZERO } else { Time::new(1_785_583_230, 0, Zone::Utc) },
        generator_url: "http://prometheus.example.org/graph?g0.expr=up+%3D%3D+0&g0.tab=1".into(),
        fingerprint: "0123456789abcdef".into(),
    }
}

fn data(count: usize) -> Arc<Data> {
    let group: Kv = [("alertname", "InstanceDown")].into_iter().collect();
    let alerts = (0..count).map(alert).collect();
    let url = "http://alertmanager.example.org:9093";
    Arc::new(Data::new("team-x/slack", "first notification", url, group, Kv::default(), alerts))
}

fn environment() -> Environment {
    Environment::new(Time::new(1_785_579_700, 0, Zone::Utc), Zone::Utc)
}

fn templates() -> [(&'static str, Template); 2] {
    let set = TemplateSet::with_defaults().expect("the default templates");
    [("slack", set.text(SLACK).expect("a template")), ("email", set.html(MAIL).expect("a template"))]
}

fn render(criterion: &mut Criterion) {
    let environment = environment();
    let mut group = criterion.benchmark_group("template");
    for (name, template) in templates() {
        for count in COUNTS {
            let data = data(count);
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| template.render(black_box(&data), &environment));
            });
        }
    }
    group.finish();
}

/// The same in Go and here, in turns, where `TOCSIN_TEMPLATE_ORACLE` names the program of `tests/template_oracle`.
fn against_go(_: &mut Criterion) {
    let Some(oracle) = std::env::var_os("TOCSIN_TEMPLATE_ORACLE") else {
        eprintln!("left out: Go (set TOCSIN_TEMPLATE_ORACLE; see tests/template_oracle/README.md)");
        return;
    };
    let source = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("src/template").join(name);
    let go = Command::new(oracle).args([source("default.tmpl"), source("email.tmpl")]).output();
    let lines = String::from_utf8(go.expect("the oracle").stdout).expect("text");
    // `email   10 alerts parsed-once   304528 ns`
    let measured = |name: &str, count: usize, how: &str| -> f64 {
        let wanted = [name, &count.to_string(), "alerts", how];
        let mut rows = lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = rows.find(|row| row.starts_with(&wanted)).expect("a row of the oracle");
        row[4].parse().expect("nanoseconds")
    };
    println!("\nmicroseconds a rendering; Go parses once, or anew each time as Alertmanager does");
    for (name, template) in templates() {
        for count in COUNTS {
            let ours = nanoseconds(&template, count);
            let (once, anew) = (measured(name, count, "parsed-once"), measured(name, count, "parsed-anew"));
            println!(
                "{name} {count:3} alerts: {:7.1}   Go {:7.1} and {:7.1}, {:.1} and {:.1} times as long",
                ours / 1e3,
                once / 1e3,
                anew / 1e3,
                once / ours,
                anew / ours
            );
        }
    }
}

/// The mean in the fastest of 200 batches of some 5 ms, as on the other side.
fn nanoseconds(template: &Template, count: usize) -> f64 {
    let (environment, data) = (environment(), data(count));
    let mean = |runs: u32| {
        let begun = Instant::now();
        for _ in 0..runs {
            black_box(template.render(black_box(&data), &environment)).expect("it renders");
        }
        begun.elapsed().as_nanos() as f64 / f64::from(runs)
    };
    let batch = (5e6 / mean(5)).max(1.0) as u32;
    (0..200).map(|_| mean(batch)).fold(f64::MAX, f64::min)
}

criterion_group!(benches, render, against_go);
criterion_main!(benches);
