//! Names of nodes: ULIDs, so that by name the oldest process comes first.

use crate::model::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: usize = 26;

/// Sorts after every ULID: whoever has such a name waits for all others.
const LAST: char = '~';

/// A fresh ULID: 48 bits of milliseconds and 80 random bits, in Crockford's base 32.
#[must_use]
pub fn ulid(now: Timestamp, rng: &mut fastrand::Rng) -> String {
    let millis = u128::from(now.unix_millis().max(0) as u64 & ((1 << 48) - 1));
    let value = millis << 80 | (rng.u128(..) & ((1 << 80) - 1));
    (0..DIGITS).rev().map(|digit| char::from(ALPHABET[(value >> (5 * digit)) as usize & 31])).collect()
}

/// `name` changed so that it sorts behind the names of all who deliver at once: a member that delivers as a fallback
/// only must not make others wait for it.
#[must_use]
pub fn fallback_name(name: &str) -> String {
    format!("{LAST}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_age() {
        let mut rng = fastrand::Rng::with_seed(1);
        let early = ulid(Timestamp::from_unix(1_795_251_708, 0), &mut rng);
        let late = ulid(Timestamp::from_unix(1_795_251_708, 1_000_000), &mut rng);
        assert_eq!((early.len(), &early[..6]), (26, "01M7YN"));
        assert!(early < late);
        assert!(late < fallback_name(&early));
        assert!("zzz-stable-name" < fallback_name(&early).as_str());
    }
}
