//! The HTTP client of a set: what a configuration entry says, made ready to post.

use std::sync::Arc;

use ::http::{HeaderValue, Method, header};
use url::Url;

use super::post::{Answer, BoxFuture, Post, PostRequest, TOCSIN_ID, TOCSIN_PATH};
use super::set::SetConfig;
use crate::config::AlertmanagerConfig;
use crate::model::Timestamp;
use crate::net::{ClientOptions, HttpClient, NetError, Request};

/// Posts to the Alertmanagers of one entry of the configuration.
#[derive(Debug)]
pub struct HttpPost {
    client: HttpClient,
    clock: fn() -> Timestamp,
}

impl HttpPost {
    /// Builds the client of an entry. `clock` is the wall clock, from which dates in `Retry-After` count.
    ///
    /// # Errors
    ///
    /// A certificate, key or credential that the entry names cannot be used.
    pub fn new(config: &AlertmanagerConfig, clock: fn() -> Timestamp) -> Result<Self, NetError> {
        let options = ClientOptions { sigv4: config.sigv4.clone(), ..ClientOptions::default() };
        Ok(Self { client: HttpClient::new(&config.http_client, options)?, clock })
    }
}

impl Post for HttpPost {
    fn post(&self, request: PostRequest) -> BoxFuture<Result<Answer, String>> {
        let (client, clock) = (self.client.clone(), self.clock);
        Box::pin(async move {
            let url = Url::parse(&request.url).map_err(|error| error.to_string())?;
            let path = HeaderValue::from_str(&request.path).map_err(|error| error.to_string())?;
            let mut post = Request::new(Method::POST, url, request.timeout);
            post.body = request.body;
            post.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            post.headers.insert(TOCSIN_PATH, path);
            let answer = client.send(post).await.map_err(|error| error.to_string())?;
            let tocsin = answer.headers.get(TOCSIN_ID).and_then(|id| id.to_str().ok()).map(Arc::from);
            Ok(Answer {
                status: answer.status.as_u16(),
                status_text: answer.status_text(),
                retry_after: answer.retry_after(clock()),
                body: String::from_utf8_lossy(&answer.body).into_owned(),
                tocsin,
            })
        })
    }
}

impl From<&AlertmanagerConfig> for SetConfig {
    fn from(config: &AlertmanagerConfig) -> Self {
        Self {
            hash: config.hash(),
            position: config.position.to_string(),
            scheme: config.scheme.clone(),
            path_prefix: config.path_prefix.clone(),
            timeout: config.timeout,
            relabel_configs: config.relabel_configs.rules().to_vec(),
            alert_relabel_configs: config.alert_relabel_configs.rules().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::config::PrometheusConfig;
    use crate::net::testing::{Server, ok};

    fn entry(extra: &str) -> AlertmanagerConfig {
        let text = format!("alerting:\n  alertmanagers:\n    - timeout: 5s\n      {extra}\n");
        let config = PrometheusConfig::parse(Path::new("prometheus.yml"), &text, &|_| None);
        config.expect("it is valid").alerting.alertmanagers.remove(0)
    }

    async fn post(server: &Server, extra: &str) -> Result<Answer, String> {
        let client = HttpPost::new(&entry(extra), || Timestamp::UNIX_EPOCH).expect("it can be built");
        let request = PostRequest {
            url: Arc::from(server.url("/api/v2/alerts").as_str()),
            body: Bytes::from_static(b"[{}]"),
            timeout: Duration::from_secs(5),
            path: Arc::from("them,us"),
        };
        client.post(request).await
    }

    /// TestCustomDo, and the credentials of TestHandlerSendAll.
    #[tokio::test]
    async fn posts_what_alertmanager_expects() {
        let server = Server::start(|_| (200, vec![(TOCSIN_ID, "them".to_owned())], String::new())).await;
        let answer = post(&server, "basic_auth: {username: prometheus, password: testing_password}").await;
        let answer = answer.expect("it answers");
        assert_eq!((answer.status, answer.tocsin.as_deref()), (200, Some("them")));
        let seen = server.seen().remove(0);
        assert_eq!((seen.method.as_str(), seen.uri.path()), ("POST", "/api/v2/alerts"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header(TOCSIN_PATH), Some("them,us"));
        assert_eq!(seen.header("content-length"), Some("4"));
        assert_eq!(seen.header("accept-encoding"), None);
        assert_eq!(seen.header("authorization"), Some("Basic cHJvbWV0aGV1czp0ZXN0aW5nX3Bhc3N3b3Jk"));
        assert_eq!(seen.body, &b"[{}]"[..]);
    }

    #[tokio::test]
    async fn a_redirect_that_would_lose_the_alerts_is_a_failure() {
        let server = Server::start(|seen| match seen.method.as_str() {
            "POST" => (301, vec![("location", "/elsewhere".to_owned())], String::new()),
            _ => ok("nothing was delivered"),
        })
        .await;
        let answer = post(&server, "").await.expect("it answers");
        assert_eq!(answer.status_text, "301 Moved Permanently");
        assert_eq!(server.seen().len(), 1);
    }

    #[tokio::test]
    async fn refusals_carry_their_text_and_overload_its_patience() {
        let server =
            Server::start(|_| (503, vec![("retry-after", "7".to_owned())], "\"too busy\"".to_owned())).await;
        let answer = post(&server, "").await.expect("it answers");
        assert_eq!(answer.status_text, "503 Service Unavailable");
        assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(answer.body, "\"too busy\"");
    }
}
