//! Entries of the notification log: what an integration was last told of a group.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::Timestamp;

/// What an integration keeps between the notifications of one group, such as the id of a chat thread.
pub type ReceiverData = BTreeMap<String, ReceiverValue>;

/// A value of [`ReceiverData`].
#[derive(Debug, Clone, PartialEq)]
pub enum ReceiverValue {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
}

/// Which integration of which receiver: `receiver/kind/index`, as Alertmanager writes it in the keys of its log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntegrationId {
    /// The receiver's name.
    pub receiver: Arc<str>,
    /// The integration's kind, such as `webhook`.
    pub kind: Arc<str>,
    /// Its place among the receiver's integrations of this kind, from 0.
    pub index: u32,
}

impl fmt::Display for IntegrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.receiver, self.kind, self.index)
    }
}

/// What a log entry is about: a group's key and an integration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey {
    /// The key of the aggregation group.
    pub group_key: Arc<str>,
    /// Who was told.
    pub integration: IntegrationId,
}

impl fmt::Display for LogKey {
    /// The key as Alertmanager joins it: `group key:receiver/kind/index`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.group_key, self.integration)
    }
}

/// What an integration was last told.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// When.
    pub timestamp: Timestamp,
    /// Until when the entry is kept.
    pub expires_at: Timestamp,
    /// The hashes of the alerts that fired then, in the order of the notification.
    pub firing: Arc<[u64]>,
    /// The hashes of those that had ended.
    pub resolved: Arc<[u64]>,
    /// What the integration keeps.
    pub receiver_data: Option<Arc<ReceiverData>>,
    /// Whether a peer told, not we.
    pub from_peer: bool,
}

impl LogEntry {
    /// Whether all of `hashes` were told as firing.
    #[must_use]
    pub fn told_firing(&self, hashes: &[u64]) -> bool {
        is_subset(hashes, &self.firing)
    }

    /// Whether all of `hashes` were told as ended.
    #[must_use]
    pub fn told_resolved(&self, hashes: &[u64]) -> bool {
        is_subset(hashes, &self.resolved)
    }
}

/// Below this size two lists are compared by scanning; above, through a set.
const SCANNED: usize = 16;

fn is_subset(part: &[u64], whole: &[u64]) -> bool {
    if part.len() <= SCANNED || whole.len() <= SCANNED {
        return part.iter().all(|hash| whole.contains(hash));
    }
    let whole: BTreeSet<u64> = whole.iter().copied().collect();
    part.iter().all(|hash| whole.contains(hash))
}
