//! From a discovered target to the URL that alerts are posted to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::set::SetConfig;
use super::view::Discovered;
use crate::model::{LabelSet, LabelSetBuilder, relabel_builder};

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const ALERTS_PATH: &str = "__alerts_path__";

/// A target whose address cannot be one; its whole group is left out (Prometheus's `CheckTargetAddress`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid hostname")]
pub struct AddressError(pub String);

/// The URLs that the targets of one group give: those to post to, and those that relabelling dropped, by what they
/// were before it. Prometheus's `AlertmanagerFromGroup`; the group is not changed.
///
/// # Errors
///
/// A target's address has a slash after relabelling.
pub fn alertmanagers_from_group(
    targets: &[LabelSet],
    labels: &LabelSet,
    config: &SetConfig,
) -> Result<Discovered, AddressError> {
    let path = post_path(&config.path_prefix);
    let mut urls = Discovered::default();
    for target in targets {
        let mut builder = LabelSetBuilder::new(target);
        builder.set(SCHEME, &config.scheme);
        builder.set(ALERTS_PATH, &path);
        for (name, value) in labels {
            if target.get(name).is_none() {
                builder.set(name, value);
            }
        }
        let before = builder.build();
        if relabel_builder(&config.relabel_configs, &mut builder).is_some() {
            urls.dropped.push(push_url(&before));
            continue;
        }
        let address = builder.get(ADDRESS).unwrap_or_default();
        if address.contains('/') {
            return Err(AddressError(address.to_owned()));
        }
        urls.active.push(push_url(&builder.build()));
    }
    Ok(urls)
}

/// The path of API v2's alerts below `prefix`, cleaned as Go's `path.Join` does.
#[must_use]
pub fn post_path(prefix: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in prefix.split('/').chain(["api", "v2", "alerts"]) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// The push URL of a target as Go's `url.URL.String` prints it: what names the Alertmanager in metrics and logs, and
/// what is requested.
fn push_url(labels: &LabelSet) -> Arc<str> {
    let part = |name| labels.get(name).unwrap_or_default();
    let (scheme, host, path) = (part(SCHEME), part(ADDRESS), part(ALERTS_PATH));
    let mut url = String::new();
    if !scheme.is_empty() {
        url.push_str(scheme);
        url.push(':');
    }
    if !(host.is_empty() && (path.is_empty() || scheme.is_empty())) {
        url.push_str("//");
    }
    push_escaped(&mut url, host, b"!$&'()*+,;=:[]<>\"-_.~");
    if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
        url.push('/');
    }
    if path == "*" {
        url.push('*');
    } else {
        push_escaped(&mut url, path, b"$&+,/:;=@-_.~");
    }
    Arc::from(url)
}

fn push_escaped(url: &mut String, text: &str, plain: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push('%');
            let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16));
            url.extend(digits.into_iter().flatten().map(|digit| digit.to_ascii_uppercase()));
        }
    }
}

/// Whether a push URL leads to one of our own listening sockets, as far as the address tells: `localhost` and any
/// loopback address are a listener on every address too. A name that resolves to us is found out by the answer.
#[must_use]
pub fn is_own(url: &str, listeners: &[SocketAddr]) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let Some(port) = url.port_or_known_default() else { return false };
    let ip: Option<IpAddr> = match url.host() {
        Some(url::Host::Ipv4(ip)) => Some(ip.into()),
        Some(url::Host::Ipv6(ip)) => Some(ip.into()),
        Some(url::Host::Domain("localhost")) => None,
        Some(url::Host::Domain(_)) | None => return false,
    };
    listeners.iter().any(|listener| {
        listener.port() == port
            && match ip {
                Some(ip) => {
                    listener.ip() == ip
                        || (listener.ip().is_unspecified() && (ip.is_loopback() || ip.is_unspecified()))
                }
                None => listener.ip().is_loopback() || listener.ip().is_unspecified(),
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (prefix, path) in [
            ("", "/api/v2/alerts"),
            ("/", "/api/v2/alerts"),
            ("/prefix", "/prefix/api/v2/alerts"),
            ("/prefix//", "/prefix/api/v2/alerts"),
            ("prefix//", "/prefix/api/v2/alerts"),
            ("/a/../b/.", "/b/api/v2/alerts"),
        ] {
            assert_eq!(post_path(prefix), path, "{prefix:?}");
        }
    }

    #[test]
    fn urls_are_what_go_prints() {
        for (scheme, address, path, url) in [
            ("http", "am:9093", "/api/v2/alerts", "http://am:9093/api/v2/alerts"),
            ("http", "am", "api?x#y", "http://am/api%3Fx%23y"),
            ("https", "[::1]:9093", "/%41", "https://[::1]:9093/%2541"),
            ("http", "am:9093", "", "http://am:9093"),
            ("http", "user:pass@host", "/ü (1)", "http://user:pass%40host/%C3%BC%20%281%29"),
        ] {
            let labels = [(SCHEME, scheme), (ADDRESS, address), (ALERTS_PATH, path)];
            assert_eq!(&*push_url(&labels.into_iter().collect()), url);
        }
    }

    #[test]
    fn our_own_listeners_are_known() {
        let any: Vec<SocketAddr> = vec!["0.0.0.0:9095".parse().expect("an address")];
        let one: Vec<SocketAddr> = vec!["127.0.0.1:9095".parse().expect("an address")];
        for (url, on_any, on_one) in [
            ("http://127.0.0.1:9095/api/v2/alerts", true, true),
            ("http://localhost:9095/api/v2/alerts", true, true),
            ("http://127.0.0.1:9093/api/v2/alerts", false, false),
            ("http://10.0.0.1:9095/api/v2/alerts", false, false),
            ("http://am:9095/api/v2/alerts", false, false),
        ] {
            assert_eq!((is_own(url, &any), is_own(url, &one)), (on_any, on_one), "{url}");
        }
    }
}
