use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::Resolver;
use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::config::{DnsRecordType, DnsSdConfig};
use crate::discovery::metrics::{Metrics, RefreshMetrics};
use crate::discovery::refresh::{Updates, poll};
use crate::discovery::target_group::{ADDRESS, TargetGroup};
use crate::model::LabelSet;

const META: &str = "__meta_dns_name";
const META_SRV_TARGET: &str = "__meta_dns_srv_record_target";
const META_SRV_PORT: &str = "__meta_dns_srv_record_port";
const META_MX_TARGET: &str = "__meta_dns_mx_record_target";
const META_NS_TARGET: &str = "__meta_dns_ns_record_target";

/// Where the name servers and the search list come from.
type ReadConfig = dyn Fn() -> Result<(ResolverConfig, ResolverOpts), NetError> + Send + Sync;

/// Targets from DNS records.
#[derive(Clone)]
pub(in crate::discovery) struct DnsDiscovery {
    config: Arc<DnsSdConfig>,
    metrics: Metrics,
    read_config: Arc<ReadConfig>,
}

impl fmt::Debug for DnsDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsDiscovery").field("config", &self.config).finish_non_exhaustive()
    }
}

impl DnsDiscovery {
    /// Asks the servers of `/etc/resolv.conf`, which is read again for each refresh.
    pub(in crate::discovery) fn new(config: &DnsSdConfig, metrics: Metrics) -> Self {
        Self::with_servers(config, metrics, Arc::new(hickory_resolver::system_conf::read_system_conf))
    }

    pub(in crate::discovery) fn with_servers(
        config: &DnsSdConfig,
        metrics: Metrics,
        read_config: Arc<ReadConfig>,
    ) -> Self {
        Self { config: Arc::new(config.clone()), metrics, read_config }
    }

    pub(in crate::discovery) async fn run(self, refresh: RefreshMetrics, updates: Updates) {
        poll(self.config.refresh_interval, refresh, updates, || async { Ok(self.refresh().await) }).await;
    }

    /// Looks all names up at once. A name that cannot be looked up is left out, so that it keeps its targets.
    pub(in crate::discovery) async fn refresh(&self) -> Vec<TargetGroup> {
        let mut lookups = tokio::task::JoinSet::new();
        for (index, name) in self.config.names.iter().enumerate() {
            let (discovery, name) = (self.clone(), name.clone());
            lookups.spawn(async move { (index, discovery.name(&name).await) });
        }
        let mut groups: Vec<(usize, TargetGroup)> = Vec::new();
        while let Some(done) = lookups.join_next().await {
            if let Ok((index, Some(group))) = done {
                groups.push((index, group));
            }
        }
        groups.sort_by_key(|(index, _)| *index);
        groups.into_iter().map(|(_, group)| group).collect()
    }

    async fn name(&self, name: &str) -> Option<TargetGroup> {
        self.metrics.dns_lookups.inc();
        match self.lookup(name).await {
            Ok(records) => Some(group(&self.config, name, &records)),
            Err(error) => {
                self.metrics.dns_lookup_failures.inc();
                tracing::error!(component = "discovery manager notify", name = %name, err = %error, "Error refreshing DNS targets");
                None
            }
        }
    }

    /// The records of the first candidate that exists; none if every server says that none exists.
    async fn lookup(&self, name: &str) -> Result<Vec<Record>, String> {
        let (servers, mut options) = (self.read_config)().map_err(|error| format!("resolv.conf: {error}"))?;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        let candidates = candidates(name, servers.search(), options.ndots)?;
        let mut builder = Resolver::builder_with_config(servers, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(|error| error.to_string())?;
        let mut failed = None;
        for candidate in candidates {
            match resolver.lookup(candidate.clone(), record_type(self.config.record_type)).await {
                Ok(found) => return Ok(found.answers().to_vec()),
                Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. }))) => {
                    match response_code {
                        ResponseCode::NoError => return Ok(Vec::new()),
                        ResponseCode::NXDomain => {}
                        code => failed = Some(format!("{candidate}: {code}")),
                    }
                }
                Err(error) => failed = Some(format!("{candidate}: {error}")),
            }
        }
        failed.map_or(Ok(Vec::new()), |error| {
            Err(format!(
                "could not resolve {name:?}: at least one search domain failed on all servers: {error}"
            ))
        })
    }
}

fn record_type(kind: DnsRecordType) -> RecordType {
    match kind {
        DnsRecordType::Srv => RecordType::SRV,
        DnsRecordType::A => RecordType::A,
        DnsRecordType::Aaaa => RecordType::AAAA,
        DnsRecordType::Mx => RecordType::MX,
        DnsRecordType::Ns => RecordType::NS,
    }
}

/// The names to try in turn (resolv.conf(5)): a name with enough dots first as it is, any other last.
fn candidates(name: &str, search: &[Name], ndots: usize) -> Result<Vec<Name>, String> {
    let bad = |error: hickory_resolver::proto::ProtoError| format!("{name:?} is not a DNS name: {error}");
    let mut given = Name::from_utf8(name).map_err(bad)?;
    if given.is_fqdn() {
        return Ok(vec![given]);
    }
    let mut names: Vec<Name> =
        search.iter().filter_map(|domain| given.clone().append_domain(domain).ok()).collect();
    let dots = name.matches('.').count();
    given.set_fqdn(true);
    names.insert(if dots >= ndots { 0 } else { names.len() }, given);
    names.iter_mut().for_each(|name| name.set_fqdn(true));
    Ok(names)
}

/// The group of one name.
fn group(config: &DnsSdConfig, name: &str, records: &[Record]) -> TargetGroup {
    let mut targets = Vec::new();
    for record in records {
        let (host, port, labels) = match &record.data {
            RData::SRV(srv) => {
                let target = srv.target.to_ascii();
                let port = srv.port.to_string();
                (target.clone(), srv.port, vec![(META_SRV_TARGET, target), (META_SRV_PORT, port)])
            }
            RData::MX(mx) => {
                let target = mx.exchange.to_ascii();
                (target.clone(), config.port, vec![(META_MX_TARGET, target)])
            }
            RData::NS(ns) => {
                let target = ns.0.to_ascii();
                (target.clone(), config.port, vec![(META_NS_TARGET, target)])
            }
            RData::A(a) => (a.0.to_string(), config.port, Vec::new()),
            RData::AAAA(aaaa) => (aaaa.0.to_string(), config.port, Vec::new()),
            RData::CNAME(_) => continue,
            other => {
                tracing::warn!(component = "discovery manager notify", name = %name, record = %other.record_type(), "Invalid record");
                continue;
            }
        };
        let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
        let address = address(&host, port);
        let own = [(ADDRESS, address.as_str()), (META, name)];
        targets.push(own.into_iter().chain(labels).collect::<LabelSet>());
    }
    TargetGroup { source: name.to_owned(), targets, labels: LabelSet::default() }
}

/// `host:port`, an IPv6 address in brackets, a name without its last dot.
fn address(host: &str, port: u16) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.parse() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        Ok(IpAddr::V4(_)) | Err(_) => format!("{host}:{port}"),
    }
}
