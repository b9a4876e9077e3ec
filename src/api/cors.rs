//! What browsers are told about requests from other pages: Alertmanager's rules. Any page may read and post; none may
//! delete.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Method, StatusCode};

use super::answer::{self, Answer};

/// In the order in which browsers list them.
const HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];
const METHODS: [&str; 3] = ["GET", "POST", "HEAD"];

/// Whether a request asks what a page may do.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to such a request: what was asked for, if it may be done.
pub(super) fn preflight(headers: &HeaderMap) -> Answer {
    let mut answer = answer::empty(StatusCode::NO_CONTENT);
    let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    answer.headers_mut().insert(VARY, HeaderValue::from_static(vary));
    let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD);
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
    let allowed = headers.contains_key(ORIGIN)
        && method.and_then(|method| method.to_str().ok()).is_some_and(|method| METHODS.contains(&method))
        && wanted.is_none_or(|wanted| wanted.to_str().is_ok_and(are_allowed));
    if allowed {
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if let Some(method) = method {
            answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        }
        if let Some(wanted) = wanted {
            answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
    }
    answer
}

fn are_allowed(wanted: &str) -> bool {
    wanted.split(',').map(str::trim).filter(|name| !name.is_empty()).all(|name| HEADERS.contains(&name))
}

/// Adds to any other answer who may read it.
pub(super) fn allow(mut answer: Answer, method: &Method, from_a_page: bool) -> Answer {
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    if from_a_page && METHODS.contains(&method.as_str()) {
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_may_read_and_post_but_not_delete() {
        let ask = |method: &'static str, wanted: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static("http://page"));
            headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static(method));
            headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(wanted));
            assert!(is_preflight(&Method::OPTIONS, &headers));
            preflight(&headers).headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
        };
        assert!(ask("POST", "content-type"));
        assert!(ask("GET", "accept,x-requested-with"));
        assert!(!ask("DELETE", "content-type"));
        assert!(!ask("POST", "authorization"));
    }
}
