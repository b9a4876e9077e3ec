//! How requests reach an Alertmanager: TLS, credentials, proxies, headers, signatures, as a `prometheus.yml` says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{
    Answer, Authority, LOOPBACK, Peer, Seen, Tocsin, TocsinBuilder, eventually, firing, ok,
};

/// A tocsin with one Alertmanager, whose entry has these lines too.
pub(crate) fn sending_to(target: &str, entry: &str) -> TocsinBuilder {
    TocsinBuilder::new(&config(target, entry))
}

fn config(target: &str, entry: &str) -> String {
    let entry: String = entry.lines().map(|line| format!("      {line}\n")).collect();
    format!("alerting:\n  alertmanagers:\n    - static_configs:\n        - targets: ['{target}']\n{entry}")
}

/// Waits until the last request failed for a reason with `part` in it.
pub(crate) async fn wait_for_failure(tocsin: &Tocsin, part: &str) {
    eventually(&format!("a failure with {part:?}"), || async {
        let queues = tocsin.json("/api/v1/queues").await;
        let text = queues["data"]["alertmanagers"][0]["lastAnswer"]["error"].as_str()?.to_owned();
        text.contains(part).then_some(())
    })
    .await;
}

/// Secrets are in no page and in no log.
pub(crate) async fn assert_silent_about(tocsin: &Tocsin, secrets: &[&str]) {
    for page in ["/api/v1/queues", "/api/v1/alertmanagers", "/api/v2/status", "/-/ready?verbose", "/metrics"]
    {
        let text = tocsin.get(page).await.expect("a page");
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{page}: {text}");
    }
    let log = tocsin.log();
    assert!(!secrets.iter().any(|secret| log.contains(secret)), "{log}");
}

/// Every connection is closed after its answer, so that the next request needs a new handshake.
fn closing(_seen: &Seen) -> Answer {
    (200, vec![("connection", "close".to_owned())], String::new())
}

#[tokio::test]
async fn client_certificates_and_authorities_may_change_under_way() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let peer = Peer::start(closing).await;
    peer.set_tls(&servers.issue(LOOPBACK), Some(&clients));
    let mine = clients.issue(LOOPBACK);
    let tls = "scheme: https\ntls_config: { ca_file: ca.pem, cert_file: client.pem, key_file: client.key }";
    let tocsin = sending_to(&peer.address(), tls)
        .file("ca.pem", &servers.pem)
        .file("client.pem", &mine.cert)
        .file("client.key", &mine.key)
        .start()
        .await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    peer.wait_for(10).await;

    let (others, renewed) = (Authority::new("other servers"), Authority::new("other clients"));
    peer.set_tls(&others.issue(LOOPBACK), Some(&renewed));
    assert_eq!(tocsin.push(&firing(10..20)).await, Ok(200));
    wait_for_failure(&tocsin, "certificate").await;
    assert_eq!(peer.taken(), 10, "an unknown server gets nothing");
    tocsin.set_file("ca.pem", &others.pem);
    wait_for_failure(&tocsin, "alert").await;
    assert_eq!(peer.taken(), 10, "the server lets no unknown client in");
    let mine = renewed.issue(LOOPBACK);
    tocsin.set_file("client.key", &mine.key);
    tocsin.set_file("client.pem", &mine.cert);
    peer.wait_for(20).await;
    assert_silent_about(&tocsin, &["PRIVATE KEY"]).await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_server_name_is_verified() {
    let servers = Authority::new("servers");
    let peer = Peer::start(closing).await;
    peer.set_tls(&servers.issue(LOOPBACK), None);
    let tls = |name: &str| format!("scheme: https\ntls_config: {{ ca_file: ca.pem, server_name: {name} }}");
    let tocsin =
        sending_to(&peer.address(), &tls("elsewhere.example")).file("ca.pem", &servers.pem).start().await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    wait_for_failure(&tocsin, "elsewhere.example").await;
    assert_eq!(peer.taken(), 0);
    tocsin.set_config(&config(&peer.address(), &tls("localhost")));
    assert_eq!(tocsin.reload().await.0, 200);
    peer.wait_for(10).await;
    tocsin.assert_balance().await;
}

