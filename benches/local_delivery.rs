//! What local delivery costs: tocsin, and the real Alertmanager on the same work in alternation.
//!
//!     TOCSIN_PEERS=$(tests/peers.sh) cargo bench --bench local_delivery [-- NAME…] [tocsin|alertmanager]
//!
//! The measurements, by name: `page` (from POST to webhook, 1,000 new groups a second), `groups` (50,000 groups
//! notified, and their ends), `silences` (10,000 over 50,000 alerts), `routes` (5,000 against 5), `inhibition` (100
//! rules over 1,000 sources and 10,000 targets) and `list` (50,000 alerts by API v2). Without names all are made, three
//! times. A named one is made once; with a program's name, of that one alone. CPU time and resident memory are the
//! kernel's for the server's process; the webhook is in this one. Without peers tocsin alone is measured. With `--test`
//! a hundredth of the work is done once, to see that it runs.

mod support;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use support::{PLAIN, Server, Sink, alert, real_alertmanager};
use tokio::time::Instant;

const ROUNDS: usize = 3;
const PROGRAMS: [&str; 2] = ["tocsin", "alertmanager"];
/// An end that is far away.
const FIRING: &str = "2099-08-21T10:11:12.345Z";
/// How long a measurement waits for what may never come.
const PATIENCE: Duration = Duration::from_secs(400);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let short = arguments.iter().any(|argument| argument == "--test");
    let (names, kinds): (Vec<&String>, Vec<&String>) = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .partition(|argument| !PROGRAMS.contains(&argument.as_str()));
    let wanted = |named: &[&String], name: &str| named.is_empty() || named.iter().any(|other| *other == name);
    let size = Size { divisor: if short { 100 } else { 1 }, short };
    let measurements: [(&str, Measure); 6] = [
        ("page", page),
        ("groups", groups),
        ("silences", silences),
        ("routes", routes),
        ("inhibition", inhibition),
        ("list", list),
    ];
    let mut programs = vec![Program::Tocsin];
    programs.extend(real_alertmanager().map(Program::Alertmanager));
    for round in 1..=if short || !names.is_empty() { 1 } else { ROUNDS } {
        for (name, measure) in &measurements {
            if !wanted(&names, name) {
                continue;
            }
            for program in programs.iter().filter(|program| wanted(&kinds, program.name())) {
                println!("{round} {name:<10} {:<12} {}", program.name(), measure(program, size));
            }
        }
    }
}

/// Does the work with a program and says what it cost.
type Measure = fn(&Program, Size) -> String;

/// How much of the work is done.
#[derive(Clone, Copy)]
struct Size {
    divisor: usize,
    short: bool,
}

impl Size {
    fn of(self, full: usize) -> usize {
        full / self.divisor
    }

    /// The long wait, or a short one.
    fn seconds(self, full: u64) -> u64 {
        if self.short { 1 } else { full }
    }
}

enum Program {
    Tocsin,
    Alertmanager(PathBuf),
}

impl Program {
    fn name(&self) -> &'static str {
        match self {
            Self::Tocsin => PROGRAMS[0],
            Self::Alertmanager(_) => PROGRAMS[1],
        }
    }

    fn start(&self, configuration: &str) -> Server {
        match self {
            Self::Tocsin => Server::tocsin("alertmanager.yml", configuration, &["--cluster.listen-address="]),
            Self::Alertmanager(program) => Server::alertmanager(program, configuration),
        }
    }
}

/// Which alerts the webhook was told of first, and when: by number, and whether they had ended.
#[derive(Clone, Default)]
struct Webhook(Arc<Mutex<HashMap<(usize, bool), Instant>>>);

impl Webhook {
    fn start() -> (Self, Sink) {
        let webhook = Self::default();
        let told = webhook.clone();
        let sink = Sink::start(move |request| {
            let now = Instant::now();
            let text = String::from_utf8_lossy(request);
            let ended = text.contains(r#""status":"resolved""#);
            let number = text.split_once("node-").and_then(|(_, rest)| rest.get(..6)?.parse().ok());
            if let Some(number) = number {
                told.told().entry((number, ended)).or_insert(now);
            }
        });
        (webhook, sink)
    }

    fn told(&self) -> MutexGuard<'_, HashMap<(usize, bool), Instant>> {
        self.0.lock().expect("nobody panics with it")
    }

