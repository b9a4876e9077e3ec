//! The TLS transport: two Alertmanagers and us, mutually authenticated.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tocsin::config::ClusterTls;
use tocsin::net::PeerTls;

use super::alertmanager::{Alertmanager, Binary, eventually};
use super::node::{Node, mesh_silence, options, silence};
use super::{run, scenarios};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_with_alertmanagers_over_tls() {
    run(scenarios![a_cluster_over_tls]).await;
}

/// An authority, and a certificate of it for 127.0.0.1, as PEM.
struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

impl Certificates {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        Self { authority: issuer.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// The files that `--cluster.tls-config` wants; its path is returned.
    fn write(&self, directory: &Path) -> PathBuf {
        let files = [("ca.pem", &self.authority), ("cert.pem", &self.certificate), ("key.pem", &self.key)];
        for (name, text) in files {
            fs::write(directory.join(name), text).expect("a file");
        }
        let config = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: ca.pem\n  \
                      client_auth_type: RequireAndVerifyClientCert\ntls_client_config:\n  ca_file: ca.pem\n  \
                      cert_file: cert.pem\n  key_file: key.pem\n";
        let path = directory.join("tls.yml");
        fs::write(&path, config).expect("a file");
        path
    }
}

async fn a_cluster_over_tls(binary: Binary) {
    let certificates = Certificates::new();
    let directory = tempfile::tempdir().expect("a directory");
    let file = certificates.write(directory.path());
    let flag = format!("--cluster.tls-config={}", file.display());
    let first = Alertmanager::start(&binary, &[&flag], &[], None).await;
    let second = Alertmanager::start(&binary, &[&flag], &[first.gossip], None).await;
    let mut ours = options("ours", &[first.gossip]);
    ours.tls = Some(PeerTls::new(&ClusterTls::load(&file).expect("its parts")).expect("its files"));
    let ours = Node::start(ours).await;
    ours.sees_members(3, 10).await;
    for theirs in [&first, &second] {
        eventually("three members", 10, || async { (theirs.members().await.len() == 3).then_some(()) }).await;
    }
    for comment in ["small".to_owned(), "x".repeat(2000)] {
        let id = second.silence(&comment).await;
        eventually("their silence here", 3, || ours.silence(&id)).await;
    }
    for (id, comment) in [("aaaaaaaa", "small".to_owned()), ("bbbbbbbb", "y".repeat(2000))] {
        let id = format!("{id}-4444-4444-8444-444444444444");
        ours.silences.broadcast(mesh_silence(silence(&id, &comment))).expect("a silence");
        for theirs in [&first, &second] {
            eventually("our silence there", 3, || theirs.get_silence(&id)).await;
        }
    }
    // Probes of both directions go by, and nobody is suspected.
    let pings = "alertmanager_cluster_pings_seconds_count{peer=\"ours\"}";
    eventually("pings", 20, || async { (first.metric(pings).await >= 4.0).then_some(()) }).await;
    for theirs in [&first, &second] {
        assert_eq!(theirs.metric("alertmanager_cluster_health_score").await, 0.0);
        assert_eq!(theirs.metric("alertmanager_tls_transport_read_errors_total").await, 0.0);
    }
    let snapshot = ours.peer.snapshot();
    assert_eq!((snapshot.health_score, snapshot.membership.packets_refused), (0, 0));
    let tls = snapshot.tls.expect("TLS");
    assert!(tls.packet_bytes_received > 0 && tls.stream_connections_received > 0, "{tls:?}");
    assert_eq!(tls.read_errors, 0);

    let mut plain = options("plain", &[first.gossip]);
    plain.cluster.membership.tcp_timeout = Duration::from_secs(1);
    plain.cluster.reconnect_interval = Duration::from_secs(2);
    let plain = Node::start(plain).await;
    let refused = || async { (plain.peer.snapshot().cluster.reconnections_failed > 0).then_some(()) };
    eventually("without TLS nobody joins", 25, refused).await;
    assert_eq!(plain.peer.view().members.len(), 1);
}
