//! Posting by HTTP: the client of a set.

use std::sync::Arc;

use http::{HeaderValue, Method, header};
use url::Url;

use super::post::{Answer, BoxFuture, Post, PostRequest, TOCSIN_ID, TOCSIN_PATH};
use super::set::SetConfig;
use super::store::{Clock, Prepared};
use crate::config::AlertmanagerConfig;
use crate::net::{ClientOptions, HttpClient, NetError, Request, Response};

/// How much of an answer's body is kept: enough for Alertmanager to say which alert it refuses.
const ANSWER_MAX: usize = 4096;

/// An [`HttpClient`] that posts batches.
struct HttpPost {
    client: HttpClient,
    clock: Clock,
}

impl Prepared {
    /// Builds the client of every entry. `clock` is needed to read dates in `Retry-After`.
    ///
    /// # Errors
    ///
    /// The first client that cannot be built, for example for a certificate that cannot be read.
    pub fn new(entries: &[AlertmanagerConfig], user_agent: &str, clock: &Clock) -> Result<Self, NetError> {
        let sets = entries.iter().map(|entry| {
            let options = ClientOptions {
                user_agent: user_agent.to_owned(),
                sigv4: entry.sigv4.clone(),
                ..ClientOptions::default()
            };
            let client = HttpClient::new(&entry.http_client, options)?;
            let post: Arc<dyn Post> = Arc::new(HttpPost { client, clock: Arc::clone(clock) });
            Ok((SetConfig::from(entry), post))
        });
        Ok(Self { sets: sets.collect::<Result<_, _>>()? })
    }
}

impl From<&AlertmanagerConfig> for SetConfig {
    fn from(entry: &AlertmanagerConfig) -> Self {
        Self {
            hash: entry.hash(),
            scheme: entry.scheme.clone(),
            path_prefix: entry.path_prefix.clone(),
            timeout: entry.timeout,
            relabel_configs: entry.relabel_configs.rules().to_vec(),
            alert_relabel_configs: entry.alert_relabel_configs.rules().to_vec(),
        }
    }
}

impl Post for HttpPost {
    fn post(&self, request: PostRequest) -> BoxFuture<Result<Answer, String>> {
        let (client, clock) = (self.client.clone(), Arc::clone(&self.clock));
        Box::pin(async move {
            let url =
                Url::parse(&request.url).map_err(|error| format!("parse {:?}: {error}", request.url))?;
            let mut http = Request::new(Method::POST, url, request.timeout);
            http.body = request.body;
            http.max_answer = ANSWER_MAX;
            http.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if let Ok(path) = HeaderValue::from_str(&request.path) {
                http.headers.insert(TOCSIN_PATH, path);
            }
            let response = client.send(http).await.map_err(|error| error.to_string())?;
            Ok(answer(&response, &clock))
        })
    }
}

fn answer(response: &Response, clock: &Clock) -> Answer {
    let tocsin = response.headers.get(TOCSIN_ID).and_then(|id| id.to_str().ok());
    Answer {
        status: response.status.as_u16(),
        status_text: response.status_text(),
        retry_after: response.retry_after(clock()),
        body: String::from_utf8_lossy(&response.body).into_owned(),
        tocsin: tocsin.map(Arc::from),
    }
}
