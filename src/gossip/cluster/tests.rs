//! Alertmanager's layer, one or two nodes at a time.

use prost::Message as _;

use super::*;
use crate::gossip::wire::PushPull;
use crate::model::clusterpb::{FullState, Part};
use crate::model::silencepb::{Matcher, MeshSilence, Silence};
use crate::model::statepb::push_entry;

const RETENTION: Duration = Duration::from_hours(120);

fn addr(last: u8) -> SocketAddr {
    SocketAddr::new([10, 0, 0, last].into(), 9094)
}

fn at(seconds: u64) -> Now {
    let elapsed = Duration::from_secs(seconds);
    Now { elapsed, wall: Timestamp::from_unix(1_800_000_000, 0) + elapsed }
}

fn with(last: u8, change: impl FnOnce(&mut Options)) -> Cluster {
    let mut options = Options::new(&format!("n{last}"), addr(last));
    change(&mut options);
    Cluster::new(options, fastrand::Rng::with_seed(last.into()), at(0))
}

fn node(last: u8) -> Cluster {
    with(last, |_| {})
}

fn bytes(id: &str, updated: u64, expires: u64, comment: usize) -> Vec<u8> {
    let silence = Silence {
        id: id.into(),
        matchers: vec![Matcher { r#type: 0, name: "a".into(), pattern: "b".into() }],
        updated_at: Some(at(updated).wall.into()),
        comment: "x".repeat(comment),
        ..Default::default()
    };
    MeshSilence { silence: Some(silence), expires_at: Some(at(expires).wall.into()) }.encode_to_vec()
}

fn entry(id: &str, updated: u64, expires: u64, comment: usize) -> Entry {
    Entry::decode(StateKey::Silences, bytes(id, updated, expires, comment).into()).unwrap()
}

fn part(key: &str, entries: &[Vec<u8>]) -> Bytes {
    let mut data = bytes::BytesMut::new();
    for entry in entries {
        push_entry(&mut data, entry);
    }
    Part { key: key.into(), data: data.freeze() }.encode_to_vec().into()
}

/// Carries every dial between nodes, until there is none left; packets are dropped. Who dialled whom is returned.
fn connect(nodes: &mut [&mut Cluster], now: Now) -> Vec<(SocketAddr, SocketAddr, StreamMessage)> {
    let mut dials = Vec::new();
    loop {
        let mut next = None;
        for (index, node) in nodes.iter_mut().enumerate() {
            while let Some(output) = node.poll() {
                if let Output::Dial { id, to, request, reply, .. } = output {
                    next = Some((index, id, to, request, reply));
                    break;
                }
            }
            if next.is_some() {
                break;
            }
        }
        let Some((index, id, to, request, reply)) = next else { return dials };
        let from = nodes[index].members().addr();
        dials.push((from, to, request.clone()));
        let outcome = match nodes.iter_mut().find(|node| node.members().addr() == to) {
            Some(receiver) => Ok(receiver.handle_stream(now, from, request).filter(|_| reply)),
            None => Err("connection refused".to_owned()),
        };
        nodes[index].handle_dialled(now, id, outcome);
    }
}

fn pair() -> (Cluster, Cluster) {
    let (mut first, mut second) = (node(1), node(2));
    second.join(at(0), &[addr(1)]);
    connect(&mut [&mut first, &mut second], at(0));
    assert_eq!((first.members().member_count(), second.members().member_count()), (2, 2));
    (first, second)
}

fn ids(cluster: &Cluster) -> Vec<String> {
    let state = cluster.state(StateKey::Silences).into_iter().flat_map(Replica::entries);
    state.map(|entry| String::from_utf8_lossy(&entry.id).into_owned()).collect()
}

fn changed(cluster: &mut Cluster) -> Vec<Entry> {
    let outputs = std::iter::from_fn(|| cluster.poll());
    outputs
        .filter_map(|output| match output {
            Output::Changed(entry) => Some(entry),
            _ => None,
        })
        .collect()
}

#[test]
fn two_nodes_join_and_hold_the_same() {
    let (mut first, mut second) = (node(1), node(2));
    first.restore(at(0).wall, entry("one", 0, 1000, 10));
    second.restore(at(0).wall, entry("two", 0, 1000, 2000));
    second.join(at(0), &[addr(1), addr(2)]);
    let dials = connect(&mut [&mut first, &mut second], at(0));
    assert_eq!(dials.len(), 1, "never with itself");
    assert_eq!(
        (ids(&first), ids(&second)),
        (vec!["one".into(), "two".into()], vec!["one".into(), "two".into()])
    );
    assert_eq!((first.position(), second.position()), (0, 1));
    assert_eq!(second.failed_peers(), 0);
    assert_eq!(first.last_contact(), Some(at(0).wall));
}

#[test]
fn what_merging_ignores() {
    let (mut first, _) = pair();
    let now = at(100);
    let mut hear = |entry: Vec<u8>| {
        first.handle_stream(now, addr(2), StreamMessage::User(part("sil", &[entry])));
        changed(&mut first).len()
    };
    assert_eq!(hear(bytes("s", 50, 1000, 0)), 1);
    assert_eq!(hear(bytes("s", 50, 1000, 1)), 0, "as old");
    assert_eq!(hear(bytes("s", 49, 1000, 0)), 0, "older");
    assert_eq!(hear(bytes("t", 50, 99, 0)), 0, "past its expiry");
    assert_eq!(hear(bytes("s", 51, 1000, 0)), 1);
    let propagated = first.counters().states[&StateKey::Silences].propagated;
    assert_eq!(propagated, 2);
}

#[test]
fn unknown_fields_survive_relaying_and_push_pulls() {
    let (mut first, mut second) = pair();
    let mut future = bytes("s", 1, 1000, 0);
    // Field 15 of a MeshSilence of some later version: the text "new".
    future.extend_from_slice(b"\x7a\x03new");
    first.handle_stream(at(2), addr(2), StreamMessage::User(part("sil", &[future.clone()])));
    assert_eq!(&changed(&mut first)[0].bytes[..], future);
    let sent = first.state(StateKey::Silences).unwrap().get(b"s").unwrap();
    assert_eq!(&sent.bytes[..], future);
    second.join(at(3), &[addr(1)]);
    connect(&mut [&mut first, &mut second], at(3));
    assert_eq!(&second.state(StateKey::Silences).unwrap().get(b"s").unwrap().bytes[..], future);
}

#[test]
fn bad_entries_and_unknown_states_are_refused_alone() {
    let mut first = with(1, |options| {
        options.check = |mesh| match &mesh.silence {
            Some(silence) if silence.id == "poison" => Err("error parsing regexp".into()),
            _ => Ok(()),
        };
    });
    let entries = [bytes("poison", 1, 1000, 0), vec![0xff], bytes("good", 1, 1000, 0)];
    let state = FullState {
        parts: ["new", "sil", "nfl"].map(|key| Part::decode(part(key, &entries)).unwrap()).to_vec(),
    };
    let exchange = PushPull { user_state: state.encode_to_vec().into(), ..Default::default() };
    let answer = first.handle_stream(at(2), addr(2), StreamMessage::PushPull(exchange));
    assert!(matches!(answer, Some(StreamMessage::PushPull(_))));
    assert_eq!(ids(&first), ["good"]);
    assert_eq!(first.counters().states[&StateKey::Silences].refused, 2);
    assert_eq!(first.counters().states[&StateKey::Log].refused, 3);
}

#[test]
fn small_changes_are_gossiped_and_large_ones_sent_to_every_member() {
    let (mut first, mut second) = pair();
    connect(&mut [&mut first, &mut second], at(1));
    assert_eq!(first.set(at(1), entry("small", 1, 1000, 500)), Merged::Changed);
    assert_eq!(first.members().user_queue().0, 1);
    assert_eq!(connect(&mut [&mut first, &mut second], at(1)).len(), 0);
    assert_eq!(first.set(at(1), entry("large", 1, 1000, 700)), Merged::Changed);
    let dials = connect(&mut [&mut first, &mut second], at(1));
    assert!(matches!(&dials[..], [(from, to, StreamMessage::User(_))] if *from == addr(1) && *to == addr(2)));
    assert_eq!(ids(&second), ["large"]);
    assert_eq!(second.members().user_queue().0, 0, "large changes are not passed on");
    assert_eq!(first.set(at(1), entry("large", 1, 1000, 0)), Merged::Old);
}

#[test]
fn a_lone_node_queues_nothing() {
    let mut alone = node(1);
    for n in 0..100 {
        assert_eq!(alone.set(at(1), entry(&format!("{n}"), 1, 1000, n * 20)), Merged::Changed);
    }
    assert_eq!(alone.members().user_queue(), (0, 0));
    assert_eq!(connect(&mut [&mut alone], at(1)).len(), 0);
}

#[test]
fn a_node_that_was_away_for_long_listens_first() {
    let away = |last, entries: &[&str]| {
        let mut node = with(last, |options| options.last_contact = Some(at(0).wall - RETENTION * 2));
        for id in entries {
            node.restore(at(0).wall, entry(id, 0, 1000, 0));
        }
        node
    };
    // It dials: an empty state first, its own when it has heard the peer's.
    let (mut peer, mut slept) = (node(1), away(2, &["old"]));
    peer.restore(at(0).wall, entry("old", 10, 2000, 0));
    slept.join(at(20), &[addr(1)]);
    let shared: Vec<usize> = connect(&mut [&mut peer, &mut slept], at(20))
        .into_iter()
        .filter(|(from, ..)| *from == addr(2))
        .map(|(.., request)| match request {
            StreamMessage::PushPull(exchange) => exchange.user_state.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(shared[0] == 0 && shared[1] > 0, "{shared:?}");
    assert_eq!(slept.state(StateKey::Silences).unwrap().get(b"old").unwrap().updated_at, at(10).wall);

    // It is dialled: what it answers is merged already.
    let mut slept = away(2, &["old"]);
    peer.join(at(30), &[addr(2)]);
    connect(&mut [&mut peer, &mut slept], at(30));
    assert_eq!(peer.state(StateKey::Silences).unwrap().get(b"old").unwrap().updated_at, at(10).wall);

    // Two of them do not wait for each other for ever.
    let (mut one, mut other) = (away(1, &["a"]), away(2, &["b"]));
    other.join(at(40), &[addr(1)]);
    connect(&mut [&mut one, &mut other], at(40));
    assert_eq!((ids(&one), ids(&other)), (vec!["a".into(), "b".into()], vec!["a".into(), "b".into()]));
}

#[test]
fn a_state_too_large_for_one_exchange_comes_in_pieces() {
    let small = |options: &mut Options| options.max_full_state = 2000;
    let (mut first, mut second) = (with(1, small), with(2, small));
    for n in 0..100 {
        first.restore(at(0).wall, entry(&format!("first-{n}"), 0, 1000, 100));
        second.restore(at(0).wall, entry(&format!("second-{n}"), 0, 1000, 100));
    }
    second.join(at(0), &[addr(1)]);
    let dials = connect(&mut [&mut first, &mut second], at(0));
    assert_eq!((ids(&first).len(), ids(&second).len()), (200, 200));
    for (.., request) in dials {
        if let StreamMessage::PushPull(exchange) = request {
            assert!(exchange.user_state.len() < 2100);
        }
    }
}

#[test]
fn failed_peers_are_dialled_again_until_the_timeout() {
    let mut first = with(1, |options| {
        options.peers = vec!["am:9094".into()];
        options.reconnect_timeout = Duration::from_secs(60);
    });
    first.join(at(0), &[addr(2)]);
    connect(&mut [&mut first], at(0));
    assert_eq!(first.failed_peers(), 1);
    let mut second = 0;
    while first.failed_peers() > 0 {
        second += 1;
        first.handle_timeout(at(second));
        connect(&mut [&mut first], at(second));
    }
    assert_eq!(second, 70);
    assert_eq!(first.counters().reconnections_failed, 6);
    // Names are resolved again, and who is no member is joined.
    first.handle_timeout(at(90));
    assert!(std::iter::from_fn(|| first.poll()).any(|output| output == Output::Resolve));
    let mut other = node(2);
    first.handle_resolved(&[addr(1), addr(2)]);
    connect(&mut [&mut first, &mut other], at(90));
    assert_eq!(first.counters().refresh_joins, 1);
    first.handle_resolved(&[addr(1), addr(2)]);
    assert_eq!(connect(&mut [&mut first, &mut other], at(90)).len(), 0);
}

#[test]
fn pings_over_streams_are_answered_by_the_one_who_is_meant() {
    let mut first = node(1);
    let ping = |node: &str| {
        StreamMessage::Ping(crate::gossip::wire::Ping { node: node.into(), seq: 5, ..Default::default() })
    };
    let ack = StreamMessage::Ack(crate::gossip::wire::Ack { payload: None, seq: 5 });
    assert_eq!(first.handle_stream(at(0), addr(2), ping("n1")), Some(ack));
    assert_eq!(first.handle_stream(at(0), addr(2), ping("n2")), None);
}
