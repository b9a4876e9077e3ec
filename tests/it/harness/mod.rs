//! What the tests from outside share: processes, a stand-in Alertmanager, and waiting.

mod peers;
mod sink;
mod tocsin;

use std::future::Future;
use std::net::TcpListener;
use std::time::Duration;

use tokio::time::Instant;

pub(crate) use peers::{Alertmanager, Prometheus};
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

/// A port of 127.0.0.1 that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("its address").port()
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
