//! A stand-in for an Alertmanager: takes what is pushed to `/api/v2/alerts` and prints one line per alert.
//!
//! ```text
//! firing   {alertname="DiskAlmostFull", instance="db1:9100"} since 2026-01-01T00:00:00Z summary="…"
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tocsin::model::{PostedAlert, Timestamp, decode_alerts, format_label_set};
use tokio::net::TcpListener;

#[derive(Parser)]
#[command(about = "Prints the alerts that are pushed to it")]
struct Flags {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:19093")]
    listen: SocketAddr,
}

/// Larger bodies are refused.
const MAX_BODY: usize = 16 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let listener = TcpListener::bind(flags.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let served = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
            if let Err(error) = served {
                eprintln!("connection: {error}");
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::POST, path) if path.ends_with("/api/v2/alerts") => take(request.into_body()).await,
        (&Method::GET, "/-/healthy" | "/-/ready") => (StatusCode::OK, "OK".to_owned()),
        _ => (StatusCode::NOT_FOUND, "only POST /api/v2/alerts is taken here".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    Ok(response)
}

async fn take(body: Incoming) -> (StatusCode, String) {
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()),
    };
    match decode_alerts(&body) {
        Ok(alerts) => {
            let now = now();
            for alert in &alerts {
                println!("{}", line(alert, now));
            }
            (StatusCode::OK, String::new())
        }
        Err(error) => {
            eprintln!("refused: {error}");
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, String::from_utf8_lossy(&error.to_json()).into_owned())
        }
    }
}

fn line(alert: &PostedAlert, now: Timestamp) -> String {
    let state = if alert.is_firing_at(now) { "firing  " } else { "resolved" };
    let since = alert.starts_at.map(|time| format!(" since {time}")).unwrap_or_default();
    let annotations: Vec<String> =
        alert.annotations.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
    format!("{state} {}{since}{}", format_label_set(&alert.labels), annotations.concat())
}

#[expect(clippy::disallowed_methods, reason = "a program of its own reads its own clock")]
fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::UNIX_EPOCH + since_1970
}
