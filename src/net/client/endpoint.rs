use std::path::{Path, PathBuf};

use url::Url;

/// Where an HTTP server is: at a URL, or behind a Unix socket.
///
/// Written `http://host:port/prefix`, `https://…`, or `unix:/run/tocsin/tocsin.sock`; for a socket a path prefix can
/// follow after a second colon: `unix:/run/tocsin/tocsin.sock:/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    socket: Option<PathBuf>,
    base: Url,
}

/// A text that is no [`Endpoint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {reason}")]
pub struct EndpointError {
    text: String,
    reason: String,
}

impl Endpoint {
    /// Reads an endpoint.
    ///
    /// # Errors
    ///
    /// Neither an http or https URL with a host nor `unix:` with a path.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let bad = |reason: &str| EndpointError { text: text.to_owned(), reason: reason.to_owned() };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let (path, prefix) = path.split_once(':').unwrap_or((path, ""));
            if path.is_empty() {
                return Err(bad("the path of the socket is missing: write unix:/run/tocsin/tocsin.sock"));
            }
            let mut base = Url::parse("http://localhost/").map_err(|error| bad(&error.to_string()))?;
            // A prefix is a path, whatever it looks like.
            base.set_path(prefix);
            return Ok(Self { socket: Some(PathBuf::from(path)), base });
        }
        let base = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(bad("write http://host:port, https://host:port or unix:/path/of.sock"));
        }
        Ok(Self { socket: None, base })
    }

    /// The Unix socket to connect to, if it is one: for [`ClientOptions::unix_socket`](super::ClientOptions).
    #[must_use]
    pub fn unix_socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The URL of `path` (absolute, such as `/api/v2/alerts`) below the endpoint's own prefix.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_sockets() {
        let url = |text: &str| Endpoint::parse(text).unwrap().url("/api/v2/alerts").to_string();
        assert_eq!(url("http://am:9093"), "http://am:9093/api/v2/alerts");
        assert_eq!(url("https://am/prefix/"), "https://am/prefix/api/v2/alerts");
        assert_eq!(url("unix:/run/t.sock"), "http://localhost/api/v2/alerts");
        assert_eq!(url("unix:/run/t.sock:/am"), "http://localhost/am/api/v2/alerts");
        assert_eq!(url("unix:/run/t.sock:http://am/"), "http://localhost/http://am/api/v2/alerts");
        let endpoint = Endpoint::parse("unix:///run/t.sock").unwrap();
        assert_eq!(endpoint.unix_socket(), Some(Path::new("/run/t.sock")));
        for bad in ["unix:", "am:9093", "ftp://am", "http://"] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }
}
