//! The dialect of msgpack that memberlist speaks: the old specification, without `str8` and `bin` when writing,
//! anything when reading.
//!
//! Every structure is a map keyed by the name of the Go field, keys in ascending order of their bytes. Writers
//! emit what every version accepts, byte for byte as Alertmanager 0.25 does. Readers take strings and byte
//! slices in any of msgpack's forms (0.28 and later write signed numbers, relays turn empty slices into nil),
//! any order of keys, and skip what they do not know.

use super::WireError;

/// Deeper values than this belong to no message.
const MAX_DEPTH: usize = 16;

/// Writes values to the end of a buffer.
#[derive(Debug)]
pub struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    /// A writer that appends to `buffer`.
    pub fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self(buffer)
    }

    /// The header of a map of `pairs` (at most 15) keys and values.
    pub fn map(&mut self, pairs: u8) {
        debug_assert!(pairs < 16);
        self.0.push(0x80 | (pairs & 0x0f));
    }

    /// A key, or a value that is a string or a byte slice.
    pub fn raw(&mut self, bytes: &[u8]) {
        match bytes.len() {
            len @ 0..=31 => self.0.push(0xa0 | len as u8),
            len @ 32..=0xffff => {
                self.0.push(0xda);
                self.0.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                self.0.push(0xdb);
                self.0.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
            }
        }
        self.0.extend_from_slice(bytes);
    }

    /// A byte slice that may be nil.
    pub fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.raw(bytes),
            None => self.0.push(0xc0),
        }
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) {
        self.0.push(if value { 0xc3 } else { 0xc2 });
    }

    /// An unsigned number in as few bytes as it needs.
    pub fn uint(&mut self, value: u32) {
        match value {
            0..=0x7f => self.0.push(value as u8),
            0x80..=0xff => self.0.extend_from_slice(&[0xcc, value as u8]),
            0x100..=0xffff => {
                self.0.push(0xcd);
                self.0.extend_from_slice(&(value as u16).to_be_bytes());
            }
            _ => {
                self.0.push(0xce);
                self.0.extend_from_slice(&value.to_be_bytes());
            }
        }
    }
}

