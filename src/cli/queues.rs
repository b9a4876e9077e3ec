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
        let body: Value =
            serde_json::from_slice(&answer.body).with_context(|| format!("{} is no tocsin", self.url))?;
        Ok(body["data"].clone())
    }
}

/// The answer as lines that a person reads.
fn page(queues: &Value) -> String {
    let none = Vec::new();
    let mut lines = Vec::new();
    let alertmanagers = queues["alertmanagers"].as_array().unwrap_or(&none);
    if alertmanagers.is_empty() {
        lines.push("No Alertmanager is discovered. Alerts wait in the store.".to_owned());
    }
    for queue in alertmanagers {
        lines.push(text(&queue["alertmanager"]));
        let behind = if queue["behind"] == true { ", behind: more wait in the store" } else { "" };
        let draining = if queue["draining"] == true { ", no longer discovered, draining" } else { "" };
        lines.push(format!(
            "  queued     {} of {}, {} in flight{behind}{draining}",
            queue["length"], queue["capacity"], queue["inFlight"]
        ));
        if let Some(oldest) = queue["oldest"].as_str() {
            lines.push(format!("  oldest     {oldest}"));
        }
        let answer = &queue["lastAnswer"];
        if answer.is_object() {
            let at = text(&answer["at"]);
            lines.push(match answer["delivered"] == true {
                true => format!("  answer     delivered at {at}"),
                false => format!("  answer     failed at {at}: {}", text(&answer["error"])),
            });
        }
        if let Some(until) = queue["backOffUntil"].as_str() {
            lines.push(format!("  next try   {until}"));
        }
        for letter in queue["deadLetters"].as_array().unwrap_or(&none) {
            lines.push(format!(
                "  refused    {} ({} times, last at {}): {}",
                letter["labels"],
                letter["times"],
                text(&letter["at"]),
                text(&letter["reason"])
            ));
        }
    }
    for drop in queues["relabelDrops"].as_array().unwrap_or(&none) {
        lines.push(format!(
            "dropped by alert_relabel_configs[{}]: {} ({} times, last at {})",
            drop["rule"],
            text(&drop["labels"]),
            drop["count"],
            text(&drop["at"])
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_what_waits_and_what_was_refused() {
        let queues = json!({
            "alertmanagers": [{
                "alertmanager": "http://am:9093/api/v2/alerts", "length": 3, "capacity": 100, "inFlight": 2,
                "oldest": "2026-01-01T00:00:00.000Z", "behind": true, "draining": false,
                "lastAnswer": { "at": "2026-01-01T00:00:01.000Z", "delivered": false, "error": "bad response status 503" },
                "backOffUntil": "2026-01-01T00:00:05.000Z", "tocsin": null,
                "deadLetters": [{ "labels": { "alertname": "x" }, "reason": "no", "at": "then", "times": 2 }],
            }],
            "relabelDrops": [{ "labels": "{a=\"b\"}", "rule": 1, "at": "then", "count": 4 }],
        });
        assert_eq!(
            page(&queues),
            "http://am:9093/api/v2/alerts\n  \
               queued     3 of 100, 2 in flight, behind: more wait in the store\n  \
               oldest     2026-01-01T00:00:00.000Z\n  \
               answer     failed at 2026-01-01T00:00:01.000Z: bad response status 503\n  \
               next try   2026-01-01T00:00:05.000Z\n  \
               refused    {\"alertname\":\"x\"} (2 times, last at then): no\n\
             dropped by alert_relabel_configs[1]: {a=\"b\"} (4 times, last at then)\n"
        );
        assert_eq!(page(&json!({})), "No Alertmanager is discovered. Alerts wait in the store.\n");
    }
}
