//! Rules of membership, one node at a time; whole clusters are simulated in `tests/it/gossip_simulation.rs`.

use super::*;
use crate::gossip::wire::{Accusation, Ack, IndirectPing, open, seal};

const MILLI: Duration = Duration::from_millis(1);

fn addr(port: u16) -> SocketAddr {
    SocketAddr::new([127, 0, 0, 1].into(), port)
}

fn node(name: &str, port: u16) -> Membership {
    Membership::new(Config::default(), name, addr(port), fastrand::Rng::with_seed(7), Duration::ZERO)
}

fn alive(name: &str, port: u16, incarnation: u32) -> Alive {
    Alive {
        addr: vec![127, 0, 0, 1],
        incarnation,
        meta: None,
        node: name.into(),
        port,
        versions: VERSIONS.to_vec(),
    }
}

fn accusation(from: &str, node: &str, incarnation: u32) -> Accusation {
    Accusation { from: from.into(), incarnation, node: node.into() }
}

/// Hands `message` to `ours` as a packet from `addr(2)`.
fn hear(ours: &mut Membership, now: Duration, message: Message) {
    let packet = seal(&[message.encode()], true, "").remove(0);
    ours.handle_packet(now, addr(2), &packet);
}

/// What a node sends and says, apart from rumours on the way: packets by receiver, everything else as it is.
fn said(ours: &mut Membership) -> (Vec<(SocketAddr, Vec<Message>)>, Vec<Output>) {
    let mut packets = Vec::new();
    let mut others = Vec::new();
    while let Some(output) = ours.poll() {
        match output {
            Output::Packet { to, packet } => packets.push((to, open(&packet, "").unwrap().messages)),
            other => others.push(other),
        }
    }
    (packets, others)
}

/// Runs a node alone until `end`, and returns what it sent and said, each with its time.
fn run(ours: &mut Membership, end: Duration) -> Vec<(Duration, SocketAddr, Message)> {
    let mut sent = Vec::new();
    while let Some(now) = ours.next_timeout().filter(|now| *now <= end) {
        ours.handle_timeout(now);
        for (to, messages) in said(ours).0 {
            sent.extend(messages.into_iter().map(|message| (now, to, message)));
        }
    }
    sent
}

fn state_of(ours: &Membership, name: &str) -> Option<(State, u32)> {
    ours.node(name).map(|node| (node.state, node.incarnation))
}

#[test]
fn a_silent_node_is_pinged_directly_then_through_others_then_over_tcp_and_suspected() {
    let mut ours = node("ours", 1);
    for (name, port) in [("target", 2), ("helper", 3)] {
        hear(&mut ours, Duration::ZERO, Message::Alive(alive(name, port, 1)));
    }
    said(&mut ours);
    let mut asked = None;
    let mut timeline = Vec::new();
    let mut dead = None;
    while dead.is_none() {
        let now = ours.next_timeout().expect("a timer");
        ours.handle_timeout(now);
        let (packets, others) = said(&mut ours);
        for (to, messages) in packets {
            for message in messages {
                match message {
                    // The helper answers everything that it is asked for itself.
                    Message::Ping(ping) if ping.node == "helper" => {
                        hear(&mut ours, now, Message::Ack(Ack { payload: None, seq: ping.seq }));
                    }
                    Message::Ping(ping) if asked.is_none() => {
                        assert_eq!((to, ping.source_node.as_str(), ping.source_port), (addr(2), "ours", 1));
                        asked = Some((now, ping.seq));
                    }
                    Message::IndirectPing(ping) => {
                        assert_eq!((to, &*ping.node, ping.port, ping.nack), (addr(3), "target", 2, true));
                        if asked.is_some_and(|(_, seq)| seq == ping.seq) {
                            timeline.push(("indirect", now));
                        }
                        hear(&mut ours, now + 500 * MILLI - MILLI, Message::Nack(ping.seq));
                    }
                    _ => {}
                }
            }
        }
        for output in others {
            match output {
                Output::TcpPing { to, ping, timeout } if asked.is_some_and(|(_, seq)| seq == ping.seq) => {
                    assert_eq!((to, timeout), (addr(2), 500 * MILLI));
                    timeline.push(("tcp", now));
                }
                Output::Event(Event::Suspected { name, from }) => {
                    assert_eq!((&*name, from.as_str()), ("target", "ours"));
                    timeline.push(("suspect", now));
                }
                Output::Event(Event::Left { gracefully: false, .. }) => dead = Some(now),
                _ => {}
            }
        }
    }
    let start = asked.expect("a ping").0;
    let after: Vec<(&str, u128)> =
        timeline.into_iter().map(|(what, at)| (what, (at - start).as_millis())).collect();
    assert_eq!(after, [("indirect", 500), ("tcp", 500), ("suspect", 1000)]);
    assert_eq!((dead.expect("a death") - start).as_millis(), 5000);
    // The helper's nack says that the fault is not ours.
    assert_eq!(ours.health_score(), 0);
}

