use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::metrics::RefreshMetrics;
use super::target_group::TargetGroup;
use crate::config::ConfigHash;

/// A refresh is never asked for more often, whatever is configured.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Groups from a provider.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) provider: ConfigHash,
    pub(super) groups: Vec<TargetGroup>,
}

/// Where a provider hands its groups to. Waits while the manager is behind.
#[derive(Debug, Clone)]
pub(super) struct Updates {
    pub(super) provider: ConfigHash,
    pub(super) sender: mpsc::Sender<Update>,
}

impl Updates {
    pub(super) async fn send(&self, groups: Vec<TargetGroup>) {
        // An error says that the manager has stopped, and so does this provider then.
        let _ = self.sender.send(Update { provider: self.provider, groups }).await;
    }
}

/// A ticker that fires at once and then every `interval`, and that skips what it missed.
pub(super) fn ticker(interval: Duration) -> tokio::time::Interval {
    let mut ticker = tokio::time::interval(interval.max(INTERVAL_MIN));
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}

/// Asks for groups at once and then every `interval`, for ever. An error is logged and changes nothing.
pub(super) async fn poll<F>(
    interval: Duration,
    metrics: RefreshMetrics,
    updates: Updates,
    mut refresh: impl FnMut() -> F,
) where
    F: Future<Output = Result<Vec<TargetGroup>, String>>,
{
    let mut ticker = ticker(interval);
    loop {
        ticker.tick().await;
        let begin = Instant::now();
        let result = refresh().await;
        metrics.observe(begin.elapsed(), result.is_ok());
        match result {
            Ok(groups) => updates.send(groups).await,
            Err(error) => {
                tracing::error!(component = "discovery manager notify", err = %error, "Unable to refresh target groups")
            }
        }
    }
}
