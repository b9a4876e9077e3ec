//! A webhook receiver that keeps what it was told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

#[derive(Clone)]
pub(crate) struct Sink {
    pub addr: SocketAddr,
    pages: Arc<Mutex<Vec<(Instant, Value)>>>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let sink = Self { addr: listener.local_addr().expect("its address"), pages: Arc::default() };
        let pages = sink.pages.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(take(connection, pages.clone()));
            }
        });
        sink
    }

    /// When, and who (`externalURL`, or `tocsin`) has notified about `alertname`.
    pub(crate) fn pages(&self, alertname: &str) -> Vec<(Instant, String)> {
        let pages = self.pages.lock().expect("the pages");
        let about = pages.iter().filter(|(_, page)| page["groupLabels"]["alertname"] == alertname);
        about.map(|(at, page)| (*at, page["externalURL"].as_str().unwrap_or_default().to_owned())).collect()
    }

    pub(crate) fn take_page(&self, page: Value) {
        self.pages.lock().expect("the pages").push((Instant::now(), page));
    }
}

async fn take(mut connection: TcpStream, pages: Arc<Mutex<Vec<(Instant, Value)>>>) {
    let mut request = Vec::new();
    let body = loop {
        if connection.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            break body.to_owned();
        }
    };
    if let Ok(page) = serde_json::from_str(&body) {
        pages.lock().expect("the pages").push((Instant::now(), page));
    }
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.ok();
}
