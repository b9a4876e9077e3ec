//! Fingerprints: the number by which Prometheus and Alertmanager know a label set.

use std::fmt;
use std::str::FromStr;

use super::LabelSet;

/// FNV-1a (64 bits) of a label set: names in order, each name and value followed by the byte 0xff
/// (prometheus/common `LabelSet.Fingerprint`). Shown as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

const OFFSET: u64 = 14_695_981_039_346_656_037;
const PRIME: u64 = 1_099_511_628_211;
const SEPARATOR: u8 = 0xff;

impl Fingerprint {
    /// The fingerprint of `labels`.
    #[must_use]
    pub fn of(labels: &LabelSet) -> Self {
        let mut hash = OFFSET;
        for (name, value) in labels {
            hash = add(add(hash, name.as_bytes()), &[SEPARATOR]);
            hash = add(add(hash, value.as_bytes()), &[SEPARATOR]);
        }
        Self(hash)
    }
}

fn add(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_number_that_prometheus_computes() {
        assert_eq!(Fingerprint::of(&LabelSet::default()).to_string(), "cbf29ce484222325");
        let labels = LabelSet::from_iter([("alertname", "test1")]);
        let by_hand = [b"alertname".as_slice(), &[0xff], b"test1", &[0xff]].concat();
        assert_eq!(Fingerprint::of(&labels), Fingerprint(add(OFFSET, &by_hand)));
    }
}
