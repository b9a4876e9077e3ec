//! What a cluster costs: three nodes at rest, and a large state for one that joins.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tocsin::gossip::{Entry, Peer, PeerOptions, StateKey};
use tocsin::model::Timestamp;
use tocsin::model::nflogpb::{self, MeshEntry};
use tocsin::model::silencepb::{Matcher, MeshSilence, Silence};
use tokio::time::Instant;

const SILENCES: usize = 10_000;
const LOG_ENTRIES: usize = 100_000;

/// The bench's calendar stands still: nothing expires.
fn now() -> Timestamp {
    Timestamp::from_unix(1_800_000_000, 0)
}

fn silence(number: usize) -> Entry {
    let silence = Silence {
        id: format!("{number:08}-0000-4000-8000-000000000000"),
        matchers: vec![Matcher {
            r#type: 0,
            name: "instance".into(),
            pattern: format!("host-{number}:9100"),
        }],
        starts_at: Some(now().into()),
        ends_at: Some((now() + Duration::from_hours(2)).into()),
        updated_at: Some(now().into()),
        created_by: "somebody@example.org".into(),
        comment: "maintenance of a rack".into(),
        ..Silence::default()
    };
    let silence = silence.upgraded().for_the_wire();
    let mesh =
        MeshSilence { silence: Some(silence), expires_at: Some((now() + Duration::from_hours(122)).into()) };
    Entry::decode(StateKey::Silences, mesh.encode_to_vec().into()).expect("a silence")
}

fn log_entry(number: usize) -> Entry {
    let entry = nflogpb::Entry {
        group_key: format!("{{}}/{{team=\"a\"}}:{{alertname=\"Alert{number}\", cluster=\"eu\"}}")
            .into_bytes(),
        receiver: Some(nflogpb::Receiver {
            group_name: "team-a".into(),
            integration: "webhook".into(),
            idx: 0,
        }),
        timestamp: Some(now().into()),
        firing_alerts: vec![(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)],
        ..nflogpb::Entry::default()
    };
    let mesh = MeshEntry { entry: Some(entry), expires_at: Some((now() + Duration::from_hours(8)).into()) };
    Entry::decode(StateKey::Log, mesh.encode_to_vec().into()).expect("a log entry")
}

async fn node(name: &str, peers: &[SocketAddr], known: Vec<Entry>) -> Peer {
    let listen = "127.0.0.1:0".parse().expect("an address");
    let mut options = PeerOptions::new(name, listen, Arc::new(now), 1);
    options.cluster.peers = peers.iter().map(SocketAddr::to_string).collect();
    let peer = Peer::start(options).await.expect("a node");
    peer.restore(known).await.expect("the node runs");
    peer.join().await.expect("the node runs");
    peer
}

/// CPU time of all threads of this process.
fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

async fn rest(time: Duration) {
    let first = node("a", &[], Vec::new()).await;
    let addrs = [first.listening()];
    let others = [node("b", &addrs, Vec::new()).await, node("c", &addrs, Vec::new()).await];
    let mut view = others[1].watch();
    view.wait_for(|view| view.members.len() == 3).await.expect("the node runs");
    tokio::time::sleep(Duration::from_secs(2).min(time)).await;
    let cpu = cpu_time();
    tokio::time::sleep(time).await;
    let spent = (cpu_time() - cpu).as_secs_f64() / time.as_secs_f64() / 3.0;
    println!("gossip/rest: {:.3} % of a core for each of three nodes", spent * 100.0);
    assert!(first.view().members.len() == 3);
}

async fn join(silences: usize, log: usize) {
    let known = node("a", &[], (0..silences).map(silence).chain((0..log).map(log_entry)).collect()).await;
    let start = Instant::now();
    let comes = node("b", &[known.listening()], Vec::new()).await;
    loop {
        let got = comes.entries(StateKey::Log).await.expect("the node runs").len();
        let silenced = comes.entries(StateKey::Silences).await.expect("the node runs").len();
        if (got, silenced) == (log, silences) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{got} of {log}, {silenced} of {silences}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("gossip/join: {silences} silences and {log} log entries in {:?}", start.elapsed());
}

fn main() {
    let is_short = std::env::args().any(|argument| argument == "--test");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        if is_short {
            rest(Duration::from_secs(1)).await;
            join(SILENCES / 10, LOG_ENTRIES / 10).await;
        } else {
            rest(Duration::from_secs(30)).await;
            join(SILENCES, LOG_ENTRIES).await;
        }
    });
}
