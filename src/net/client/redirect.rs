use ::http::{HeaderMap, Method, StatusCode, header};
use url::{Host, Url};

use super::request::SendError;

/// How many requests one redirected request may become (Go's net/http).
pub(super) const MAX_HOPS: usize = 10;

/// Where an answer sends a request, if it is to be followed.
///
/// 307 and 308 repeat the request as it was. 301, 302 and 303 are followed for GET and HEAD; for anything else they
/// would turn the request into a GET without its body, so the answer is handed back instead.
pub(super) fn target(
    method: &Method,
    at: &Url,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Url>, SendError> {
    let followed = match status.as_u16() {
        307 | 308 => true,
        301..=303 => matches!(*method, Method::GET | Method::HEAD),
        _ => false,
    };
    let Some(location) = headers.get(header::LOCATION).filter(|_| followed) else { return Ok(None) };
    let text = String::from_utf8_lossy(location.as_bytes()).into_owned();
    match at.join(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
        Ok(_) | Err(_) => Err(SendError::BadRedirect(text)),
    }
}

/// Whether a request may carry to `host` the credentials meant for `origin`: the same host, or one below it. The
/// port does not matter.
pub(super) fn is_trusted(url: &Url, origin: &Url) -> bool {
    match (url.host(), origin.host()) {
        (Some(Host::Domain(host)), Some(Host::Domain(origin))) => {
            host == origin || host.strip_suffix(origin).is_some_and(|rest| rest.ends_with('.'))
        }
        (host, origin) => host.is_some() && host == origin,
    }
}

/// Takes out what must not leave the origin's host (Go's net/http).
pub(super) fn strip_credentials(headers: &mut HeaderMap) {
    for name in [
        header::AUTHORIZATION,
        header::COOKIE,
        header::WWW_AUTHENTICATE,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
    ] {
        headers.remove(name);
    }
    headers.remove("cookie2");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(url: &str, origin: &str) -> bool {
        is_trusted(&Url::parse(url).unwrap(), &Url::parse(origin).unwrap())
    }

    #[test]
    fn credentials_stay_with_the_host_and_those_below_it() {
        assert!(trusted("http://am.example.com:81", "http://AM.example.com"));
        assert!(trusted("http://a.example.com", "http://example.com"));
        assert!(!trusted("http://example.com", "http://a.example.com"));
        assert!(!trusted("http://badexample.com", "http://example.com"));
        assert!(trusted("http://127.0.0.1:1", "http://127.0.0.1:2"));
        assert!(!trusted("http://127.0.0.1", "http://127.0.0.2"));
    }
}
