//! The notification pipeline, in Alertmanager's order: settle → inhibit → time active → time mute → silence; then
//! for every integration of the receiver, independently of the others, wait → dedup → retry → set-notifies.
//!
//! A stage is a pure function of state, alerts and time. A stage that leaves no alert ends the chain with success;
//! a failing integration leaves the others their log entries. Waiting and retrying are timeouts of the engine:
//! the stages only say until when.

pub mod dedup;
pub mod inhibit;
pub mod retry;
pub mod set_notifies;
pub mod settle;
pub mod silence;
pub mod time_active;
pub mod time_mute;
pub mod wait;

#[cfg(test)]
mod tests;

use super::flush::FlushAlert;
use crate::model::Suppression;

/// Drops, for `reason`, every alert that is still there and that `muted` names. The end of an alert that was told
/// as firing passes where the plan wants that ([`FlushAlert::told`]). Returns how many were dropped.
pub(crate) fn mute(
    alerts: &mut [FlushAlert],
    reason: Suppression,
    mut muted: impl FnMut(&FlushAlert) -> bool,
) -> usize {
    let mut dropped = 0;
    for alert in alerts.iter_mut().filter(|alert| alert.muted.is_none()) {
        if !(alert.told && alert.resolved) && muted(alert) {
            alert.muted = Some(reason);
            dropped += 1;
        }
    }
    dropped
}

/// Whether any alert is still there.
pub(crate) fn any_left(alerts: &[FlushAlert]) -> bool {
    alerts.iter().any(|alert| alert.muted.is_none())
}
