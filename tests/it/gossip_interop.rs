//! tocsin in one cluster with real Alertmanagers, on loopback: every version that `TOCSIN_PEERS` holds.

mod alertmanager;
mod members;
mod network;
mod node;
mod pages;
mod shim;
mod sink;
mod states;
mod tls;

use alertmanager::{Binary, binaries};
use tokio::task::JoinSet;

/// Runs a scenario against every version at the same time.
async fn with_every_version<F>(scenario: impl Fn(Binary) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    for binary in binaries() {
        running.spawn(scenario(binary));
    }
    while let Some(outcome) = running.join_next().await {
        outcome.expect("the scenario");
    }
}
