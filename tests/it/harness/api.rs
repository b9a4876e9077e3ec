//! What every tocsin answers, wherever it runs.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::eventually;

/// The HTTP side of a tocsin.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    base: String,
    client: reqwest::Client,
}

impl Api {
    /// At `127.0.0.1:port`, without TLS or login.
    pub(crate) fn new(port: u16) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build();
        Self { base: format!("http://127.0.0.1:{port}"), client: client.expect("a client") }
    }

    /// The same tocsin, asked by another client at another base URL.
    pub(crate) fn asked_by(client: reqwest::Client, base: String) -> Self {
        Self { base, client }
    }

    /// The base URL and the path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        self.base.split("//").last().unwrap_or_default().to_owned()
    }

    /// A request to be filled in.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// The body of a page, whatever its status; `None` when nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let answer = self.request(reqwest::Method::GET, path).send().await.ok()?;
        answer.text().await.ok()
    }

    /// A JSON page.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let text = self.get(path).await.expect("an answer");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Pushes alerts over TCP; gives the status, or the error's text.
    pub(crate) async fn push(&self, alerts: &Value) -> Result<u16, String> {
        let request = self.request(reqwest::Method::POST, "/api/v2/alerts").json(alerts);
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        Ok(answer.status().as_u16())
    }

    /// `POST /-/reload`: status and text.
    pub(crate) async fn reload(&self) -> (u16, String) {
        let answer = self.request(reqwest::Method::POST, "/-/reload").send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Sends bytes over a connection of their own and gives all that comes back until it is closed.
    pub(crate) async fn wire(&self, request: &str) -> String {
        let mut connection = TcpStream::connect(self.address()).await.expect("a connection");
        connection.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8(answer).expect("text")
    }

    /// The values of `label` of all alerts that fire, by the tocsin's own API, sorted as numbers if they are.
    pub(crate) async fn firing(&self, label: &str) -> Vec<String> {
        let alerts = self.json("/api/v2/alerts").await;
        let values = alerts.as_array().expect("a list").iter();
        let mut values: Vec<String> =
            values.filter_map(|alert| alert["labels"][label].as_str().map(str::to_owned)).collect();
        values.sort_by_key(|value| (value.parse::<usize>().unwrap_or_default(), value.clone()));
        values
    }

    /// The sum of the samples of one metric whose labels contain all of `labels` (as they are printed).
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let page = self.get("/metrics").await?;
        let samples: Vec<f64> = page
            .lines()
            .filter(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                    && labels.iter().all(|label| line.contains(label))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        (!samples.is_empty()).then(|| samples.iter().sum())
    }

    /// Waits until a metric without labels has a value.
    pub(crate) async fn wait_for_metric(&self, name: &str, wanted: f64) {
        eventually(&format!("{name} {wanted}"), || async {
            (self.metric(name, &[]).await? == wanted).then_some(())
        })
        .await;
    }

    /// Asserts the balance of G2: every accepted change is pending or has one outcome.
    pub(crate) async fn assert_balance(&self) {
        eventually("the balance of accepted, pending and ended changes", || async {
            let accepted = self.metric("tocsin_changes_accepted_total", &[]).await?;
            let ended = self.metric("tocsin_changes_total", &[]).await.unwrap_or(0.0);
            let pending = self.metric("tocsin_changes_pending", &[]).await.unwrap_or(0.0);
            (accepted == ended + pending).then_some(())
        })
        .await;
    }
}
