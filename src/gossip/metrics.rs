//! The cluster's metrics, under Alertmanager's names.

use std::collections::HashMap;
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{HistogramOpts, HistogramVec, Registry};

use super::peer::{Peer, Snapshot};
use super::state::StateKey;
use super::transport::TlsCounters;

/// The buckets of `alertmanager_cluster_pings_seconds`.
const PING_BUCKETS: [f64; 7] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];

/// The histograms, which are observed as things happen. Counters and gauges are read from the node when metrics are
/// asked for, see [`ClusterCollector`].
#[derive(Debug, Clone)]
pub struct Metrics {
    pings: HistogramVec,
    oversize: HistogramVec,
}

impl Metrics {
    /// Registers the histograms.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let pings = HistogramOpts::new(
            "alertmanager_cluster_pings_seconds",
            "Histogram of latencies for ping messages.",
        )
        .buckets(PING_BUCKETS.to_vec());
        let oversize = HistogramOpts::new(
            "alertmanager_oversize_gossip_message_duration_seconds",
            "Duration of oversized gossip message requests.",
        );
        let metrics = Self {
            pings: HistogramVec::new(pings, &["peer"])?,
            oversize: HistogramVec::new(oversize, &["key"])?,
        };
        registry.register(Box::new(metrics.pings.clone()))?;
        registry.register(Box::new(metrics.oversize.clone()))?;
        for key in StateKey::ALL {
            metrics.oversize.with_label_values(&[key.as_str()]);
        }
        Ok(metrics)
    }

    pub(super) fn observe_ping(&self, peer: &str, after: Duration) {
        self.pings.with_label_values(&[peer]).observe(after.as_secs_f64());
    }

    pub(super) fn observe_oversize(&self, key: StateKey, after: Duration) {
        self.oversize.with_label_values(&[key.as_str()]).observe(after.as_secs_f64());
    }
}

/// Counters and gauges of a node, read when metrics are asked for.
#[derive(Debug)]
pub struct ClusterCollector {
    peer: Peer,
    desc: Desc,
}

impl ClusterCollector {
    /// For the node behind `peer`; to be registered.
    pub fn new(peer: Peer) -> Result<Self, prometheus::Error> {
        let help = "Number indicating current number of members in cluster.";
        let desc = Desc::new("alertmanager_cluster_members".into(), help.into(), vec![], HashMap::new())?;
        Ok(Self { peer, desc })
    }
}

impl Collector for ClusterCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let snapshot = self.peer.snapshot();
        let mut families = Families::default();
        families.gauge(
            "alertmanager_cluster_enabled",
            "Indicates whether the clustering is enabled or not.",
            1.0,
        );
        let help = "A metric with a constant '1' value labeled by peer name.";
        families.add(
            "alertmanager_cluster_peer_info",
            help,
            MetricType::GAUGE,
            [(vec![("peer", &*self.peer.view().name)], 1.0)],
        );
        gauges(&mut families, &snapshot);
        messages(&mut families, &snapshot);
        peers(&mut families, &snapshot);
        states(&mut families, &snapshot);
        if let Some(tls) = &snapshot.tls {
            transport(&mut families, tls);
        }
        families.0
    }
}

#[derive(Default)]
struct Families(Vec<MetricFamily>);

impl Families {
    fn add<'a>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        samples: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, f64)>,
    ) {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        let metrics = samples.into_iter().map(|(labels, value)| sample(kind, labels, value)).collect();
        family.set_metric(metrics);
        self.0.push(family);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.add(name, help, MetricType::GAUGE, [(vec![], value)]);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.add(name, help, MetricType::COUNTER, [(vec![], value as f64)]);
    }

    fn by_label(&mut self, name: &str, help: &str, label: &'static str, values: &[(&str, u64)]) {
        let samples = values.iter().map(|(of, value)| (vec![(label, *of)], *value as f64));
        self.add(name, help, MetricType::COUNTER, samples);
    }
}

fn sample(kind: MetricType, labels: Vec<(&str, &str)>, value: f64) -> Metric {
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    let mut metric = Metric::default();
    metric.set_label(labels.into_iter().map(pair).collect());
    if kind == MetricType::GAUGE {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    } else {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    }
    metric
}

fn gauges(families: &mut Families, snapshot: &Snapshot) {
    let gauges = [
        (
            "cluster_members",
            "Number indicating current number of members in cluster.",
            snapshot.members as f64,
        ),
        (
            "cluster_failed_peers",
            "Number indicating the current number of failed peers in the cluster.",
            snapshot.failed_peers as f64,
        ),
        (
            "cluster_health_score",
            "Health score of the cluster. Lower values are better and zero means 'totally healthy'.",
            f64::from(snapshot.health_score),
        ),
        (
            "cluster_messages_queued",
            "Number of cluster messages which are queued.",
            snapshot.messages_queued as f64,
        ),
        (
            "peer_position",
            "Position the Alertmanager instance believes it's in. The position determines a peer's behavior in the cluster.",
            snapshot.position as f64,
        ),
    ];
    for (name, help, value) in gauges {
        families.gauge(&format!("alertmanager_{name}"), help, value);
    }
}

