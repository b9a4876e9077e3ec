//! The notification log: what every integration was last told of every group. Deduplication asks it, peers
//! share it, and it survives restarts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh64::Xxh64;

use crate::model::{IntegrationId, LabelSet, LogEntry, LogKey, ReceiverData, Timestamp};

/// The number by which the log knows an alert: XXH64 with seed 0 over its sorted labels, names and values each
/// followed by the byte 0xff.
#[must_use]
pub fn alert_hash(labels: &LabelSet) -> u64 {
    let mut hash = Xxh64::new(0);
    for (name, value) in labels {
        hash.update(name.as_bytes());
        hash.update(&[0xff]);
        hash.update(value.as_bytes());
        hash.update(&[0xff]);
    }
    hash.digest()
}

/// What a notification told, for [`Nflog::log`].
#[derive(Debug, Clone)]
pub struct Told {
    /// The hashes of the firing alerts.
    pub firing: Arc<[u64]>,
    /// The hashes of the ended ones.
    pub resolved: Arc<[u64]>,
    /// What the integration keeps.
    pub receiver_data: Option<Arc<ReceiverData>>,
    /// Twice the route's repeat interval; the entry is kept that long, but no longer than the retention.
    pub expiry: Duration,
}

/// The log.
#[derive(Debug, Default)]
pub struct Nflog {
    entries: HashMap<Arc<str>, Vec<(IntegrationId, LogEntry)>>,
    count: usize,
    /// How often it was asked.
    pub queries: u64,
    /// How often there was no answer.
    pub not_found: u64,
}

impl Nflog {
    /// The entry of a group and an integration. One past its expiry counts until it is collected.
    #[must_use]
    pub fn get(&self, group_key: &str, integration: &IntegrationId) -> Option<&LogEntry> {
        self.entries
            .get(group_key)?
            .iter()
            .find(|(candidate, _)| candidate == integration)
            .map(|(_, entry)| entry)
    }

    /// Like [`Self::get`], counted for the metrics.
    pub fn query(&mut self, group_key: &str, integration: &IntegrationId) -> Option<LogEntry> {
        self.queries += 1;
        let entry = self.get(group_key, integration).cloned();
        self.not_found += u64::from(entry.is_none());
        entry
    }

    /// Writes what was told at `now`. An entry that claims to be later, from before the clock was set back or
    /// from a peer whose clock is ahead, must not hide it: the new one is dated just after it.
    pub fn log(&mut self, key: LogKey, told: Told, now: Timestamp, retention: Duration) -> LogEntry {
        let timestamp = match self.get(&key.group_key, &key.integration) {
            Some(old) if old.timestamp >= now => old.timestamp + Duration::from_nanos(1),
            _ => now,
        };
        let entry = LogEntry {
            timestamp,
            expires_at: now + told.expiry.min(retention),
            firing: told.firing,
            resolved: told.resolved,
            receiver_data: told.receiver_data,
            from_peer: false,
        };
        self.put(key, entry.clone());
        entry
    }

    /// Takes an entry from a peer or a file: the later of two wins, an expired one is ignored. Whether anything
    /// changed.
    pub fn merge(&mut self, key: LogKey, entry: LogEntry, now: Timestamp) -> bool {
        let old = self.get(&key.group_key, &key.integration);
        if entry.expires_at < now || old.is_some_and(|old| old.timestamp >= entry.timestamp) {
            return false;
        }
        self.put(key, entry);
        true
    }

    /// Removes what has expired; how many there were.
    pub fn gc(&mut self, now: Timestamp) -> usize {
        let before = self.count;
        self.entries.retain(|_, entries| {
            let length = entries.len();
            entries.retain(|(_, entry)| entry.expires_at > now);
            self.count -= length - entries.len();
            !entries.is_empty()
        });
        before - self.count
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All entries, sorted by key.
    #[must_use]
    pub fn sorted(&self) -> Vec<(LogKey, &LogEntry)> {
        let mut all: Vec<(LogKey, &LogEntry)> = self
            .entries
            .iter()
            .flat_map(|(group_key, entries)| {
                entries.iter().map(|(integration, entry)| {
                    let key = LogKey { group_key: Arc::clone(group_key), integration: integration.clone() };
                    (key, entry)
                })
            })
            .collect();
        all.sort_by(|(left, _), (right, _)| left.cmp(right));
        all
    }

    fn put(&mut self, key: LogKey, entry: LogEntry) {
        let entries = self.entries.entry(key.group_key).or_insert_with(|| Vec::with_capacity(1));
        match entries.iter_mut().find(|(integration, _)| *integration == key.integration) {
            Some((_, old)) => *old = entry,
            None => {
                entries.push((key.integration, entry));
                self.count += 1;
            }
        }
    }
}
