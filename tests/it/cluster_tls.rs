//! A cluster under TLS whose certificates, and then their authority, are renewed while it runs.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Authority, LOOPBACK, Pair, Tocsin, TocsinBuilder, ago, eventually, free_addr};

const TLS: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: ca.pem\n  \
                   client_auth_type: RequireAndVerifyClientCert\ntls_client_config:\n  ca_file: ca.pem\n  \
                   cert_file: cert.pem\n  key_file: key.pem\n";

struct Member {
    tocsin: Tocsin,
    addr: SocketAddr,
}

impl Member {
    /// One with this certificate that trusts these authorities and joins `peer`.
    async fn start(name: &str, pair: &Pair, trusted: &str, peer: Option<SocketAddr>) -> Self {
        let addr = free_addr();
        let mut builder = TocsinBuilder::new("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
            .file("tls.yml", TLS)
            .file("cert.pem", &pair.cert)
            .file("key.pem", &pair.key)
            .file("ca.pem", trusted)
            .flag("--cluster.tls-config=tls.yml")
            .flag(format!("--cluster.listen-address={addr}"))
            .flag(format!("--cluster.peer-name={name}"))
            // A connection each second, whatever happens.
            .flag("--cluster.pushpull-interval=1s")
            .flag("--cluster.reconnect-interval=1s");
        if let Some(peer) = peer {
            builder = builder.flag(format!("--cluster.peer={peer}"));
        }
        Self { tocsin: builder.start().await, addr }
    }

    /// Replaces its certificate and key, as a renewal does it: one file after the other.
    fn renew(&self, pair: &Pair) {
        self.tocsin.set_file("cert.pem", &pair.cert);
        self.tocsin.set_file("key.pem", &pair.key);
    }

    fn trust(&self, authorities: &str) {
        self.tocsin.set_file("ca.pem", authorities);
    }

    async fn number(&self, metric: &str) -> f64 {
        self.tocsin.metric(metric, &[]).await.unwrap_or(0.0)
    }

    async fn sees(&self, members: usize) {
        eventually(&format!("{members} members"), || async {
            (self.number("alertmanager_cluster_members").await == members as f64).then_some(())
        })
        .await;
    }

    /// Makes a silence and gives its id.
    async fn silence(&self, comment: &str) -> String {
        let body = json!({
            "matchers": [{"name": "alertname", "value": "Foo", "isRegex": false}],
            "startsAt": ago(0), "endsAt": "2100-01-01T00:00:00Z", "createdBy": "test", "comment": comment,
        });
        let request = self.tocsin.request(reqwest::Method::POST, "/api/v2/silences").json(&body);
        let answer: serde_json::Value = request.send().await.expect("an answer").json().await.expect("JSON");
        answer["silenceID"].as_str().expect("an id").to_owned()
    }

    async fn has_silence(&self, id: &str) -> bool {
        let page = self.tocsin.get(&format!("/api/v2/silence/{id}")).await;
        page.is_some_and(|page| page.contains(id))
    }

    async fn wait_silence(&self, id: &str) {
        eventually("the silence", || async { self.has_silence(id).await.then_some(()) }).await;
    }

    /// Waits until it shows this certificate to a client that has `own` and trusts everybody here.
    async fn wait_shows(&self, pair: &Pair, own: &Pair, trusted: &str) {
        let wanted = certificate(pair);
        eventually("the certificate is shown", || async {
            (shown(self.addr, own, trusted).await? == wanted).then_some(())
        })
        .await;
    }
}

/// The certificate of a pair, as it is shown.
pub(crate) fn certificate(pair: &Pair) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("a certificate")
}

/// A connection to the member at `addr`, as far as the client can tell: it has shown its own certificate, but does not
/// know yet what the member thinks of that.
async fn connect(addr: SocketAddr, own: &Pair, trusted: &str) -> Option<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
        roots.add(authority.expect("a certificate")).expect("an authority");
    }
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate(own)], key)
        .expect("a certificate");
    let name = ServerName::IpAddress(addr.ip().into());
    let connection = TcpStream::connect(addr).await.ok()?;
    TlsConnector::from(Arc::new(client)).connect(name, connection).await.ok()
}

