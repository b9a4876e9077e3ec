//! The walk-through of high availability: who notifies, and who finds that it need not.

use std::time::Duration;

use serde_json::json;
use tocsin::gossip::StateKey;
use tokio::time::Instant;

use super::alertmanager::{Alertmanager, Binary, eventually};
use super::node::{Node, mesh_entry, options};
use super::sink::Sink;
use super::{measured, run, scenarios};

const FLAGS: [&str; 2] = ["--cluster.peer-timeout=3s", "--cluster.settle-timeout=0s"];
const PEER_TIMEOUT: Duration = Duration::from_secs(3);
const GROUP_WAIT: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_with_alertmanagers_pages_once() {
    run(scenarios![
        ours_first_then_the_alertmanager_stays_silent,
        the_alertmanager_first_then_ours_stays_silent,
        the_second_notifies_when_the_first_is_killed,
        the_third_notifies_when_the_first_two_are_killed
    ])
    .await;
}

/// The hash of `{alertname=..., instance="h1"}` that notification logs hold.
fn hash(alertname: &str) -> u64 {
    let labels = [b"alertname\xff", alertname.as_bytes(), b"\xffinstance\xffh1\xff"].concat();
    xxhash_rust::xxh64::xxh64(&labels, 0)
}

/// What Alertmanager's pipeline does with a new alert, on our side: group wait, the turns of those before us, a look
/// into the log, the notification, the log entry. Whether we have notified is returned.
async fn deliver(ours: &Node, sink: &Sink, alertname: &str) -> bool {
    tokio::time::sleep(GROUP_WAIT).await;
    tokio::time::sleep(PEER_TIMEOUT * ours.peer.position() as u32).await;
    let id = format!("{{}}:{{alertname={alertname:?}}}:hook/webhook/0");
    if let Some(entry) = ours.entry(StateKey::Log, &id).await {
        let firing = entry.log_entry().and_then(|mesh| mesh.entry).expect("an entry").firing_alerts;
        assert_eq!(firing, [hash(alertname)]);
        return false;
    }
    sink.take_page(json!({ "groupLabels": { "alertname": alertname }, "externalURL": "tocsin" }));
    ours.log.broadcast(mesh_entry(alertname, hash(alertname))).expect("a log entry");
    true
}

async fn pair(binary: &Binary, name: &str) -> (Node, Alertmanager, Sink) {
    let sink = Sink::start().await;
    let ours = Node::start(options(name, &[])).await;
    let theirs = Alertmanager::start(binary, &FLAGS, &[ours.addr()], Some(sink.addr)).await;
    ours.sees_members(2, 5).await;
    eventually("two members", 5, || async { (theirs.members().await.len() == 2).then_some(()) }).await;
    (ours, theirs, sink)
}

/// Waits past everybody's turn and says who has notified.
async fn told(sink: &Sink, alertname: &str, fired: Instant) -> Vec<String> {
    tokio::time::sleep_until(fired + GROUP_WAIT + PEER_TIMEOUT * 2 + Duration::from_secs(1)).await;
    sink.pages(alertname).into_iter().map(|(_, by)| by).collect()
}

async fn ours_first_then_the_alertmanager_stays_silent(binary: Binary) {
    let (ours, theirs, sink) = pair(&binary, "0-ours").await;
    let fired = Instant::now();
    theirs.alert("Ours").await;
    assert!(deliver(&ours, &sink, "Ours").await);
    assert_eq!(told(&sink, "Ours", fired).await, ["tocsin"], "{}", binary.version);
}

async fn the_alertmanager_first_then_ours_stays_silent(binary: Binary) {
    let (ours, theirs, sink) = pair(&binary, "~ours").await;
    let fired = Instant::now();
    theirs.alert("Theirs").await;
    assert!(!deliver(&ours, &sink, "Theirs").await);
    let told = told(&sink, "Theirs", fired).await;
    assert!(told.len() == 1 && told[0] != "tocsin", "{told:?}");
}

/// The first in line is killed before it notifies: the second notifies after its wait.
async fn the_second_notifies_when_the_first_is_killed(binary: Binary) {
    let (ours, mut theirs, sink) = pair(&binary, "~ours").await;
    theirs.alert("First").await;
    theirs.kill();
    assert!(deliver(&ours, &sink, "First").await);

    let (ours, theirs, sink) = pair(&binary, "0-ours").await;
    let fired = Instant::now();
    theirs.alert("Second").await;
    drop(ours);
    let page = || async { sink.pages("Second").pop() };
    let (at, _) = eventually("the second notifies", 10, page).await;
    measured("the first is killed and the second notifies", &binary, at - fired);
    assert!(at - fired >= PEER_TIMEOUT, "{:?}", at - fired);
}

async fn the_third_notifies_when_the_first_two_are_killed(binary: Binary) {
    // We are the third.
    let (ours, mut first, sink) = pair(&binary, "~ours").await;
    let mut second = Alertmanager::start(&binary, &FLAGS, &[ours.addr()], Some(sink.addr)).await;
    ours.sees_members(3, 5).await;
    let fired = Instant::now();
    first.kill();
    second.kill();
    assert!(deliver(&ours, &sink, "Ours").await);
    assert!(fired.elapsed() >= PEER_TIMEOUT * 2, "{:?}", fired.elapsed());

    // An Alertmanager is the third: names are ULIDs, so the younger is behind the older.
    let (ours, mut second, sink) = pair(&binary, "0-ours").await;
    let third = Alertmanager::start(&binary, &FLAGS, &[ours.addr()], Some(sink.addr)).await;
    ours.sees_members(3, 5).await;
    eventually("three members", 5, || async { (third.members().await.len() == 3).then_some(()) }).await;
    let fired = Instant::now();
    third.alert("Theirs").await;
    drop(ours);
    second.kill();
    let page = || async { sink.pages("Theirs").pop() };
    let (at, _) = eventually("the third notifies", 15, page).await;
    measured("the first two are killed and the third notifies", &binary, at - fired);
    assert!(at - fired >= PEER_TIMEOUT * 2, "{:?}", at - fired);
    assert_eq!(sink.pages("Theirs").len(), 1);
}
