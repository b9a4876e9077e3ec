//! The `--cluster.*` flags, one field a flag, and what they come to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::cluster;
use super::membership::Config;
use super::peer::{Clock, PeerOptions};
use super::{GossipError, fallback_name, ulid};
use crate::model::Timestamp;
use crate::net::PeerTls;

/// How a cluster is taken part in, as the flags say it. The defaults are Alertmanager's, except that nothing listens
/// unless it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterOptions {
    /// `--cluster.listen-address`, `ip:port` or `:port`. Empty: no cluster; left out: none either, unless there are
    /// peers, see [`Self::or_by_default`].
    pub listen_address: Option<String>,
    /// `--cluster.advertise-address`; empty: the address that is listened on.
    pub advertise_address: String,
    /// `--cluster.peer`, each `host:port`.
    pub peers: Vec<String>,
    /// `--cluster.peer-name`; empty: a fresh name with every start.
    pub peer_name: String,
    /// `--cluster.label`; clusters with different labels never merge.
    pub label: String,
    /// `--cluster.peer-timeout`: how long each position waits for those before it.
    pub peer_timeout: Duration,
    /// `--cluster.peers-resolve-timeout`
    pub peers_resolve_timeout: Duration,
    /// `--cluster.gossip-interval`
    pub gossip_interval: Duration,
    /// `--cluster.pushpull-interval`
    pub push_pull_interval: Duration,
    /// `--cluster.tcp-timeout`
    pub tcp_timeout: Duration,
    /// `--cluster.probe-timeout`
    pub probe_timeout: Duration,
    /// `--cluster.probe-interval`
    pub probe_interval: Duration,
    /// `--cluster.settle-timeout`
    pub settle_timeout: Duration,
    /// `--cluster.reconnect-interval`
    pub reconnect_interval: Duration,
    /// `--cluster.reconnect-timeout`
    pub reconnect_timeout: Duration,
    /// `--cluster.tls-config`; read by whoever starts the node, see [`Surroundings::tls`].
    pub tls_config: Option<PathBuf>,
    /// `--cluster.allow-insecure-public-advertise-address-discovery`
    pub allow_public_advertise: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            listen_address: None,
            advertise_address: String::new(),
            peers: Vec::new(),
            peer_name: String::new(),
            label: String::new(),
            peer_timeout: Duration::from_secs(15),
            peers_resolve_timeout: Duration::from_secs(15),
            gossip_interval: Duration::from_millis(200),
            push_pull_interval: Duration::from_mins(1),
            tcp_timeout: Duration::from_secs(10),
            probe_timeout: Duration::from_millis(500),
            probe_interval: Duration::from_secs(1),
            settle_timeout: Duration::from_mins(1),
            reconnect_interval: Duration::from_secs(10),
            reconnect_timeout: Duration::from_hours(6),
            tls_config: None,
            allow_public_advertise: false,
        }
    }
}

/// What a node needs besides its flags.
#[derive(Clone)]
pub struct Surroundings {
    /// The calendar.
    pub clock: Clock,
    /// What decides names, and whom the node probes and tells.
    pub seed: u64,
    /// From `--cluster.tls-config`.
    pub tls: Option<PeerTls>,
    /// `--data.retention`
    pub retention: Duration,
    /// When states were last exchanged with a peer, as the last run left it.
    pub last_contact: Option<Timestamp>,
    /// Whether this member delivers as a fallback only (`--delivery.local=fallback`): its name then sorts last, so
    /// that nobody waits for it.
    pub is_fallback: bool,
}

impl ClusterOptions {
    /// Alertmanager's default of `--cluster.listen-address`.
    pub const LISTEN_ADDRESS: &str = "0.0.0.0:9094";

    /// Whether there is to be a cluster at all.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.listen_address().is_some_and(|address| !address.is_empty())
    }

    /// The same, listening on Alertmanager's address if nothing is said about it.
    #[must_use]
    pub fn or_by_default(mut self) -> Self {
        self.listen_address.get_or_insert_with(|| Self::LISTEN_ADDRESS.to_owned());
        self
    }

    fn listen_address(&self) -> Option<&str> {
        let default = (!self.peers.is_empty()).then_some(Self::LISTEN_ADDRESS);
        self.listen_address.as_deref().or(default)
    }

    /// What a node is started with.
    ///
    /// # Errors
    ///
    /// An address that is none, or an interval of nothing.
    pub fn peer_options(&self, surroundings: &Surroundings) -> Result<PeerOptions, GossipError> {
        let listen = parse_addr("--cluster.listen-address", self.listen_address().unwrap_or_default())?;
        let advertise = match self.advertise_address.as_str() {
            "" => None,
            text => Some(parse_addr("--cluster.advertise-address", text)?),
        };
        if let Some(peer) = self.peers.iter().find(|peer| !is_host_and_port(peer)) {
            return Err(GossipError::BadPeer(peer.clone()));
        }
        for (flag, interval) in [
            ("--cluster.gossip-interval", self.gossip_interval),
            ("--cluster.pushpull-interval", self.push_pull_interval),
            ("--cluster.probe-interval", self.probe_interval),
            ("--cluster.probe-timeout", self.probe_timeout),
            ("--cluster.tcp-timeout", self.tcp_timeout),
            ("--cluster.reconnect-interval", self.reconnect_interval),
        ] {
            if interval.is_zero() {
                return Err(GossipError::NoInterval(flag));
            }
        }
        let mut rng = fastrand::Rng::with_seed(surroundings.seed);
        let name = match self.peer_name.as_str() {
            "" => ulid((surroundings.clock)(), &mut rng),
            name => name.to_owned(),
        };
        let name = if surroundings.is_fallback { fallback_name(&name) } else { name };
        let mut options = PeerOptions::new(&name, listen, surroundings.clock.clone(), rng.u64(..));
        options.cluster = cluster::Options {
            membership: self.membership(),
            peers: self.peers.clone(),
            reconnect_interval: self.reconnect_interval,
            reconnect_timeout: self.reconnect_timeout,
            retention: surroundings.retention,
            last_contact: surroundings.last_contact,
            ..options.cluster
        };
        options.advertise = advertise;
        options.allow_public_advertise = self.allow_public_advertise;
        options.resolve_timeout = self.peers_resolve_timeout;
        options.tls = surroundings.tls.clone();
        Ok(options)
    }

    fn membership(&self) -> Config {
        Config {
            probe_interval: self.probe_interval,
            probe_timeout: self.probe_timeout,
            gossip_interval: self.gossip_interval,
            push_pull_interval: self.push_pull_interval,
            tcp_timeout: self.tcp_timeout,
            label: self.label.clone(),
            ..Config::default()
        }
    }
}

