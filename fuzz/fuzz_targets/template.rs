//! Templates from arbitrary text, as text and as HTML, run on a notification: never a panic, always within the
//! limits of nesting, output and work, and the same result each time.
//!
//! The input is the string of the configuration; what follows a first NUL is a template file that it may call.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use tocsin::template::{Alert, Data, Environment, Error, Kv, Limits, Template, TemplateSet, Time, Zone};

/// Small enough that an input at the limits takes a few milliseconds.
const LIMITS: Limits = Limits { depth: 200, output: 1 << 16, steps: 100_000 };

static DEFAULTS: LazyLock<TemplateSet> =
    LazyLock::new(|| TemplateSet::with_defaults().expect("the default templates"));
static DATA: LazyLock<Arc<Data>> = LazyLock::new(|| Arc::new(data()));

fuzz_target!(|input: &str| {
    let (source, file) = input.split_once('\0').unwrap_or((input, ""));
    let mut set = DEFAULTS.clone();
    if let Err(error) = set.add("file.tmpl", file) {
        show(&error);
    }
    let now = Time::new(1_795_256_430, 123_456_789, Zone::Utc);
    let environment = Environment { limits: LIMITS, ..Environment::new(now, Zone::Utc) };
    run(set.text(source), &environment);
    run(set.html(source), &environment);
    let labels: Kv = [("one", source), ("other", file)].into_iter().collect();
    let labelled = Data::clone(&DATA).with_templated_route_labels(labels);
    for rendered in set.route_labels(&Arc::new(labelled), &environment).into_values().flatten() {
        assert!(rendered.len() <= LIMITS.output);
    }
});

fn run(template: Result<Template, Error>, environment: &Environment) {
    let template = match template {
        Ok(template) => template,
        Err(error) => return show(&error),
    };
    let first = template.render(&DATA, environment);
    match &first {
        // Each byte that is not UTF-8 has become three.
        Ok(out) => assert!(out.len() <= 3 * LIMITS.output),
        Err(error) => show(error),
    }
    assert_eq!(first, template.render(&DATA, environment), "the same again");
}

/// Errors are for people: they have a text, and it is not much longer than what it quotes.
fn show(error: &Error) {
    assert!(!error.to_string().is_empty());
}

fn data() -> Data {
    let group: Kv = [("alertname", "HighCPU"), ("zone", "<eu>")].into_iter().collect();
    let alerts = vec![alert("firing", "node"), alert("resolved", "db'&")];
    Data::new("team.x", "first notification", "http://am:9093/?a=b", group, Kv::default(), alerts)
}

fn alert(status: &'static str, job: &str) -> Alert {
    let ended = status == "resolved";
    Alert {
        status: status.into(),
        labels: [("alertname", "HighCPU"), ("job", job), ("größe", "é")].into_iter().collect(),
        annotations: [("summary", "a & b"), ("runbook", "https://r/?x=1#y")].into_iter().collect(),
        starts_at: Time::new(1_785_579_630, 123_000_000, Zone::Utc),
        ends_at: if ended { Time::new(1_785_583_230, 0, Zone::Utc) } else { Time::ZERO },
        generator_url: "javascript:alert(1)".into(),
        fingerprint: "0123456789abcdef".into(),
    }
}
