//! Runs attempts beside each other and tells how each ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};

use super::integration::Integration;
use super::metrics::Metrics;
use crate::model::{DeliveryId, DeliveryOutcome, FailureReason, IntegrationId, Notification};

/// Runs the attempts that the engine asks for. One task owns it; every attempt is a task of its own, and there are
/// never more than one for each integration of each group, which is the engine's rule.
#[derive(Debug)]
pub struct Runner {
    integrations: BTreeMap<IntegrationId, Arc<Integration>>,
    metrics: Arc<Metrics>,
    running: JoinSet<(DeliveryId, DeliveryOutcome)>,
    handles: HashMap<DeliveryId, AbortHandle>,
    /// What ended without ever running.
    refused: Vec<(DeliveryId, DeliveryOutcome)>,
}

impl Runner {
    /// A runner without integrations.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            integrations: BTreeMap::new(),
            metrics,
            running: JoinSet::new(),
            handles: HashMap::new(),
            refused: Vec::new(),
        }
    }

    /// Takes the integrations of a new configuration. Attempts that run go on with what they began with. Of the old
    /// ones that are no more those stay that `needed` asks for: a group whose route is gone still tells the end of
    /// what it told.
    pub fn apply(
        &mut self,
        integrations: impl IntoIterator<Item = Arc<Integration>>,
        needed: impl Fn(&IntegrationId) -> bool,
    ) {
        self.integrations.retain(|id, _| needed(id));
        self.integrations.extend(integrations.into_iter().map(|new| (new.id().clone(), new)));
    }

    /// The integrations that notifications go to.
    pub fn integrations(&self) -> impl Iterator<Item = &Arc<Integration>> {
        self.integrations.values()
    }

    /// Starts an attempt. How it ends comes from [`Self::next`], always and once.
    pub fn deliver(&mut self, notification: Notification) {
        let delivery = notification.delivery;
        let Some(integration) = self.integrations.get(&notification.integration).map(Arc::clone) else {
            let error = format!("there is no integration {}", notification.integration);
            let outcome = DeliveryOutcome::Failed { error, reason: FailureReason::Other, in_doubt: false };
            self.refused.push((delivery, outcome));
            return;
        };
        let metrics = Arc::clone(&self.metrics);
        let attempt = async move { (delivery, integration.notify(notification, &metrics).await) };
        self.handles.insert(delivery, self.running.spawn(attempt));
    }

    /// Gives an attempt up because it is out of time. It ends soon, as a failure unless it succeeded meanwhile.
    pub fn cancel(&self, delivery: DeliveryId) {
        if let Some(handle) = self.handles.get(&delivery) {
            handle.abort();
        }
    }

    /// How many attempts run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len() + self.refused.len()
    }

    /// Whether no attempt runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for the end of an attempt; `None` if none runs. Safe to cancel.
    pub async fn next(&mut self) -> Option<(DeliveryId, DeliveryOutcome)> {
        if let Some(refused) = self.refused.pop() {
            return Some(refused);
        }
        match self.running.join_next_with_id().await? {
            Ok((_, (delivery, outcome))) => {
                self.handles.remove(&delivery);
                Some((delivery, outcome))
            }
            Err(error) => {
                let found = self.handles.iter().find(|(_, handle)| handle.id() == error.id());
                let delivery = found.map(|(delivery, _)| *delivery)?;
                self.handles.remove(&delivery);
                let (error, reason) = if error.is_cancelled() {
                    ("out of time".to_owned(), FailureReason::ContextDeadlineExceeded)
                } else {
                    (format!("a fault of ours: {error}"), FailureReason::Other)
                };
                Some((delivery, DeliveryOutcome::Retry { error, reason, in_doubt: true, after: None }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