/// `ip:port`, or `:port` for all addresses.
fn parse_addr(flag: &'static str, text: &str) -> Result<SocketAddr, GossipError> {
    let bad = || GossipError::BadAddress { flag, text: text.to_owned() };
    if let Some(port) = text.strip_prefix(':') {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port.parse().map_err(|_error| bad())?));
    }
    text.parse().map_err(|_error| bad())
}

fn is_host_and_port(peer: &str) -> bool {
    let Some((host, port)) = peer.rsplit_once(':') else { return false };
    let is_bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    !host.is_empty() && !is_bare_ipv6 && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn surroundings() -> Surroundings {
        Surroundings {
            clock: Arc::new(|| Timestamp::from_unix(1_795_251_708, 0)),
            seed: 7,
            tls: None,
            retention: Duration::from_hours(120),
            last_contact: None,
            is_fallback: false,
        }
    }

    fn listening(address: &str) -> ClusterOptions {
        ClusterOptions { listen_address: Some(address.to_owned()), ..ClusterOptions::default() }
    }

    #[test]
    fn the_defaults_are_alertmanagers() {
        let options = listening(ClusterOptions::LISTEN_ADDRESS).peer_options(&surroundings()).unwrap();
        assert_eq!(options.listen, "0.0.0.0:9094".parse().unwrap());
        assert_eq!(options.cluster.membership, Config::default());
        let defaults = cluster::Options::new("", options.listen);
        assert_eq!(options.cluster.reconnect_interval, defaults.reconnect_interval);
        assert_eq!(options.cluster.reconnect_timeout, defaults.reconnect_timeout);
        assert_eq!(options.cluster.retention, defaults.retention);
        assert_eq!(options.resolve_timeout, Duration::from_secs(15));
        assert_eq!(&options.cluster.name[..6], "01M7YN");
        assert!(!ClusterOptions::default().is_enabled());
        assert!(ClusterOptions::default().or_by_default().is_enabled());
        assert!(ClusterOptions { peers: vec!["a:1".into()], ..ClusterOptions::default() }.is_enabled());
        assert!(!listening("").or_by_default().is_enabled());
    }

    #[test]
    fn names_are_kept_and_those_of_fallbacks_sort_last() {
        let named = ClusterOptions { peer_name: "a".to_owned(), ..listening(":9094") };
        assert_eq!(named.peer_options(&surroundings()).unwrap().cluster.name, "a");
        let fallback = Surroundings { is_fallback: true, ..surroundings() };
        assert_eq!(named.peer_options(&fallback).unwrap().cluster.name, "~a");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let refused =
            |options: ClusterOptions| options.peer_options(&surroundings()).unwrap_err().to_string();
        assert_eq!(
            refused(listening("localhost:9094")),
            "--cluster.listen-address \"localhost:9094\" is not IP:PORT"
        );
        let advertise = ClusterOptions { advertise_address: "10.0.0.1".into(), ..listening(":9094") };
        assert_eq!(refused(advertise), "--cluster.advertise-address \"10.0.0.1\" is not IP:PORT");
        for peer in ["a", "a:", ":1", "a:b", "a:65536", "::1:9094"] {
            let options = ClusterOptions { peers: vec![peer.to_owned()], ..listening(":9094") };
            assert_eq!(refused(options), format!("--cluster.peer {peer:?} is not host:port"));
        }
        let peers = ["a:1", "10.0.0.1:9094", "[::1]:9094"].map(str::to_owned).to_vec();
        ClusterOptions { peers, ..listening(":9094") }.peer_options(&surroundings()).unwrap();
        let idle = ClusterOptions { probe_interval: Duration::ZERO, ..listening(":9094") };
        assert_eq!(refused(idle), "--cluster.probe-interval must be longer than nothing");
    }
}
