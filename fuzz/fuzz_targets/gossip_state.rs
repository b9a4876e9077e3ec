//! The state of a peer: runs of entries, silences and log entries. Never a panic, a bad entry costs only itself, and
//! what was taken is shared byte for byte.

#![no_main]

use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tocsin::gossip::StateKey;
use tocsin::gossip::state::{Merged, Replica, check_silence, decode_entries};
use tocsin::model::Timestamp;

fuzz_target!(|data: &[u8]| {
    let data = Bytes::copy_from_slice(data);
    for key in StateKey::ALL {
        let mut replica = Replica::new(key, Duration::from_secs(3600), 1 << 20);
        let mut taken = 0;
        for entry in decode_entries(key, data.clone(), check_silence).flatten() {
            let (id, bytes) = (entry.id.clone(), entry.bytes.clone());
            if replica.merge(Timestamp::UNIX_EPOCH, entry) == Merged::Changed {
                assert_eq!(replica.get(&id).map(|entry| &entry.bytes), Some(&bytes));
                taken += 1;
            }
        }
        assert!(replica.len() <= taken);
        let runs = replica.encode(100, 50);
        let shared: usize = runs
            .into_iter()
            .map(|run| decode_entries(key, run, check_silence).filter(Result::is_ok).count())
            .sum();
        assert_eq!(shared, replica.len());
        replica.collect_garbage(Timestamp::MAX);
        assert!(replica.is_empty());
    }
});
