#[cfg(feature = "dns-sd")]
mod lookup;

#[cfg(feature = "dns-sd")]
pub(super) use lookup::DnsDiscovery;
