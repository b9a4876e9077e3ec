//! The TLS transport: two Alertmanagers and us, mutually authenticated.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tocsin::config::ClusterTls;
use tocsin::net::PeerTls;

use super::alertmanager::{Alertmanager, Binary, eventually};
use super::node::{Node, mesh_silence, options, silence};
use super::{run, scenarios};
use crate::cluster_tls::{certificate, shown};
use crate::harness::{Authority, LOOPBACK, Pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_with_alertmanagers_over_tls() {
    run(scenarios![a_cluster_over_tls, renewed_certificates_are_used_by_both]).await;
}

/// Writes the files that `--cluster.tls-config` wants; its path is returned.
fn write(directory: &Path, authority: &Authority, pair: &Pair) -> PathBuf {
    for (name, text) in [("ca.pem", &authority.pem), ("cert.pem", &pair.cert), ("key.pem", &pair.key)] {
        fs::write(directory.join(name), text).expect("a file");
    }
    let config = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: ca.pem\n  \
                  client_auth_type: RequireAndVerifyClientCert\ntls_client_config:\n  ca_file: ca.pem\n  \
                  cert_file: cert.pem\n  key_file: key.pem\n";
    let path = directory.join("tls.yml");
    fs::write(&path, config).expect("a file");
    path
}

fn peer_tls(file: &Path) -> PeerTls {
    PeerTls::new(&ClusterTls::load(file).expect("its parts")).expect("its files")
}

/// Both read a renewed certificate for the next handshake, in whichever direction.
async fn renewed_certificates_are_used_by_both(binary: Binary) {
    let authority = Authority::new("cluster");
    let directories = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let files = directories.each_ref().map(|own| write(own.path(), &authority, &authority.issue(LOOPBACK)));
    let flag = format!("--cluster.tls-config={}", files[0].display());
    let theirs = Alertmanager::start(&binary, &[&flag, "--cluster.pushpull-interval=1s"], &[], None).await;
    let mut ours = options("ours", &[theirs.gossip]);
    ours.tls = Some(peer_tls(&files[1]));
    ours.cluster.membership.push_pull_interval = Duration::from_secs(1);
    let ours = Node::start(ours).await;
    ours.sees_members(2, 10).await;

    let renewed = [authority.issue(LOOPBACK), authority.issue(LOOPBACK)];
    let visitor = authority.issue(LOOPBACK);
    for (side, addr) in [theirs.gossip, ours.addr()].into_iter().enumerate() {
        write(directories[side].path(), &authority, &renewed[side]);
        eventually("the renewed certificate is shown", 10, || async {
            (shown(addr, &visitor, &authority.pem).await? == certificate(&renewed[side])).then_some(())
        })
        .await;
    }
    let came = "alertmanager_tls_transport_stream_connections_received_total";
    let came_here = || ours.peer.snapshot().tls.map_or(0, |tls| tls.stream_connections_received);
    let before = (came_here(), theirs.metric(came).await);
    eventually("connections come in both directions", 20, || async {
        (came_here() >= before.0 + 2 && theirs.metric(came).await >= before.1 + 2.0).then_some(())
    })
    .await;
    let id = theirs.silence("made there").await;
    eventually("their silence here", 3, || ours.silence(&id)).await;
    let id = "cccccccc-4444-4444-8444-444444444444";
    ours.silences.broadcast(mesh_silence(silence(id, "made here"))).expect("a silence");
    eventually("our silence there", 3, || theirs.get_silence(id)).await;
    ours.sees_members(2, 1).await;
}

async fn a_cluster_over_tls(binary: Binary) {
    let authority = Authority::new("cluster");
    let directory = tempfile::tempdir().expect("a directory");
    let file = write(directory.path(), &authority, &authority.issue(LOOPBACK));
    let flag = format!("--cluster.tls-config={}", file.display());
    let first = Alertmanager::start(&binary, &[&flag], &[], None).await;
    let second = Alertmanager::start(&binary, &[&flag], &[first.gossip], None).await;
    let mut ours = options("ours", &[first.gossip]);
    ours.tls = Some(peer_tls(&file));
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
