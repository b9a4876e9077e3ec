use std::net::IpAddr;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use crate::config::{Proxy, ProxyAddress};

/// Which requests go through which proxy (golang.org/x/net/http/httpproxy).
#[derive(Debug, Clone)]
pub(super) struct ProxyRule {
    http: Option<Url>,
    https: Option<Url>,
    /// Whether the list of exceptions applies. A plain `proxy_url` without `no_proxy` takes everything, loopback
    /// included.
    exceptions: Option<Exceptions>,
    connect_header: HeaderMap,
}

/// A parsed `no_proxy`.
#[derive(Debug, Clone, Default)]
struct Exceptions {
    everything: bool,
    hosts: Vec<(Pattern, Option<u16>)>,
}

#[derive(Debug, Clone)]
enum Pattern {
    Ip(IpAddr),
    Network(IpAddr, u8),
    /// A domain without its leading dot, and whether the name itself counts beside those below it.
    Domain(String, bool),
}

impl ProxyRule {
    /// The rule of a configuration; `env` looks up an environment variable.
    pub(super) fn new(config: &Proxy, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let connect_header = connect_header(config)?;
        match &config.address {
            ProxyAddress::Url { proxy_url, no_proxy } => {
                let proxy =
                    checked(proxy_url.parsed().clone()).map_err(|error| format!("proxy_url: {error}"))?;
                let exceptions = (!no_proxy.is_empty()).then(|| Exceptions::parse(no_proxy));
                Ok(Self { http: Some(proxy.clone()), https: Some(proxy), exceptions, connect_header })
            }
            ProxyAddress::Environment => {
                let any = |upper: &str| {
                    env(upper).or_else(|| env(&upper.to_lowercase())).filter(|text| !text.is_empty())
                };
                let proxy = |name: &str| {
                    any(name)
                        .map(|text| from_text(&text).map_err(|error| format!("{name}: {error}")))
                        .transpose()
                };
                let exceptions = any("NO_PROXY").map(|text| Exceptions::parse(&text)).unwrap_or_default();
                Ok(Self {
                    http: proxy("HTTP_PROXY")?,
                    https: proxy("HTTPS_PROXY")?,
                    exceptions: Some(exceptions),
                    connect_header,
                })
            }
        }
    }

    /// The proxy for a request to `url`; `None`: go there directly.
    pub(super) fn select(&self, url: &Url) -> Option<Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        let direct = self.exceptions.as_ref().is_some_and(|exceptions| exceptions.covers(url));
        (!direct).then(|| proxy.clone())
    }

    /// Headers of the CONNECT request for a tunnel.
    pub(super) fn connect_header(&self) -> &HeaderMap {
        &self.connect_header
    }
}

/// A proxy as the environment writes it: `http://` may be left out.
fn from_text(text: &str) -> Result<Url, String> {
    let known = |url: &Url| matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
    let url = match Url::parse(text) {
        Ok(url) if known(&url) => url,
        _ => Url::parse(&format!("http://{text}"))
            .map_err(|error| format!("invalid proxy address: {error}"))?,
    };
    checked(url)
}

fn checked(url: Url) -> Result<Url, String> {
    match url.scheme() {
        "http" | "https" | "socks5" | "socks5h" => Ok(url),
        other => {
            Err(format!("a proxy of the kind {other:?} is not known: write http, https, socks5 or socks5h"))
        }
    }
}

fn connect_header(config: &Proxy) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, values) in &config.connect_header {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_error| format!("proxy_connect_header: {name:?} is not a valid header name"))?;
        for value in values {
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_error| {
                format!("proxy_connect_header: the value of {name} is not a valid header value")
            })?;
            value.set_sensitive(true);
            headers.append(&header, value);
        }
    }
    Ok(headers)
}

impl Exceptions {
    fn parse(text: &str) -> Self {
        let mut exceptions = Self::default();
        for item in text.split(',').map(|item| item.trim().to_lowercase()).filter(|item| !item.is_empty()) {
            if item == "*" {
                return Self { everything: true, hosts: Vec::new() };
            }
            if let Some((ip, bits)) = item.split_once('/')
                && let (Ok(ip), Ok(bits)) = (ip.parse(), bits.parse())
            {
                exceptions.hosts.push((Pattern::Network(ip, bits), None));
                continue;
            }
            if let Ok(ip) = item.trim_start_matches('[').trim_end_matches(']').parse() {
                exceptions.hosts.push((Pattern::Ip(ip), None));
                continue;
            }
            let (host, port) = match item.rsplit_once(':') {
                Some((host, port)) => match port.parse() {
                    Ok(port) => (host, Some(port)),
                    Err(_) => continue,
                },
                None => (item.as_str(), None),
            };
            if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse() {
                exceptions.hosts.push((Pattern::Ip(ip), port));
                continue;
            }
            let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
            let (domain, itself) = host.strip_prefix('.').map_or((host, true), |domain| (domain, false));
            if !domain.is_empty() {
                exceptions.hosts.push((Pattern::Domain(domain.to_owned(), itself), port));
            }
        }
        exceptions
    }

