//! The Alertmanagers of one configuration entry.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::alertmanager::Alertmanager;
use super::item::Item;
use super::post::Post;
use super::target::{alertmanagers_from_group, is_own};
use crate::config::ConfigHash;
use crate::discovery::TargetGroup;
use crate::model::{RelabelRule, Relabelled, relabel};

/// What a set needs of its configuration entry (`config::AlertmanagerConfig`).
#[derive(Debug, Clone)]
pub struct SetConfig {
    /// The identity of the entry.
    pub hash: ConfigHash,
    /// Where the entry stands: file:line:column.
    pub position: String,
    /// `__scheme__` of each target.
    pub scheme: String,
    /// Goes into `__alerts_path__` of each target.
    pub path_prefix: String,
    /// The limit of one request.
    pub timeout: Duration,
    /// Applied to targets.
    pub relabel_configs: Vec<RelabelRule>,
    /// Applied to alerts that go to this set.
    pub alert_relabel_configs: Vec<RelabelRule>,
}

/// What a [`AlertmanagerSet::sync`] changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Synced {
    pub(super) appeared: Vec<Arc<str>>,
    pub(super) disappeared: Vec<Arc<str>>,
    /// Targets left out because they are our own listeners.
    pub(super) own: Vec<Arc<str>>,
    /// Why groups gave nothing.
    pub(super) errors: Vec<String>,
}

/// The Alertmanagers that were discovered for one configuration entry, and the client that talks to them.
#[derive(Debug)]
pub(super) struct AlertmanagerSet {
    pub(super) config: SetConfig,
    pub(super) client: Arc<dyn Post>,
    alertmanagers: BTreeMap<Arc<str>, Alertmanager>,
    dropped: Vec<Arc<str>>,
}

impl AlertmanagerSet {
    pub(super) fn new(config: SetConfig, client: Arc<dyn Post>) -> Self {
        Self { config, client, alertmanagers: BTreeMap::new(), dropped: Vec::new() }
    }

    /// The Alertmanagers that alerts are sent to.
    pub(super) fn active(&self) -> impl Iterator<Item = &Alertmanager> {
        self.alertmanagers.values()
    }

    pub(super) fn active_mut(&mut self) -> impl Iterator<Item = &mut Alertmanager> {
        self.alertmanagers.values_mut()
    }

    pub(super) fn get_mut(&mut self, url: &str) -> Option<&mut Alertmanager> {
        self.alertmanagers.get_mut(url)
    }

    /// The targets that are not sent to, by what their URLs were before relabelling.
    pub(super) fn dropped(&self) -> &[Arc<str>] {
        &self.dropped
    }

    /// Works out from the discovered groups who is active and who is dropped. Alertmanagers that are already there
    /// stay as they are; the caller adds those that appeared and takes away those that disappeared.
    pub(super) fn sync(&mut self, groups: &[TargetGroup], listeners: &[SocketAddr]) -> Synced {
        let mut synced = Synced::default();
        let mut active: BTreeSet<Arc<str>> = BTreeSet::new();
        self.dropped.clear();
        for group in groups {
            match alertmanagers_from_group(&group.targets, &group.labels, &self.config) {
                Ok(urls) => {
                    active.extend(urls.active);
                    self.dropped.extend(urls.dropped);
                }
                Err(error) => synced.errors.push(error.to_string()),
            }
        }
        let (own, active): (BTreeSet<_>, BTreeSet<_>) =
            active.into_iter().partition(|url| is_own(url, listeners));
        self.dropped.extend(own.iter().cloned());
        synced.own.extend(own);
        synced.appeared.extend(active.iter().filter(|url| !self.alertmanagers.contains_key(*url)).cloned());
        synced.disappeared.extend(self.alertmanagers.keys().filter(|url| !active.contains(*url)).cloned());
        synced
    }

    pub(super) fn insert(&mut self, alertmanager: Alertmanager) {
        self.alertmanagers.insert(Arc::clone(&alertmanager.destination.url), alertmanager);
    }

    pub(super) fn remove(&mut self, url: &str) -> Option<Alertmanager> {
        self.alertmanagers.remove(url)
    }

    /// Lists a target as dropped that turned out to be us.
    pub(super) fn drop_own(&mut self, url: &Arc<str>) -> Option<Alertmanager> {
        let removed = self.alertmanagers.remove(url)?;
        self.dropped.push(Arc::clone(url));
        Some(removed)
    }

    /// The states as this set's Alertmanagers see them, and those that its relabelling drops.
    pub(super) fn relabel(&self, items: &[Arc<Item>]) -> (Vec<Arc<Item>>, Vec<Arc<Item>>) {
        let (mut kept, mut dropped) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items {
            match relabel(&self.config.alert_relabel_configs, &item.accepted.alert.labels) {
                Relabelled::Kept(labels) if labels == item.accepted.alert.labels => {
                    kept.push(Arc::clone(item))
                }
                Relabelled::Kept(labels) if !labels.is_empty() => kept.push(item.relabelled(labels)),
                Relabelled::Kept(_) | Relabelled::Dropped { .. } => dropped.push(Arc::clone(item)),
            }
        }
        (kept, dropped)
    }

    /// Whether this set's Alertmanagers see alerts as they are.
    pub(super) fn relabels(&self) -> bool {
        !self.config.alert_relabel_configs.is_empty()
    }
}
