//! Every captured vector, both ways. The files in `tests/fixtures/gossip` were recorded between Alertmanager 0.25,
//! and memberlist 0.6.0 set up as Alertmanager 0.34, on loopback.

use std::fs;
use std::path::PathBuf;

use prost::Message as _;

use super::*;
use crate::model::clusterpb::{FullState, Part};
use crate::model::nflogpb::MeshEntry;
use crate::model::silencepb::MeshSilence;
use crate::model::statepb::{entries, push_entry};

const A: &str = "01M7YNDZFCNWA2S2VXPWS3GA5R";
const B: &str = "01M7YNE2CMJW3VDHCBTGEQP14X";

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gossip").join(name);
    fs::read(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

fn opened(name: &str) -> Vec<Message> {
    let opened = open(&fixture(name), "").unwrap();
    assert_eq!(opened.refused, [], "{name}");
    opened.messages
}

fn sealed(messages: &[Message], with_crc: bool) -> Vec<u8> {
    let messages: Vec<Vec<u8>> = messages.iter().map(Message::encode).collect();
    let mut packets = seal(&messages, with_crc, "");
    assert_eq!(packets.len(), 1);
    packets.remove(0)
}

fn streamed(bytes: &[u8]) -> StreamMessage {
    StreamDecoder::request("").push(bytes).unwrap().expect("a whole message")
}

#[test]
fn packets_are_read_and_written_back_to_the_byte() {
    let packets = [
        ("01-ping.bin", 1, false),
        ("02-ack.bin", 1, false),
        ("03-gossip-compound-2alive-crc.bin", 2, true),
        ("04-ping-piggyback-compressed.bin", 3, false),
        ("05-ack-piggyback-compound.bin", 3, false),
        ("06-user-silence-crc.bin", 1, true),
        ("11-dead-leave-crc.bin", 1, true),
        ("12-indirect-ping.bin", 1, false),
        ("13-nack.bin", 1, false),
        ("16-ping-suspect-compound-compressed-crc.bin", 2, true),
        ("17-suspect-crc.bin", 1, true),
        ("18-dead-declared-crc.bin", 1, true),
        ("19-alive-refute-inc2-crc.bin", 1, true),
        ("22-user-nflog-crc.bin", 1, true),
    ];
    for (name, count, with_crc) in packets {
        let messages = opened(name);
        assert_eq!(messages.len(), count, "{name}");
        assert_eq!(sealed(&messages, with_crc), fixture(name), "{name}");
    }
}

#[test]
fn plain_packets_are_what_the_compressed_ones_hold() {
    for name in ["04-ping-piggyback-compressed", "16-ping-suspect-compound-compressed-crc"] {
        assert_eq!(opened(&format!("{name}.bin")), opened(&format!("{name}.plain")), "{name}");
    }
}

#[test]
fn the_first_packets_say_what_the_capture_says() {
    let ping = Ping {
        node: A.into(),
        seq: 1,
        source_addr: vec![127, 0, 0, 1],
        source_node: B.into(),
        source_port: 19294,
    };
    assert_eq!(opened("01-ping.bin"), [Message::Ping(ping)]);
    assert_eq!(opened("02-ack.bin"), [Message::Ack(Ack { payload: Some(vec![]), seq: 1 })]);
    assert_eq!(opened("13-nack.bin"), [Message::Nack(10)]);
    let [Message::Alive(relayed), Message::Alive(own)] = &opened("03-gossip-compound-2alive-crc.bin")[..]
    else {
        panic!("two alive messages");
    };
    assert_eq!((relayed.node.as_str(), relayed.meta.as_deref()), (B, None));
    assert_eq!((own.node.as_str(), own.meta.as_deref()), (A, Some(&[][..])));
    assert_eq!(own.versions, VERSIONS);
    assert_eq!(socket_addr(&own.addr, own.port), Some(([127, 0, 0, 1], 19194).into()));
    let [Message::Dead(leave)] = &opened("11-dead-leave-crc.bin")[..] else { panic!("a leave") };
    assert_eq!(leave.from, leave.node);
    let [Message::Dead(dead)] = &opened("18-dead-declared-crc.bin")[..] else { panic!("a death") };
    assert_ne!(dead.from, dead.node);
}

#[test]
fn streams_are_read_and_written_back_to_the_byte() {
    let streams = [
        "07-pushpull-join-request",
        "08-pushpull-join-response",
        "09-pushpull-full-state",
        "10-tcp-user-oversize-silence",
        "14-tcp-fallback-ping",
        "15-tcp-fallback-ack",
    ];
    for name in streams {
        let (wire, plain) = (fixture(&format!("{name}.bin")), fixture(&format!("{name}.plain")));
        let message = streamed(&wire);
        assert_eq!(message.encode(), plain, "{name}");
        assert_eq!(message.seal(), wire, "{name}");
        assert_eq!(streamed(&plain), message, "{name}");
    }
}

#[test]
fn streams_of_later_versions_differ_only_in_signed_lengths() {
    for (name, signed, unsigned) in [
        ("20-ml060-pushpull-request", &[0xd1, 0x00, 0xc5][..], &[0xcc, 0xc5][..]),
        ("21-ml060-tcp-user", &[0xd1, 0x04, 0x04], &[0xcd, 0x04, 0x04]),
    ] {
        let plain = fixture(&format!("{name}.plain"));
        let message = streamed(&fixture(&format!("{name}.bin")));
        assert_eq!(streamed(&plain), message, "{name}");
        let at = plain.windows(signed.len()).position(|window| window == signed).expect("a signed length");
        let expected = [&plain[..at], unsigned, &plain[at + signed.len()..]].concat();
        assert_eq!(message.encode(), expected, "{name}");
    }
}

#[test]
fn streams_are_read_however_their_bytes_arrive() {
    for name in ["09-pushpull-full-state.bin", "09-pushpull-full-state.plain", "21-ml060-tcp-user.bin"] {
        let bytes = fixture(name);
        let mut decoder = StreamDecoder::request("");
        for byte in &bytes[..bytes.len() - 1] {
            assert_eq!(decoder.push(&[*byte]), Ok(None), "{name}");
        }
        assert_eq!(decoder.push(&bytes[bytes.len() - 1..]), Ok(Some(streamed(&bytes))), "{name}");
    }
}

#[test]
fn alertmanagers_state_is_read_and_written_back_to_the_byte() {
    let mut parts = Vec::new();
    for name in ["06-user-silence-crc.bin", "22-user-nflog-crc.bin"] {
        let [Message::User(payload)] = &opened(name)[..] else { panic!("{name}: a user message") };
        let part = Part::decode(payload.clone()).unwrap();
        assert_eq!(part.encode_to_vec(), payload.to_vec(), "{name}");
        parts.push(part);
    }
    for name in
        ["07-pushpull-join-request.bin", "09-pushpull-full-state.bin", "20-ml060-pushpull-request.bin"]
    {
        let StreamMessage::PushPull(exchange) = streamed(&fixture(name)) else { panic!("{name}") };
        let state = FullState::decode(exchange.user_state.clone()).unwrap();
        assert_eq!(state.encode_to_vec(), exchange.user_state, "{name}");
        parts.extend(state.parts);
    }
    for name in ["10-tcp-user-oversize-silence.bin", "21-ml060-tcp-user.bin"] {
        let StreamMessage::User(payload) = streamed(&fixture(name)) else { panic!("{name}") };
        parts.push(Part::decode(payload).unwrap());
    }
    let mut kinds = [0, 0];
    for part in parts {
        let mut data = bytes::BytesMut::new();
        for entry in entries(part.data.clone()) {
            let entry = entry.unwrap();
            let again = if part.key == "sil" {
                kinds[0] += 1;
                MeshSilence::decode(entry).unwrap().encode_to_vec()
            } else {
                kinds[1] += 1;
                MeshEntry::decode(entry).unwrap().encode_to_vec()
            };
            push_entry(&mut data, &again);
        }
        assert_eq!(data, part.data, "{}", part.key);
    }
    assert_eq!(kinds, [6, 2]);
}

#[test]
fn lzw_is_that_of_go() {
    for name in ["empty", "one", "r3832", "mix20k"] {
        let (raw, packed) = (fixture(&format!("lzw/{name}.raw")), fixture(&format!("lzw/{name}.lzw")));
        assert_eq!(lzw::decompress(&packed, raw.len()), Ok(raw.clone()), "{name}");
        let ours = lzw::compress(&raw);
        assert_eq!(lzw::decompress(&ours, raw.len()), Ok(raw.clone()), "{name}");
        // Around a reset of the table the two encoders differ in when they send the clear code.
        if raw.len() < 3800 {
            assert_eq!(ours, packed, "{name}");
        }
        for cut in (0..packed.len()).step_by(packed.len() / 100 + 1) {
            assert!(lzw::decompress(&packed[..cut], raw.len()).is_err(), "{name} cut at {cut}");
        }
    }
}

#[test]
fn frames_of_the_tls_transport() {
    let stream = fixture("tls-stream-plaintext.bin");
    for step in [1, 5, stream.len()] {
        let mut decoder = FrameDecoder::default();
        let mut frame = None;
        for chunk in stream.chunks(step) {
            decoder.push(chunk);
            if frame.is_none() {
                frame = decoder.next_frame().unwrap();
            }
        }
        assert_eq!(frame, Some(Frame::Stream));
        assert!(matches!(streamed(&decoder.into_rest()), StreamMessage::Ping(_)));
    }
    assert_eq!(stream[..12], hex("08000000 0a06 76302e312e30")[..]);
    assert_eq!(Frame::Stream.encode(), stream[..12]);

    let bytes = fixture("tls-packet-frame.bin");
    let mut decoder = FrameDecoder::default();
    decoder.push(&[&bytes[..], &bytes[..]].concat());
    for _ in 0..2 {
        let frame = decoder.next_frame().unwrap().expect("two frames");
        assert_eq!(frame.encode(), bytes);
        let Frame::Packet { from, packet } = frame else { panic!("a packet") };
        assert_eq!(from, "127.0.0.1:19194");
        assert!(open(&packet, "").is_ok_and(|opened| opened.refused.is_empty()));
    }
    assert_eq!(decoder.next_frame(), Ok(None));

    let mut decoder = FrameDecoder::default();
    decoder.push(&hex("08000000 0a06 76302e322e30"));
    assert_eq!(decoder.next_frame(), Err(WireError::FrameVersion("v0.2.0".into())));
    let mut decoder = FrameDecoder::default();
    decoder.push(&[0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(decoder.next_frame(), Err(WireError::Limit { .. })));
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The variants of reference 1.2 that memberlist 0.6.0 takes, as ping messages.
#[test]
fn odd_forms_of_msgpack_are_read() {
    let expected =
        Message::Ping(Ping { node: "n".into(), seq: 1, source_addr: vec![1, 2, 3, 4], ..Default::default() });
    let variants = [
        ("plain", "00 83 a4 4e6f6465 a1 6e a5 5365714e6f 01 aa 536f7572636541646472 a4 01020304"),
        ("permuted", "00 83 aa 536f7572636541646472 a4 01020304 a5 5365714e6f 01 a4 4e6f6465 a1 6e"),
        (
            "str8 value and key",
            "00 83 d9 04 4e6f6465 d9 01 6e a5 5365714e6f 01 aa 536f7572636541646472 a4 01020304",
        ),
        (
            "bin string and key",
            "00 83 c4 04 4e6f6465 c4 01 6e a5 5365714e6f 01 aa 536f7572636541646472 c4 04 01020304",
        ),
        ("array for bytes", "00 83 a4 4e6f6465 a1 6e a5 5365714e6f 01 aa 536f7572636541646472 94 01020304"),
        (
            "signed number",
            "00 83 a4 4e6f6465 a1 6e a5 5365714e6f d3 0000000000000001 aa 536f7572636541646472 a4 01020304",
        ),
        (
            "extra keys",
            "00 84 a1 78 93 01 82 a1 61 c0 a1 62 cb 0000000000000000 c3 a4 4e6f6465 a1 6e a5 5365714e6f 01 aa 536f7572636541646472 a4 01020304",
        ),
    ];
    for (name, text) in variants {
        assert_eq!(Message::decode(&hex(text)), Ok(expected.clone()), "{name}");
    }
    let lower_case = hex("00 82 a4 6e6f6465 a1 6e a5 7365716e6f 01");
    assert_eq!(Message::decode(&lower_case), Ok(Message::Ping(Ping::default())));
}

#[test]
fn labels_keep_clusters_apart() {
    let message = [Message::Nack(7).encode()];
    let ours = seal(&message, true, "ours").remove(0);
    assert_eq!(ours[..6], hex("f4 04 6f757273")[..]);
    assert!(open(&ours, "ours").is_ok());
    assert_eq!(open(&ours, ""), Err(WireError::Label { found: "ours".into() }));
    assert_eq!(open(&ours, "other"), Err(WireError::Label { found: "ours".into() }));
    assert_eq!(open(&message[0], "ours"), Err(WireError::Label { found: String::new() }));
    assert_eq!(open(&[0xf4, 0], ""), Err(WireError::Empty));

    let plain = fixture("14-tcp-fallback-ping.bin");
    let labelled = [label_header("ours"), plain.clone()].concat();
    let mut decoder = StreamDecoder::request("ours");
    for byte in &labelled[..labelled.len() - 1] {
        assert_eq!(decoder.push(&[*byte]), Ok(None));
    }
    assert!(matches!(decoder.push(&labelled[labelled.len() - 1..]), Ok(Some(StreamMessage::Ping(_)))));
    assert!(matches!(StreamDecoder::request("ours").push(&plain), Err(WireError::Label { .. })));
    assert!(matches!(StreamDecoder::request("").push(&labelled), Err(WireError::Label { .. })));
    assert!(matches!(StreamDecoder::reply().push(&labelled), Err(WireError::Type(244))));
}

#[test]
fn what_does_not_belong_is_refused() {
    let mut packet = fixture("17-suspect-crc.bin");
    packet[20] ^= 1;
    assert!(matches!(open(&packet, ""), Err(WireError::Crc { .. })));
    for (name, bytes) in [
        ("push/pull", "06 80"),
        ("err", "0d 80"),
        ("encrypted", "0a 00"),
        ("CRC in compound", "07 01 0006 0c 0000000000"),
    ] {
        let opened = open(&hex(bytes), "").unwrap();
        assert_eq!(opened.messages, [], "{name}");
        assert!(matches!(opened.refused[..], [WireError::Type(_)]), "{name}");
    }
    for kind in [
        kind::INDIRECT_PING,
        kind::SUSPECT,
        kind::ALIVE,
        kind::DEAD,
        kind::COMPOUND,
        kind::NACK,
        kind::HAS_CRC,
    ] {
        assert_eq!(StreamDecoder::request("").push(&[kind, 0x80]), Err(WireError::Type(kind)));
    }
    assert_eq!(StreamDecoder::request("").push(&[kind::ENCRYPT]), Err(WireError::Encrypted));
    let unknown = hex("09 82 a4 416c676f 05 a3 427566 a1 00");
    assert_eq!(StreamDecoder::request("").push(&unknown), Err(WireError::Algorithm(5)));
    let empty = hex("09 82 a4 416c676f 00 a3 427566 a3 000302");
    assert_eq!(StreamDecoder::request("").push(&empty), Err(WireError::Empty));
    assert_eq!(open(&empty, "").unwrap().refused, [WireError::Empty]);
    assert_eq!(open(&[], "").unwrap().refused, [WireError::Empty]);
}

#[test]
fn compounds_are_read_as_far_as_they_go() {
    let nack = Message::Nack(1).encode();
    let mut packet = vec![kind::COMPOUND, 3];
    for len in [nack.len(), 2, nack.len() + 1] {
        packet.extend_from_slice(&(len as u16).to_be_bytes());
    }
    packet.extend_from_slice(&nack);
    packet.extend_from_slice(&[0xee, 0]);
    packet.extend_from_slice(&nack);
    let opened = open(&packet, "").unwrap();
    assert_eq!(opened.messages, [Message::Nack(1)]);
    assert_eq!(opened.refused, [WireError::Truncated { needed: packet.len() + 1 }, WireError::Type(0xee)]);

    let many = vec![nack; 300];
    let packets = seal(&many, false, "");
    let found: usize = packets.iter().map(|packet| open(packet, "").unwrap().messages.len()).sum();
    assert_eq!((packets.len(), found), (3, 300));
}

#[test]
fn large_streams_wait_for_leave_to_be_large() {
    let exchange = PushPull { join: true, user_state: vec![b'x'; 300_000].into(), ..Default::default() };
    let message = StreamMessage::PushPull(exchange);
    for bytes in [message.encode(), message.seal()] {
        let mut decoder = StreamDecoder::request("");
        assert!(matches!(decoder.push(&bytes), Err(WireError::Limit { .. })));
        assert!(decoder.is_small());
        decoder.raise_limit();
        assert_eq!(decoder.push(&[]), Ok(Some(message.clone())));
    }
    let bomb =
        [&hex("06 83 a4 4a6f696e c3 a5 4e6f646573 01 ac 5573657253746174654c656e ce ffffffff")[..]].concat();
    let mut decoder = StreamDecoder::request("");
    decoder.raise_limit();
    assert!(matches!(decoder.push(&bomb), Err(WireError::Limit { what: "UserStateLen", .. })));
    let crowd = hex("06 83 a4 4a6f696e c3 a5 4e6f646573 ce 00100000 ac 5573657253746174654c656e 00");
    assert!(matches!(StreamDecoder::request("").push(&crowd), Err(WireError::Limit { what: "Nodes", .. })));
}
