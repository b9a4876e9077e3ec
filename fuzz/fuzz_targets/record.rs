//! Any bytes are a record or a snapshot, or are refused; an engine that took them can go on, and its books hold.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tocsin::engine::{Engine, StoreLimits};
use tocsin::model::Timestamp;

fuzz_target!(|data: &[u8]| {
    let split = data.first().map_or(0, |first| usize::from(*first)).min(data.len());
    let (record, snapshot) = data.split_at(split);
    let mut engine = Engine::restore(StoreLimits::default(), snapshot)
        .unwrap_or_else(|_refused| Engine::new(StoreLimits::default()));
    if engine.replay(record).is_ok() {
        engine.poll(Timestamp::from_unix(4_000_000_000, 0));
    }
    assert!(engine.ledger().balance().holds());
    let bytes = engine.snapshot().to_bytes();
    assert!(Engine::restore(StoreLimits::default(), &bytes).is_ok());
});
