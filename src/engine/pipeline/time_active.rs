//! Time active: outside all of its active time intervals a route is silent.

use super::mute;
use crate::engine::flush::FlushAlert;
use crate::engine::route::RouteOptions;
use crate::engine::{GroupMarker, TimeIntervals};
use crate::model::{Suppression, Timestamp};

/// Drops everything if the route has active time intervals and `at` lies in none, and marks the group as muted by
/// all of them; else clears the mark. How many alerts were dropped.
pub fn time_active(
    alerts: &mut [FlushAlert],
    options: &RouteOptions,
    intervals: &TimeIntervals,
    marker: &mut GroupMarker,
    at: Timestamp,
) -> usize {
    let names = &options.active_time_intervals;
    if names.is_empty() || !intervals.containing(names, at).is_empty() {
        marker.set_muted(Vec::new());
        return 0;
    }
    marker.set_muted(names.clone());
    mute(alerts, Suppression::ActiveTime, |_| true)
}
