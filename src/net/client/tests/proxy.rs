use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{client, post};
use crate::config::{HttpClientConfig, Proxy, ProxyAddress, Secret, Source, TlsConfig, Url};
use crate::net::TlsServer;
use crate::net::testing::{Authority, Server, ok, server_tls};

fn through(proxy_url: &str, no_proxy: &str) -> HttpClientConfig {
    let address =
        ProxyAddress::Url { proxy_url: Url::parse(proxy_url).unwrap(), no_proxy: no_proxy.to_owned() };
    let connect_header = BTreeMap::from([("X-Tunnel".to_owned(), vec![Secret::new("yes")])]);
    HttpClientConfig { proxy: Some(Proxy { address, connect_header }), ..HttpClientConfig::default() }
}

#[tokio::test]
async fn plain_requests_go_to_the_proxy_whole() {
    let proxy = Server::start(|_| ok("from the proxy")).await;
    let config = through(&format!("http://me:pass@{}", proxy.address), "");
    let url = url::Url::parse("http://am.invalid:9093/api/v2/alerts").unwrap();
    assert_eq!(post(&client(&config), &url).await.unwrap().body, "from the proxy");
    let seen = &proxy.seen()[0];
    assert_eq!(seen.uri.to_string(), "http://am.invalid:9093/api/v2/alerts");
    assert_eq!(seen.header("proxy-authorization"), Some("Basic bWU6cGFzcw=="));
    assert_eq!(seen.header("x-tunnel"), None, "a header of CONNECT only");
}

#[tokio::test]
async fn no_proxy_goes_there_directly() {
    let (proxy, server) = (Server::start(|_| ok("proxy")).await, Server::start(|_| ok("direct")).await);
    let config = through(proxy.url("/").as_str(), "127.0.0.1");
    assert_eq!(post(&client(&config), &server.url("/")).await.unwrap().body, "direct");
    let config = through(proxy.url("/").as_str(), "");
    assert_eq!(post(&client(&config), &server.url("/")).await.unwrap().body, "proxy");
}

/// A proxy that tunnels every CONNECT to `target` and keeps the head of the request.
async fn tunnel(target: std::net::SocketAddr) -> (std::net::SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let head = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&head);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut client = BufReader::new(stream);
            let mut text = String::new();
            while !text.ends_with("\r\n\r\n") && client.read_line(&mut text).await.unwrap() > 0 {}
            *seen.lock().unwrap() = text.to_lowercase();
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (address, head)
}

#[tokio::test]
async fn tls_goes_through_a_tunnel() {
    let ca = Authority::new("ours");
    let pair = ca.issue(&["am.invalid"]);
    let tls = server_tls(&pair);
    let server = Server::start_tls(TlsServer::new(&tls, true).unwrap(), |_| ok("tunnelled")).await;
    let (proxy, head) = tunnel(server.address).await;
    let tls_config = TlsConfig { ca: Some(Source::Inline(ca.pem.clone())), ..TlsConfig::default() };
    let config = HttpClientConfig { tls_config, ..through(&format!("http://me:pass@{proxy}"), "") };
    let url = url::Url::parse("https://am.invalid:9093/").unwrap();
    assert_eq!(post(&client(&config), &url).await.unwrap().body, "tunnelled");
    let head = head.lock().unwrap().clone();
    assert!(head.starts_with("connect am.invalid:9093 http/1.1\r\n"), "{head}");
    assert!(
        head.contains("proxy-authorization: basic bwu6cgfzcw==\r\n") && head.contains("x-tunnel: yes\r\n"),
        "{head}"
    );
    assert_eq!(server.seen()[0].header("proxy-authorization"), None);
    // With another name to verify, the proxy is still asked for the real host.
    let mut renamed = config.clone();
    renamed.tls_config.server_name = Some("am.invalid".to_owned());
    let url = url::Url::parse("https://other.invalid:9093/").unwrap();
    assert_eq!(post(&client(&renamed), &url).await.unwrap().body, "tunnelled");
}
