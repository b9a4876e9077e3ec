//! The parameters of membership.

use std::time::Duration;

/// The parameters of memberlist, with the values that Alertmanager gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How often a node is probed (`--cluster.probe-interval`).
    pub probe_interval: Duration,
    /// How long its ack may take (`--cluster.probe-timeout`).
    pub probe_timeout: Duration,
    /// How often rumours are sent (`--cluster.gossip-interval`).
    pub gossip_interval: Duration,
    /// To how many nodes at once.
    pub gossip_nodes: usize,
    /// How often whole states are exchanged with one node (`--cluster.pushpull-interval`).
    pub push_pull_interval: Duration,
    /// How long anything over TCP may take (`--cluster.tcp-timeout`).
    pub tcp_timeout: Duration,
    /// How many nodes are asked to probe one that does not answer.
    pub indirect_checks: usize,
    /// How often rumours about members are sent, times the logarithm of the cluster's size.
    pub retransmit_multiplier: u32,
    /// The same for Alertmanager's state.
    pub user_retransmit_multiplier: u32,
    /// The least time of a suspicion, in probe intervals.
    pub suspicion_multiplier: u32,
    /// The longest, as a multiple of the least.
    pub suspicion_max_multiplier: u32,
    /// Awareness stays below this.
    pub awareness_limit: u32,
    /// How long rumours are still sent to a dead node, and how long it is remembered.
    pub gossip_to_the_dead: Duration,
    /// The cluster's label; empty for none (`--cluster.label`).
    pub label: String,
    /// More nodes than this are not remembered; rumours about others are ignored and counted.
    pub max_nodes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            probe_interval: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            gossip_interval: Duration::from_millis(200),
            gossip_nodes: 3,
            push_pull_interval: Duration::from_mins(1),
            tcp_timeout: Duration::from_secs(10),
            indirect_checks: 3,
            retransmit_multiplier: 4,
            user_retransmit_multiplier: 3,
            suspicion_multiplier: 4,
            suspicion_max_multiplier: 6,
            awareness_limit: 8,
            gossip_to_the_dead: Duration::from_secs(30),
            label: String::new(),
            max_nodes: 4096,
        }
    }
}

impl Config {
    /// The parameters that Alertmanager derives from the number of `--cluster.peer` flags.
    #[must_use]
    pub fn for_peers(mut self, peers: usize) -> Self {
        self.gossip_nodes = (peers / 2).max(3);
        self.user_retransmit_multiplier = u32::try_from(self.gossip_nodes).unwrap_or(u32::MAX);
        self
    }
}
