//! Joining, leaving, dying and coming back.

use std::time::Duration;

use tocsin::gossip::Status;
use tokio::time::Instant;

use super::alertmanager::{Alertmanager, Binary, eventually};
use super::node::{Node, options};
use super::{measured, run, scenarios};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_with_alertmanagers_members() {
    run(scenarios![we_join_an_alertmanager, an_alertmanager_joins_us_and_settles, leaving_is_heard_at_once_on_both_sides, a_killed_peer_is_noticed_and_comes_back, a_stopped_alertmanager_is_suspected_and_refutes; long: five_quiet_minutes])
    .await;
}

async fn sees(alertmanager: &Alertmanager, count: usize, seconds: u64) {
    eventually(&format!("{} members", count), seconds, || async {
        (alertmanager.members().await.len() == count).then_some(())
    })
    .await;
}

async fn metric_is(alertmanager: &Alertmanager, name: &str, expected: f64, seconds: u64) {
    eventually(&format!("{name} {expected}"), seconds, || async {
        (alertmanager.metric(name).await == expected).then_some(())
    })
    .await;
}

async fn we_join_an_alertmanager(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let ours = Node::start(options("0-ours", &[theirs.gossip])).await;
    ours.sees_members(2, 5).await;
    sees(&theirs, 2, 5).await;
    let members = theirs.members().await;
    assert_eq!(members.get("0-ours"), Some(&ours.addr().to_string()), "{}", binary.version);
    let view = ours.peer.view();
    assert_eq!(view.members[1], (theirs.own_name().await, theirs.gossip));
    assert_eq!((ours.peer.position(), view.members.len()), (0, 2));
    metric_is(&theirs, "alertmanager_cluster_members", 2.0, 1).await;
    metric_is(&theirs, "alertmanager_cluster_peers_joined_total", 2.0, 1).await;
    metric_is(&theirs, "alertmanager_cluster_failed_peers", 0.0, 1).await;
    metric_is(&theirs, "alertmanager_peer_position", 1.0, 1).await;
}

async fn an_alertmanager_joins_us_and_settles(binary: Binary) {
    let ours = Node::start(options("~ours", &[])).await;
    let theirs = Alertmanager::start(&binary, &[], &[ours.addr()], None).await;
    let settle = Duration::from_secs(60);
    let (settled, ()) = tokio::join!(ours.peer.settle(settle), async {
        ours.sees_members(2, 5).await;
        sees(&theirs, 2, 5).await;
        eventually("Alertmanager settles", 20, || async {
            let status = theirs.get("/api/v2/status").await?;
            (status["cluster"]["status"] == "ready").then_some(())
        })
        .await;
    });
    assert!(settled.is_ok());
    assert_eq!(ours.peer.view().status, Status::Ready);
    assert_eq!(ours.peer.position(), 1);
    // Nobody was suspected meanwhile, and our acks were quick.
    metric_is(&theirs, "alertmanager_cluster_health_score", 0.0, 1).await;
    let quick = "alertmanager_cluster_pings_seconds_bucket{peer=\"~ours\",le=\"0.05\"}";
    assert!(theirs.metric(quick).await >= 4.0, "{}", theirs.metric(quick).await);
}

async fn leaving_is_heard_at_once_on_both_sides(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let ours = Node::start(options("ours", &[theirs.gossip])).await;
    let other = Node::start(options("other", &[theirs.gossip])).await;
    ours.sees_members(3, 5).await;
    other.sees_members(3, 5).await;
    sees(&theirs, 3, 5).await;
    let leaving = Instant::now();
    ours.peer.leave(Duration::from_secs(10)).await;
    assert!(leaving.elapsed() < Duration::from_secs(3), "{:?}", leaving.elapsed());
    metric_is(&theirs, "alertmanager_cluster_peers_left_total", 1.0, 2).await;
    metric_is(&theirs, "alertmanager_cluster_failed_peers", 1.0, 2).await;
    other.sees_members(2, 2).await;
    theirs.signal("TERM");
    other.sees_members(1, 5).await;
    assert_eq!(other.peer.snapshot().failed_peers, 2);
}

/// Kills of either kind of peer are noticed within the reference's 5–7 seconds, and a restart brings them back.
async fn a_killed_peer_is_noticed_and_comes_back(binary: Binary) {
    let mut theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let ours = Node::start(options("ours", &[theirs.gossip])).await;
    ours.sees_members(2, 5).await;
    sees(&theirs, 2, 5).await;
    theirs.kill();
    let killed = Instant::now();
    ours.sees_members(1, 12).await;
    measured("an Alertmanager is killed and dead to us", &binary, killed.elapsed());
    assert!(killed.elapsed() > Duration::from_secs(4), "{:?}", killed.elapsed());
    theirs.start_again().await;
    ours.sees_members(2, 15).await;
    sees(&theirs, 2, 5).await;

    let addr = ours.kill().await;
    let killed = Instant::now();
    sees(&theirs, 1, 12).await;
    measured("we are killed and dead to an Alertmanager", &binary, killed.elapsed());
    assert!(killed.elapsed() > Duration::from_secs(4), "{:?}", killed.elapsed());
    let mut again = options("ours", &[theirs.gossip]);
    again.listen = addr;
    let ours = Node::start(again).await;
    ours.sees_members(2, 5).await;
    sees(&theirs, 2, 5).await;
    metric_is(&theirs, "alertmanager_cluster_failed_peers", 0.0, 2).await;
}

/// A stopped Alertmanager is suspected, declared dead, and taken back when it continues.
async fn a_stopped_alertmanager_is_suspected_and_refutes(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let ours = Node::start(options("ours", &[theirs.gossip])).await;
    let helper = Node::start(options("helper", &[theirs.gossip])).await;
    ours.sees_members(3, 5).await;
    helper.sees_members(3, 5).await;
    theirs.signal("STOP");
    let stopped = Instant::now();
    ours.sees_members(2, 12).await;
    measured("an Alertmanager is stopped and dead to us", &binary, stopped.elapsed());
    // A probe, a second for its answers, four seconds of suspicion.
    assert!(stopped.elapsed() > Duration::from_secs(4), "{:?}", stopped.elapsed());
    helper.sees_members(2, 5).await;
    theirs.signal("CONT");
    let continued = Instant::now();
    ours.sees_members(3, 15).await;
    helper.sees_members(3, 15).await;
    measured("it continues and is back", &binary, continued.elapsed());
    sees(&theirs, 3, 5).await;
}

/// Nobody is suspected, probes are regular and their answers quick.
async fn five_quiet_minutes(binary: Binary) {
    let theirs = Alertmanager::start(&binary, &[], &[], None).await;
    let ours = Node::start(options("ours", &[theirs.gossip])).await;
    ours.sees_members(2, 5).await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(5) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(ours.peer.view().members.len(), 2);
        assert_eq!(theirs.members().await.len(), 2);
    }
    let pings = theirs.metric("alertmanager_cluster_pings_seconds_count{peer=\"ours\"}").await;
    assert!((140.0..=310.0).contains(&pings), "{pings}");
    let quick = theirs.metric("alertmanager_cluster_pings_seconds_bucket{peer=\"ours\",le=\"0.05\"}").await;
    assert!(quick >= pings * 0.99, "{quick} of {pings}");
    assert!(!theirs.log().contains("Refuting"), "{}", binary.version);
}
