//! Silences and the log between us and Alertmanagers.

use std::time::Duration;

use tocsin::gossip::StateKey;
use tokio::time::Instant;

use super::alertmanager::{Alertmanager, Binary, eventually};
use super::node::{Node, mesh_silence, options, silence};
use super::{measured, run, scenarios};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_with_alertmanagers_states() {
    run(scenarios![
        silences_of_an_alertmanager_reach_us,
        our_silences_reach_an_alertmanager,
        two_hundred_silences_come_with_the_join_and_are_not_gossiped_again,
        we_pass_on_what_an_alertmanager_wrote
    ])
    .await;
}

async fn silences_of_an_alertmanager_reach_us(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let early = theirs.silence("before we came").await;
    let ours = Node::start(options("ours", &[theirs.gossip])).await;
    eventually("the full state", 5, || ours.silence(&early)).await;
    let made = Instant::now();
    let late = theirs.silence("small").await;
    let found = eventually("a small silence", 2, || ours.silence(&late)).await;
    measured("a silence of an Alertmanager is here", &binary, made.elapsed());
    assert!(made.elapsed() < Duration::from_secs(2));
    assert_eq!((found.created_by.as_str(), found.comment.as_str()), ("test", "small"));
    let large = theirs.silence(&"x".repeat(2000)).await;
    eventually("a large silence", 2, || ours.silence(&large)).await;
    let changes = tokio::time::timeout(Duration::from_secs(1), ours.silences.changes()).await;
    assert_eq!(changes.expect("changes").len(), 3);
    theirs.expire(&late).await;
    let before = found.updated_at;
    let ended = || async { ours.silence(&late).await.filter(|silence| silence.updated_at > before) };
    let found = eventually("the expiry", 2, ended).await;
    assert_eq!(found.ends_at, found.updated_at);
}

async fn our_silences_reach_an_alertmanager(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let ours = Node::start(options("ours", &[theirs.gossip])).await;
    ours.sees_members(2, 5).await;
    let id = "11111111-1111-4111-8111-111111111111";
    let made = Instant::now();
    ours.silences.broadcast(mesh_silence(silence(id, "first"))).expect("a silence");
    let comment = |expected: &'static str| {
        let theirs = &theirs;
        move || async move { theirs.get_silence(id).await.filter(|found| found["comment"] == expected) }
    };
    let found = eventually("the silence", 2, comment("first")).await;
    measured("a silence of ours is at an Alertmanager", &binary, made.elapsed());
    assert_eq!(found["status"]["state"], "active");
    ours.silences.broadcast(mesh_silence(silence(id, "second"))).expect("a silence");
    eventually("the update", 2, comment("second")).await;
    let mut ended = silence(id, "third");
    ended.ends_at = ended.updated_at;
    ours.silences.broadcast(mesh_silence(ended)).expect("a silence");
    let found = eventually("the end", 2, comment("third")).await;
    assert_eq!(found["status"]["state"], "expired");
    let propagated = theirs.metric("alertmanager_silences_gossip_messages_propagated_total").await;
    assert_eq!(propagated, 3.0);

    let id = "22222222-2222-4222-8222-222222222222";
    ours.silences.broadcast(mesh_silence(silence(id, &"y".repeat(2000)))).expect("a silence");
    eventually("a large silence", 2, || theirs.get_silence(id)).await;
    let sent = || async {
        let states = ours.peer.snapshot().cluster.states;
        (states[&StateKey::Silences].oversize_sent == 1).then_some(())
    };
    eventually("it went over TCP", 3, sent).await;
}

async fn two_hundred_silences_come_with_the_join_and_are_not_gossiped_again(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    for n in 0..200 {
        theirs.silence(&format!("number {n}")).await;
    }
    let ours = Node::start(options("ours", &[theirs.gossip])).await;
    let all = || async {
        let entries = ours.peer.entries(StateKey::Silences).await.ok()?;
        (entries.len() == 200).then_some(())
    };
    eventually("two hundred silences", 5, all).await;
    assert_eq!(ours.peer.snapshot().membership.user_sent, 0);
}

/// The author is gone when the reader comes; every field gets through us, and the bytes are the author's.
async fn we_pass_on_what_an_alertmanager_wrote(binary: Binary) {
    let mut author = Alertmanager::start(&binary, &[], &[], None).await;
    let ours = Node::start(options("ours", &[author.gossip])).await;
    ours.sees_members(2, 5).await;
    let id = author.silence("passed on").await;
    let written = author.get_silence(&id).await.expect("the silence");
    eventually("the silence here", 2, || ours.silence(&id)).await;
    author.kill();
    let reader = Alertmanager::start(&binary, &[], &[ours.addr()], None).await;
    let read = eventually("the silence there", 10, || reader.get_silence(&id)).await;
    assert_eq!(read, written, "{}", binary.version);
}
