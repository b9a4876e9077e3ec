//! The protobuf of Alertmanager's state: what it gossips and what it writes to its snapshot files.
//!
//! A gossiped `data`, a part of a full state and the files `silences` and `nflog` are one format: entries, each
//! with its length in front as a varint. [`entries`] cuts such a run into the bytes of its entries. Whoever
//! relays an entry relays those bytes, so that fields of later versions survive.

pub mod clusterpb;
mod convert;
pub mod nflogpb;
pub mod silencepb;

pub use convert::{StateError, decode_log_entry, decode_silence, encode_log_entry, encode_silence};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Timestamp;

/// The largest entry that is read: Alertmanager 0.34 refuses larger ones.
pub const MAX_ENTRY: usize = 4 << 20;

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Message)]
pub struct WireTime {
    /// Seconds since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds after them, below a billion.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// Bytes that are not a run of entries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntriesError {
    /// The last entry is cut off, or its length is.
    #[error("an entry is cut off at its byte {0}")]
    Truncated(usize),
    /// A length that no entry has.
    #[error("an entry of {0} bytes is over the limit of 4 MiB")]
    TooLarge(u64),
    /// A time with nanoseconds beyond a second.
    #[error("{0} nanoseconds are not part of a second")]
    Time(i32),
}

impl From<Timestamp> for WireTime {
    fn from(time: Timestamp) -> Self {
        Self { seconds: time.unix_seconds(), nanos: time.subsec_nanos() as i32 }
    }
}

impl TryFrom<WireTime> for Timestamp {
    type Error = EntriesError;

    fn try_from(time: WireTime) -> Result<Self, EntriesError> {
        match u32::try_from(time.nanos) {
            Ok(nanos) if nanos < 1_000_000_000 => Ok(Self::from_unix(time.seconds, nanos)),
            _ => Err(EntriesError::Time(time.nanos)),
        }
    }
}

/// A field's time; one that is missing is the beginning of 1970, as in Alertmanager 0.34.
pub fn time_or_epoch(time: Option<WireTime>) -> Result<Timestamp, EntriesError> {
    time.map_or(Ok(Timestamp::UNIX_EPOCH), Timestamp::try_from)
}

/// The entries of `data`, each without its length. After an error there are no more.
pub fn entries(data: Bytes) -> impl Iterator<Item = Result<Bytes, EntriesError>> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest.take().filter(|data| !data.is_empty())?;
        Some(split_entry(data).map(|(entry, after)| {
            rest = Some(after);
            entry
        }))
    })
}

fn split_entry(mut data: Bytes) -> Result<(Bytes, Bytes), EntriesError> {
    let total = data.len();
    let Ok(len) = prost::encoding::decode_varint(&mut data) else {
        return Err(EntriesError::Truncated(total));
    };
    if len > MAX_ENTRY as u64 {
        return Err(EntriesError::TooLarge(len));
    }
    let len = len as usize;
    if data.remaining() < len {
        return Err(EntriesError::Truncated(data.remaining()));
    }
    let entry = data.split_to(len);
    Ok((entry, data))
}

/// Appends `entry` with its length in front.
pub fn push_entry(data: &mut BytesMut, entry: &[u8]) {
    prost::encoding::encode_varint(entry.len() as u64, data);
    data.put_slice(entry);
}

/// How many bytes [`push_entry`] appends for an entry of `len` bytes.
#[must_use]
pub fn entry_len(len: usize) -> usize {
    prost::encoding::encoded_len_varint(len as u64) + len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_entries_is_cut_into_its_entries() {
        let mut data = BytesMut::new();
        let long = vec![7; 300];
        for entry in [b"one".as_slice(), b"", &long] {
            let before = data.len();
            push_entry(&mut data, entry);
            assert_eq!(data.len() - before, entry_len(entry.len()));
        }
        let found: Result<Vec<Bytes>, _> = entries(data.clone().freeze()).collect();
        assert_eq!(found.unwrap(), [Bytes::from_static(b"one"), Bytes::new(), Bytes::from(long)]);

        let cut = entries(data.freeze().slice(..100)).collect::<Vec<_>>();
        assert_eq!(cut.len(), 3);
        assert_eq!(cut[2], Err(EntriesError::Truncated(93)));
        let huge = entries(Bytes::from_static(&[0xff, 0xff, 0xff, 0x7f])).collect::<Vec<_>>();
        assert_eq!(huge, [Err(EntriesError::TooLarge(268_435_455))]);
    }

    #[test]
    fn times_are_checked() {
        let time = Timestamp::from_unix(1_795_251_708, 205_581_626);
        assert_eq!(Timestamp::try_from(WireTime::from(time)), Ok(time));
        assert_eq!(time_or_epoch(None), Ok(Timestamp::UNIX_EPOCH));
        assert!(time_or_epoch(Some(WireTime { seconds: 1, nanos: -1 })).is_err());
        assert!(time_or_epoch(Some(WireTime { seconds: 1, nanos: 1_000_000_000 })).is_err());
    }
}
