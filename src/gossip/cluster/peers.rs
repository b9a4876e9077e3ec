//! Whom to dial: peers that are configured, and peers that have gone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::{Cluster, Now, Purpose};

/// Why a peer is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinReason {
    /// At the start.
    Start,
    /// It had failed.
    Reconnect,
    /// Its name resolves to an address that is no member.
    Refresh,
}

/// The most failed peers that are remembered; beyond it the oldest is given up.
const MAX_FAILED: usize = 1024;

/// Peers out of reach, and since when.
#[derive(Debug, Default)]
pub(super) struct FailedPeers {
    since: BTreeMap<SocketAddr, Duration>,
}

impl FailedPeers {
    pub(super) fn failed(&mut self, addr: SocketAddr, now: Duration) {
        self.since.insert(addr, now);
        if self.since.len() > MAX_FAILED
            && let Some(oldest) = self.since.iter().min_by_key(|(_, since)| **since).map(|(addr, _)| *addr)
        {
            self.since.remove(&oldest);
        }
    }

    pub(super) fn joined(&mut self, addr: SocketAddr) {
        self.since.remove(&addr);
    }

    pub(super) fn len(&self) -> usize {
        self.since.len()
    }
}

impl Cluster {
    /// Joins the peers at `addrs`, the addresses of [`super::Options::peers`]. Those that cannot be reached now are
    /// tried again.
    pub fn join(&mut self, now: Now, addrs: &[SocketAddr]) {
        let addrs: BTreeSet<SocketAddr> = addrs.iter().copied().filter(|addr| !self.is_own(*addr)).collect();
        for addr in addrs {
            let known = self.other_members().contains(&addr);
            if !known {
                self.failed.failed(addr, now.elapsed);
            }
            self.join_one(addr, JoinReason::Start);
        }
    }

    /// The peers' names have been resolved: addresses that are no members are joined.
    pub fn handle_resolved(&mut self, addrs: &[SocketAddr]) {
        let members: BTreeSet<SocketAddr> = self.other_members().into_iter().collect();
        let unknown: BTreeSet<SocketAddr> =
            addrs.iter().copied().filter(|addr| !members.contains(addr) && !self.is_own(*addr)).collect();
        for addr in unknown {
            self.join_one(addr, JoinReason::Refresh);
        }
    }

    pub(super) fn reconnect(&mut self, now: Now) {
        let timeout = self.options.reconnect_timeout;
        self.failed.since.retain(|_, since| now.elapsed.saturating_sub(*since) <= timeout);
        let failed: Vec<SocketAddr> = self.failed.since.keys().copied().collect();
        for addr in failed {
            self.join_one(addr, JoinReason::Reconnect);
        }
    }

    fn join_one(&mut self, addr: SocketAddr, reason: JoinReason) {
        if self.members.node(self.members.name()).is_some_and(|node| !node.state.is_member()) {
            return;
        }
        let under_way = self
            .dials
            .values()
            .any(|purpose| matches!(purpose, Purpose::Exchange { to, join: Some(_) } if *to == addr));
        if !under_way {
            self.exchange(addr, Some(reason));
        }
    }

    fn is_own(&self, addr: SocketAddr) -> bool {
        addr == self.members.addr()
    }

    pub(super) fn joined(&mut self, to: SocketAddr, reason: JoinReason, failure: Option<&String>) {
        let counters = &mut self.counters;
        match (reason, failure) {
            (JoinReason::Start, None) => {
                tracing::info!(component = "cluster", peer = %to, "joined cluster")
            }
            (JoinReason::Start, Some(err)) => {
                tracing::warn!(component = "cluster", peer = %to, err, "could not join peer; it is tried again");
            }
            (JoinReason::Reconnect, None) => counters.reconnections += 1,
            (JoinReason::Reconnect, Some(err)) => {
                counters.reconnections_failed += 1;
                tracing::debug!(component = "cluster", peer = %to, err, "reconnecting to peer failed");
            }
            (JoinReason::Refresh, None) => counters.refresh_joins += 1,
            (JoinReason::Refresh, Some(err)) => {
                counters.refresh_joins_failed += 1;
                tracing::warn!(component = "cluster", peer = %to, err, "joining a resolved peer failed");
            }
        }
    }
}
