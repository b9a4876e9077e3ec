//! Which handler a method and a path lead to. The set is closed, so that metrics can carry the handler's name.

use http::Method;

/// Everything that the server answers, by its path below the route prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `GET /`
    Root,
    /// `GET /-/healthy`
    Healthy,
    /// `GET /-/ready`
    Ready,
    /// `POST /-/reload`
    Reload,
    /// `GET /metrics`
    Metrics,
    /// `GET /api/v1/alertmanagers`, as Prometheus has it
    Alertmanagers,
    /// `GET /api/v1/queues`
    Queues,
    /// `GET /api/v2/status`
    Status,
    /// `GET /api/v2/alerts`
    GetAlerts,
    /// `POST /api/v2/alerts`
    PostAlerts,
    /// What Alertmanager answered under `/api/v1` before 0.27
    RemovedV1,
    /// `GET /api/v2/alerts/groups`
    Groups,
    /// `GET /api/v2/receivers`
    Receivers,
    /// `GET /api/v2/silences`
    GetSilences,
    /// `POST /api/v2/silences`
    PostSilences,
    /// `GET /api/v2/silence/{silenceID}`
    GetSilence,
    /// `DELETE /api/v2/silence/{silenceID}`
    DeleteSilence,
    /// `GET /api/v2/swagger.json`: the document that describes the API
    OpenApi,
}

/// Why a request leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// No such path.
    NotFound,
    /// The path exists, but not with this method; the methods that it has, as the `Allow` header lists them.
    Method(&'static str),
}

impl Route {
    /// The path, as the metrics' label `handler` shows it.
    #[must_use]
    pub const fn handler(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Healthy => "/-/healthy",
            Self::Ready => "/-/ready",
            Self::Reload => "/-/reload",
            Self::Metrics => "/metrics",
            Self::Alertmanagers => "/api/v1/alertmanagers",
            Self::Queues => "/api/v1/queues",
            Self::Status => "/api/v2/status",
            Self::GetAlerts | Self::PostAlerts => "/api/v2/alerts",
            Self::RemovedV1 => "/api/v1",
            Self::Groups => "/api/v2/alerts/groups",
            Self::Receivers => "/api/v2/receivers",
            Self::GetSilences | Self::PostSilences => "/api/v2/silences",
            Self::GetSilence | Self::DeleteSilence => "/api/v2/silence/{silenceID}",
            Self::OpenApi => "/api/v2/swagger.json",
        }
    }
}

/// The route of `method` and `path`, a path below the route prefix that begins with `/`.
pub fn route(method: &Method, path: &str) -> Result<Route, NoRoute> {
    if let Some(rest) = path.strip_prefix("/api/v2/") {
        // go-openapi takes a path with a slash at its end for the same.
        return api_v2(method, rest.strip_suffix('/').unwrap_or(rest));
    }
    let read = |route| {
        if matches!(*method, Method::GET | Method::HEAD) { Ok(route) } else { Err(NoRoute::Method("GET")) }
    };
    match path {
        "/" => read(Route::Root),
        "/-/healthy" => read(Route::Healthy),
        "/-/ready" => read(Route::Ready),
        "/-/reload" if matches!(*method, Method::POST | Method::PUT) => Ok(Route::Reload),
        "/-/reload" => Err(NoRoute::Method("POST,PUT")),
        "/metrics" => read(Route::Metrics),
        "/api/v1/alertmanagers" => read(Route::Alertmanagers),
        "/api/v1/queues" => read(Route::Queues),
        "/api/v1/alerts" | "/api/v1/status" | "/api/v1/receivers" | "/api/v1/silences" => {
            Ok(Route::RemovedV1)
        }
        _ if path.starts_with("/api/v1/silence/") => Ok(Route::RemovedV1),
        _ => Err(NoRoute::NotFound),
    }
}

/// The route of what comes after `/api/v2/`.
fn api_v2(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let get = |route| if *method == Method::GET { Ok(route) } else { Err(NoRoute::Method("GET")) };
    match path {
        "status" => get(Route::Status),
        "receivers" => get(Route::Receivers),
        "swagger.json" => get(Route::OpenApi),
        "alerts/groups" => get(Route::Groups),
        "alerts" => match *method {
            Method::GET => Ok(Route::GetAlerts),
            Method::POST => Ok(Route::PostAlerts),
            _ => Err(NoRoute::Method("GET,POST")),
        },
        "silences" => match *method {
            Method::GET => Ok(Route::GetSilences),
            Method::POST => Ok(Route::PostSilences),
            _ => Err(NoRoute::Method("GET,POST")),
        },
        _ => match path.strip_prefix("silence/") {
            Some(id) if !id.is_empty() && !id.contains('/') => match *method {
                Method::GET => Ok(Route::GetSilence),
                Method::DELETE => Ok(Route::DeleteSilence),
                _ => Err(NoRoute::Method("DELETE,GET")),
            },
            _ => Err(NoRoute::NotFound),
        },
    }
}

/// The path below `prefix` (`/`, or `/some/path` without a slash at the end); `None` if it is not below.
#[must_use]
pub fn below_prefix<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    if prefix == "/" {
        return Some(path);
    }
    match path.strip_prefix(prefix)? {
        "" => Some("/"),
        rest if rest.starts_with('/') => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_handler_or_says_why_not() {
        let cases = [
            (Method::GET, "/-/healthy", Ok(Route::Healthy)),
            (Method::HEAD, "/-/ready", Ok(Route::Ready)),
            (Method::POST, "/api/v2/alerts", Ok(Route::PostAlerts)),
            (Method::PUT, "/api/v2/alerts", Err(NoRoute::Method("GET,POST"))),
            (Method::GET, "/-/reload", Err(NoRoute::Method("POST,PUT"))),
            (Method::POST, "/metrics", Err(NoRoute::Method("GET"))),
            (Method::POST, "/api/v1/alerts", Ok(Route::RemovedV1)),
            (Method::DELETE, "/api/v2/silence/8d6c0b2e", Ok(Route::DeleteSilence)),
            (Method::POST, "/api/v2/silence/8d6c0b2e", Err(NoRoute::Method("DELETE,GET"))),
            (Method::GET, "/api/v2/silence/", Err(NoRoute::NotFound)),
            (Method::GET, "/api/v2/silence/a/b", Err(NoRoute::NotFound)),
            (Method::GET, "/api/v2/alerts/", Ok(Route::GetAlerts)),
            (Method::HEAD, "/api/v2/receivers", Err(NoRoute::Method("GET"))),
            (Method::GET, "/api/v2/alerts/groups/", Ok(Route::Groups)),
            (Method::GET, "/nothing", Err(NoRoute::NotFound)),
        ];
        for (method, path, expected) in cases {
            assert_eq!(route(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn strips_the_route_prefix() {
        assert_eq!(below_prefix("/", "/metrics"), Some("/metrics"));
        assert_eq!(below_prefix("/tocsin", "/tocsin/metrics"), Some("/metrics"));
        assert_eq!(below_prefix("/tocsin", "/tocsin"), Some("/"));
        assert_eq!(below_prefix("/tocsin", "/tocsins/metrics"), None);
        assert_eq!(below_prefix("/tocsin", "/metrics"), None);
    }
}