/// Reads values from the beginning of a buffer.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes` that begins at `position`.
    #[must_use]
    pub fn new(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// How many bytes have been read, counted from the beginning of the buffer.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next `len` bytes as they are.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let end = self.position.saturating_add(len);
        let bytes = self.bytes.get(self.position..end).ok_or(WireError::Truncated { needed: end })?;
        self.position = end;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self, width: usize) -> Result<u64, WireError> {
        Ok(self.take(width)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// Reads a map: `field` is called for every key with the reader at its value, and says whether it read it.
    /// What it did not read is skipped. A nil is an empty map.
    pub fn map(
        &mut self,
        mut field: impl FnMut(&[u8], &mut Self) -> Result<bool, WireError>,
    ) -> Result<(), WireError> {
        let pairs = match self.byte()? {
            0xc0 => 0,
            byte @ 0x80..=0x8f => usize::from(byte & 0x0f),
            0xde => self.number(2)? as usize,
            0xdf => self.number(4)? as usize,
            byte => return Err(WireError::Marker { byte, expected: "a map" }),
        };
        for _ in 0..pairs {
            let key = self.raw()?.unwrap_or_default();
            if !field(key, self)? {
                self.skip(MAX_DEPTH)?;
            }
        }
        Ok(())
    }

    /// A string or byte slice in any of its forms but the array; `None` is nil.
    fn raw(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        let len = match self.byte()? {
            0xc0 => return Ok(None),
            byte @ 0xa0..=0xbf => usize::from(byte & 0x1f),
            0xc4 | 0xd9 => self.number(1)? as usize,
            0xc5 | 0xda => self.number(2)? as usize,
            0xc6 | 0xdb => self.number(4)? as usize,
            byte => return Err(WireError::Marker { byte, expected: "a string" }),
        };
        self.take(len).map(Some)
    }

    /// A string; nil is the empty one.
    pub fn string(&mut self) -> Result<String, WireError> {
        let bytes = self.raw()?.unwrap_or_default();
        match str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(WireError::NotUtf8),
        }
    }

    /// A byte slice of at most `limit` bytes, also as an array of numbers; `None` is nil.
    pub fn bytes(&mut self, what: &'static str, limit: usize) -> Result<Option<Vec<u8>>, WireError> {
        let check = |len: usize| match len <= limit {
            true => Ok(len),
            false => Err(WireError::Limit { what, found: len as u64, limit: limit as u64 }),
        };
        let count = match self.bytes.get(self.position) {
            Some(byte @ 0x90..=0x9f) => Some((1, usize::from(byte & 0x0f))),
            Some(0xdc) => Some((3, Reader::new(self.bytes, self.position + 1).number(2)? as usize)),
            Some(0xdd) => Some((5, Reader::new(self.bytes, self.position + 1).number(4)? as usize)),
            _ => None,
        };
        if let Some((header, count)) = count {
            self.take(header)?;
            let mut bytes = Vec::with_capacity(check(count)?.min(1024));
            for _ in 0..count {
                bytes.push(self.uint(what, u8::MAX.into())? as u8);
            }
            return Ok(Some(bytes));
        }
        // The limit is checked before the bytes are there, so that nobody waits for what will be refused.
        let start = self.position;
        match self.raw() {
            Ok(bytes) => bytes.map(|bytes| check(bytes.len()).map(|_| bytes.to_vec())).transpose(),
            Err(WireError::Truncated { needed }) => {
                check(needed.saturating_sub(start + 5))?;
                Err(WireError::Truncated { needed })
            }
            Err(err) => Err(err),
        }
    }

    /// A truth value; nil is false.
    pub fn bool(&mut self) -> Result<bool, WireError> {
        match self.byte()? {
            0xc0 | 0xc2 => Ok(false),
            0xc3 => Ok(true),
            byte => Err(WireError::Marker { byte, expected: "a truth value" }),
        }
    }

    /// A number in any of its forms, at most `limit`; nil is zero.
    pub fn uint(&mut self, what: &'static str, limit: u64) -> Result<u64, WireError> {
        let value = match self.byte()? {
            0xc0 => 0,
            byte @ 0..=0x7f => u64::from(byte),
            byte @ 0xcc..=0xcf => self.number(1 << (byte - 0xcc))?,
            byte @ 0xd0..=0xd3 => {
                let width = 1 << (byte - 0xd0);
                let value = self.number(width)?;
                if value >> (8 * width - 1) != 0 {
                    return Err(WireError::Negative(what));
                }
                value
            }
            0xe0.. => return Err(WireError::Negative(what)),
            byte => return Err(WireError::Marker { byte, expected: "a number" }),
        };
        if value > limit {
            return Err(WireError::Limit { what, found: value, limit });
        }
        Ok(value)
    }

    fn skip(&mut self, depth: usize) -> Result<(), WireError> {
        let depth = depth.checked_sub(1).ok_or(WireError::Depth)?;
        let values = match self.byte()? {
            0..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0.. => 0,
            byte @ 0x80..=0x8f => 2 * usize::from(byte & 0x0f),
            byte @ 0x90..=0x9f => usize::from(byte & 0x0f),
            byte @ 0xa0..=0xbf => self.skip_bytes(usize::from(byte & 0x1f))?,
            byte @ (0xc4..=0xc6) => {
                let len = self.number(1 << (byte - 0xc4))? as usize;
                self.skip_bytes(len)?
            }
            byte @ (0xd9..=0xdb) => {
                let len = self.number(1 << (byte - 0xd9))? as usize;
                self.skip_bytes(len)?
            }
            0xcc | 0xd0 => self.skip_bytes(1)?,
            0xcd | 0xd1 => self.skip_bytes(2)?,
            0xca | 0xce | 0xd2 => self.skip_bytes(4)?,
            0xcb | 0xcf | 0xd3 => self.skip_bytes(8)?,
            0xdc => self.number(2)? as usize,
            0xdd => self.number(4)? as usize,
            0xde => 2 * self.number(2)? as usize,
            0xdf => 2 * self.number(4)? as usize,
            byte => return Err(WireError::Marker { byte, expected: "a value" }),
        };
        for _ in 0..values {
            self.skip(depth)?;
        }
        Ok(())
    }

    fn skip_bytes(&mut self, len: usize) -> Result<usize, WireError> {
        self.take(len).map(|_| 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut Writer::new(&mut bytes));
        bytes
    }

    #[test]
    fn writes_what_go_writes() {
        assert_eq!(written(|w| w.raw(b"Node")), b"\xa4Node");
        assert_eq!(written(|w| w.raw(&[7; 32]))[..3], [0xda, 0, 32]);
        assert_eq!(written(|w| w.raw(&[7; 65_536]))[..5], [0xdb, 0, 1, 0, 0]);
        assert_eq!(written(|w| w.optional(None)), [0xc0]);
        assert_eq!(written(|w| w.uint(127)), [0x7f]);
        assert_eq!(written(|w| w.uint(128)), [0xcc, 0x80]);
        assert_eq!(written(|w| w.uint(256)), [0xcd, 1, 0]);
        assert_eq!(written(|w| w.uint(65_536)), [0xce, 0, 1, 0, 0]);
    }

    #[test]
    fn what_is_written_is_msgpack_for_others() {
        let bytes = written(|w| {
            w.map(2);
            w.raw(b"Join");
            w.bool(true);
            w.raw(b"Nodes");
            w.uint(70_000);
        });
        #[derive(serde::Deserialize, PartialEq, Debug)]
        #[serde(rename_all = "PascalCase")]
        struct Header {
            join: bool,
            nodes: u32,
        }
        let header: Header = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(header, Header { join: true, nodes: 70_000 });
    }

    #[test]
    fn reads_every_form_of_a_number() {
        let cases: [(&[u8], u64); 10] = [
            (&[0x7f], 127),
            (&[0xcc, 0xff], 255),
            (&[0xcd, 1, 0], 256),
            (&[0xce, 0, 0, 0, 9], 9),
            (&[0xcf, 0, 0, 0, 0, 0, 0, 0, 9], 9),
            (&[0xd0, 0x7f], 127),
            (&[0xd1, 0, 0xc5], 197),
            (&[0xd2, 0, 0, 0, 5], 5),
            (&[0xd3, 0, 0, 0, 0, 0, 0, 0, 5], 5),
            (&[0xc0], 0),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Reader::new(bytes, 0).uint("n", u64::MAX), Ok(expected), "{bytes:x?}");
        }
        assert_eq!(Reader::new(&[0xff], 0).uint("n", 9), Err(WireError::Negative("n")));
        assert_eq!(Reader::new(&[0xd1, 0x80, 0], 0).uint("n", 9), Err(WireError::Negative("n")));
        assert!(matches!(Reader::new(&[0xcc, 10], 0).uint("n", 9), Err(WireError::Limit { found: 10, .. })));
    }

    #[test]
    fn reads_every_form_of_bytes() {
        let cases: [&[u8]; 9] = [
            &[0xa2, 1, 2],
            &[0xd9, 2, 1, 2],
            &[0xda, 0, 2, 1, 2],
            &[0xdb, 0, 0, 0, 2, 1, 2],
            &[0xc4, 2, 1, 2],
            &[0xc5, 0, 2, 1, 2],
            &[0xc6, 0, 0, 0, 2, 1, 2],
            &[0x92, 1, 2],
            &[0xdc, 0, 2, 1, 0xcc, 2],
        ];
        for bytes in cases {
            assert_eq!(Reader::new(bytes, 0).bytes("b", 2), Ok(Some(vec![1, 2])), "{bytes:x?}");
        }
        assert_eq!(Reader::new(&[0xc0], 0).bytes("b", 2), Ok(None));
        assert!(matches!(Reader::new(&[0xa3, 1, 2, 3], 0).bytes("b", 2), Err(WireError::Limit { .. })));
        let huge = [0xdb, 0xff, 0xff, 0xff, 0xff, 0];
        assert!(matches!(Reader::new(&huge, 0).bytes("b", 2), Err(WireError::Limit { .. })));
    }

    #[test]
    fn skips_unknown_values_to_a_depth() {
        let mut bytes = vec![0x81, 0xa1, b'x'];
        bytes.extend([0x91; 14]);
        bytes.push(0x01);
        assert_eq!(Reader::new(&bytes, 0).map(|_, _| Ok(false)), Ok(()));
        bytes.splice(3..3, [0x91; 4]);
        assert_eq!(Reader::new(&bytes, 0).map(|_, _| Ok(false)), Err(WireError::Depth));
    }
}
