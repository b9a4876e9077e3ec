use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::net::NetError;

/// Where to listen, as `--web.listen-address` writes it: `host:port`, `:port` (every interface) or
/// `unix:/path/of.sock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP address. An empty host means every interface, IPv6 and IPv4.
    Tcp {
        /// A name, an IPv4 address or an IPv6 address without brackets; empty for every interface.
        host: String,
        /// The port; 0 lets the kernel choose.
        port: u16,
    },
    /// The path of a Unix stream socket.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let bad = |reason| NetError::ListenAddress { address: text.to_owned(), reason };
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///run/x.sock` is the same path written as a URL.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(bad("the path of the socket is missing: write unix:/run/tocsin/tocsin.sock"));
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let (host, port) =
            text.rsplit_once(':').ok_or_else(|| bad("the port is missing: write host:port"))?;
        let port = port.parse().map_err(|_error| bad("the port is not a number from 0 to 65535"))?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or_else(|| bad("the bracket is not closed"))?,
            None if host.contains(':') => {
                return Err(bad("an IPv6 address needs brackets: write [::1]:9095"));
            }
            None => host,
        };
        if host.contains(|character: char| {
            matches!(character, '[' | ']') || character.is_whitespace() || character.is_control()
        }) {
            return Err(bad("the host is neither a name nor an address"));
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
