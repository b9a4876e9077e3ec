use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NS, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;

use super::*;
use crate::config::{DnsRecordType, DnsSdConfig};
use crate::discovery::dns::DnsDiscovery;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// What a server knows: names that exist, with their records. Any other name does not exist.
type Zone = HashMap<&'static str, Vec<RData>>;

fn zone() -> Zone {
    let srv = |port, target: &str| RData::SRV(SRV::new(0, 0, port, name(target)));
    HashMap::from([
        ("_am._tcp.example.", vec![srv(9093, "am1.example."), srv(9094, "am2.example.")]),
        (
            "am.example.",
            vec![RData::CNAME(CNAME(name("real.example."))), RData::A(A(Ipv4Addr::new(192, 0, 2, 2)))],
        ),
        ("six.example.", vec![RData::AAAA(AAAA("2001:db8::1".parse().unwrap()))]),
        ("mail.example.", vec![RData::MX(MX::new(0, name("smtp.example.")))]),
        ("zone.example.", vec![RData::NS(NS(name("ns1.example.")))]),
        ("empty.example.", vec![]),
        ("short.search.", vec![RData::A(A(Ipv4Addr::new(192, 0, 2, 9)))]),
    ])
}

const HEALTHY: u8 = 0;
const BROKEN: u8 = 1;
const EMPTIED: u8 = 2;

/// A DNS server on loopback, and the switch that breaks or empties it.
async fn serve(zone: Zone) -> (SocketAddr, Arc<AtomicU8>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mode = Arc::new(AtomicU8::new(HEALTHY));
    let switch = Arc::clone(&mode);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let asked = Message::from_vec(&buffer[..length]).unwrap();
            let query = asked.queries[0].clone();
            let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
            answer.add_query(query.clone());
            let known = zone.get(query.name().to_ascii().to_lowercase().as_str());
            match (switch.load(Ordering::Relaxed), known) {
                (BROKEN, _) => answer.metadata.response_code = ResponseCode::ServFail,
                (HEALTHY, Some(records)) => {
                    for data in records {
                        answer.add_answer(Record::from_rdata(query.name().clone(), 60, data.clone()));
                    }
                }
                (_, _) => answer.metadata.response_code = ResponseCode::NXDomain,
            }
            socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
        }
    });
    (address, mode)
}

fn discovery(
    server: SocketAddr,
    record_type: DnsRecordType,
    names: &[&str],
    metrics: Metrics,
) -> DnsDiscovery {
    let config = DnsSdConfig {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        record_type,
        port: 80,
        refresh_interval: NEVER,
        position: Position::default(),
    };
    let read = move || {
        let mut nameserver = NameServerConfig::udp_and_tcp(IpAddr::from([127, 0, 0, 1]));
        for connection in &mut nameserver.connections {
            connection.port = server.port();
        }
        let servers = ResolverConfig::from_parts(None, vec![name("search.")], vec![nameserver]);
        let mut options = ResolverOpts::default();
        options.timeout = Duration::from_secs(5);
        options.attempts = 1;
        Ok((servers, options))
    };
    DnsDiscovery::with_servers(&config, metrics, Arc::new(read))
}

fn target(labels: &[(&str, &str)]) -> LabelSet {
    labels.iter().copied().collect()
}

/// Upstream's TestDNS.
#[tokio::test]
async fn records_become_targets() {
    let (server, _) = serve(zone()).await;
    let (srv, port) = ("__meta_dns_srv_record_target", "__meta_dns_srv_record_port");
    for (kind, asked, targets) in [
        (
            DnsRecordType::A,
            "am.example.",
            vec![target(&[("__address__", "192.0.2.2:80"), ("__meta_dns_name", "am.example.")])],
        ),
        (
            DnsRecordType::A,
            "am.example",
            vec![target(&[("__address__", "192.0.2.2:80"), ("__meta_dns_name", "am.example")])],
        ),
        (
            DnsRecordType::A,
            "short",
            vec![target(&[("__address__", "192.0.2.9:80"), ("__meta_dns_name", "short")])],
        ),
        (
            DnsRecordType::Aaaa,
            "six.example.",
            vec![target(&[("__address__", "[2001:db8::1]:80"), ("__meta_dns_name", "six.example.")])],
        ),
        (
            DnsRecordType::Srv,
            "_am._tcp.example.",
            vec![
                target(&[
                    ("__address__", "am1.example:9093"),
                    ("__meta_dns_name", "_am._tcp.example."),
                    (srv, "am1.example."),
                    (port, "9093"),
                ]),
                target(&[
                    ("__address__", "am2.example:9094"),
                    ("__meta_dns_name", "_am._tcp.example."),
                    (srv, "am2.example."),
                    (port, "9094"),
                ]),
            ],
        ),
        (
            DnsRecordType::Mx,
            "mail.example.",
            vec![target(&[
                ("__address__", "smtp.example:80"),
                ("__meta_dns_name", "mail.example."),
                ("__meta_dns_mx_record_target", "smtp.example."),
            ])],
        ),
        (
            DnsRecordType::Ns,
            "zone.example.",
            vec![target(&[
                ("__address__", "ns1.example:80"),
                ("__meta_dns_name", "zone.example."),
                ("__meta_dns_ns_record_target", "ns1.example."),
            ])],
        ),
        (DnsRecordType::A, "empty.example.", vec![]),
        (DnsRecordType::A, "unknown.example", vec![]),
    ] {
        let groups = discovery(server, kind, &[asked], metrics().0).refresh().await;
        let expected = TargetGroup { source: asked.to_owned(), targets, labels: LabelSet::default() };
        assert_eq!(groups, [expected], "{kind:?} {asked}");
    }
}

#[tokio::test]
async fn a_failing_server_takes_nothing_away() {
    let (server, mode) = serve(zone()).await;
    let (metrics, registry) = metrics();
    let discovery = discovery(server, DnsRecordType::A, &["am.example", "short"], metrics);
    assert_eq!(discovery.refresh().await.len(), 2);
    mode.store(BROKEN, Ordering::Relaxed);
    assert_eq!(discovery.refresh().await, []);
    assert_eq!(
        printed(&registry, "prometheus_sd_dns_lookup_failures"),
        "prometheus_sd_dns_lookup_failures_total 2"
    );
    assert_eq!(printed(&registry, "prometheus_sd_dns_lookups"), "prometheus_sd_dns_lookups_total 4");
    mode.store(EMPTIED, Ordering::Relaxed);
    let groups = discovery.refresh().await;
    assert!(groups.len() == 2 && groups.iter().all(|group| group.targets.is_empty()), "{groups:?}");
}
