//! The numbers, texts and times that records and snapshots are made of.
//!
//! | what | bytes |
//! |---|---|
//! | number | LEB128: seven bits a byte, lowest first, the highest bit says that another follows |
//! | signed number | zigzag (0, -1, 1, -2, …), then as a number |
//! | text, bytes | length as a number, then the bytes; texts are UTF-8 |
//! | time | seconds since 1970 as a signed number, then nanoseconds as a number |
//!
//! Reading is total: any bytes give a value or a [`DecodeError`], and nothing is allocated on the word of a length
//! that the input does not have.

use std::sync::Arc;

use crate::model::{LabelSet, Timestamp};

/// Why bytes are not a record or a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within a value.
    #[error("ends within {0}")]
    Truncated(&'static str),
    /// Written by a version that this one does not know.
    #[error("has version {0}, this tocsin reads up to version {known}", known = super::record::VERSION)]
    Version(u8),
    /// Of a kind that this version does not know.
    #[error("is of unknown kind {0}")]
    Kind(u8),
    /// A value that cannot be.
    #[error("holds an impossible {0}")]
    Invalid(&'static str),
}

/// Appends values to bytes.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// What has been written.
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)) as u64);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn labels(&mut self, labels: &LabelSet) {
        self.text(labels.as_packed());
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.signed(time.unix_seconds());
        self.number(u64::from(time.subsec_nanos()));
    }
}

/// Takes values from the front of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated(what))?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            if shift == 63 && byte > 1 {
                return Err(DecodeError::Invalid(what));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Invalid(what))
    }

    pub(super) fn signed(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        let value = self.number(what)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(super) fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.number(what)?).map_err(|_too_long| DecodeError::Truncated(what))?;
        self.fixed(length, what)
    }

    pub(super) fn fixed(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (value, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated(what))?;
        self.rest = rest;
        Ok(value)
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(what)?).map_err(|_not_utf8| DecodeError::Invalid(what))
    }

    pub(super) fn shared_text(&mut self, what: &'static str) -> Result<Arc<str>, DecodeError> {
        self.text(what).map(Arc::from)
    }

    pub(super) fn labels(&mut self, what: &'static str) -> Result<LabelSet, DecodeError> {
        LabelSet::from_packed(self.text(what)?).ok_or(DecodeError::Invalid(what))
    }

    pub(super) fn time(&mut self, what: &'static str) -> Result<Timestamp, DecodeError> {
        let seconds = self.signed(what)?;
        let nanos = u32::try_from(self.number(what)?).ok().filter(|nanos| *nanos < 1_000_000_000);
        nanos.map(|nanos| Timestamp::from_unix(seconds, nanos)).ok_or(DecodeError::Invalid(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let signed = [0, -1, 1, i64::MIN, i64::MAX, 240_000];
        let mut writer = Writer::default();
        numbers.iter().for_each(|number| writer.number(*number));
        signed.iter().for_each(|number| writer.signed(*number));
        let mut reader = Reader::new(&writer.bytes);
        for number in numbers {
            assert_eq!(reader.number("number"), Ok(number));
        }
        for number in signed {
            assert_eq!(reader.signed("number"), Ok(number));
        }
        assert!(reader.is_empty());
    }

    #[test]
    fn impossible_values_are_errors() {
        assert_eq!(Reader::new(&[0xff; 10]).number("n"), Err(DecodeError::Invalid("n")));
        assert_eq!(Reader::new(&[0x80]).number("n"), Err(DecodeError::Truncated("n")));
        assert_eq!(Reader::new(&[5, b'a']).text("t"), Err(DecodeError::Truncated("t")));
        assert_eq!(Reader::new(&[1, 0xff]).text("t"), Err(DecodeError::Invalid("t")));
        let mut writer = Writer::default();
        writer.signed(0);
        writer.number(1_000_000_000);
        assert_eq!(Reader::new(&writer.bytes).time("t"), Err(DecodeError::Invalid("t")));
    }
}