/// The certificate of the member at `addr`.
pub(crate) async fn shown(addr: SocketAddr, own: &Pair, trusted: &str) -> Option<CertificateDer<'static>> {
    let connection = connect(addr, own, trusted).await?;
    Some(connection.get_ref().1.peer_certificates()?.first()?.clone().into_owned())
}

/// New connections are made in both directions and carry the whole state; what one makes the other has.
async fn assert_together(members: [&Member; 2], what: &str) {
    const CAME: &str = "alertmanager_tls_transport_stream_connections_received_total";
    for [one, other] in [members, [members[1], members[0]]] {
        let came = other.number(CAME).await;
        eventually(&format!("connections come: {what}"), || async {
            (other.number(CAME).await >= came + 3.0).then_some(())
        })
        .await;
        let id = one.silence(what).await;
        other.wait_silence(&id).await;
    }
    for member in members {
        member.sees(2).await;
        let left = member.number("alertmanager_cluster_peers_left_total").await;
        assert_eq!(left, 0.0, "{what}: {}", member.tocsin.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_and_their_authority_are_renewed_without_a_restart() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let both = format!("{}{}", old.pem, new.pem);
    let visitor = old.issue(LOOPBACK);
    let first = Member::start("first", &old.issue(LOOPBACK), &old.pem, None).await;
    let mut second = Member::start("second", &old.issue(LOOPBACK), &old.pem, Some(first.addr)).await;
    assert_together([&first, &second], "as started").await;

    let renewed = old.issue(LOOPBACK);
    first.renew(&renewed);
    first.wait_shows(&renewed, &visitor, &both).await;
    assert_together([&first, &second], "one is renewed").await;

    first.trust(&both);
    second.trust(&both);
    for member in [&first, &second] {
        let renewed = new.issue(LOOPBACK);
        member.renew(&renewed);
        member.wait_shows(&renewed, &visitor, &both).await;
        assert_together([&first, &second], "renewed by another authority").await;
    }
    first.trust(&new.pem);
    second.trust(&new.pem);
    assert_together([&first, &second], "the old authority is gone").await;

    // Connections that have stayed open go with the process; new ones take their place.
    second.tocsin.kill().await;
    let id = first.silence("while one was away").await;
    second.tocsin.start().await;
    second.wait_silence(&id).await;
    second.sees(2).await;
    first.sees(2).await;
    let mut connection = connect(first.addr, &visitor, &new.pem).await.expect("a connection");
    connection.read_u8().await.expect_err("the old authority is trusted no more");
    first.tocsin.wait_for_log(&["level=WARN", "refused", "UnknownIssuer"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_an_unknown_authority_is_refused_and_said_so() {
    let (known, unknown) = (Authority::new("known"), Authority::new("unknown"));
    let both = format!("{}{}", known.pem, unknown.pem);
    let first = Member::start("first", &known.issue(LOOPBACK), &known.pem, None).await;
    let id = first.silence("not for everybody").await;

    // It would trust us; we do not trust it.
    let stranger = Member::start("stranger", &unknown.issue(LOOPBACK), &both, Some(first.addr)).await;
    first
        .tocsin
        .wait_for_log(&["level=WARN", "refused", "UnknownIssuer", "component=cluster", "127.0.0.1"])
        .await;
    // Whether the reason arrives before the connection is gone is chance.
    stranger.tocsin.wait_for_log(&["level=WARN", "could not join peer"]).await;
    // We would trust it; it does not trust us.
    let wary = Member::start("wary", &known.issue(LOOPBACK), &unknown.pem, Some(first.addr)).await;
    wary.tocsin
        .wait_for_log(&["level=WARN", "TLS to a peer failed", "UnknownIssuer", "component=cluster"])
        .await;
    wary.tocsin.wait_for_log(&["level=WARN", "could not join peer", "UnknownIssuer"]).await;

    // They go on trying; the log does not.
    eventually("further attempts", || async {
        let errors = first.number("alertmanager_tls_transport_read_errors_total").await;
        (errors >= 5.0).then_some(())
    })
    .await;
    let log = first.tocsin.log();
    let lines = log.lines().filter(|line| line.contains("TLS handshake failed")).count();
    assert!(lines <= 2, "{log}");
    for member in [&first, &stranger, &wary] {
        assert_eq!(member.number("alertmanager_cluster_members").await, 1.0);
    }
    for member in [&stranger, &wary] {
        assert!(!member.has_silence(&id).await);
    }
}
