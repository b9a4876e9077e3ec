//! The addresses of configured peers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

/// The pause between two attempts to resolve peers' names at the start.
const PAUSE: Duration = Duration::from_secs(2);
/// The most addresses that are taken from the peers' names.
const MAX_ADDRESSES: usize = 1024;

/// Every address of every name. A name that does not resolve is left out and said in the log.
pub(super) async fn resolve(peers: &[String]) -> Vec<SocketAddr> {
    let mut addrs = BTreeSet::new();
    for peer in peers {
        match tokio::net::lookup_host(peer.as_str()).await {
            Ok(found) => {
                addrs.extend(found.map(|addr| SocketAddr::new(addr.ip().to_canonical(), addr.port())));
            }
            Err(err) => tracing::warn!(component = "cluster", peer, %err, "failed to resolve peer"),
        }
    }
    addrs.into_iter().take(MAX_ADDRESSES).collect()
}

/// The same, tried again until there is an address or `timeout` is over.
pub(super) async fn wait_for_peers(peers: &[String], timeout: Duration) -> Vec<SocketAddr> {
    let deadline = Instant::now() + timeout;
    loop {
        let addrs = resolve(peers).await;
        if !addrs.is_empty() || peers.is_empty() || Instant::now() + PAUSE > deadline {
            return addrs;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
