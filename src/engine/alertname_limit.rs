//! `--alerts.per-alertname-limit`: how many alerts of one name may be in the store.
//!
//! As in Alertmanager a known alert always passes, and an unknown one passes while there is room. What has ended makes
//! room: Alertmanager throws the oldest of it away, here it stays as long as any ended alert and does not count.

use std::collections::HashMap;

use super::alerts::Alerts;
use crate::model::{AlertId, Timestamp};

/// The alerts of each name that may still count.
#[derive(Debug, Default)]
pub(super) struct AlertnameLimit {
    ids: HashMap<Box<str>, Vec<AlertId>>,
}

impl AlertnameLimit {
    /// Counts what is in the store.
    pub(super) fn of(alerts: &Alerts) -> Self {
        let mut limit = Self::default();
        for stored in alerts.iter() {
            limit.insert(stored.alert.name(), stored.id);
        }
        limit
    }

    /// Counts an alert that came, or that fires again.
    pub(super) fn insert(&mut self, name: &str, id: AlertId) {
        if let Some(ids) = self.ids.get_mut(name) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        } else {
            self.ids.insert(name.into(), vec![id]);
        }
    }

    /// Whether there is room for one more alert of this name, if `most` may be there.
    pub(super) fn has_room(&mut self, name: &str, most: usize, alerts: &Alerts, now: Timestamp) -> bool {
        let Some(ids) = self.ids.get_mut(name).filter(|ids| ids.len() >= most) else { return true };
        ids.retain(|id| alerts.get_by_id(*id).is_some_and(|stored| !stored.alert.is_resolved_at(now)));
        ids.len() < most
    }

    /// Forgets the alerts that have left the store.
    pub(super) fn sweep(&mut self, alerts: &Alerts) {
        self.ids.retain(|_, ids| {
            ids.retain(|id| alerts.get_by_id(*id).is_some());
            !ids.is_empty()
        });
    }
}
