//! Inhibit: alerts that another firing alert inhibits are dropped, ended ones too.

use super::mute;
use crate::engine::flush::FlushAlert;
use crate::engine::{Inhibitor, Plan};
use crate::model::{Suppression, Timestamp};

/// Drops what is inhibited at `now`; how many.
pub fn inhibit(alerts: &mut [FlushAlert], inhibitor: &Inhibitor, plan: &Plan, now: Timestamp) -> usize {
    let mut scratch = Vec::new();
    mute(alerts, Suppression::Inhibition, |alert| {
        inhibitor.mutes(plan, &alert.alert.labels, now, &mut scratch)
    })
}
