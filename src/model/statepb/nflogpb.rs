//! `nflogpb`: entries of the notification log.

use std::collections::BTreeMap;

use super::WireTime;

/// Whom an entry is about: one integration of one receiver.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Message)]
pub struct Receiver {
    /// The receiver's name.
    #[prost(string, tag = "1")]
    pub group_name: String,
    /// The kind of the integration, such as `webhook`.
    #[prost(string, tag = "2")]
    pub integration: String,
    /// Its index among those of its kind.
    #[prost(uint32, tag = "3")]
    pub idx: u32,
}

/// What was told to a receiver about a group, and when.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Entry {
    /// The key of the group.
    #[prost(bytes = "vec", tag = "1")]
    pub group_key: Vec<u8>,
    /// Whom it was told.
    #[prost(message, optional, tag = "2")]
    pub receiver: Option<Receiver>,
    /// Written by versions before 0.5 only.
    #[prost(bytes = "vec", tag = "3")]
    pub group_hash: Vec<u8>,
    /// Written by versions before 0.5 only.
    #[prost(bool, tag = "4")]
    pub resolved: bool,
    /// When.
    #[prost(message, optional, tag = "5")]
    pub timestamp: Option<WireTime>,
    /// The hashes of the alerts told as firing.
    #[prost(uint64, repeated, tag = "6")]
    pub firing_alerts: Vec<u64>,
    /// The hashes of the alerts told as resolved.
    #[prost(uint64, repeated, tag = "7")]
    pub resolved_alerts: Vec<u64>,
    /// What the integration keeps between notifications (0.31 and later).
    #[prost(btree_map = "string, message", tag = "8")]
    pub receiver_data: BTreeMap<String, ReceiverDataValue>,
}

/// An entry and until when it counts.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MeshEntry {
    /// The entry.
    #[prost(message, optional, tag = "1")]
    pub entry: Option<Entry>,
    /// When it is forgotten.
    #[prost(message, optional, tag = "2")]
    pub expires_at: Option<WireTime>,
}

/// A value that an integration keeps, such as the thread of a Slack message.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceiverDataValue {
    /// The value.
    #[prost(oneof = "DataValue", tags = "1, 2, 3")]
    pub value: Option<DataValue>,
}

/// The kinds of a [`ReceiverDataValue`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum DataValue {
    /// A text.
    #[prost(string, tag = "1")]
    StrVal(String),
    /// A whole number.
    #[prost(int64, tag = "2")]
    IntVal(i64),
    /// A number.
    #[prost(double, tag = "3")]
    DoubleVal(f64),
}

impl Entry {
    /// The key under which the log holds the entry: one for each group, receiver and integration. `None` where
    /// the entry does not say whom it is about.
    #[must_use]
    pub fn log_key(&self) -> Option<Vec<u8>> {
        let Receiver { group_name, integration, idx } = self.receiver.as_ref()?;
        let mut key = self.group_key.clone();
        key.extend_from_slice(format!(":{group_name}/{integration}/{idx}").as_bytes());
        Some(key)
    }
}