fn messages(families: &mut Families, snapshot: &Snapshot) {
    let (cluster, membership) = (&snapshot.cluster, &snapshot.membership);
    let updates_sent = membership.user_sent + cluster.oversize_updates_sent;
    let update_bytes_sent = membership.user_sent_bytes + cluster.oversize_update_bytes_sent;
    let metrics = [
        (
            "received_total",
            "Total number of cluster messages received.",
            cluster.full_states_received,
            cluster.updates_received,
        ),
        (
            "received_size_total",
            "Total size of cluster messages received.",
            cluster.full_state_bytes_received,
            cluster.update_bytes_received,
        ),
        ("sent_total", "Total number of cluster messages sent.", cluster.full_states_sent, updates_sent),
        (
            "sent_size_total",
            "Total size of cluster messages sent.",
            cluster.full_state_bytes_sent,
            update_bytes_sent,
        ),
    ];
    for (name, help, full_state, update) in metrics {
        let values = [("full_state", full_state), ("update", update)];
        families.by_label(&format!("alertmanager_cluster_messages_{name}"), help, "msg_type", &values);
    }
    let help = "Total number of cluster messages pruned.";
    families.counter("alertmanager_cluster_messages_pruned_total", help, snapshot.messages_pruned);
}

fn peers(families: &mut Families, snapshot: &Snapshot) {
    let (cluster, membership) = (&snapshot.cluster, &snapshot.membership);
    let counters = [
        ("peers_joined_total", "A counter of the number of peers that have joined.", cluster.peers_joined),
        ("peers_left_total", "A counter of the number of peers that have left.", cluster.peers_left),
        (
            "peers_update_total",
            "A counter of the number of peers that have updated metadata.",
            cluster.peers_updated,
        ),
        (
            "reconnections_total",
            "A counter of the number of cluster peer reconnections.",
            cluster.reconnections,
        ),
        (
            "reconnections_failed_total",
            "A counter of the number of failed cluster peer reconnection attempts.",
            cluster.reconnections_failed,
        ),
        (
            "refresh_join_total",
            "A counter of the number of cluster peer joined via refresh.",
            cluster.refresh_joins,
        ),
        (
            "refresh_join_failed_total",
            "A counter of the number of failed cluster peer joined attempts via refresh.",
            cluster.refresh_joins_failed,
        ),
        (
            "peer_name_conflicts_total",
            "Total number of times memberlist has noticed conflicting peer names.",
            membership.name_conflicts,
        ),
    ];
    for (name, help, value) in counters {
        families.counter(&format!("alertmanager_cluster_{name}"), help, value);
    }
    let alive: Vec<(&str, u64)> =
        membership.alive_messages.iter().map(|(peer, count)| (&**peer, *count)).collect();
    let help = "Total number of received alive messages.";
    families.by_label("alertmanager_cluster_alive_messages_total", help, "peer", &alive);
    let own = [
        (
            "tocsin_cluster_packets_dropped_total",
            "Packets dropped because this node was too busy to read them.",
            snapshot.packets_dropped,
        ),
        (
            "tocsin_cluster_packets_refused_total",
            "Packets, and messages in them, that could not be read or belong to another cluster.",
            membership.packets_refused,
        ),
        (
            "tocsin_cluster_nodes_refused_total",
            "Rumours about nodes that were refused: bad versions or addresses, or too many nodes.",
            membership.nodes_refused,
        ),
        ("tocsin_cluster_probes_failed_total", "Probes that nobody answered.", membership.probes_failed),
    ];
    for (name, help, value) in own {
        families.counter(name, help, value);
    }
}

fn states(families: &mut Families, snapshot: &Snapshot) {
    let of = |value: fn(&super::cluster::StateCounters) -> u64| -> Vec<(&'static str, u64)> {
        let states = snapshot.cluster.states.iter();
        states.map(|(key, counters)| (key.as_str(), value(counters))).collect()
    };
    for (name, help, values) in [
        (
            "alertmanager_oversized_gossip_message_sent_total",
            "Number of oversized gossip message sent.",
            of(|state| state.oversize_sent),
        ),
        (
            "alertmanager_oversized_gossip_message_failure_total",
            "Number of oversized gossip message sends that failed.",
            of(|state| state.oversize_failed),
        ),
        (
            "alertmanager_oversized_gossip_message_dropped_total",
            "Number of oversized gossip messages that were dropped due to a full message queue.",
            of(|state| state.oversize_dropped),
        ),
        (
            "tocsin_cluster_entries_refused_total",
            "Entries of peers that were refused.",
            of(|state| state.refused),
        ),
    ] {
        families.by_label(name, help, "key", &values);
    }
}

fn transport(families: &mut Families, tls: &TlsCounters) {
    let counters = [
        (
            "packet_bytes_sent_total",
            "The number of packet bytes sent to outgoing connections (excluding internal metadata).",
            tls.packet_bytes_sent,
        ),
        (
            "packet_bytes_received_total",
            "The number of packet bytes received from incoming connections (excluding internal metadata).",
            tls.packet_bytes_received,
        ),
        (
            "stream_connections_sent_total",
            "The number of stream connections sent.",
            tls.stream_connections_sent,
        ),
        (
            "stream_connections_received_total",
            "The number of stream connections received.",
            tls.stream_connections_received,
        ),
        (
            "read_errors_total",
            "The number of errors encountered while reading from incoming connections.",
            tls.read_errors,
        ),
    ];
    for (name, help, value) in counters {
        families.counter(&format!("alertmanager_tls_transport_{name}"), help, value);
    }
    let help = "The number of errors encountered while writing to outgoing connections.";
    let values = [("packet", tls.packet_write_errors), ("stream", tls.stream_write_errors)];
    families.by_label("alertmanager_tls_transport_write_errors_total", help, "connection_type", &values);
}
