//! What receiving, repeating, keeping and forwarding alerts costs: tocsin, and the real Alertmanager on the same
//! work in alternation.
//!
//!     TOCSIN_PEERS=$(tests/peers.sh) cargo bench --bench against_alertmanager
//!
//! Alerts are like a real Prometheus's: 10 labels, 3 annotations, about 900 bytes of JSON, in requests of 256 on one
//! connection. CPU time and resident memory are the kernel's for the server's process; the journal is in the
//! build directory, on disk, and every answer waits for it. Without peers tocsin alone is measured. With
//! `--test` a hundredth of the work is done, to see that it runs.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{PLAIN, Server, Sink, alert, real_alertmanager};

const ROUNDS: usize = 3;
/// When all alerts began.
const BEGIN: &str = "2026-08-21T10:11:12.345Z";

fn main() {
    let short = std::env::args().any(|argument| argument == "--test");
    let alerts = if short { 1024 } else { 100_096 };
    let repeats = if short { 1 } else { 5 };
    let real = real_alertmanager();
    println!("{alerts} alerts of {} bytes, {repeats} repeats", alert(0, PLAIN, BEGIN, BEGIN).len());
    for round in 1..=if short { 1 } else { ROUNDS } {
        println!("round {round}");
        report("tocsin", &Figures::measure(&tocsin(&[]), alerts, repeats));
        if let Some(program) = &real {
            report("alertmanager", &Figures::measure(&alertmanager(program), alerts, repeats));
        }
        let requests: [Arc<AtomicUsize>; 3] = Default::default();
        let sinks = requests.each_ref().map(|requests| {
            let requests = Arc::clone(requests);
            Sink::start(move |_request| {
                requests.fetch_add(1, Ordering::Relaxed);
            })
        });
        let forwarding = Figures::measure(&tocsin(&sinks), alerts, repeats);
        report("tocsin, three sinks", &forwarding);
        let taken = requests.map(|requests| requests.load(Ordering::Relaxed));
        println!("  requests at the sinks: {taken:?}");
    }
}

/// What one server cost.
struct Figures {
    idle_kib: u64,
    received: f64,
    repeated: f64,
    bytes_per_alert: f64,
}

impl Figures {
    fn measure(server: &Server, alerts: usize, repeats: usize) -> Self {
        let idle_kib = server.resident_kib();
        let before = server.cpu_seconds();
        push(server, alerts, 0);
        server.settle();
        let received = server.cpu_seconds() - before;
        let resident = server.resident_kib();
        let before = server.cpu_seconds();
        for repeat in 1..=repeats {
            push(server, alerts, repeat);
        }
        server.settle();
        let repeated = server.cpu_seconds() - before;
        let per_million = |seconds: f64, count: usize| seconds * 1e6 / count as f64;
        Self {
            idle_kib,
            received: per_million(received, alerts),
            repeated: per_million(repeated, alerts * repeats),
            bytes_per_alert: (resident.saturating_sub(idle_kib) * 1024) as f64 / alerts as f64,
        }
    }
}

fn report(name: &str, figures: &Figures) {
    println!(
        "  {name:<20} idle {:.1} MB; CPU-seconds per million: received {:.2}, repeated {:.2}; {:.0} bytes per alert",
        figures.idle_kib as f64 / 1024.0,
        figures.received,
        figures.repeated,
        figures.bytes_per_alert
    );
}

fn tocsin(sinks: &[Sink]) -> Server {
    let targets: Vec<_> = sinks.iter().map(|sink| format!("'127.0.0.1:{}'", sink.port)).collect();
    let configuration = format!(
        "alerting:\n  alertmanagers:\n    - static_configs:\n        - targets: [{}]\n",
        targets.join(", ")
    );
    Server::tocsin("prometheus.yml", &configuration, &[])
}

fn alertmanager(program: &Path) -> Server {
    // Nothing is notified: what is measured is receiving and keeping.
    Server::alertmanager(program, "route:\n  receiver: none\n  group_wait: 10h\nreceivers:\n  - name: none\n")
}

/// Pushes all alerts once; `repeat` moves their end and nothing else.
fn push(server: &Server, alerts: usize, repeat: usize) {
    let ends_at = format!("2099-08-21T10:{:02}:12.345Z", repeat % 60);
    server.connect().post_alerts(alerts, |number| alert(number, PLAIN, BEGIN, &ends_at));
}
