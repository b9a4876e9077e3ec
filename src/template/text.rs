//! Go strings: bytes that are usually, but not necessarily, UTF-8. Templates can cut a character in half
//! (`slice "é" 0 1`), so nothing in this room may assume that text is valid.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::Deref,
};

use bytes::Bytes;

/// An immutable string of bytes, cheap to clone and to slice.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Bytes);

impl Text {
    /// The empty string.
    #[must_use]
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// Text that lives as long as the program.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The bytes from `start` to before `end`, sharing storage; empty where the bounds do not fit.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Self {
        if start <= end && end <= self.0.len() { Self(self.0.slice(start..end)) } else { Self::new() }
    }

    /// The text with every byte that is not UTF-8 replaced by U+FFFD.
    #[must_use]
    pub fn lossy(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Cow::Borrowed(text),
            Err(_not_utf8) => String::from_utf8_lossy(&self.0),
        }
    }

    /// Bytes that somebody else keeps, such as a label set; [`Self::part`] gives texts out of them without a copy.
    #[must_use]
    pub fn from_owner(owner: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self(Bytes::from_owner(owner))
    }

    /// The text of `part`, sharing storage if it lies within this one.
    #[must_use]
    pub fn part(&self, part: &str) -> Self {
        let (whole, within) = (self.0.as_ptr_range(), part.as_bytes().as_ptr_range());
        if whole.start <= within.start && within.end <= whole.end {
            Self(self.0.slice_ref(part.as_bytes()))
        } else {
            part.into()
        }
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Vec<u8>> for Text {
    fn from(text: Vec<u8>) -> Self {
        Self(text.into())
    }
}

impl From<&[u8]> for Text {
    fn from(text: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(text))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.lossy(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lossy())
    }
}

/// The first character of `bytes` and its length, as Go decodes: an invalid byte is U+FFFD of length 1, the end is
/// `None`.
pub(super) fn decode_rune(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let head = bytes.get(..bytes.len().min(4)).unwrap_or(bytes);
    let valid = match std::str::from_utf8(head) {
        Ok(valid) => valid,
        Err(error) => {
            std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
    };
    Some(valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8())))
}

/// Iterates over `bytes` as `(offset, character, length)`; invalid bytes are U+FFFD of length 1.
pub(super) fn runes(bytes: &[u8]) -> impl Iterator<Item = (usize, char, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (c, len) = decode_rune(bytes.get(at..)?)?;
        let start = at;
        at += len;
        Some((start, c, len))
    })
}

/// The number of characters, each invalid byte counting as one.
pub(super) fn rune_count(bytes: &[u8]) -> usize {
    if bytes.is_ascii() { bytes.len() } else { runes(bytes).count() }
}

/// Whether position `at` holds a whole, valid character (so that U+FFFD written out is told from a bad byte).
pub(super) fn is_bad_byte(c: char, len: usize) -> bool {
    c == char::REPLACEMENT_CHARACTER && len == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_share_storage_where_they_can() {
        let whole = Text::from_owner(b"alertname");
        let inside = std::str::from_utf8(&whole).unwrap().get(5..).unwrap();
        assert_eq!(whole.part(inside), Text::from("name"));
        assert_eq!(whole.part(inside).as_ptr(), inside.as_ptr());
        assert_eq!(whole.part("elsewhere"), Text::from("elsewhere"));
        assert_eq!(whole.slice(0, 5).part(inside), Text::from("name"));
    }
}