/// Answers 200 only to requests with this `Authorization` header, 401 otherwise.
async fn asking_for(authorization: &Arc<Mutex<String>>) -> Peer {
    let wanted = Arc::clone(authorization);
    Peer::start(move |seen| {
        let fits = seen.header("authorization") == *wanted.lock().expect("no poison");
        (if fits { 200 } else { 401 }, Vec::new(), String::new())
    })
    .await
}

/// Pushes, changes what the peer asks for, then the file; all arrives.
async fn credentials_may_change(entry: &str, file: &str, before: [&str; 2], after: [&str; 2]) {
    let wanted = Arc::new(Mutex::new(before[1].to_owned()));
    let peer = asking_for(&wanted).await;
    let tocsin = sending_to(&peer.address(), entry).file(file, before[0]).start().await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    peer.wait_for(10).await;
    *wanted.lock().expect("no poison") = after[1].to_owned();
    assert_eq!(tocsin.push(&firing(10..20)).await, Ok(200));
    wait_for_failure(&tocsin, "401").await;
    tocsin.set_file(file, after[0]);
    peer.wait_for(20).await;
    assert_silent_about(&tocsin, &[before[0].trim(), after[0].trim()]).await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn basic_auth_reads_its_password_again() {
    credentials_may_change(
        "basic_auth: { username: someone, password_file: password }",
        "password",
        ["first-secret\n", "Basic c29tZW9uZTpmaXJzdC1zZWNyZXQ="],
        ["second-secret\n", "Basic c29tZW9uZTpzZWNvbmQtc2VjcmV0"],
    )
    .await;
}

#[tokio::test]
async fn authorization_reads_its_credentials_again() {
    credentials_may_change(
        "authorization: { type: GenieKey, credentials_file: key }",
        "key",
        ["first-secret", "GenieKey first-secret"],
        ["second-secret", "GenieKey second-secret"],
    )
    .await;
}

#[tokio::test]
async fn oauth2_fetches_one_token_and_sends_it() {
    let tokens = Peer::start(|seen| {
        // `client:some-secret`
        if seen.header("authorization") != "Basic Y2xpZW50OnNvbWUtc2VjcmV0" {
            return (401, Vec::new(), r#"{"error":"invalid_client"}"#.to_owned());
        }
        let token = r#"{"access_token":"the-token","token_type":"Bearer","expires_in":3600}"#;
        (200, vec![("content-type", "application/json".to_owned())], token.to_owned())
    })
    .await;
    let peer = asking_for(&Arc::new(Mutex::new("Bearer the-token".to_owned()))).await;
    let entry = format!(
        "oauth2:\n  client_id: client\n  client_secret_file: secret\n  token_url: http://{}/token\n  scopes: [one, two]\n  endpoint_params: {{ audience: alerts }}",
        tokens.address()
    );
    let tocsin = sending_to(&peer.address(), &entry).file("secret", "wrong-secret").start().await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    wait_for_failure(&tocsin, "oauth2").await;
    tocsin.set_file("secret", "some-secret\n");
    peer.wait_for(10).await;
    let fetched = tokens.seen().len();
    for batch in 1..5 {
        assert_eq!(tocsin.push(&firing(batch * 10..batch * 10 + 10)).await, Ok(200));
        peer.wait_for(batch * 10 + 10).await;
    }
    assert_eq!(tokens.seen().len(), fetched, "a token is used until it expires");
    let asked = tokens.seen().pop().expect("a request");
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
    let expected = [("audience", "alerts"), ("grant_type", "client_credentials"), ("scope", "one two")];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_silent_about(&tocsin, &["the-token", "some-secret", "wrong-secret"]).await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_proxy_gets_what_is_for_somebody_else() {
    let proxy = Peer::start(|_| ok("")).await;
    let of_the_entry = format!("proxy_url: http://someone:some-secret@{}", proxy.address());
    let tocsin = sending_to("alertmanager.invalid:9093", &of_the_entry).start().await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    proxy.wait_for(10).await;
    let seen = proxy.seen().remove(0);
    assert_eq!(seen.method, http::Method::POST);
    assert_eq!(seen.uri, "http://alertmanager.invalid:9093/api/v2/alerts");
    assert_eq!(seen.header("proxy-authorization"), "Basic c29tZW9uZTpzb21lLXNlY3JldA==");
    assert_silent_about(&tocsin, &["some-secret"]).await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn the_environment_names_a_proxy_only_if_the_file_says_so() {
    let (proxy, peer) = (Peer::start(|_| ok("")).await, Peer::start(|_| ok("")).await);
    let start = |target: &str, entry: &str| {
        sending_to(target, entry)
            .environment("HTTP_PROXY", format!("http://{}", proxy.address()))
            .environment("NO_PROXY", "other.invalid")
            .start()
    };
    let direct = start(&peer.address(), "").await;
    assert_eq!(direct.push(&firing(0..10)).await, Ok(200));
    peer.wait_for(10).await;
    assert!(proxy.seen().is_empty());
    let proxied = start("alertmanager.invalid", "proxy_from_environment: true").await;
    assert_eq!(proxied.push(&firing(0..10)).await, Ok(200));
    proxy.wait_for(10).await;
    assert_eq!(proxy.seen()[0].uri, "http://alertmanager.invalid/api/v2/alerts");
}

/// A proxy that tunnels every CONNECT to `target` and keeps what it was asked for.
pub(crate) async fn tunnel(target: String) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
    let address = listener.local_addr().expect("its address").to_string();
    let seen = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut client = BufReader::new(stream);
            let mut text = String::new();
            while !text.ends_with("\r\n\r\n") && client.read_line(&mut text).await.unwrap_or(0) > 0 {}
            noted.lock().expect("no poison").clone_from(&text);
            let Ok(mut server) = TcpStream::connect(&target).await else { continue };
            drop(client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await);
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (address, seen)
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_of_the_proxy() {
    let servers = Authority::new("servers");
    let peer = Peer::start(|_| ok("")).await;
    peer.set_tls(&servers.issue(LOOPBACK), None);
    let (proxy, asked) = tunnel(peer.address()).await;
    let entry = format!(
        "scheme: https\nproxy_url: http://{proxy}\nproxy_connect_header: {{ X-Tunnel: [yes please] }}\ntls_config: {{ ca_file: ca.pem, server_name: localhost }}"
    );
    let tocsin = sending_to("alertmanager.invalid:9093", &entry).file("ca.pem", &servers.pem).start().await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    peer.wait_for(10).await;
    let asked = asked.lock().expect("no poison").clone();
    assert!(asked.starts_with("CONNECT alertmanager.invalid:9093 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.to_lowercase().contains("\r\nx-tunnel: yes please\r\n"), "{asked}");
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn headers_come_from_values_secrets_and_files() {
    let peer = Peer::start(|_| ok("")).await;
    let entry = "http_headers:\n  X-Scope-OrgID: { values: [team], secrets: [hidden-one], files: [header] }\n  X-Other: { values: [x] }";
    let tocsin = sending_to(&peer.address(), entry).file("header", "hidden-two\n").start().await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    peer.wait_for(10).await;
    let seen = peer.seen().remove(0);
    let values: Vec<_> = seen.headers.get_all("x-scope-orgid").iter().collect();
    assert_eq!(values, ["team", "hidden-one", "hidden-two"]);
    assert_eq!(seen.header("x-other"), "x");
    assert_eq!(seen.header("content-type"), "application/json");
    assert!(seen.header("user-agent").starts_with("tocsin/"));
    assert_silent_about(&tocsin, &["hidden-one", "hidden-two"]).await;
}
