//! tocsin in one cluster with real Alertmanagers, on loopback: every version that `TOCSIN_PEERS` holds.
//!
//! Most of the time of these scenarios is waiting, so those of a file run at the same time, each on every version.
//! `TOCSIN_TESTS=full` adds those that take minutes. `TOCSIN_SCENARIO` picks some by a part of their name.

mod alertmanager;
mod daemon;
mod junk;
mod members;
mod network;
mod node;
mod pages;
mod shim;
mod sink;
mod states;
mod tls;

use std::pin::Pin;
use std::time::Duration;

use alertmanager::{Binary, binaries};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Something to try with one version of Alertmanager.
struct Scenario {
    name: &'static str,
    /// Whether it takes minutes.
    is_long: bool,
    run: fn(Binary) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The scenarios of these names; those behind `long:` take minutes.
macro_rules! scenarios {
    ($($name:ident),* $(; long: $($long:ident),*)? $(,)?) => {
        vec![
            $($crate::gossip_interop::Scenario {
                name: stringify!($name), is_long: false, run: |binary| Box::pin($name(binary)),
            },)*
            $($($crate::gossip_interop::Scenario {
                name: stringify!($long), is_long: true, run: |binary| Box::pin($long(binary)),
            },)*)?
        ]
    };
}
use scenarios;

/// Runs each scenario against every version, all at the same time.
async fn run(scenarios: Vec<Scenario>) {
    let is_full = std::env::var("TOCSIN_TESTS").is_ok_and(|tests| tests == "full");
    let picked = std::env::var("TOCSIN_SCENARIO").unwrap_or_default();
    let mut running = JoinSet::new();
    let mut names = std::collections::HashMap::new();
    for binary in binaries() {
        for scenario in &scenarios {
            if scenario.name.contains(&picked) && (is_full || !scenario.is_long) {
                let (run, binary) = (scenario.run, binary.clone());
                let name = format!("{} with {}", scenario.name, binary.version);
                let task = running.spawn(async move {
                    let start = Instant::now();
                    run(binary).await;
                    start.elapsed()
                });
                names.insert(task.id(), name);
            }
        }
    }
    let mut failed = Vec::new();
    while let Some(outcome) = running.join_next_with_id().await {
        match outcome {
            Ok((id, took)) => println!("{}: {:.1} s", names[&id], took.as_secs_f64()),
            Err(err) => failed.push(names[&err.id()].clone()),
        }
    }
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

/// Says how long something took, for the record.
fn measured(what: &str, binary: &Binary, took: Duration) {
    println!("measured: {what}, {}: {} ms", binary.version, took.as_millis());
}