#[test]
fn an_ack_in_time_ends_the_probe_and_tells_how_long_it_took() {
    let mut ours = node("ours", 1);
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("target", 2, 1)));
    let (now, seq) = loop {
        let now = ours.next_timeout().expect("a timer");
        ours.handle_timeout(now);
        let pings = said(&mut ours).0.into_iter().flat_map(|(_, messages)| messages);
        let seq = pings.into_iter().find_map(|message| match message {
            Message::Ping(ping) => Some(ping.seq),
            _ => None,
        });
        if let Some(seq) = seq {
            break (now, seq);
        }
    };
    hear(&mut ours, now + 3 * MILLI, Message::Ack(Ack { payload: None, seq }));
    assert_eq!(said(&mut ours).1, [Output::Event(Event::Acked { name: "target".into(), after: 3 * MILLI })]);
    assert!(ours.probe.is_none());
}

#[test]
fn a_suspect_is_pinged_with_the_suspicion_so_that_it_can_refute() {
    let mut ours = node("ours", 1);
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("target", 2, 1)));
    hear(&mut ours, Duration::ZERO, Message::Suspect(accusation("somebody", "target", 1)));
    let sent = run(&mut ours, Duration::from_secs(2));
    let (at, ..) = sent.iter().find(|(_, _, message)| matches!(message, Message::Ping(_))).expect("a ping");
    let together: Vec<&Message> =
        sent.iter().filter(|(now, ..)| now == at).map(|(.., message)| message).collect();
    assert!(together.contains(&&Message::Suspect(accusation("ours", "target", 1))), "{together:?}");
}

#[test]
fn pings_are_answered_where_they_say_and_others_pings_are_not() {
    let mut ours = node("ours", 1);
    let mut ping = Ping { node: "ours".into(), seq: 9, source_addr: vec![10, 0, 0, 1], ..Default::default() };
    ping.source_port = 77;
    hear(&mut ours, Duration::ZERO, Message::Ping(ping.clone()));
    let answers = |ours: &mut Membership| -> Vec<SocketAddr> {
        let packets = said(ours).0.into_iter();
        packets.filter(|(_, messages)| matches!(messages[0], Message::Ack(_))).map(|(to, _)| to).collect()
    };
    assert_eq!(answers(&mut ours), [SocketAddr::new([10, 0, 0, 1].into(), 77)]);
    ping.source_port = 0;
    hear(&mut ours, Duration::ZERO, Message::Ping(ping.clone()));
    assert_eq!(answers(&mut ours), [addr(2)]);
    ping.node = "another".into();
    hear(&mut ours, Duration::ZERO, Message::Ping(ping));
    assert_eq!(answers(&mut ours), []);
}

