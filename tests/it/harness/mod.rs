//! What the tests from outside share: processes, a stand-in Alertmanager, and waiting.

mod api;
#[path = "../../../src/net/testing/authority.rs"]
mod authority;
mod in_process;
#[path = "../../../src/net/smtp/mock.rs"]
mod mail_server;
mod peer;
mod peers;
mod sink;
mod tocsin;

use std::collections::BTreeSet;
use std::future::Future;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

pub(crate) use api::Api;
pub(crate) use authority::{Authority, Pair};
pub(crate) use in_process::InProcess;
pub(crate) use mail_server::{Behaviour, MailServer};
pub(crate) use peer::{Answer, LOOPBACK, Peer, Seen, ok, server_config};
pub(crate) use peers::{Alertmanager, Prometheus, program};
pub(crate) use sink::{Reply, Sink};
pub(crate) use tocsin::{Tocsin, TocsinBuilder};

/// How long a condition may take to come true. Generous: the tests wait for conditions, not for time.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Whether the long forms of the tests run.
pub(crate) fn full() -> bool {
    std::env::var("TOCSIN_TESTS").is_ok_and(|length| length == "full")
}

/// `whole` in a full run, else a tenth of it.
pub(crate) fn scaled(whole: usize) -> usize {
    if full() { whole } else { whole.div_ceil(10) }
}

/// The time so many seconds ago, as alerts carry it.
pub(crate) fn ago(seconds: i64) -> String {
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds);
    then.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// An address of 127.0.0.1 that is free for TCP and UDP, given out once. Its port is none of those that the system
/// gives to connections, so that nobody takes it before who asked for it does, or while who has it is down.
pub(crate) fn free_addr() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let addr = SocketAddr::from(([127, 0, 0, 1], fastrand::u16(10_000..32_000)));
        let is_free = TcpListener::bind(addr).is_ok() && UdpSocket::bind(addr).is_ok();
        if is_free && GIVEN.lock().expect("no poison").insert(addr.port()) {
            return addr;
        }
    }
}

/// The port of such an address.
pub(crate) fn free_port() -> u16 {
    free_addr().port()
}

/// Puts `text` into `directory` as the kubelet puts a new version of a ConfigMap's file `name`: a new directory, a
/// new link, a rename over the link `..data`. The link from `name` to `..data/name` is the caller's.
pub(crate) fn swap(directory: &Path, name: &str, version: &str, text: &str) {
    let data = directory.join(format!("..{version}"));
    std::fs::create_dir(&data).expect("a directory");
    std::fs::write(data.join(name), text).expect("a file");
    symlink(format!("..{version}"), directory.join("..data_tmp")).expect("a link");
    std::fs::rename(directory.join("..data_tmp"), directory.join("..data")).expect("a rename");
}

/// Waits until `condition` gives a value; panics with `what` at the deadline.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Alerts that fire, told apart by their label `n`.
pub(crate) fn firing(numbers: Range<usize>) -> Value {
    alerts(numbers, "2100-01-01T00:00:00Z")
}

fn alerts(numbers: Range<usize>, ends_at: &str) -> Value {
    numbers
        .map(|number| {
            json!({
                "labels": { "alertname": format!("Alert{number}"), "n": number.to_string() },
                "annotations": { "summary": format!("number {number}") },
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": ends_at,
            })
        })
        .collect()
}

/// The labels `n` of such alerts.
pub(crate) fn numbers(range: Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}
