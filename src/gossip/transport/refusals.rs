//! Peers with which TLS fails: the log says so, but not for each of the attempts that such a peer makes every second.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A peer that goes on failing is spoken of again after so long.
const PAUSE: Duration = Duration::from_mins(1);
/// The most peers remembered; of more than that in one minute the log says nothing.
const MAX_REMEMBERED: usize = 256;

/// Who has dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Them,
    Us,
}

/// When which peer was last spoken of.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<(IpAddr, Side), Instant>>);

impl Refusals {
    /// A connection that `peer` opened has failed.
    pub(super) fn of_theirs(&self, peer: SocketAddr, err: &io::Error) {
        if is_of_tls(err) && self.is_due(peer.ip(), Side::Them, Instant::now()) {
            tracing::warn!(component = "cluster", %peer, %err, "A peer's connection was refused: its TLS handshake failed");
        }
    }

    /// A connection that we opened to `peer` has failed.
    pub(super) fn of_ours(&self, peer: SocketAddr, err: &io::Error) {
        if is_of_tls(err) && self.is_due(peer.ip(), Side::Us, Instant::now()) {
            tracing::warn!(component = "cluster", %peer, %err, "TLS to a peer failed");
        }
    }

    fn is_due(&self, peer: IpAddr, side: Side, now: Instant) -> bool {
        let mut spoken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spoken.retain(|_, at| now.duration_since(*at) < PAUSE);
        if spoken.contains_key(&(peer, side)) || spoken.len() >= MAX_REMEMBERED {
            return false;
        }
        spoken.insert((peer, side), now);
        true
    }
}

/// Whether TLS itself is at fault (a certificate, a version, no TLS at all), and not the network or a port scan.
fn is_of_tls(err: &io::Error) -> bool {
    err.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_spoken_of_once_a_minute_and_each_side_for_itself() {
        let refusals = Refusals::default();
        let now = Instant::now();
        let peer = |last| IpAddr::from([192, 0, 2, last]);
        let due = |last, side, seconds| refusals.is_due(peer(last), side, now + Duration::from_secs(seconds));
        assert!(due(1, Side::Them, 0));
        assert!(!due(1, Side::Them, 1));
        assert!(due(1, Side::Us, 1));
        assert!(due(2, Side::Them, 1));
        assert!(!due(1, Side::Them, 59));
        assert!(due(1, Side::Them, 60));
    }

    #[test]
    fn no_more_peers_are_remembered_than_there_is_room_for() {
        let refusals = Refusals::default();
        let now = Instant::now();
        let peer = |number: usize| IpAddr::from(u32::try_from(number).expect("an address").to_be_bytes());
        for number in 0..MAX_REMEMBERED {
            assert!(refusals.is_due(peer(number), Side::Them, now));
        }
        assert!(!refusals.is_due(peer(MAX_REMEMBERED), Side::Them, now));
        assert!(refusals.is_due(peer(MAX_REMEMBERED), Side::Them, now + PAUSE));
    }

    #[test]
    fn only_faults_of_tls_are_spoken_of() {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_of_tls(&io::Error::new(io::ErrorKind::InvalidData, unknown)));
        assert!(!is_of_tls(&io::ErrorKind::UnexpectedEof.into()));
        assert!(!is_of_tls(&io::ErrorKind::InvalidData.into()));
    }
}
