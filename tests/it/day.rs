//! A day of ten thousand alerts: how much disk it takes, and how long a start takes after it was cut off.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tocsin::engine::{Engine, Event, StoreLimits};
use tocsin::journal::{Disk, Durability, Journal, Options};
use tocsin::model::{Alert, LabelSet, Timestamp};
use tokio::time::Instant;

use crate::harness::{TocsinBuilder, ago, full};

const ALERTS: usize = 10_000;
const MINUTES: usize = 24 * 60;
/// Alerts in one push.
const BATCH: usize = 64;
/// What all files may take, in bytes, for that many alerts.
const DISK: u64 = 1_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);

/// By how much fewer alerts there are, and by how much smaller all sizes of the journal. The whole needs a build
/// with optimisation, or it takes longer than all other tests together.
fn divisor() -> usize {
    match (full(), cfg!(debug_assertions)) {
        (true, false) => 1,
        (true, true) => 10,
        (false, _) => 100,
    }
}

/// The sizes of a journal for that much less.
fn options(divisor: u64) -> Options {
    let whole = Options::default();
    Options {
        segment_bytes: whole.segment_bytes / divisor,
        snapshot_log_bytes: whole.snapshot_log_bytes / divisor,
        retention_bytes: whole.retention_bytes / divisor,
        // A busy machine may be slow; this is about sizes.
        commit_limit: Duration::from_secs(600),
        ..whole
    }
}

/// Ten labels and a generator URL, as a rule on many targets makes them.
fn labels(number: usize) -> LabelSet {
    let own = [
        ("instance", format!("10.{}.{}.{}:9100", number >> 16, number >> 8 & 255, number & 255)),
        ("pod", format!("node-exporter-{number:05}")),
        ("rack", format!("r{}", number % 40)),
    ];
    let shared = [
        ("alertname", "NodeFilesystemAlmostOutOfSpace"),
        ("cluster", "eu-west-1"),
        ("device", "/dev/nvme0n1p1"),
        ("job", "node"),
        ("mountpoint", "/var/lib/kubelet"),
        ("namespace", "monitoring"),
        ("severity", "warning"),
    ];
    let shared = shared.into_iter().map(|(name, value)| (name, value.to_owned()));
    let mut pairs: Vec<_> = shared.chain(own).collect();
    LabelSet::from_pairs(&mut pairs)
}

/// What describes the alert in that minute: the value changes, the rest does not.
fn annotations(number: usize, minute: usize) -> LabelSet {
    let left = (number * 31 + minute * 17) % 10_000;
    LabelSet::from_pairs(&mut [
        (
            "description",
            format!("Filesystem has only {}.{:02}% available space left.", left / 100, left % 100),
        ),
        ("runbook_url", "https://runbooks.example.org/node/filesystem-almost-out-of-space".to_owned()),
        ("summary", "Filesystem has less than 5% space left.".to_owned()),
    ])
}

fn bytes_in(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("the journal");
    // A file may go between the list and the look.
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|file| file.len()).sum()
}

/// Plays the day up to now as the daemon would, and cuts it off; gives the most bytes there were on disk.
async fn play(directory: &Path, alerts: usize, options: Options) -> u64 {
    let recovery = Journal::recover(Disk::new(directory), options).expect("a journal");
    let (journal, _) = recovery.finish().expect("a journal");
    let mut engine = Engine::new(StoreLimits::default());
    let known: Vec<_> = (0..alerts).map(labels).collect();
    let generator_url: Arc<str> =
        Arc::from("http://prometheus.example.org/graph?g0.expr=node_filesystem_avail_bytes&g0.tab=1");
    let span = i64::try_from(MINUTES * 60).expect("a span");
    let starts_at = Timestamp::parse(&ago(span)).expect("a time");
    let (mut now, mut most) = (starts_at, 0);
    for minute in 0..MINUTES {
        let mut position = None;
        for batch in (0..alerts).step_by(BATCH) {
            let numbers = batch..alerts.min(batch + BATCH);
            let states = numbers.map(|number| Alert {
                labels: known[number].clone(),
                annotations: annotations(number, minute),
                starts_at,
                // Long enough for a slow machine to come to the end of the day.
                ends_at: now + 60 * MINUTE,
                updated_at: now,
                generator_url: Arc::clone(&generator_url),
                timeout: false,
            });
            let handled = engine.handle(now, Event::Alerts { alerts: states.collect(), path: None });
            position = Some(journal.append(handled.record.expect("a record")));
        }
        // A push waits for its sync each time; here that would only cost time.
        if minute % 10 == 9 {
            let durability = journal.durable(position.expect("a position")).await;
            assert_eq!(durability, Durability::Synced, "in minute {minute}");
        }
        if tokio::time::timeout(Duration::ZERO, journal.snapshot_wanted()).await.is_ok() {
            let snapshot = engine.snapshot();
            journal.snapshot(Box::new(move |out| snapshot.encode(out)));
        }
        most = most.max(bytes_in(directory));
        now = now + MINUTE;
    }
    let stats = journal.stats();
    println!(
        "a day of {alerts} alerts: {:.1} bytes of log per repeat, {} snapshots, {} kB on disk at most",
        stats.written_bytes as f64 / (MINUTES * alerts) as f64,
        stats.snapshots,
        most / 1000
    );
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_ten_thousand_alerts_stays_small_and_starts_fast() {
    let builder = TocsinBuilder::forwarding_to(&[]);
    let directory = builder.directory().join("data/journal");
    let divisor = divisor();
    let (alerts, bytes) = (ALERTS / divisor, u64::try_from(divisor).expect("a number"));
    let most = play(&directory, alerts, options(bytes)).await;
    assert!(most < DISK / bytes, "{most} bytes on disk");

    let mut tocsin = builder.build();
    for start in ["after the day was cut off", "after kill -9"] {
        let began = Instant::now();
        tocsin.start().await;
        println!("{alerts} alerts: ready {:?} {start}", began.elapsed());
        assert_eq!(tocsin.firing("pod").await.len(), alerts);
        assert_eq!(tocsin.metric("tocsin_journal_durable", &[]).await, Some(1.0));
        tocsin.kill().await;
    }
}
