//! The whole of tocsin in one cluster with a real Alertmanager: who pages, silences of either side, restarts.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::alertmanager::{Alertmanager, Binary, configuration, eventually};
use super::sink::Sink;
use super::{measured, run, scenarios};
use crate::harness::{Tocsin, TocsinBuilder, ago, free_addr};

const PEER_TIMEOUT: Duration = Duration::from_secs(3);
const QUICK: [&str; 2] = ["--cluster.peer-timeout=3s", "--cluster.settle-timeout=0s"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tocsin_and_alertmanagers_page_once() {
    run(scenarios![
        tocsin_is_first_and_the_alertmanager_stays_silent,
        the_alertmanager_is_first_and_tocsin_stays_silent,
        tocsin_notifies_when_the_first_is_killed,
        the_alertmanager_notifies_when_tocsin_is_killed,
        a_silence_of_an_alertmanager_holds_here,
        a_restart_brings_back_what_was_shared,
        a_cluster_settles_before_anybody_is_told,
    ])
    .await;
}

/// A tocsin with a name, in a cluster with `peers`.
async fn tocsin(name: &str, sink: &Sink, peers: &[SocketAddr], flags: &[&str]) -> (Tocsin, SocketAddr) {
    let addr = free_addr();
    let mut builder = TocsinBuilder::new(&configuration(Some(sink.addr)))
        .flag(format!("--cluster.listen-address={addr}"))
        .flag(format!("--cluster.peer-name={name}"));
    for flag in flags {
        builder = builder.flag(*flag);
    }
    for peer in peers {
        builder = builder.flag(format!("--cluster.peer={peer}"));
    }
    (builder.start().await, addr)
}

async fn sees(tocsin: &Tocsin, count: usize) {
    eventually(&format!("tocsin sees {count} members"), 15, || async {
        let status = tocsin.json("/api/v2/status").await;
        (status["cluster"]["peers"].as_array()?.len() == count).then_some(())
    })
    .await;
}

async fn pair(binary: &Binary, name: &str) -> (Tocsin, Alertmanager, Sink) {
    let sink = Sink::start().await;
    let (ours, addr) = tocsin(name, &sink, &[], &QUICK).await;
    let theirs = Alertmanager::start(binary, &QUICK, &[addr], Some(sink.addr)).await;
    sees(&ours, 2).await;
    eventually("two members", 5, || async { (theirs.members().await.len() == 2).then_some(()) }).await;
    (ours, theirs, sink)
}

fn alert(name: &str) -> Value {
    json!([{ "labels": { "alertname": name, "instance": "h1" }, "startsAt": ago(0) }])
}

async fn fire(ours: &Tocsin, theirs: &Alertmanager, name: &str) -> Instant {
    let fired = Instant::now();
    assert_eq!(ours.push(&alert(name)).await, Ok(200));
    theirs.alert(name).await;
    fired
}

fn is_ours(ours: &Tocsin, by: &str) -> bool {
    let address = ours.address();
    let port = address.rsplit(':').next().expect("a port");
    by.ends_with(&format!(":{port}"))
}

/// Waits past everybody's turn: who has told the one page that there is.
async fn one_page(sink: &Sink, name: &str, fired: Instant) -> (Instant, String) {
    tokio::time::sleep_until(fired + PEER_TIMEOUT * 2 + Duration::from_secs(3)).await;
    let pages = sink.pages(name);
    assert_eq!(pages.len(), 1, "{pages:?}");
    pages[0].clone()
}

async fn tocsin_is_first_and_the_alertmanager_stays_silent(binary: Binary) {
    let (ours, theirs, sink) = pair(&binary, "0-ours").await;
    let fired = fire(&ours, &theirs, "Ours").await;
    let (at, by) = one_page(&sink, "Ours", fired).await;
    measured("tocsin is first and pages", &binary, at - fired);
    assert!(is_ours(&ours, &by), "{by}");
    assert_eq!(ours.metric("alertmanager_peer_position", &[]).await, Some(0.0));
    assert_eq!(ours.metric("alertmanager_cluster_members", &[]).await, Some(2.0));
    ours.assert_balance().await;
}

async fn the_alertmanager_is_first_and_tocsin_stays_silent(binary: Binary) {
    let (ours, theirs, sink) = pair(&binary, "~ours").await;
    let fired = fire(&ours, &theirs, "Theirs").await;
    let (_, by) = one_page(&sink, "Theirs", fired).await;
    assert!(!is_ours(&ours, &by), "{by}");
    assert_eq!(ours.metric("alertmanager_peer_position", &[]).await, Some(1.0));
    ours.assert_balance().await;
}

async fn tocsin_notifies_when_the_first_is_killed(binary: Binary) {
    let (ours, mut theirs, sink) = pair(&binary, "~ours").await;
    let fired = fire(&ours, &theirs, "Killed").await;
    theirs.kill();
    let (at, by) = one_page(&sink, "Killed", fired).await;
    measured("an Alertmanager is killed and tocsin pages", &binary, at - fired);
    assert!(is_ours(&ours, &by) && at - fired >= PEER_TIMEOUT, "{by} after {:?}", at - fired);
}

async fn the_alertmanager_notifies_when_tocsin_is_killed(binary: Binary) {
    let (mut ours, theirs, sink) = pair(&binary, "0-ours").await;
    let fired = fire(&ours, &theirs, "Killed").await;
    ours.kill().await;
    let (at, by) = one_page(&sink, "Killed", fired).await;
    measured("tocsin is killed and an Alertmanager pages", &binary, at - fired);
    assert!(!is_ours(&ours, &by) && at - fired >= PEER_TIMEOUT, "{by} after {:?}", at - fired);
}

async fn has_a_silence(ours: &Tocsin, seconds: u64) {
    eventually("a silence here", seconds, || async {
        let active = ours.metric("alertmanager_silences", &["state=\"active\""]).await;
        (active == Some(1.0)).then_some(())
    })
    .await;
}

/// A silence made there holds here too, also when its author is gone.
async fn a_silence_of_an_alertmanager_holds_here(binary: Binary) {
    let (ours, mut theirs, sink) = pair(&binary, "0-ours").await;
    let made = Instant::now();
    // It silences the alert Foo.
    theirs.silence("made there").await;
    has_a_silence(&ours, 2).await;
    measured("a silence of an Alertmanager holds at tocsin", &binary, made.elapsed());
    theirs.kill();
    let fired = Instant::now();
    for name in ["Foo", "Loud"] {
        assert_eq!(ours.push(&alert(name)).await, Ok(200));
    }
    one_page(&sink, "Loud", fired).await;
    assert_eq!(sink.pages("Foo").len(), 0);
    ours.assert_balance().await;
}

/// What the cluster has told outlives us and them: each brings it back to the other.
async fn a_restart_brings_back_what_was_shared(binary: Binary) {
    let (mut ours, mut theirs, sink) = pair(&binary, "0-ours").await;
    let id = theirs.silence("shared").await;
    has_a_silence(&ours, 2).await;
    let fired = fire(&ours, &theirs, "Told").await;
    one_page(&sink, "Told", fired).await;
    theirs.kill();
    assert_eq!(ours.stop().await, Some(0));
    ours.start().await;
    has_a_silence(&ours, 2).await;
    // A new one with nothing on its disk, that knows us only.
    let addr =
        ours.json("/api/v2/status").await["cluster"]["peers"][0]["address"].as_str().map(str::to_owned);
    let addr = addr.and_then(|addr| addr.parse().ok()).expect("our address");
    let newcomer = Alertmanager::start(&binary, &QUICK, &[addr], Some(sink.addr)).await;
    eventually("the silence at the newcomer", 5, || newcomer.get_silence(&id)).await;
    newcomer.alert("Told").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(sink.pages("Told").len(), 1, "the log came with the silence");
}

/// With Alertmanager's defaults a notification waits until the cluster holds still.
async fn a_cluster_settles_before_anybody_is_told(binary: Binary) {
    let sink = Sink::start().await;
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let started = Instant::now();
    let (ours, _) = tocsin("0-ours", &sink, &[theirs.gossip], &[]).await;
    ours.push(&alert("Early")).await.expect("accepted");
    let (at, _) = eventually("the page", 25, || async { sink.pages("Early").pop() }).await;
    measured("the cluster settles and tocsin pages", &binary, at - started);
    assert!(at - started > Duration::from_secs(8), "{:?}", at - started);
    assert_eq!(ours.json("/api/v2/status").await["cluster"]["status"], "ready");
}
