//! The versions of TLS that rustls speaks.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::config::TlsVersion;

/// Why a range of versions cannot be served.
pub(super) enum Unsupported {
    /// A bound at TLS 1.0 or 1.1: the key and the value as configured.
    Old(&'static str, &'static str),
    /// The maximum is below the minimum.
    Crossed,
}

/// The versions from `min` to `max`; TLS 1.2 and 1.3 where they are not given. rustls has no TLS 1.0 and 1.1, so
/// a bound there is refused: what a peer of that age offers could not be taken.
pub(super) fn range(
    min: Option<TlsVersion>,
    max: Option<TlsVersion>,
) -> Result<Vec<&'static SupportedProtocolVersion>, Unsupported> {
    for (key, bound) in [("min_version", min), ("max_version", max)] {
        match bound {
            Some(TlsVersion::Tls10) => return Err(Unsupported::Old(key, "TLS10")),
            Some(TlsVersion::Tls11) => return Err(Unsupported::Old(key, "TLS11")),
            Some(TlsVersion::Tls12 | TlsVersion::Tls13) | None => {}
        }
    }
    let min = min.unwrap_or(TlsVersion::Tls12);
    let max = max.unwrap_or(TlsVersion::Tls13);
    if max < min {
        return Err(Unsupported::Crossed);
    }
    let known = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
    Ok(known.into_iter().filter(|(version, _)| (min..=max).contains(version)).map(|(_, tls)| tls).collect())
}
