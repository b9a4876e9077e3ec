//! Streams of a peer: never a panic, the same message however the bytes arrive, and written so that it reads the
//! same.

#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tocsin::gossip::cluster::{Cluster, Now, Options};
use tocsin::gossip::wire::{StreamDecoder, StreamMessage};
use tocsin::model::Timestamp;

fn read(data: &[u8], step: usize) -> Option<StreamMessage> {
    let mut decoder = StreamDecoder::request("");
    data.chunks(step).find_map(|chunk| decoder.push(chunk).transpose())?.ok()
}

fuzz_target!(|data: &[u8]| {
    let whole = read(data, data.len().max(1));
    if data.len() < 4096 && data.first() != Some(&9) {
        assert_eq!(read(data, 1), whole);
    }
    let Some(message) = whole else { return };
    let mut decoder = StreamDecoder::request("");
    decoder.raise_limit();
    assert_eq!(decoder.push(&message.encode()), Ok(Some(message.clone())));
    let addr: SocketAddr = ([127, 0, 0, 1], 9094).into();
    let now = Now { elapsed: Duration::ZERO, wall: Timestamp::from_unix(1_800_000_000, 0) };
    let mut cluster = Cluster::new(Options::new("ours", addr), fastrand::Rng::with_seed(1), now);
    cluster.handle_stream(now, addr, message);
    while cluster.poll().is_some() {}
});
