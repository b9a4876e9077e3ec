//! The TLS transport: two Alertmanagers and us, mutually authenticated.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tocsin::gossip::TlsOptions;

use super::alertmanager::{Alertmanager, eventually};
use super::node::{Node, mesh_silence, options, silence};
use super::with_every_version;

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
    fn write(&self, directory: &Path) -> String {
        let files = [("ca.pem", &self.authority), ("cert.pem", &self.certificate), ("key.pem", &self.key)];
        for (name, text) in files {
            fs::write(directory.join(name), text).expect("a file");
        }
        let config = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: ca.pem\n  \
                      client_auth_type: RequireAndVerifyClientCert\ntls_client_config:\n  ca_file: ca.pem\n  \
                      cert_file: cert.pem\n  key_file: key.pem\n";
        let path = directory.join("tls.yml");
        fs::write(&path, config).expect("a file");
        path.display().to_string()
    }

    fn options(&self) -> TlsOptions {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let authority = CertificateDer::from_pem_slice(self.authority.as_bytes()).expect("an authority");
        let certificate =
            || CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate");
        let key = || PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority).expect("an authority");
        let roots = Arc::new(roots);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build();
        let server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.expect("a verifier"))
            .with_single_cert(vec![certificate()], key());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate()], key());
        TlsOptions {
            server: Arc::new(server.expect("a server")),
            client: Arc::new(client.expect("a client")),
            server_name: None,
        }
    }
}

#[tokio::test]
async fn a_cluster_over_tls() {
    with_every_version(|binary| async move {
        let certificates = Certificates::new();
        let directory = tempfile::tempdir().expect("a directory");
        let flag = format!("--cluster.tls-config={}", certificates.write(directory.path()));
        let first = Alertmanager::start(&binary, &[&flag], &[], None).await;
        let second = Alertmanager::start(&binary, &[&flag], &[first.gossip], None).await;
        let mut ours = options("ours", &[first.gossip]);
        ours.tls = Some(certificates.options());
        let ours = Node::start(ours).await;
        ours.sees_members(3, 10).await;
        for theirs in [&first, &second] {
            eventually("three members", 10, || async { (theirs.members().await.len() == 3).then_some(()) })
                .await;
        }
        for comment in ["small".to_owned(), "x".repeat(2000)] {
            let id = second.silence(&comment).await;
            eventually("their silence here", 3, || ours.silence(&id)).await;
        }
        for (id, comment) in [("aaaaaaaa", "small".to_owned()), ("bbbbbbbb", "y".repeat(2000))] {
            let id = format!("{id}-4444-4444-8444-444444444444");
            ours.silences.broadcast(mesh_silence(silence(&id, &comment))).unwrap();
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
    })
    .await;
}
