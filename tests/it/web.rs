//! Who gets in and how: the web configuration file, Unix sockets, and what systemd hands over and hears.

use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use reqwest::{Certificate, Client, Identity, Method};
use tokio::net::UnixDatagram;

use crate::harness::{Authority, DEADLINE, LOOPBACK, Pair, Sink, Tocsin, TocsinBuilder, eventually, firing};

const NO_ALERTMANAGERS: &str = "alerting: {}\n";

/// A client that trusts `servers`, with a certificate of its own if there is one.
fn client(servers: &Authority, own: Option<&Pair>) -> Client {
    let root = Certificate::from_pem(servers.pem.as_bytes()).expect("a certificate");
    let builder = Client::builder().no_proxy().pool_max_idle_per_host(0).tls_certs_only([root]);
    let builder = match own {
        None => builder,
        Some(pair) => {
            let pem = format!("{}{}", pair.cert, pair.key);
            builder.identity(Identity::from_pem(pem.as_bytes()).expect("an identity"))
        }
    };
    builder.build().expect("a client")
}

#[tokio::test]
async fn only_known_clients_get_in_and_certificates_may_change() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let (pair, mine) = (servers.issue(LOOPBACK), clients.issue(LOOPBACK));
    let sink = Sink::start().await;
    let tocsin = TocsinBuilder::forwarding_to(&[sink.address().to_string()])
        .file(
            "web.yml",
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.pem\n",
        )
        .file("server.pem", &pair.cert)
        .file("server.key", &pair.key)
        .file("clients.pem", &clients.pem)
        .flag("--web.config.file=web.yml")
        .asked_by(client(&servers, Some(&mine)), "https")
        .start()
        .await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    sink.wait_for(10).await;

    let url = tocsin.url("/-/ready");
    let stranger = servers.issue(LOOPBACK);
    for refused in [client(&servers, None), client(&servers, Some(&stranger)), client(&clients, Some(&mine))]
    {
        assert!(refused.get(&url).send().await.is_err());
    }
    let plain = reqwest::get(url.replace("https", "http")).await;
    assert!(plain.is_err_and(|error| !error.is_timeout()), "plain HTTP is no way in");

    let others = Authority::new("other servers");
    let pair = others.issue(LOOPBACK);
    tocsin.set_file("server.key", &pair.key);
    tocsin.set_file("server.pem", &pair.cert);
    let knowing = client(&others, Some(&mine));
    eventually("the new certificate", || async { knowing.get(&url).send().await.ok() }).await;
}

#[tokio::test]
async fn users_log_in_and_every_answer_has_the_headers() {
    let hash = bcrypt::hash("some-secret", 4).expect("a hash");
    let mut tocsin = TocsinBuilder::new(NO_ALERTMANAGERS)
        .file(
            "web.yml",
            format!(
                "basic_auth_users: {{ someone: '{hash}' }}\nhttp_server_config:\n  headers: {{ X-Frame-Options: deny, Strict-Transport-Security: max-age=60 }}\n"
            ),
        )
        .flag("--web.config.file=web.yml")
        .build();
    tocsin.spawn();
    let ask = |user: &'static str, password: &'static str| {
        let request = tocsin.request(Method::POST, "/api/v2/alerts").json(&firing(0..1));
        async move { request.basic_auth(user, Some(password)).send().await.ok() }
    };
    let allowed = eventually("an answer", || ask("someone", "some-secret")).await;
    assert_eq!(allowed.status(), 200);
    for (user, password) in [("someone", "wrong"), ("nobody", "some-secret"), ("", "")] {
        let refused = ask(user, password).await.expect("an answer");
        assert_eq!(refused.status(), 401);
        assert_eq!(refused.headers()["www-authenticate"], "Basic");
        assert_eq!(refused.headers()["x-frame-options"], "deny");
    }
    for path in ["/metrics", "/-/healthy", "/-/ready", "/api/v2/status", "/nothing"] {
        let refused = tocsin.request(Method::GET, path).send().await.expect("an answer");
        assert_eq!(refused.status(), 401, "{path}");
        assert_eq!(refused.text().await.expect("a text"), "Unauthorized\n");
    }
    assert_eq!(allowed.headers()["x-frame-options"], "deny");
    assert_eq!(allowed.headers()["strict-transport-security"], "max-age=60");
}

