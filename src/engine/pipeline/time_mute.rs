//! Time mute: inside any of its mute time intervals a route is silent.

use super::mute;
use crate::engine::flush::FlushAlert;
use crate::engine::route::RouteOptions;
use crate::engine::{GroupMarker, TimeIntervals};
use crate::model::{Suppression, Timestamp};

/// Drops everything if `at` lies in a mute time interval of the route, and marks the group as muted by those in
/// which it lies. How many alerts were dropped. The mark of the stage before stays if there is nothing to add.
pub fn time_mute(
    alerts: &mut [FlushAlert],
    options: &RouteOptions,
    intervals: &TimeIntervals,
    marker: &mut GroupMarker,
    at: Timestamp,
) -> usize {
    let muting = intervals.containing(&options.mute_time_intervals, at);
    if muting.is_empty() {
        return 0;
    }
    marker.set_muted(muting);
    mute(alerts, Suppression::MuteTime, |_| true)
}
