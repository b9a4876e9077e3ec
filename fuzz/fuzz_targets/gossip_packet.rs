//! Datagrams of a peer: never a panic, and what was read is written so that it reads the same.

#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tocsin::gossip::membership::{Config, Membership};
use tocsin::gossip::wire::{FrameDecoder, Message, lzw, open, seal};

fuzz_target!(|data: &[u8]| {
    for label in ["", "a"] {
        let Ok(opened) = open(data, label) else { continue };
        let encoded: Vec<Vec<u8>> = opened.messages.iter().map(Message::encode).collect();
        let again: Vec<Message> = seal(&encoded, true, label)
            .iter()
            .flat_map(|packet| open(packet, label).expect("our own packet").messages)
            .collect();
        assert_eq!(again, opened.messages);
    }
    // What a node makes of it, together with its timers.
    let addr: SocketAddr = ([127, 0, 0, 1], 9094).into();
    let rng = fastrand::Rng::with_seed(1);
    let mut membership = Membership::new(Config::default(), "ours", addr, rng, Duration::ZERO);
    membership.handle_packet(Duration::ZERO, addr, data);
    for second in 1..10 {
        membership.handle_timeout(Duration::from_secs(second));
        while membership.poll().is_some() {}
    }
    if let Ok(plain) = lzw::decompress(data, 1 << 20) {
        assert_eq!(lzw::decompress(&lzw::compress(&plain), 1 << 20).as_deref(), Ok(&plain[..]));
    }
    let mut frames = FrameDecoder::default();
    frames.push(data);
    while let Ok(Some(frame)) = frames.next_frame() {
        let mut again = FrameDecoder::default();
        again.push(&frame.encode());
        assert_eq!(again.next_frame(), Ok(Some(frame)));
    }
});
