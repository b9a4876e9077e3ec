//! Writes Alertmanager's files at a clean stop and every `--data.maintenance-interval`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::clock;
use super::delivery_metrics::DeliveryMetrics;
use super::engine_task::EngineHandle;

/// Knows where the files are.
#[derive(Debug, Clone)]
pub(super) struct Maintenance {
    pub(super) storage: PathBuf,
    pub(super) engine: EngineHandle,
    pub(super) metrics: Arc<DeliveryMetrics>,
}

impl Maintenance {
    /// Writes the files every `interval`, while there is an `alertmanager.yml`. Never ends.
    pub(super) async fn run(self, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.write().await;
        }
    }

    /// Writes the files once. Without an `alertmanager.yml` they are left as they are.
    pub(super) async fn write(&self) {
        if self.engine.delivery().await.is_none() {
            return;
        }
        let Some(state) = self.engine.shared_state().await else { return };
        let storage = self.storage.clone();
        let written = tokio::task::spawn_blocking(move || {
            let now = clock::now();
            [state.write_silences(&storage, now), state.write_log(&storage, now)]
        });
        let Ok(written) = written.await else { return };
        for (file, written) in ["silences", "nflog"].into_iter().zip(written) {
            if let Err(error) = &written {
                tracing::error!(component = "state", file, err = %error, "Cannot write Alertmanager's state; the journal has it");
            }
            self.metrics.maintained(file, written.ok());
        }
    }
}
