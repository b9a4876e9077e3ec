//! The identity of a configuration entry.

use std::fmt;

use serde::Serialize;

use super::secret::Secret;

/// The MD5 of an entry's JSON after all defaults are resolved. Secrets count (an entry with another password is
/// another entry) but appear in no JSON; positions do not count.
///
/// Sets of Alertmanagers are keyed by it, so that a set survives a reload wherever its entry moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigHash([u8; 16]);

impl ConfigHash {
    /// The hash of a resolved entry.
    #[must_use]
    pub fn of<T: Serialize + ?Sized>(entry: &T) -> Self {
        let mut digest = md5::Context::new();
        let (written, secrets) = Secret::counted(|| serde_json::to_writer(&mut digest, entry));
        // Only a map with keys that are not texts cannot be written, and no configuration has one; its name is
        // then hashed instead of a part of it, which keeps the hash a function of the entry.
        if let Err(error) = written {
            digest.consume(error.to_string());
        }
        digest.consume(secrets.0);
        Self(digest.finalize().0)
    }

    /// The sixteen bytes, for storing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A hash that was stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_md5_of_the_json_and_of_the_secrets() {
        let hash = ConfigHash::of(&("am", 9093));
        assert_eq!(hash, ConfigHash::of(&("am", 9093)));
        assert_ne!(hash, ConfigHash::of(&("am", 9094)));
        assert_eq!(hash.to_string().len(), 32);
        assert_ne!(ConfigHash::of(&Secret::new("a")), ConfigHash::of(&Secret::new("b")));
        assert_eq!(ConfigHash::from_bytes(*hash.as_bytes()), hash);
    }
}
