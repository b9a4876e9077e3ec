//! Texts that must never show.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// What stands in place of a secret wherever one is printed (prometheus/common `secretToken`).
const ELIDED: &str = "<secret>";

thread_local! {
    /// While a configuration is hashed on this thread: takes in the secrets that its JSON leaves out.
    static COUNTED: RefCell<Option<md5::Context>> = const { RefCell::new(None) };
}

/// A password, token or key. It cannot be printed: `Debug` and `Serialize` write `<secret>`, and there is no
/// `Display`. Who needs the text for a request calls [`Secret::expose`].
///
/// An empty secret prints as the empty text, so that people see that nothing was set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The text itself, for the request or handshake that needs it. Never log, store or display the result.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty, which the configuration takes for "not set".
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs `serialise`, which writes values that may hold secrets, and returns its result with the MD5 of the
    /// secrets met on the way: they are counted in where they stand and yet appear in no output.
    pub(super) fn counted<R>(serialise: impl FnOnce() -> R) -> (R, md5::Digest) {
        COUNTED.set(Some(md5::Context::new()));
        let result = serialise();
        let counted = COUNTED.take().unwrap_or_default();
        (result, counted.finalize())
    }

    /// Counts the text in, if a configuration is being hashed.
    pub(super) fn count(&self) {
        COUNTED.with_borrow_mut(|counted| {
            if let Some(digest) = counted {
                // The length first: two secrets never hash as two others that join to the same text.
                digest.consume(self.0.len().to_le_bytes());
                digest.consume(self.0.as_bytes());
            }
        });
    }

    fn elided(&self) -> &'static str {
        if self.is_empty() { "" } else { ELIDED }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.elided())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.count();
        serializer.serialize_str(self.elided())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_prints() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", [&secret]), "<secret> [<secret>]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<secret>\"");
        assert_eq!(serde_json::to_string(&Secret::default()).unwrap(), "\"\"");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn is_counted_but_not_shown() {
        let digest = |texts: &[&str]| {
            let secrets: Vec<Secret> = texts.iter().map(|text| Secret::new(text)).collect();
            let (json, digest) = Secret::counted(|| serde_json::to_string(&secrets).unwrap());
            assert!(!json.contains("ab"), "{json}");
            digest
        };
        assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
        assert_ne!(digest(&["ab", "c"]), digest(&["ab", "d"]));
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(serde_json::to_string(&Secret::new("ab")).unwrap(), "\"<secret>\"");
    }
}
