//! Silence: alerts that an active silence matches are dropped, ended ones too.

use super::mute;
use crate::engine::Silences;
use crate::engine::flush::FlushAlert;
use crate::model::{Suppression, Timestamp};

/// Drops what is silenced at `now`; how many.
pub fn silence(alerts: &mut [FlushAlert], silences: &mut Silences, now: Timestamp) -> usize {
    let mut scratch = Vec::new();
    mute(alerts, Suppression::Silence, |alert| silences.mutes(&alert.alert.labels, now, &mut scratch))
}
