//! What the network does: lost packets, partitions, labels, TLS, names that move.

use std::time::Duration;

use tocsin::gossip::Peer;
use tokio::time::Instant;

use super::alertmanager::{Alertmanager, Binary, eventually};
use super::node::{Node, mesh_silence, options, silence};
use super::shim::Shim;
use super::{measured, run, scenarios};
use crate::harness::free_addr;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_with_alertmanagers_over_a_bad_network() {
    run(scenarios![without_udp_probes_over_tcp_keep_a_node_alive, a_partition_heals, labels_keep_clusters_apart, a_stable_name_comes_back, we_are_stopped_and_come_back; long: a_stable_name_moves])
    .await;
}

async fn sees(alertmanager: &Alertmanager, count: usize, seconds: u64) {
    eventually(&format!("Alertmanager sees {count} members"), seconds, || async {
        (alertmanager.members().await.len() == count).then_some(())
    })
    .await;
}

/// No UDP reaches us; TCP does: nobody dies of it.
async fn without_udp_probes_over_tcp_keep_a_node_alive(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let mut ours = options("ours", &[theirs.gossip]);
    ours.listen = free_addr();
    let shim = Shim::start(free_addr(), ours.listen).await;
    shim.pass_udp(false);
    ours.advertise = Some(shim.addr);
    let ours = Node::start(ours).await;
    ours.sees_members(2, 5).await;
    sees(&theirs, 2, 5).await;
    eventually("Alertmanager notices that UDP is blocked", 10, || async {
        theirs.log().contains("Was able to connect to ours").then_some(())
    })
    .await;
    // Long enough for a suspicion to end in death.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(8) {
        assert_eq!(theirs.members().await.len(), 2);
        assert_eq!(ours.peer.view().members.len(), 2);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Partitioned, both sides make silences; healed, both have all.
async fn a_partition_heals(binary: Binary) {
    let (their_way, our_way) = (free_addr(), free_addr());
    let advertise = format!("--cluster.advertise-address={their_way}");
    let theirs = Alertmanager::start(&binary, &[&advertise], &[], None).await;
    let to_them = Shim::start(their_way, theirs.gossip).await;
    let mut ours = options("ours", &[their_way]);
    ours.listen = free_addr();
    ours.advertise = Some(our_way);
    let to_us = Shim::start(our_way, ours.listen).await;
    let ours = Node::start(ours).await;
    ours.sees_members(2, 5).await;
    sees(&theirs, 2, 5).await;
    for shim in [&to_them, &to_us] {
        shim.pass_udp(false);
        shim.pass_tcp(false);
    }
    ours.sees_members(1, 15).await;
    sees(&theirs, 1, 15).await;
    let made_there = theirs.silence("made there").await;
    let made_here = "33333333-3333-4333-8333-333333333333";
    ours.silences.broadcast(mesh_silence(silence(made_here, "made here"))).expect("a silence");
    for shim in [&to_them, &to_us] {
        shim.pass_udp(true);
        shim.pass_tcp(true);
    }
    let healed = Instant::now();
    eventually("their silence here", 25, || ours.silence(&made_there)).await;
    eventually("our silence there", 25, || theirs.get_silence(made_here)).await;
    measured("a partition heals until both have all silences", &binary, healed.elapsed());
    ours.sees_members(2, 5).await;
    sees(&theirs, 2, 5).await;
}

/// Clusters with different labels never merge; with the same one they do.
async fn labels_keep_clusters_apart(binary: Binary) {
    if !binary.is_since(26) {
        return;
    }
    let theirs = Alertmanager::start(&binary, &["--cluster.label=blue"], &[], None).await;
    let mut stranger = options("stranger", &[theirs.gossip]);
    stranger.cluster.membership.label = "green".into();
    let stranger = Node::start(stranger).await;
    let unlabelled = Node::start(options("unlabelled", &[theirs.gossip])).await;
    let mut ours = options("ours", &[theirs.gossip]);
    ours.cluster.membership.label = "blue".into();
    let ours = Node::start(ours).await;
    ours.sees_members(2, 5).await;
    let id = theirs.silence("behind a label").await;
    eventually("the silence", 2, || ours.silence(&id)).await;
    let tried = || async {
        let failed = |peer: &Peer| peer.snapshot().cluster.reconnections_failed;
        (failed(&stranger.peer) > 0 && failed(&unlabelled.peer) > 0).then_some(())
    };
    eventually("the others have tried again", 25, tried).await;
    assert_eq!(theirs.members().await.len(), 2);
    assert_eq!((stranger.peer.view().members.len(), unlabelled.peer.view().members.len()), (1, 1));
}

/// A stable name comes back on the same address at once; on another one while the first is alive it is a conflict.
async fn a_stable_name_comes_back(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let first = Node::start(options("stable", &[theirs.gossip])).await;
    first.sees_members(2, 5).await;
    let addr = first.kill().await;
    let mut again = options("stable", &[theirs.gossip]);
    again.listen = addr;
    let again = Node::start(again).await;
    again.sees_members(2, 5).await;
    let elsewhere = Node::start(options("stable", &[theirs.gossip])).await;
    let conflicts = || async { (elsewhere.peer.snapshot().membership.name_conflicts > 0).then_some(()) };
    eventually("the conflict is noticed", 15, conflicts).await;
    assert_eq!(theirs.members().await.get("stable"), Some(&addr.to_string()), "{}", binary.version);
}

/// A stable name that comes back elsewhere is a conflict until the old one is forgotten.
async fn a_stable_name_moves(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let first = Node::start(options("stable", &[theirs.gossip])).await;
    first.sees_members(2, 5).await;
    first.kill().await;
    let moved = Instant::now();
    let elsewhere = Node::start(options("stable", &[theirs.gossip])).await;
    let addr = elsewhere.addr().to_string();
    let is_back = || async { (theirs.members().await.get("stable") == Some(&addr)).then_some(()) };
    eventually("the name has moved", 180, is_back).await;
    measured("a stable name moves", &binary, moved.elapsed());
    assert!(moved.elapsed() > Duration::from_secs(30), "{:?}", moved.elapsed());
}

/// Our process stops for three seconds, then for nine: suspected and refuted, then dead and back again.
async fn we_are_stopped_and_come_back(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let ours = options("stopped", &[theirs.gossip]);
    let (stop, stops) = std::sync::mpsc::channel::<Duration>();
    let process = std::thread::spawn(move || process_that_stops(ours, &stops));
    sees(&theirs, 2, 10).await;
    stop.send(Duration::from_secs(3)).expect("it runs");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(8) {
        assert_eq!(theirs.members().await.len(), 2, "a suspect is a member");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.send(Duration::from_secs(9)).expect("it runs");
    let stopped = Instant::now();
    sees(&theirs, 1, 9).await;
    measured("we are stopped and dead to an Alertmanager", &binary, stopped.elapsed());
    sees(&theirs, 2, 15).await;
    measured("of nine seconds stopped until we are back", &binary, stopped.elapsed());
    assert!(theirs.log().contains("Marking stopped as failed"));
    drop(stop);
    process.join().expect("it ends");
}

/// A node on a thread of its own, all of which sleeps when told to, as after SIGSTOP.
fn process_that_stops(options: tocsin::gossip::PeerOptions, stops: &std::sync::mpsc::Receiver<Duration>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let node = Node::start(options).await;
        loop {
            match stops.try_recv() {
                Ok(time) => std::thread::sleep(time),
                Err(std::sync::mpsc::TryRecvError::Empty) => {
                    tokio::time::sleep(Duration::from_millis(10)).await
                }
                Err(std::sync::mpsc::TryRecvError::Disconnected) => break,
            }
        }
        drop(node);
    });
}
