//! Wait: each peer gives those before it time to tell, and to say so.

use std::time::Duration;

use crate::engine::Cluster;

/// How long to wait before looking into the notification log.
#[must_use]
pub fn wait(cluster: Cluster, peer_timeout: Duration) -> Duration {
    peer_timeout.saturating_mul(cluster.position)
}