#[test]
fn pings_are_relayed_with_a_number_of_our_own_and_a_nack_when_nobody_answers() {
    let mut ours = node("ours", 1);
    said(&mut ours);
    let request = IndirectPing {
        nack: true,
        node: "target".into(),
        port: 5,
        seq: 700,
        target: vec![127, 0, 0, 1],
        ..Default::default()
    };
    let relayed = |ours: &mut Membership| {
        hear(ours, Duration::ZERO, Message::IndirectPing(request.clone()));
        match &said(ours).0[0] {
            (to, messages) if *to == addr(5) => match &messages[0] {
                Message::Ping(ping) => ping.seq,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    let seq = relayed(&mut ours);
    assert_ne!(seq, 700);
    hear(&mut ours, 100 * MILLI, Message::Ack(Ack { payload: None, seq }));
    let (to, messages) = said(&mut ours).0.remove(0);
    assert_eq!((to, &messages[0]), (addr(2), &Message::Ack(Ack { payload: None, seq: 700 })));

    relayed(&mut ours);
    let sent = run(&mut ours, 500 * MILLI);
    assert!(sent.contains(&(500 * MILLI, addr(2), Message::Nack(700))), "{sent:?}");
}

#[test]
fn accusations_of_every_kind_are_refuted_with_the_next_incarnation() {
    let cases = [
        (Message::Suspect(accusation("them", "ours", 1)), 2),
        (Message::Dead(accusation("them", "ours", 4)), 5),
        (Message::Dead(accusation("ours", "ours", 4)), 5),
        (Message::Alive(alive("ours", 1, 3)), 4),
    ];
    for (message, expected) in cases {
        let mut ours = node("ours", 1);
        hear(&mut ours, Duration::ZERO, message.clone());
        assert_eq!(state_of(&ours, "ours"), Some((State::Alive, expected)), "{message:?}");
        assert_eq!(ours.health_score(), 1);
    }
    let mut ours = node("ours", 1);
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("ours", 1, 1)));
    assert_eq!((state_of(&ours, "ours"), ours.health_score()), (Some((State::Alive, 1)), 0));
    // What another node thinks in a push/pull is an accusation too.
    for (state, expected) in [(1, 2), (2, 3), (3, 4)] {
        let told = NodeState { alive: alive("ours", 1, expected - 1), state };
        ours.merge(Duration::ZERO, &[told]);
        assert_eq!(state_of(&ours, "ours"), Some((State::Alive, expected)));
    }
}

#[test]
fn a_remote_opinion_of_death_is_but_a_suspicion_here() {
    let mut ours = node("ours", 1);
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 2, 1)));
    ours.merge(Duration::ZERO, &[NodeState { alive: alive("n", 2, 1), state: 2 }]);
    assert_eq!(state_of(&ours, "n"), Some((State::Suspect, 1)));
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 2, 1)));
    assert_eq!(state_of(&ours, "n"), Some((State::Suspect, 1)), "the same incarnation refutes nothing");
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 2, 2)));
    assert_eq!(state_of(&ours, "n"), Some((State::Alive, 2)));
    run(&mut ours, Duration::from_millis(900));
    ours.merge(Duration::ZERO, &[NodeState { alive: alive("n", 2, 2), state: 3 }]);
    assert_eq!(state_of(&ours, "n"), Some((State::Left, 2)));
    ours.merge(Duration::ZERO, &[NodeState { alive: alive("n", 2, 9), state: 77 }]);
    assert_eq!(state_of(&ours, "n"), Some((State::Left, 2)));
}

#[test]
fn confirmations_shorten_a_suspicion() {
    let mut ours = node("ours", 1);
    for (index, name) in ["a", "b", "c", "n"].into_iter().enumerate() {
        hear(&mut ours, Duration::ZERO, Message::Alive(alive(name, 10 + index as u16, 1)));
    }
    for from in ["a", "a", "b", "c"] {
        hear(&mut ours, Duration::ZERO, Message::Suspect(accusation(from, "n", 1)));
    }
    ours.suspicion_ended(Duration::from_millis(3999), "n");
    assert_eq!(state_of(&ours, "n"), Some((State::Suspect, 1)));
    ours.suspicion_ended(Duration::from_millis(4000), "n");
    assert_eq!(state_of(&ours, "n"), Some((State::Dead, 1)));
}

#[test]
fn leaving_is_told_four_times_and_then_done() {
    let mut ours = node("ours", 1);
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 2, 1)));
    run(&mut ours, Duration::from_millis(950));
    let now = Duration::from_secs(1);
    ours.leave(now);
    assert!(!ours.has_left());
    let leave = Message::Dead(accusation("ours", "ours", 1));
    let told: Vec<Duration> = run(&mut ours, now + Duration::from_secs(3))
        .into_iter()
        .filter(|(_, _, message)| *message == leave)
        .map(|(at, ..)| at)
        .collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(ours.has_left());
    // Somebody who has not heard yet does not bring us back.
    hear(&mut ours, now, Message::Alive(alive("ours", 1, 9)));
    assert_eq!(state_of(&ours, "ours"), Some((State::Left, 1)));

    let mut alone = node("alone", 1);
    alone.leave(Duration::ZERO);
    assert!(alone.has_left());
}

#[test]
fn a_name_moves_only_after_its_owner_has_left() {
    let mut ours = node("ours", 1);
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 2, 5)));
    for message in [None, Some(Message::Dead(accusation("ours", "n", 5)))] {
        message.into_iter().for_each(|message| hear(&mut ours, Duration::ZERO, message));
        hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 3, 6)));
        assert_eq!(ours.node("n").map(|node| node.addr), Some(addr(2)));
    }
    assert_eq!(ours.counters().name_conflicts, 2);
    let mut mapped = alive("n", 2, 9);
    mapped.addr = [[0; 10].as_slice(), &[255, 255, 127, 0, 0, 1]].concat();
    hear(&mut ours, Duration::ZERO, Message::Alive(mapped));
    assert_eq!(ours.counters().name_conflicts, 3, "the 16-byte form of an address is another");

    hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 2, 6)));
    hear(&mut ours, Duration::ZERO, Message::Dead(accusation("n", "n", 6)));
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 3, 1)));
    assert_eq!(ours.node("n").map(|node| (node.addr, node.incarnation)), Some((addr(3), 1)));
}