/// Starts what cannot start; gives what it said.
async fn refusal(builder: TocsinBuilder) -> String {
    let mut tocsin = builder.build();
    tocsin.spawn();
    assert_eq!(tocsin.exit_code().await, Some(1));
    tocsin.log()
}

#[tokio::test]
async fn a_bad_web_file_ends_the_start_with_its_place() {
    let cases = [
        ("basic_auth_users: { someone: some-secret }", "web.yml:1:30"),
        ("tls_server_config:\n  cert_file: missing.pem\n  key_file: missing.key", "missing.pem"),
        ("http_server_config:\n  headers: { X-Powered-By: x }", "web.yml:2:14"),
        ("tls_sever_config: {}", "tls_server_config"),
    ];
    for (text, place) in cases {
        let builder =
            TocsinBuilder::new(NO_ALERTMANAGERS).file("web.yml", text).flag("--web.config.file=web.yml");
        let said = refusal(builder).await;
        assert!(said.contains(place) && said.contains("web.yml:"), "{said}");
        assert!(!said.contains("some-secret"), "{said}");
    }
}

/// Mode and group of a file.
fn access(path: &Path) -> (u32, u32) {
    let file = std::fs::symlink_metadata(path).expect("a file");
    (file.mode() & 0o777, file.gid())
}

#[tokio::test]
async fn the_socket_has_the_mode_and_the_group_that_were_asked_for() {
    let mut tocsin = TocsinBuilder::new(NO_ALERTMANAGERS).start().await;
    let (mode, own_group) = access(&tocsin.socket());
    assert_eq!(mode, 0o660);
    assert_eq!(tocsin.push_over_socket(&firing(0..1)).await, 200);
    assert_eq!(tocsin.stop().await, Some(0));
    assert!(!tocsin.socket().exists(), "a clean stop takes the file along");

    let directory = tempfile::tempdir().expect("a directory");
    let (_, any_group) = access(directory.path());
    let group = if own_group == 0 { 1 } else { any_group };
    let tocsin = TocsinBuilder::new(NO_ALERTMANAGERS)
        .flag("--web.socket-mode=0600")
        .flag(format!("--web.socket-group={group}"))
        .start()
        .await;
    assert_eq!(access(&tocsin.socket()), (0o600, group));
    let said = refusal(TocsinBuilder::new(NO_ALERTMANAGERS).flag("--web.socket-group=no-such-group")).await;
    assert!(said.contains("no-such-group"), "{said}");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let mut tocsin = TocsinBuilder::new(NO_ALERTMANAGERS).start().await;
    let before = std::fs::symlink_metadata(tocsin.socket()).expect("the socket");
    tocsin.kill().await;
    assert!(tocsin.socket().exists(), "a kill leaves the file");
    tocsin.start().await;
    assert_eq!(tocsin.push_over_socket(&firing(0..1)).await, 200);
    let after = std::fs::symlink_metadata(tocsin.socket()).expect("the socket");
    assert!(after.file_type().is_socket() && after.ctime_nsec() != before.ctime_nsec());

    let socket = tocsin.socket();
    let address = format!("--web.listen-address=unix:{}", socket.display());
    let said = refusal(TocsinBuilder::new(NO_ALERTMANAGERS).flag(address)).await;
    assert!(said.contains("another process is listening there"), "{said}");
    assert_eq!(tocsin.push_over_socket(&firing(1..2)).await, 200, "the first goes on");

    let builder = TocsinBuilder::new(NO_ALERTMANAGERS).file("tocsin.sock", "precious");
    let path = builder.directory().join("tocsin.sock");
    let mut other = builder.build();
    other.spawn();
    assert_eq!(other.exit_code().await, Some(1));
    assert!(other.log().contains("is not a socket"), "{}", other.log());
    assert_eq!(std::fs::read_to_string(path).expect("the file"), "precious");
}

