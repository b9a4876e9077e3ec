//! `tocsin queues`: the queue of every Alertmanager, for people.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use http::Method;
use serde_json::Value;

use crate::config::HttpClientConfig;
use crate::net::{ClientOptions, Endpoint, HttpClient, Request};

/// How large an answer may be, in bytes.
const MOST: usize = 64 << 20;

/// Show the queue of every Alertmanager.
#[derive(Debug, Args)]
pub(super) struct Queues {
    /// Where the running tocsin is: http://HOST:PORT or unix:PATH.
    #[arg(long = "tocsin.url", value_name = "URL", default_value = "http://127.0.0.1:9095")]
    url: String,
    /// How long to wait for its answer.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = crate::model::parse_duration)]
    timeout: Duration,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Queues {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let queues = runtime.block_on(self.ask())?;
        if self.json {
            println!("{queues}");
        } else {
            print!("{}", page(&queues));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn ask(&self) -> anyhow::Result<Value> {
        let endpoint = Endpoint::parse(&self.url)?;
        let options =
            ClientOptions { unix_socket: endpoint.unix_socket().map(Into::into), ..ClientOptions::default() };
        let client = HttpClient::new(&HttpClientConfig::default(), options)?;
        let mut request = Request::new(Method::GET, endpoint.url("/api/v1/queues"), self.timeout);
        request.max_answer = MOST;
        let answer = client.send(request).await.with_context(|| format!("no answer from {}", self.url))?;
        if !answer.status.is_success() {
            bail!("{} answered {}", self.url, answer.status_text());
        }
        let body: Value = serde_json::from_slice(&answer.body).with_context(|| format!("{} is no tocsin", self.url))?;
        Ok(body["data"].clone())
    }
}