    /// Waits until it was told of so many states, or for as long as one may wait. How many there are.
    fn wait(&self, count: usize, patience: Duration) -> usize {
        let deadline = Instant::now() + patience;
        loop {
            let told = self.told().len();
            if told >= count || Instant::now() >= deadline {
                return told;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A configuration with one receiver, which is the sink.
fn configuration(sink: &Sink, route: &str, more: &str) -> String {
    format!(
        "route: {{receiver: sink, repeat_interval: 12h, {route}}}\n{more}receivers:\n  - name: sink\n    \
         webhook_configs: [{{url: 'http://127.0.0.1:{}/', max_alerts: 1}}]\n",
        sink.port
    )
}

/// From POST to webhook with a thousand new groups a second, each in a request of its own.
fn page(program: &Program, size: Size) -> String {
    const CONNECTIONS: usize = 8;
    let count = size.of(10_000);
    let begin = now();
    let (webhook, sink) = Webhook::start();
    let server = program.start(&configuration(&sink, "group_by: [instance], group_wait: 0s", ""));
    let before = server.cpu_seconds();
    let first = Instant::now();
    let posted: HashMap<usize, Instant> = thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|sender| {
                let mut connection = server.connect();
                let begin = &begin;
                scope.spawn(move || {
                    let mut posted = Vec::new();
                    for number in (sender..count).step_by(CONNECTIONS) {
                        let body = format!("[{}]", alert(number, PLAIN, begin, FIRING));
                        let due = first + Duration::from_millis(number as u64);
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        posted.push((number, Instant::now()));
                        connection.post("/api/v2/alerts", &body);
                    }
                    posted
                })
            })
            .collect();
        senders.into_iter().flat_map(|sender| sender.join().expect("a sender")).collect()
    });
    let took = first.elapsed();
    webhook.wait(count, PATIENCE);
    server.settle();
    let cpu = server.cpu_seconds() - before;
    let told = webhook.told();
    let mut latencies: Vec<f64> = told
        .iter()
        .filter_map(|((number, _), at)| Some(at.duration_since(*posted.get(number)?).as_secs_f64() * 1000.0))
        .collect();
    latencies.sort_by(f64::total_cmp);
    let percentile = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    format!(
        "{} of {count} in {:.1} s: p50 {:.2} ms, p99 {:.2} ms, {:.3} ms of CPU a notification",
        latencies.len(),
        took.as_secs_f64(),
        percentile(0.5),
        percentile(0.99),
        cpu * 1000.0 / count as f64
    )
}

/// Groups of one alert are notified, then all alerts end at once.
fn groups(program: &Program, size: Size) -> String {
    let count = size.of(50_000);
    let interval = size.seconds(30);
    let (webhook, sink) = Webhook::start();
    let route = format!("group_by: [instance], group_wait: 1s, group_interval: {interval}s");
    let server = program.start(&configuration(&sink, &route, ""));
    let (idle_kib, before) = (server.resident_kib(), server.cpu_seconds());
    let begin = now();
    server.connect().post_alerts(count, |number| alert(number, PLAIN, &begin, FIRING));
    let begun = webhook.wait(count, PATIENCE);
    let begins = server.cpu_seconds() - before;
    let bytes = server.resident_kib().saturating_sub(idle_kib) * 1024 / count as u64;
    let before = server.cpu_seconds();
    let ended = now();
    server.connect().post_alerts(count, |number| alert(number, PLAIN, &begin, &ended));
    // The next tick of each group comes within the interval, and then the notification has an interval's time, or
    // ten seconds if that is longer.
    let time = Duration::from_secs(interval + interval.max(10));
    let missed = begun + count - webhook.wait(begun + count, time);
    let ends = server.cpu_seconds() - before;
    let each = |cpu: f64| cpu * 1000.0 / count as f64;
    format!(
        "{begun} of {count} told: {:.3} ms of CPU and {bytes} bytes each; their ends: {:.3} ms each, {missed} missed",
        each(begins),
        each(ends)
    )
}

/// Silences of two matchers, one shared by all alerts, a tenth of them with a regular expression.
fn silences(program: &Program, size: Size) -> String {
    let (count, alerts) = (size.of(10_000), size.of(50_000));
    let wait = size.seconds(60);
    let (webhook, sink) = Webhook::start();
    let route = format!("group_by: [device], group_wait: {wait}s, group_interval: 1h");
    let server = program.start(&configuration(&sink, &route, ""));
    let mut connection = server.connect();
    for number in 0..count {
        let (operator, value) = match number % 10 {
            0 => ("true", format!("node-{number:06}.*")),
            _ => ("false", format!("node-{number:06}.eu-west-1.example.net:9100")),
        };
        let silence = format!(
            r#"{{"matchers":[{{"name":"job","value":"node-exporter","isRegex":false,"isEqual":true}},
            {{"name":"instance","value":"{value}","isRegex":{operator},"isEqual":true}}],"startsAt":"2026-08-21T10:11:12Z",
            "endsAt":"{FIRING}","createdBy":"bench","comment":"bench"}}"#
        );
        connection.post("/api/v2/silences", &silence);
    }
    // A hundred groups; the first hundred alerts of each are silenced.
    let label = |number: usize| format!(r#""device":"rack-{}","fstype":"ext4","#, number % 100);
    let (begin, first) = (now(), Instant::now());
    connection.post_alerts(alerts, |number| alert(number, &label(number), &begin, FIRING));
    let pushed = first.elapsed();
    let before = server.cpu_seconds();
    let told = webhook.wait(100, PATIENCE);
    server.settle();
    let cpu = server.cpu_seconds() - before;
    let late = if pushed.as_secs() < wait { "" } else { " (began while alerts still came)" };
    format!("first flush of {told} groups: {cpu:.2} CPU-seconds{late}")
}

