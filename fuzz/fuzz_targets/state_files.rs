//! Alertmanager's own files `silences` and `nflog`, and what peers tell in the same form: a bad entry costs only itself,
//! what was read reads the same when it is written, and an engine that took it recovers from its journal and its
//! snapshot.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tocsin::engine::{DeliveryEvent, Engine, Event, StoreLimits};
use tocsin::model::statepb::{decode_log_entry, decode_silence, encode_log_entry, encode_silence, entries};
use tocsin::model::{Silence, Timestamp};

fuzz_target!(|data: &[u8]| {
    let data = Bytes::copy_from_slice(data);
    let now = Timestamp::from_unix(1_766_000_000, 0);
    let mut engine = Engine::new(StoreLimits::default());
    let mut replayed = Engine::new(StoreLimits::default());
    // The whole may be an entry as well.
    for bytes in entries(data.clone()).flatten().chain([data]) {
        for event in events(&bytes) {
            if let Some(record) = engine.handle(now, Event::Delivery(event)).record {
                replayed.replay(&record).expect("our own record");
            }
        }
    }
    // What changes nothing leaves no record, but its time has come all the same.
    engine.poll(now);
    replayed.poll(now);
    let snapshot = engine.snapshot().to_bytes();
    assert_eq!(replayed.snapshot().to_bytes(), snapshot);
    let restored = Engine::restore(StoreLimits::default(), &snapshot).expect("our own snapshot");
    assert_eq!(restored.snapshot().to_bytes(), snapshot);
});

/// What an entry says, if it is one.
fn events(bytes: &Bytes) -> Vec<DeliveryEvent> {
    let mut events = Vec::new();
    if let Ok((silence, expires_at)) = decode_silence(bytes) {
        for silence in [silence.clone(), Silence { wire: None, ..silence.clone() }] {
            let encoded = encode_silence(&silence, expires_at);
            assert_eq!(decode_silence(&encoded), Ok((silence, expires_at)));
        }
        events.push(DeliveryEvent::PeerSilence { silence: Box::new(silence), expires_at });
    }
    if let Ok((key, entry)) = decode_log_entry(bytes, true) {
        let encoded = encode_log_entry(&key, &entry);
        let (again_key, again) = decode_log_entry(&encoded, true).expect("our own entry");
        // In bytes: a number that is none differs from itself.
        assert_eq!(encode_log_entry(&again_key, &again), encoded);
        events.push(DeliveryEvent::PeerEntry { key, entry });
    }
    events
}
