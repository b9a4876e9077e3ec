//! For the fallback the silences of the Alertmanagers count: they are read from each one's API every minute, and
//! when the Alertmanagers change. They enter like those of a peer, so the journal has the last copy when no
//! Alertmanager answers any longer. An answer is also a sign of life, for those whose rule engine repeats nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::watch;
use url::Url;

use super::engine_task::EngineHandle;
use crate::client::decode_silences;
use crate::config::{Config, Coordinator};
use crate::engine::{DeliveryEvent, Event};
use crate::model::{Destination, Silence};
use crate::net::{ClientOptions, HttpClient, NetError, Request};

/// How often silences are read.
const INTERVAL: Duration = Duration::from_mins(1);
/// An answer that is longer is not used, in bytes.
const LARGEST: usize = 64 << 20;

/// The clients of the entries of `alertmanagers`, by the hash of the entry.
pub(super) type Clients = HashMap<[u8; 16], (HttpClient, Duration)>;

/// Clients follow the configuration; built before anything changes.
pub(super) fn subscribe(coordinator: &mut Coordinator) -> watch::Receiver<Arc<Clients>> {
    let (publish, clients) = watch::channel(Arc::default());
    coordinator.subscribe("silences", move |config: &Arc<Config>| {
        let entries = config.prometheus.iter().flat_map(|prometheus| &prometheus.alerting.alertmanagers);
        let built = entries.map(|entry| {
            let options = ClientOptions { sigv4: entry.sigv4.clone(), ..ClientOptions::default() };
            Ok((*entry.hash().as_bytes(), (HttpClient::new(&entry.http_client, options)?, entry.timeout)))
        });
        let built = Arc::new(built.collect::<Result<Clients, NetError>>()?);
        let publish = publish.clone();
        Ok(Box::new(move || {
            publish.send_replace(built);
        }))
    });
    clients
}

/// Reads the silences of all active Alertmanagers, over and over. Never ends.
pub(super) async fn run(
    engine: EngineHandle,
    clients: watch::Receiver<Arc<Clients>>,
    mut active: watch::Receiver<Vec<Destination>>,
    retention: Duration,
) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Ok(()) = active.changed() => {}
        }
        let all = active.borrow_and_update().clone();
        let clients = Arc::clone(&clients.borrow());
        for destination in all {
            let Some((client, timeout)) = clients.get(&destination.set) else { continue };
            match read(client, &destination.url, *timeout).await {
                Ok(silences) => {
                    tell(&engine, silences, retention).await;
                    engine.happened(Event::Answered(destination)).await;
                }
                Err(error) => tracing::debug!(
                    component = "silences",
                    alertmanager = %destination.url,
                    err = error,
                    "Cannot read the silences of an Alertmanager; the last copy counts"
                ),
            }
        }
    }
}

async fn tell(engine: &EngineHandle, silences: Vec<Silence>, retention: Duration) {
    for silence in silences {
        let expires_at = silence.ends_at + retention;
        let event = DeliveryEvent::PeerSilence { silence: Box::new(silence), expires_at };
        engine.happened(Event::Delivery(event)).await;
    }
}

async fn read(client: &HttpClient, push_url: &str, timeout: Duration) -> Result<Vec<Silence>, String> {
    let base = push_url.strip_suffix("/alerts").ok_or("not a push URL")?;
    let url = Url::parse(&format!("{base}/silences")).map_err(|error| error.to_string())?;
    let mut request = Request::new(Method::GET, url, timeout);
    request.max_answer = LARGEST;
    let answer = client.send(request).await.map_err(|error| error.to_string())?;
    if answer.status != http::StatusCode::OK {
        return Err(answer.status_text());
    }
    if answer.truncated {
        return Err(format!("the answer is longer than {LARGEST} bytes"));
    }
    decode_silences(&answer.body).map_err(|error| error.to_string())
}