#[test]
fn nodes_that_would_part_the_cluster_are_refused_alone() {
    let mut ours = node("ours", 1);
    let versions: [&[u8]; 6] =
        [&[], &[1, 5, 2], &[0, 5, 2, 0, 0, 0], &[1, 1, 1, 0, 0, 0], &[1, 5, 2, 0, 1, 1], &[5, 1, 2, 0, 0, 0]];
    for (index, versions) in versions.into_iter().enumerate() {
        let mut bad = alive(&format!("bad-{index}"), 2, 1);
        bad.versions = versions.to_vec();
        hear(&mut ours, Duration::ZERO, Message::Alive(bad));
    }
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("never", 2, 0)));
    let mut nowhere = alive("nowhere", 2, 1);
    nowhere.addr = vec![1, 2, 3];
    hear(&mut ours, Duration::ZERO, Message::Alive(nowhere));
    let mut longer = alive("longer", 2, 1);
    longer.versions.push(9);
    hear(&mut ours, Duration::ZERO, Message::Alive(longer));
    let names: Vec<&str> = ours.members().map(|node| &*node.name).collect();
    assert_eq!(names, ["longer", "ours"]);
    assert_eq!(ours.counters().nodes_refused, 8);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut ours = node("ours", 1);
    let max_nodes = ours.config.max_nodes;
    for index in 0..max_nodes + 10 {
        ours.handle_alive(Duration::ZERO, &alive(&format!("node-{index}"), 2, 1), false);
    }
    assert_eq!((ours.nodes.len(), ours.ring.len()), (max_nodes, max_nodes));
    for seq in 0..MAX_RELAYS as u32 + 10 {
        let request = IndirectPing { port: 5, seq, target: vec![127, 0, 0, 1], ..Default::default() };
        hear(&mut ours, Duration::ZERO, Message::IndirectPing(request));
    }
    assert_eq!(ours.relays.len(), MAX_RELAYS);
    for _ in 0..USER_QUEUE + 10 {
        ours.broadcast(Bytes::from_static(b"x"));
    }
    assert_eq!(ours.user_queue(), (USER_QUEUE, 10));
}

#[test]
fn the_dead_are_forgotten_after_their_time() {
    let mut ours = node("ours", 1);
    hear(&mut ours, Duration::ZERO, Message::Alive(alive("n", 2, 1)));
    hear(&mut ours, Duration::ZERO, Message::Dead(accusation("ours", "n", 1)));
    run(&mut ours, Duration::from_secs(30));
    assert_eq!(state_of(&ours, "n"), Some((State::Dead, 1)));
    run(&mut ours, Duration::from_secs(33));
    assert_eq!((state_of(&ours, "n"), ours.ring.len()), (None, 1));
}

#[test]
fn packets_keep_to_their_size() {
    let mut config = Config { label: "a label".into(), ..Config::default() };
    config.gossip_nodes = 1;
    let rng = fastrand::Rng::with_seed(1);
    let mut ours = Membership::new(config, "ours", addr(1), rng, Duration::ZERO);
    ours.handle_alive(Duration::ZERO, &alive("n", 2, 1), false);
    for index in 0..200_usize {
        ours.broadcast(Bytes::from(vec![b'x'; index % 690]));
    }
    let mut packets = 0;
    while let Some(now) = ours.next_timeout().filter(|now| *now < Duration::from_secs(20)) {
        ours.handle_timeout(now);
        while let Some(output) = ours.poll() {
            let Output::Packet { packet, .. } = output else { continue };
            let opened = open(&packet, "a label").unwrap();
            let size: usize = opened.messages.iter().map(|message| message.encode().len() + 2).sum();
            assert!(2 + size + 9 <= 1400 + 2, "{size}");
            packets += 1;
        }
    }
    assert!(packets > 20, "{packets}");
}

#[test]
fn push_pulls_become_rarer_in_large_clusters() {
    let mut ours = node("ours", 1);
    for (nodes, minutes) in [(32, 1), (33, 2), (64, 2), (65, 3), (128, 3)] {
        while ours.nodes.len() < nodes {
            ours.handle_alive(Duration::ZERO, &alive(&format!("node-{}", ours.nodes.len()), 2, 1), false);
        }
        assert_eq!(ours.push_pull_interval(), Duration::from_mins(minutes), "{nodes}");
    }
}
