//! Rendering of the default Slack and e-mail templates. `tests/template_oracle/bench.go` measures the same in Go.

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tocsin::template::{Alert, Data, Environment, Kv, TemplateSet, Time, Zone};

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

fn render(criterion: &mut Criterion) {
    let environment = Environment::new(Time::new(1_785_579_700, 0, Zone::Utc), Zone::Utc);
    let Ok(set) = TemplateSet::with_defaults() else { return };
    let templates = [("slack", set.text(SLACK)), ("email", set.html(MAIL))];
    let mut group = criterion.benchmark_group("template");
    for (name, template) in &templates {
        let Ok(template) = template else { continue };
        for count in [1, 10, 100] {
            let data = data(count);
            group.bench_function(BenchmarkId::new(*name, count), |bencher| {
                bencher.iter(|| template.render(black_box(&data), &environment));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);
