//! Under which address others reach this node.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use super::GossipError;

/// Any address outside; connecting a UDP socket to it sends nothing, and shows which of our addresses would be used.
const OUTSIDE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// The address to tell others: `explicit` (`--cluster.advertise-address`), else the one we listen on, else, listening
/// on all, the one that traffic to the outside leaves from, if it is private or `allow_public`.
pub(super) fn advertise_addr(
    explicit: Option<SocketAddr>,
    listening: SocketAddr,
    allow_public: bool,
) -> Result<SocketAddr, GossipError> {
    if let Some(explicit) = explicit {
        let port = if explicit.port() == 0 { listening.port() } else { explicit.port() };
        return Ok(SocketAddr::new(explicit.ip().to_canonical(), port));
    }
    if !listening.ip().is_unspecified() {
        return Ok(SocketAddr::new(listening.ip().to_canonical(), listening.port()));
    }
    let ip =
        outgoing_ip().filter(|ip| is_private(*ip) || allow_public).ok_or(GossipError::NoAdvertiseAddress)?;
    Ok(SocketAddr::new(ip, listening.port()))
}

fn outgoing_ip() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(OUTSIDE).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified()).then_some(ip)
}

/// RFC 1918, RFC 6598 (carriers' own), and IPv6's unique local addresses.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_given_is_used() {
        let any = addr("0.0.0.0:9094");
        let told = |explicit: &str| advertise_addr(Some(addr(explicit)), any, false).unwrap();
        assert_eq!(told("203.0.113.7:1"), addr("203.0.113.7:1"));
        assert_eq!(told("203.0.113.7:0"), addr("203.0.113.7:9094"));
        assert_eq!(told("[::ffff:10.1.2.3]:5"), addr("10.1.2.3:5"));
        assert_eq!(advertise_addr(None, addr("127.0.0.1:7"), false).unwrap(), addr("127.0.0.1:7"));
    }

    #[test]
    fn private_addresses() {
        for ip in ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "100.127.255.255", "fd00::1"] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["8.8.8.8", "100.63.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }
}
