//! A rule engine of one made-up rule that hands its alerts to tocsin over the local socket:
//!
//! ```yaml
//! - alert: DiskAlmostFull
//!   expr: disk_free_percent < 10
//!   for: 2 intervals
//! ```
//!
//! The disk fills and empties in turn. `cargo run --example rule_engine -- --once` ends after the first alert has
//! fired and was resolved.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Parser;
use tocsin::client::{Alert, AlertState, Client, PushOptions, generator_url};
use tocsin::model::{LabelSet, Timestamp, parse_duration};
use tocsin::net::Endpoint;

#[derive(Parser)]
#[command(about = "Evaluates a made-up rule and pushes its alerts to tocsin's socket")]
struct Flags {
    /// The socket that tocsin listens on.
    #[arg(long, default_value = "/run/tocsin/tocsin.sock")]
    socket: PathBuf,
    /// How often the rule is evaluated.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    interval: Duration,
    /// How long a firing alert is not sent again.
    #[arg(long = "rules.alert.resend-delay", default_value = "1m", value_parser = parse_duration)]
    resend_delay: Duration,
    /// End after the first alert was resolved.
    #[arg(long)]
    once: bool,
}

const EXPRESSION: &str = "disk_free_percent < 10";
const FOR_INTERVALS: u32 = 2;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let endpoint = Endpoint::parse(&format!("unix:{}", flags.socket.display()))?;
    let options = PushOptions { resend_delay: flags.resend_delay, ..PushOptions::default() };
    let client = Client::new(&endpoint, options)?;
    let source = generator_url("http://localhost:9090", EXPRESSION);
    let mut rule = Rule { hold: flags.interval * FOR_INTERVALS, alerts: Vec::new() };
    let mut ticks = tokio::time::interval(flags.interval);
    for step in 0.. {
        ticks.tick().await;
        let at = now();
        rule.evaluate(disk_free_percent(step), at);
        match client.send_alerts(at, flags.interval, &source, &mut rule.alerts).await {
            Ok(0) => {}
            Ok(count) => println!("sent {count}: {}", rule.describe()),
            // Whatever did not arrive is due again at the next evaluation.
            Err(error) => eprintln!("not sent: {error}"),
        }
        if flags.once && rule.end_was_sent() {
            break;
        }
    }
    Ok(())
}

/// The made-up series: 20 steps from 30 % down and up again, below 10 % in the middle of them.
fn disk_free_percent(step: u64) -> u64 {
    30 - 3 * (step % 20).min(20 - step % 20)
}

#[expect(clippy::disallowed_methods, reason = "a program of its own reads its own clock")]
fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::UNIX_EPOCH + since_1970
}

/// The rule with its alerts: one at most, since the series is one.
struct Rule {
    hold: Duration,
    alerts: Vec<Alert>,
}

impl Rule {
    fn evaluate(&mut self, free: u64, at: Timestamp) {
        let holds = free < 10;
        if holds && self.alerts.iter().all(|alert| alert.state == AlertState::Inactive) {
            let labels = [("alertname", "DiskAlmostFull"), ("instance", "db1:9100"), ("severity", "page")];
            let summary = format!("db1:9100 has {free} % of its disk left");
            let annotations = LabelSet::from_iter([("summary", summary)]);
            self.alerts = vec![Alert::pending(labels.into_iter().collect(), annotations, at)];
        }
        for alert in &mut self.alerts {
            match alert.state {
                AlertState::Pending if holds && at.since(alert.active_at) >= self.hold => alert.fire(at),
                AlertState::Firing if !holds => alert.resolve(at),
                AlertState::Pending | AlertState::Firing | AlertState::Inactive => {}
            }
        }
        self.alerts.retain(|alert| holds || alert.state != AlertState::Pending);
    }

    fn describe(&self) -> String {
        let lines: Vec<String> = self
            .alerts
            .iter()
            .map(|alert| {
                let state = if alert.state == AlertState::Firing { "firing" } else { "resolved" };
                format!("{state} {}", tocsin::model::format_label_set(&alert.labels))
            })
            .collect();
        lines.join(", ")
    }

    fn end_was_sent(&self) -> bool {
        self.alerts
            .iter()
            .any(|alert| !alert.resolved_at.is_zero() && alert.last_sent_at >= alert.resolved_at)
    }
}
