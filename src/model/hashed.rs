//! Maps whose keys are hashes or counters already, and the hash by which alerts are found in them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh64::xxh64;

use super::LabelSet;

/// A map from a hash or a counter. It must not be iterated where the order shows.
pub type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<HashedKey>>;

/// The hash of a label set for finding alerts within this process: fast, of the packed form. Whatever shows or is
/// stored uses the [`Fingerprint`](super::Fingerprint), which costs ten times as much.
#[must_use]
pub fn hash_labels(labels: &LabelSet) -> u64 {
    xxh64(labels.as_packed().as_bytes(), 0)
}

/// The hasher of [`HashedMap`].
#[derive(Debug, Default)]
pub struct HashedKey(u64);

impl Hasher for HashedKey {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, value: u64) {
        // A map takes the bucket from the low and a tag from the high bits: a counter needs both filled.
        self.0 = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
