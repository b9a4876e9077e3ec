//! What the network does: lost packets, partitions, labels, TLS, names that move.

use std::time::Duration;

use tocsin::gossip::Peer;
use tokio::time::Instant;

use super::alertmanager::{Alertmanager, Binary, eventually, free_addr};
use super::node::{Node, mesh_silence, options, silence};
use super::shim::Shim;
use super::with_every_version;

async fn sees(alertmanager: &Alertmanager, count: usize, seconds: u64) {
    eventually(&format!("Alertmanager sees {count} members"), seconds, || async {
        (alertmanager.members().await.len() == count).then_some(())
    })
    .await;
}

/// No UDP reaches us; TCP does: nobody dies of it.
#[tokio::test]
async fn without_udp_probes_over_tcp_keep_a_node_alive() {
    with_every_version(|binary| async move {
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
    })
    .await;
}

/// Partitioned, both sides make silences; healed, both have all.
#[tokio::test]
async fn a_partition_heals() {
    with_every_version(|binary| async move {
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
        ours.silences.broadcast(mesh_silence(silence(made_here, "made here"))).unwrap();
        for shim in [&to_them, &to_us] {
            shim.pass_udp(true);
            shim.pass_tcp(true);
        }
        eventually("their silence here", 25, || ours.silence(&made_there)).await;
        eventually("our silence there", 25, || theirs.get_silence(made_here)).await;
        ours.sees_members(2, 5).await;
        sees(&theirs, 2, 5).await;
    })
    .await;
}

/// Clusters with different labels never merge; with the same one they do.
#[tokio::test]
async fn labels_keep_clusters_apart() {
    with_every_version(|binary| async move {
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
    })
    .await;
}

/// A stable name comes back on the same address at once; on another one while the first is alive it is a conflict.
#[tokio::test]
async fn stable_names() {
    with_every_version(stable_name).await;
}

async fn stable_name(binary: Binary) {
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

/// Our process stops for three seconds, then for nine: suspected and refuted, then dead and back again.
#[test]
fn we_are_stopped_and_come_back() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(with_every_version(|binary| async move {
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
        sees(&theirs, 1, 9).await;
        sees(&theirs, 2, 15).await;
        assert!(theirs.log().contains("Marking stopped as failed"));
        drop(stop);
        process.join().expect("it ends");
    }));
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
