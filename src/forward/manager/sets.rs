//! Who is to be sent to: targets and configurations change the sets, and whoever is gone is drained.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::{error, warn};

use super::Manager;
use super::state::{Gone, State};
use crate::config::ConfigHash;
use crate::discovery::TargetGroup;
use crate::forward::alertmanager::Alertmanager;
use crate::forward::queue::Queue;
use crate::forward::set::AlertmanagerSet;
use crate::forward::store::Prepared;
use crate::model::Destination;

impl Manager {
    pub(super) fn sync(&self, state: &mut State, hash: ConfigHash) {
        let none: &[TargetGroup] = &[];
        let groups = state.targets.get(&hash.to_string()).map_or(none, Vec::as_slice);
        let Some(set) = state.sets.get_mut(&hash) else { return };
        let synced = set.sync(groups, &self.0.options.listeners);
        for err in &synced.errors {
            error!(component = "notifier", err, "Creating discovered Alertmanagers failed");
        }
        for url in &synced.own {
            error!(component = "notifier", alertmanager = %url, "Not forwarding to our own listener");
        }
        let removed: Vec<Alertmanager> =
            synced.disappeared.iter().filter_map(|url| set.remove(url)).collect();
        let (client, timeout) = (Arc::clone(&set.client), set.config.timeout);
        for url in synced.appeared {
            let destination = Destination { set: *hash.as_bytes(), url };
            let back = state.gone.iter().position(|gone| gone.alertmanager.destination == destination);
            let alertmanager = match back {
                Some(place) => {
                    let mut back = state.gone.swap_remove(place).alertmanager;
                    back.drain_until = None;
                    back.refill_due(true);
                    back
                }
                None => {
                    self.0.metrics.add(&destination.url, self.0.options.queue_capacity);
                    let options = &self.0.options;
                    Alertmanager::new(destination, Queue::new(options.queue_capacity, options.end_expiry))
                }
            };
            if let Some(set) = state.sets.get_mut(&hash) {
                set.insert(alertmanager);
            }
        }
        for alertmanager in removed {
            self.let_go(state, Gone { alertmanager, client: Arc::clone(&client), timeout });
        }
    }

    pub(super) fn apply(&self, state: &mut State, config: Prepared) {
        let mut old = std::mem::take(&mut state.sets);
        let mut positions = BTreeMap::new();
        for (config, client) in config.sets {
            let hash = config.hash;
            if let Some(first) = positions.get(&hash) {
                let entry = &config.position;
                warn!(component = "notifier", set = %hash, %entry, %first, "Two entries of alerting.alertmanagers are the same: they are one");
                continue;
            }
            positions.insert(hash, config.position.clone());
            let set = old.remove(&hash).unwrap_or_else(|| AlertmanagerSet::new(config, client));
            state.sets.insert(hash, set);
        }
        let hashes: Vec<ConfigHash> = state.sets.keys().copied().collect();
        for hash in hashes {
            self.sync(state, hash);
        }
        for (_, mut set) in old {
            let urls: Vec<Arc<str>> = set.active().map(|am| Arc::clone(&am.destination.url)).collect();
            for alertmanager in urls.iter().filter_map(|url| set.remove(url)).collect::<Vec<_>>() {
                let (client, timeout) = (Arc::clone(&set.client), set.config.timeout);
                self.let_go(state, Gone { alertmanager, client, timeout });
            }
        }
    }

    /// An Alertmanager is no longer discovered or configured: its queue is drained in the background, unless that is
    /// off, it does not answer, or another set sends to the same URL.
    pub(super) fn let_go(&self, state: &mut State, mut gone: Gone) {
        let alertmanager = &mut gone.alertmanager;
        let url = Arc::clone(&alertmanager.destination.url);
        let elsewhere =
            state.sets.values().flat_map(AlertmanagerSet::active).any(|am| am.destination.url == url);
        if !self.0.options.drain_on_shutdown || alertmanager.is_failing() || elsewhere {
            let count = alertmanager.clear();
            if count > 0 && !elsewhere {
                warn!(component = "notifier", alertmanager = %url, count, "Alertmanager is gone, giving up its queue");
                self.0.metrics.dropped.with_label_values(&[&url]).inc_by(count as f64);
            }
        }
        alertmanager.drain_until = Some(Instant::now() + self.0.options.drain_timeout);
        state.gone.push(gone);
    }

    /// Tells the store whom there is to tell, if that has changed.
    pub(super) async fn tell_destinations(&self, state: &mut State) {
        state.gone.retain(|gone| {
            let done = gone.alertmanager.is_idle();
            if done {
                self.0.metrics.remove(&gone.alertmanager.destination.url);
            }
            !done
        });
        let mut active: Vec<Destination> =
            state.sets.values().flat_map(AlertmanagerSet::active).map(|am| am.destination.clone()).collect();
        active.sort_unstable();
        let mut draining: Vec<Destination> =
            state.gone.iter().map(|gone| gone.alertmanager.destination.clone()).collect();
        draining.sort_unstable();
        if state.told != (active.clone(), draining.clone()) {
            self.0.store.destinations(active.clone(), draining.clone()).await;
            state.told = (active, draining);
        }
    }
}
