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
            scheme: config.scheme.clone(),
            path_prefix: config.path_prefix.clone(),
            timeout: config.timeout,
            relabel_configs: config.relabel_configs.rules().to_vec(),
            alert_relabel_configs: config.alert_relabel_configs.rules().to_vec(),
        }
    }
}