#[tokio::test]
async fn a_second_process_does_not_take_the_same_journal() {
    let tocsin = TocsinBuilder::new(NO_ALERTMANAGERS).start().await;
    let data = tocsin.directory().join("data");
    let builder = TocsinBuilder::new(NO_ALERTMANAGERS);
    let other = builder.directory().join("data");
    std::os::unix::fs::symlink(&data, other).expect("a link");
    let said = refusal(builder).await;
    assert!(said.contains("--storage.path"), "{said}");
    assert_eq!(tocsin.push(&firing(0..1)).await, Ok(200), "the first goes on");
}

async fn told(socket: &UnixDatagram) -> String {
    let mut message = [0; 512];
    let received = tokio::time::timeout(DEADLINE, socket.recv(&mut message)).await;
    let size = received.expect("a message in time").expect("a message");
    String::from_utf8(message[..size].to_vec()).expect("text")
}

#[tokio::test]
async fn systemd_is_told_of_start_reload_and_stop() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let mut tocsin = TocsinBuilder::new(NO_ALERTMANAGERS)
        .environment("NOTIFY_SOCKET", path.to_str().expect("a path"))
        .start()
        .await;
    assert_eq!(told(&socket).await.trim(), "READY=1");
    for text in ["alerting: { alertmanagers: [] }\n", "alerting: { nonsense: [] }\n"] {
        tocsin.set_config(text);
        tocsin.reload().await;
        let message = told(&socket).await;
        assert!(message.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{message}");
        assert_eq!(told(&socket).await.trim(), "READY=1", "also after a reload that failed");
    }
    assert_eq!(tocsin.stop().await, Some(0));
    assert_eq!(told(&socket).await.trim(), "STOPPING=1");
}

#[tokio::test]
async fn systemd_hands_over_a_socket_on_which_clients_wait_already() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let mut tocsin: Tocsin = TocsinBuilder::new(NO_ALERTMANAGERS)
        .given(listener)
        .launched_by(&["sh", "-c", r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0"#, "sh"])
        .flag("--web.systemd-socket")
        .build();
    let early = tokio::spawn({
        let request = tocsin.request(Method::POST, "/api/v2/alerts").json(&firing(0..1));
        async move { request.send().await.map(|answer| answer.status().as_u16()) }
    });
    tocsin.spawn();
    assert_eq!(early.await.expect("an end").expect("an answer"), 200);
    assert!(!tocsin.socket().exists(), "nothing else is listened on");
    assert_eq!(tocsin.stop().await, Some(0));
    tocsin.start().await;
    assert_eq!(tocsin.firing("n").await, ["0"]);
}

#[tokio::test]
async fn without_sockets_from_systemd_it_does_not_start() {
    let said = refusal(TocsinBuilder::new(NO_ALERTMANAGERS).flag("--web.systemd-socket")).await;
    assert!(said.contains("systemd passed no sockets"), "{said}");
}

#[tokio::test]
async fn everything_is_below_the_prefix() {
    let mut tocsin =
        TocsinBuilder::new(NO_ALERTMANAGERS).flag("--web.external-url=http://example.org/tocsin/").build();
    tocsin.spawn();
    eventually("tocsin is ready", || async {
        tocsin.get("/tocsin/-/ready").await.filter(|answer| answer == "OK")
    })
    .await;
    assert_eq!(tocsin.get("/-/ready").await.as_deref(), Some("404 page not found\n"));
    let push = tocsin.request(Method::POST, "/tocsin/api/v2/alerts").json(&firing(0..1));
    assert_eq!(push.send().await.expect("an answer").status(), 200);
}
