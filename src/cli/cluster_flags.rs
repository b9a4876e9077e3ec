//! The flags of the cluster, under Alertmanager's names.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::flags::{parse_duration, parse_positive};
use crate::gossip::ClusterOptions;

/// How a cluster is taken part in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ClusterFlags {
    /// Where peers reach us: IP:PORT; empty for no cluster. Default: 0.0.0.0:9094 with nothing but an
    /// alertmanager.yml or if there is a --cluster.peer, else no cluster.
    #[arg(long = "cluster.listen-address", value_name = "ADDRESS")]
    listen_address: Option<String>,

    /// The address that peers are told: IP:PORT. Default: the one that is listened on.
    #[arg(
        long = "cluster.advertise-address",
        value_name = "ADDRESS",
        default_value = "",
        hide_default_value = true
    )]
    advertise_address: String,

    /// A peer to join: HOST:PORT. May be repeated.
    #[arg(long = "cluster.peer", value_name = "ADDRESS")]
    peers: Vec<String>,

    /// Our name among the peers. Default: a new one with every start, which sorts behind those of older processes.
    #[arg(long = "cluster.peer-name", value_name = "NAME", default_value = "", hide_default_value = true)]
    peer_name: String,

    /// A name of the cluster: only members with the same one meet.
    #[arg(long = "cluster.label", value_name = "LABEL", default_value = "", hide_default_value = true)]
    label: String,

    /// How long each member waits for those before it to notify.
    #[arg(long = "cluster.peer-timeout", value_name = "DURATION", default_value = "15s", value_parser = parse_duration)]
    peer_timeout: Duration,

    /// How long the names of peers may take to resolve at the start.
    #[arg(long = "cluster.peers-resolve-timeout", value_name = "DURATION", default_value = "15s",
        value_parser = parse_duration)]
    peers_resolve_timeout: Duration,

    /// How often changes are sent to some of the members.
    #[arg(long = "cluster.gossip-interval", value_name = "DURATION", default_value = "200ms", value_parser = parse_positive)]
    gossip_interval: Duration,

    /// How often everything is exchanged with one of the members.
    #[arg(long = "cluster.pushpull-interval", value_name = "DURATION", default_value = "1m", value_parser = parse_positive)]
    push_pull_interval: Duration,

    /// How long a connection to a member may take.
    #[arg(long = "cluster.tcp-timeout", value_name = "DURATION", default_value = "10s", value_parser = parse_positive)]
    tcp_timeout: Duration,

    /// How long a member may take to answer a probe.
    #[arg(long = "cluster.probe-timeout", value_name = "DURATION", default_value = "500ms", value_parser = parse_positive)]
    probe_timeout: Duration,

    /// How often a member is probed.
    #[arg(long = "cluster.probe-interval", value_name = "DURATION", default_value = "1s", value_parser = parse_positive)]
    probe_interval: Duration,

    /// How long to wait at most for the number of members to hold still before anything is notified.
    #[arg(long = "cluster.settle-timeout", value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    settle_timeout: Duration,

    /// How often a member that is lost is dialled.
    #[arg(long = "cluster.reconnect-interval", value_name = "DURATION", default_value = "10s", value_parser = parse_positive)]
    reconnect_interval: Duration,

    /// For how long a member that is lost is dialled.
    #[arg(long = "cluster.reconnect-timeout", value_name = "DURATION", default_value = "6h", value_parser = parse_duration)]
    reconnect_timeout: Duration,

    /// A file that says how members prove to each other who they are.
    #[arg(long = "cluster.tls-config", value_name = "FILE")]
    tls_config: Option<PathBuf>,

    /// Tell peers a public address if there is no private one.
    #[arg(long = "cluster.allow-insecure-public-advertise-address-discovery", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    allow_public_advertise: bool,
}

impl ClusterFlags {
    pub(super) fn into_options(self) -> ClusterOptions {
        ClusterOptions {
            listen_address: self.listen_address,
            advertise_address: self.advertise_address,
            peers: self.peers,
            peer_name: self.peer_name,
            label: self.label,
            peer_timeout: self.peer_timeout,
            peers_resolve_timeout: self.peers_resolve_timeout,
            gossip_interval: self.gossip_interval,
            push_pull_interval: self.push_pull_interval,
            tcp_timeout: self.tcp_timeout,
            probe_timeout: self.probe_timeout,
            probe_interval: self.probe_interval,
            settle_timeout: self.settle_timeout,
            reconnect_interval: self.reconnect_interval,
            reconnect_timeout: self.reconnect_timeout,
            tls_config: self.tls_config,
            allow_public_advertise: self.allow_public_advertise,
        }
    }
}