/// The same alerts under many routes and under few, of which they take the same five ways.
fn routes(program: &Program, size: Size) -> String {
    let alerts = size.of(50_000);
    let cost = |routes: usize| {
        let sink = Sink::start(|_request| {});
        let mut list = String::from("group_wait: 10h, routes: [");
        for team in 0..routes {
            write!(list, "{{matchers: ['fstype=\"team-{team}\"']}}, ").expect("a text takes it");
        }
        let server = program.start(&configuration(&sink, &(list + "]"), ""));
        let team = |number: usize| number % 5 * (routes / 5);
        let label = |number: usize| format!(r#""device":"sda","fstype":"team-{}","#, team(number));
        let begin = now();
        let before = server.cpu_seconds();
        let mut connection = server.connect();
        for ends_at in [FIRING, "2099-08-21T10:12:12.345Z", "2099-08-21T10:13:12.345Z"] {
            connection.post_alerts(alerts, |number| alert(number, &label(number), &begin, ends_at));
        }
        server.settle();
        (server.cpu_seconds() - before) * 1e6 / (alerts * 3) as f64
    };
    let (few, many) = (cost(5), cost(if size.short { 500 } else { 5_000 }));
    format!(
        "CPU-seconds per million alerts: {few:.2} with 5 routes, {many:.2} with many: {:.2} times",
        many / few
    )
}

/// A group of sources and targets, of which half are inhibited, that flushes again and again.
fn inhibition(program: &Program, size: Size) -> String {
    const FLUSHES: u64 = 6;
    let (rules, sources, targets) = (100, size.of(1_000), size.of(10_000));
    let interval = size.seconds(5);
    let (webhook, sink) = Webhook::start();
    let mut more = String::from("inhibit_rules:\n");
    for rule in 0..rules {
        writeln!(
            more,
            "  - {{source_matchers: ['device=\"source-{rule}\"'], target_matchers: ['device=\"target-{rule}\"'], equal: [fstype]}}"
        )
        .expect("a text takes it");
    }
    let route = format!("group_by: [cluster], group_wait: {interval}s, group_interval: {interval}s");
    let server = program.start(&configuration(&sink, &route, &more));
    let label = |number: usize| {
        let (rule, turn) = (number % rules, number / rules);
        match number.checked_sub(sources) {
            None => format!(r#""device":"source-{rule}","fstype":"rack-{turn}","#),
            Some(_) => format!(
                r#""device":"target-{rule}","fstype":"rack-{}","#,
                turn % (sources / rules).max(1) * 2
            ),
        }
    };
    let begin = now();
    server.connect().post_alerts(sources + targets, |number| alert(number, &label(number), &begin, FIRING));
    webhook.wait(1, PATIENCE);
    thread::sleep(Duration::from_millis(interval * 1500));
    let before = server.cpu_seconds();
    thread::sleep(Duration::from_secs(interval * FLUSHES));
    let cpu = (server.cpu_seconds() - before) / FLUSHES as f64;
    format!("{cpu:.3} CPU-seconds a flush")
}

/// All alerts by API v2.
fn list(program: &Program, size: Size) -> String {
    const TIMES: usize = 5;
    let sink = Sink::start(|_request| {});
    let server = program.start(&configuration(&sink, "group_by: [instance], group_wait: 10h", ""));
    let begin = now();
    server.connect().post_alerts(size.of(50_000), |number| alert(number, PLAIN, &begin, FIRING));
    server.settle();
    let before = server.cpu_seconds();
    let lengths: Vec<usize> = (0..TIMES).map(|_time| get_alerts(&server)).collect();
    server.settle();
    let cpu = (server.cpu_seconds() - before) / TIMES as f64;
    format!("{cpu:.3} CPU-seconds for {:.1} MB", lengths[0] as f64 / 1e6)
}

/// How many bytes the list of all alerts has.
fn get_alerts(server: &Server) -> usize {
    let mut connection = server.connect();
    let request = b"GET /api/v2/alerts HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    connection.stream.write_all(request).expect("a request");
    let mut answer = Vec::new();
    connection.stream.read_to_end(&mut answer).expect("an answer");
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{:?}",
        String::from_utf8_lossy(&answer[..answer.len().min(300)])
    );
    answer.len()
}

/// The time of day, as JSON has it.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}
