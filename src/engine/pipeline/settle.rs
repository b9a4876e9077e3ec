//! Settle: nothing is told before the cluster knows what has been told.

use crate::engine::Cluster;

/// Whether the flush may go on. If not, it is held until the cluster settles or its deadline fails it.
#[must_use]
pub fn settle(cluster: Cluster) -> bool {
    cluster.settled
}
