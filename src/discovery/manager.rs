use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::DiscoveryError;
use super::metrics::Metrics;
use super::provider::Provider;
use super::refresh::{Update, Updates};
use super::state::{DiscoverySet, State, TargetSets};
use super::throttle::Throttle;
use crate::config::ConfigHash;
use crate::net;

/// Updates that wait for the manager; beyond it the providers wait.
const UPDATES_MAX: usize = 64;

/// The handle to discovery: takes new configurations. Cheap to clone; [`ManagerTask`] does the work.
#[derive(Debug, Clone)]
pub struct Manager(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    user_agent: String,
    metrics: Metrics,
    /// Providers that run: they need not be built again. Held for a look or a swap.
    running: Mutex<BTreeSet<ConfigHash>>,
    /// The newest configuration that the task has not seen. A later one replaces it.
    next: Mutex<Option<Prepared>>,
    changed: Notify,
}

/// A configuration whose providers can be started: nothing in it can fail any more.
#[derive(Debug)]
pub struct Prepared {
    sets: Vec<DiscoverySet>,
    /// The new providers by section, each with the metrics label of the first set that has it.
    built: HashMap<ConfigHash, (Provider, String)>,
}

/// The task behind a [`Manager`]: owns the providers and what they found.
#[derive(Debug)]
pub struct ManagerTask {
    shared: Arc<Shared>,
    state: State,
    providers: BTreeMap<ConfigHash, AbortHandle>,
    updates: mpsc::Receiver<Update>,
    sender: mpsc::Sender<Update>,
    targets: mpsc::Sender<TargetSets>,
    throttle: Throttle,
}

impl Manager {
    /// A handle, the task to run, and the receiver of all sets' targets, of which each value replaces the last.
    /// `user_agent` is that of HTTP discovery.
    #[must_use]
    pub fn new(metrics: Metrics, user_agent: String) -> (Self, ManagerTask, mpsc::Receiver<TargetSets>) {
        let (sender, updates) = mpsc::channel(UPDATES_MAX);
        // One value waits at most; while it waits, newer ones are merged.
        let (targets, receiver) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            user_agent,
            metrics,
            running: Mutex::default(),
            next: Mutex::default(),
            changed: Notify::new(),
        });
        let task = ManagerTask {
            shared: Arc::clone(&shared),
            state: State::default(),
            providers: BTreeMap::new(),
            updates,
            sender,
            targets,
            throttle: Throttle::new(),
        };
        (Self(shared), task, receiver)
    }

    /// Builds the providers of a configuration that do not run yet. Changes nothing but the metric of failed
    /// sections.
    ///
    /// # Errors
    ///
    /// The first section that cannot be built.
    pub fn prepare(&self, sets: Vec<DiscoverySet>) -> Result<Prepared, DiscoveryError> {
        let running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut built = HashMap::new();
        let (mut first, mut failed) = (None, 0);
        for (set, section) in
            sets.iter().flat_map(|set| set.service_discovery.iter().map(move |one| (set, one)))
        {
            let hash = ConfigHash::of(section);
            if running.contains(&hash) || built.contains_key(&hash) {
                continue;
            }
            match Provider::new(section, &self.0.user_agent, &self.0.metrics) {
                Ok(provider) => {
                    built.insert(hash, (provider, set.config.clone()));
                }
                Err(error) => {
                    failed += 1;
                    first.get_or_insert(error);
                }
            }
        }
        self.0.metrics.failed_configs.set(failed);
        first.map_or(Ok(Prepared { sets, built }), Err)
    }

    /// Puts a prepared configuration into effect: the task takes it over next. Reloads come one after the other.
    pub fn commit(&self, prepared: Prepared) {
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = prepared.sets.iter().flat_map(|set| &set.service_discovery).map(ConfigHash::of).collect();
        drop(running);
        let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(match next.take() {
            // The task never saw the last one: providers built for it are still needed.
            Some(unseen) => prepared.with_built(unseen.built),
            None => prepared,
        });
        drop(next);
        self.0.changed.notify_one();
    }
}

impl Prepared {
    fn with_built(mut self, older: HashMap<ConfigHash, (Provider, String)>) -> Self {
        for (hash, provider) in older {
            self.built.entry(hash).or_insert(provider);
        }
        self
    }
}

impl ManagerTask {
    /// Runs until `stop`; the receiver of the targets then ends.
    pub async fn run(mut self, stop: CancellationToken) {
        let shared = Arc::clone(&self.shared);
        let mut due: Option<Instant> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = shared.changed.notified() => {
                    let next = shared.next.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(prepared) = next {
                        self.apply(prepared);
                        due = due.or_else(|| Some(self.next_round()));
                    }
                }
                Some(update) = self.updates.recv() => {
                    shared.metrics.received_updates.inc();
                    self.state.update(update.provider, update.groups);
                    due = due.or_else(|| Some(self.next_round()));
                }
                () = sleep_until(due) => due = if self.emit() { None } else { Some(self.next_round()) },
            }
        }
        for provider in self.providers.values() {
            provider.abort();
        }
    }

    fn next_round(&mut self) -> Instant {
        let now = Instant::now();
        now + self.throttle.wait(now, fastrand::f64())
    }

    fn apply(&mut self, prepared: Prepared) {
        let Prepared { sets, mut built } = prepared;
        let changes = self.state.apply(&sets);
        for hash in &changes.stopped {
            if let Some(provider) = self.providers.remove(hash) {
                provider.abort();
            }
        }
        for hash in changes.started {
            // Every section that does not run was built by `prepare`.
            let Some((provider, config)) = built.remove(&hash) else { continue };
            if let Provider::Static(groups) = provider {
                // Known at once: a reload that only moves addresses never shows an empty set.
                self.state.update(hash, groups);
                continue;
            }
            let updates = Updates { provider: hash, sender: self.sender.clone() };
            let task = tokio::spawn(provider.run(config, self.shared.metrics.clone(), updates));
            self.providers.insert(hash, task.abort_handle());
        }
        for config in &changes.forgotten {
            self.shared.metrics.forget_set(config);
        }
    }

    /// Hands the state on; `false` if the last one was not taken yet.
    fn emit(&mut self) -> bool {
        let metrics = &self.shared.metrics;
        let time = net::now().unix_seconds_f64();
        match self.targets.try_send(self.state.all()) {
            Ok(()) => {
                metrics.sent_updates.inc();
                for (config, count) in self.state.counts() {
                    let count = i64::try_from(count).unwrap_or(i64::MAX);
                    metrics.discovered_targets.with_label_values(&[config]).set(count);
                    metrics.last_update.with_label_values(&[config]).set(time);
                }
                self.throttle.emitted(Instant::now());
                true
            }
            Err(TrySendError::Full(_)) => {
                metrics.delayed_updates.inc();
                false
            }
            // Nobody listens any more: there is nothing to retry.
            Err(TrySendError::Closed(_)) => true,
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
