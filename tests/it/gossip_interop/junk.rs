//! What no honest peer sends: it costs nobody but its sender.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::alertmanager::{Alertmanager, Binary, eventually};
use super::node::{Node, mesh_silence, options, silence};
use super::{run, scenarios};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_with_alertmanagers_amid_junk() {
    run(scenarios![junk_costs_nobody_anything]).await;
}

/// Packets and streams that break rules, by their bytes.
fn junk(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let captured = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/gossip");
    let mut captures = Vec::new();
    for entry in std::fs::read_dir(captured).expect("the captures").flatten() {
        if entry.path().is_file() {
            captures.push(std::fs::read(entry.path()).expect("a capture"));
        }
    }
    let mut junk: Vec<Vec<u8>> = (0..200)
        .map(|_| {
            let mut bytes = captures[rng.usize(..captures.len())].clone();
            for _ in 0..rng.usize(1..8) {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            bytes.truncate(rng.usize(..=bytes.len()));
            bytes
        })
        .collect();
    // 300 parts where there may be 255; a length of nearly 4 GiB; compressed nothing; a version of three bytes.
    junk.push([&[7, 44][..], &[0, 1].repeat(300)].concat());
    junk.push(
        b"\x06\x83\xa4Join\xc3\xa5Nodes\xce\xff\xff\xff\xff\xacUserStateLen\xce\xff\xff\xff\xff".to_vec(),
    );
    junk.push(b"\x09\x82\xa4Algo\x00\xa3Buf\xa3\x00\x03\x02".to_vec());
    let node = b"\x87\xa4Addr\xa4\x7f\x00\x00\x01\xabIncarnation\x01\xa4Meta\xa0\xa4Name\xa3bad\xa4Port\xcd\x23\x86\xa5State\x00\xa3Vsn\xa3\x01\x05\x02";
    let header = b"\x06\x83\xa4Join\xc3\xa5Nodes\x01\xacUserStateLen\x00";
    junk.push([&header[..], node].concat());
    junk
}

async fn junk_costs_nobody_anything(binary: Binary) {
    let ours = Node::start(options("ours", &[])).await;
    let mut rng = fastrand::Rng::with_seed(7);
    let junk = junk(&mut rng);
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let theirs = Alertmanager::start(&binary, &[], &[ours.addr()], None).await;
    ours.sees_members(2, 10).await;
    for bytes in &junk {
        socket.send_to(bytes, ours.addr()).await.expect("sent");
        connect_and_send(ours.addr(), bytes).await;
    }
    // Members that captured rumours told of were suspected and died; the real one is there, and so are we.
    let members = || async {
        let view = ours.peer.view();
        let real = view.members.iter().filter(|(_, addr)| *addr == theirs.gossip || *addr == ours.addr());
        (real.count() == 2).then_some(())
    };
    eventually("we both are members", 5, members).await;
    assert!(ours.peer.view().members.iter().all(|(name, _)| name != "bad"));
    let id = "55555555-5555-4555-8555-555555555555";
    ours.silences.broadcast(mesh_silence(silence(id, "after the junk"))).expect("a silence");
    eventually("our silence there", 5, || theirs.get_silence(id)).await;
    let made_there = theirs.silence("after the junk").await;
    eventually("their silence here", 5, || ours.silence(&made_there)).await;
    assert!(ours.peer.snapshot().membership.packets_refused > 0);
}

async fn connect_and_send(addr: SocketAddr, bytes: &[u8]) {
    let Ok(mut connection) = TcpStream::connect(addr).await else { return };
    // Whether the node still listens after so much of it, or has hung up, is its own affair.
    connection.write_all(bytes).await.ok();
    connection.shutdown().await.ok();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), connection.read_to_end(&mut answer))
        .await
        .expect("the node hangs up")
        .ok();
}
