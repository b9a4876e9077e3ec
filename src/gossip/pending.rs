//! Entries on their way between the engine and the cluster: the newest version of each, however many there were.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::state::Entry;

/// Entries that wait to be taken. A newer version takes the place of an older one, so that there are never more than
/// there are entries in the state.
#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: Mutex<BTreeMap<Box<[u8]>, Entry>>,
    arrival: Notify,
}

impl Pending {
    pub(super) fn put(&self, entry: Entry) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get_mut(&entry.id) {
            Some(waiting) if waiting.updated_at >= entry.updated_at => {}
            Some(waiting) => *waiting = entry,
            None => {
                entries.insert(entry.id.clone(), entry);
            }
        }
        drop(entries);
        self.arrival.notify_one();
    }

    fn take_all(&self) -> Vec<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *entries).into_values().collect()
    }

    /// Waits until there is at least one, and takes all.
    pub(super) async fn take(&self) -> Vec<Entry> {
        loop {
            let entries = self.take_all();
            if !entries.is_empty() {
                return entries;
            }
            self.arrival.notified().await;
        }
    }
}
