//! From the journal to the engine that it describes.

use std::io::Read as _;

use anyhow::Context as _;

use crate::engine::{Engine, StoreLimits};
use crate::journal::{Files, Journal, Options};

/// Restores the engine from the last good snapshot and replays the records since. What is damaged is skipped,
/// logged and counted; it never prevents a start.
pub(super) fn recover(
    files: impl Files,
    options: Options,
    plan: &StoreLimits,
) -> anyhow::Result<(Engine, Journal)> {
    let mut recovery =
        Journal::recover(files, options).context("cannot open the journal (--storage.path)")?;
    let mut engine = loop {
        let Some(mut reader) = recovery.snapshot() else { break Engine::new(plan.clone()) };
        let mut bytes = Vec::new();
        let restored = match reader.read_to_end(&mut bytes) {
            Ok(_) => Engine::restore(plan.clone(), &bytes).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match restored {
            Ok(engine) => break engine,
            Err(reason) => recovery.reject_snapshot(&reason),
        }
    };
    let (mut unreadable, mut skipped) = (0_u64, 0);
    while let Some((position, record)) = recovery.next_record() {
        match engine.replay(record) {
            Ok(replayed) => skipped += replayed.skipped,
            Err(error) => {
                unreadable += 1;
                tracing::error!(component = "journal", %position, err = %error, "Cannot read a record of the journal");
            }
        }
    }
    let (journal, recovered) = recovery.finish().context("cannot start the journal")?;
    tracing::info!(
        component = "journal",
        alerts = engine.alerts().len(),
        records = recovered.records,
        missing = recovered.missing,
        unreadable,
        skipped,
        "Journal recovered"
    );
    Ok((engine, journal))
}