    fn covers(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let listed = |ip: Option<IpAddr>, name: Option<&str>| {
            self.everything
                || self
                    .hosts
                    .iter()
                    .any(|(pattern, only)| (only.is_none() || *only == port) && pattern.matches(ip, name))
        };
        match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback() || listed(Some(IpAddr::V4(ip)), None),
            Some(Host::Ipv6(ip)) => ip.is_loopback() || listed(Some(IpAddr::V6(ip)), None),
            Some(Host::Domain(name)) => {
                let name = name.to_lowercase();
                name == "localhost" || listed(None, Some(&name))
            }
            None => false,
        }
    }
}

impl Pattern {
    fn matches(&self, ip: Option<IpAddr>, name: Option<&str>) -> bool {
        match self {
            Self::Ip(wanted) => ip.is_some_and(|ip| ip.to_canonical() == wanted.to_canonical()),
            Self::Network(network, bits) => ip.is_some_and(|ip| contains(*network, *bits, ip)),
            Self::Domain(domain, itself) => name.is_some_and(|name| {
                let below = name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
                below || (*itself && name == domain)
            }),
        }
    }
}

fn contains(network: IpAddr, bits: u8, ip: IpAddr) -> bool {
    match (network, ip.to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(bits))).unwrap_or(0);
            network.to_bits() & mask == ip.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(bits))).unwrap_or(0);
            network.to_bits() & mask == ip.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config;

    fn through(no_proxy: &str, url: &str) -> bool {
        let config = Proxy {
            address: ProxyAddress::Url {
                proxy_url: config::Url::parse("http://proxy:3128").unwrap(),
                no_proxy: no_proxy.to_owned(),
            },
            connect_header: BTreeMap::new(),
        };
        let rule = ProxyRule::new(&config, &|_| None).unwrap();
        rule.select(&Url::parse(url).unwrap()).is_some()
    }

    #[test]
    fn no_proxy_names_what_is_reached_directly() {
        for (no_proxy, url, expected) in [
            ("", "http://127.0.0.1:9093", true),
            ("x", "http://127.0.0.1:9093", false),
            ("x", "http://localhost:9093", false),
            ("example.com", "http://example.com", false),
            ("example.com", "http://am.example.com", false),
            ("example.com", "http://badexample.com", true),
            (".example.com", "http://example.com", true),
            (".example.com", "http://am.example.com", false),
            ("*.example.com", "http://AM.Example.com", false),
            ("example.com:9093", "http://example.com:9093", false),
            ("example.com:9093", "http://example.com:9094", true),
            ("example.com:443", "https://example.com", false),
            ("10.0.0.0/8", "http://10.1.2.3", false),
            ("10.0.0.0/8", "http://11.1.2.3", true),
            ("0.0.0.0/0", "http://11.1.2.3", false),
            ("10.1.2.3", "http://10.1.2.3", false),
            ("10.1.2.3:80", "http://10.1.2.3:81", true),
            ("2001:db8::/32", "http://[2001:db8::1]", false),
            ("[2001:db8::1]:80", "http://[2001:db8::1]", false),
            (" a , *", "http://anything", false),
            ("a, b", "http://b", false),
        ] {
            assert_eq!(through(no_proxy, url), expected, "no_proxy {no_proxy:?}, {url}");
        }
    }

    #[test]
    fn the_environment_counts_by_scheme_and_case() {
        let env = |name: &str| match name {
            "HTTP_PROXY" => Some("proxy:3128".to_owned()),
            "https_proxy" => Some("https://secure:3129".to_owned()),
            "NO_PROXY" => Some("direct".to_owned()),
            _ => None,
        };
        let config = Proxy { address: ProxyAddress::Environment, connect_header: BTreeMap::new() };
        let rule = ProxyRule::new(&config, &env).unwrap();
        let select = |url: &str| rule.select(&Url::parse(url).unwrap()).map(|proxy| proxy.to_string());
        assert_eq!(select("http://am").as_deref(), Some("http://proxy:3128/"));
        assert_eq!(select("https://am").as_deref(), Some("https://secure:3129/"));
        assert_eq!(select("https://direct"), None);
        let none = ProxyRule::new(&config, &|_| None).unwrap();
        assert_eq!(none.select(&Url::parse("http://am").unwrap()), None);
    }

    #[test]
    fn an_unknown_kind_of_proxy_is_refused() {
        let config = Proxy {
            address: ProxyAddress::Url {
                proxy_url: config::Url::parse("ftp://proxy").unwrap(),
                no_proxy: String::new(),
            },
            connect_header: BTreeMap::new(),
        };
        let error = ProxyRule::new(&config, &|_| None).unwrap_err();
        assert!(error.starts_with("proxy_url: a proxy of the kind \"ftp\""), "{error}");
    }
}
