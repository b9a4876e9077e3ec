//! Time intervals: when a route is muted, or active.
//!
//! All fields that are given must match, and within a field any element. A missing field does not constrain; an
//! empty list never matches (Alertmanager's `timeinterval`).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// A time of day, from `start` up to but without `end`, in minutes since midnight (0 to 1440).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// The first minute.
    pub start: u16,
    /// The minute after the last.
    pub end: u16,
}

/// Whole numbers from `begin` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first.
    pub begin: i32,
    /// The last.
    pub end: i32,
}

impl Range {
    fn contains(self, number: i32) -> bool {
        (self.begin..=self.end).contains(&number)
    }

    /// The same range in a month of `length` days, where negative numbers count from its end; `None` if it
    /// begins after the month is over.
    fn in_month(self, length: i32) -> Option<Self> {
        let day = |day: i32| if day < 0 { length + day + 1 } else { day };
        let (begin, end) = (day(self.begin), day(self.end));
        (begin <= length).then(|| Self { begin: begin.max(-length), end: end.clamp(-length, length) })
    }
}

/// One specification of a named interval.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeInterval {
    /// Times of day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Vec<TimeRange>>,
    /// Days of the week, Sunday being 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekdays: Option<Vec<Range>>,
    /// Days of the month from 1, or from −1 for the last backwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_of_month: Option<Vec<Range>>,
    /// Months from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub months: Option<Vec<Range>>,
    /// Years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub years: Option<Vec<Range>>,
    /// The time zone by its IANA name; `None` and the empty text are UTC, `Local` is the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl TimeInterval {
    /// Whether the local time `time` lies in the interval.
    #[must_use]
    pub fn contains(&self, time: DateTime) -> bool {
        let minute = time.hour() as u16 * 60 + time.minute() as u16;
        let any = |ranges: &Option<Vec<Range>>, number: i32| {
            ranges.as_ref().is_none_or(|ranges| ranges.iter().any(|range| range.contains(number)))
        };
        let length = i32::from(time.days_in_month());
        let day = i32::from(time.day());
        self.times
            .as_ref()
            .is_none_or(|times| times.iter().any(|range| (range.start..range.end).contains(&minute)))
            && self.days_of_month.as_ref().is_none_or(|days| {
                days.iter().filter_map(|range| range.in_month(length)).any(|range| range.contains(day))
            })
            && any(&self.months, i32::from(time.month()))
            && any(&self.weekdays, i32::from(time.weekday().to_sunday_zero_offset()))
            && any(&self.years, i32::from(time.year()))
    }
}

/// A time zone that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {name:?}: {reason}")]
pub struct ZoneError {
    /// What was asked for.
    pub name: String,
    /// What the time zone database says.
    pub reason: String,
}

/// The named intervals of a plan, with their zones looked up.
#[derive(Debug, Default)]
pub struct TimeIntervals {
    by_name: BTreeMap<Arc<str>, Vec<(TimeInterval, TimeZone)>>,
}

impl TimeIntervals {
    /// Looks up the zones of `intervals`. A name that stands twice has the specifications of both.
    pub fn new<'a>(
        intervals: impl IntoIterator<Item = (&'a Arc<str>, &'a [TimeInterval])>,
    ) -> Result<Self, ZoneError> {
        let mut by_name: BTreeMap<Arc<str>, Vec<(TimeInterval, TimeZone)>> = BTreeMap::new();
        for (name, specifications) in intervals {
            let entry = by_name.entry(Arc::clone(name)).or_default();
            for specification in specifications {
                entry.push((specification.clone(), zone(specification.location.as_deref())?));
            }
        }
        Ok(Self { by_name })
    }

    /// Whether an interval of this name is defined.
    #[must_use]
    pub fn defines(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Those of `names` in which `now` lies, a name once for each of its specifications that matches
    /// (Alertmanager's `Intervener.Mutes`). Unknown names match nothing: a plan has none.
    #[must_use]
    pub fn containing(&self, names: &[Arc<str>], now: Timestamp) -> Vec<Arc<str>> {
        let instant = instant(now);
        let mut found = Vec::new();
        for name in names {
            for (specification, zone) in self.by_name.get(name).into_iter().flatten() {
                if specification.contains(zone.to_datetime(instant)) {
                    found.push(Arc::clone(name));
                }
            }
        }
        found
    }
}

fn zone(name: Option<&str>) -> Result<TimeZone, ZoneError> {
    match name {
        None | Some("" | "UTC") => Ok(TimeZone::UTC),
        Some("Local") => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name)
            .map_err(|error| ZoneError { name: name.to_owned(), reason: error.to_string() }),
    }
}

/// `time` for the calendar, which ends in the years −9999 and 9999.
fn instant(time: Timestamp) -> jiff::Timestamp {
    let end = if time.unix_seconds() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::new(time.unix_seconds(), time.subsec_nanos().cast_signed()).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn ranges(pairs: &[(i32, i32)]) -> Option<Vec<Range>> {
        Some(pairs.iter().map(|&(begin, end)| Range { begin, end }).collect())
    }

    fn contains(interval: &TimeInterval, text: &str) -> bool {
        let name: Arc<str> = Arc::from("it");
        let intervals = TimeIntervals::new([(&name, std::slice::from_ref(interval))]).unwrap();
        !intervals.containing(&[name], at(text)).is_empty()
    }

    #[test]
    fn the_empty_interval_contains_every_time_and_an_empty_list_none() {
        assert!(contains(&TimeInterval::default(), "2020-11-03T07:02:13Z"));
        let never = TimeInterval { weekdays: Some(Vec::new()), ..TimeInterval::default() };
        assert!(!contains(&never, "2020-11-03T07:02:13Z"));
    }

    #[test]
    fn times_of_day_exclude_their_end() {
        let office = TimeInterval {
            times: Some(vec![TimeRange { start: 9 * 60, end: 17 * 60 }]),
            weekdays: ranges(&[(1, 5)]),
            ..TimeInterval::default()
        };
        for (time, expected) in [
            ("2020-05-04T09:00:00Z", true),
            ("2020-05-04T08:59:59Z", false),
            ("2020-05-04T16:59:59Z", true),
            ("2020-05-04T17:00:00Z", false),
            ("2020-05-10T12:00:00Z", false),
        ] {
            assert_eq!(contains(&office, time), expected, "{time}");
        }
    }

    #[test]
    fn days_of_the_month_count_from_either_end() {
        let cases = [
            ((-1, -1), "2020-02-29T12:00:00Z", true),
            ((-1, -1), "2020-02-28T12:00:00Z", false),
            ((-3, -1), "2021-02-26T12:00:00Z", true),
            ((1, 31), "2021-02-28T12:00:00Z", true),
            ((30, 31), "2021-02-28T12:00:00Z", false),
            ((-31, 3), "2021-02-03T12:00:00Z", true),
            ((10, -10), "2020-04-21T12:00:00Z", true),
            ((10, -10), "2020-04-22T12:00:00Z", false),
        ];
        for ((begin, end), time, expected) in cases {
            let interval = TimeInterval { days_of_month: ranges(&[(begin, end)]), ..TimeInterval::default() };
            assert_eq!(contains(&interval, time), expected, "{begin}:{end} at {time}");
        }
    }

    #[test]
    fn all_fields_must_match() {
        let interval = TimeInterval {
            times: Some(vec![TimeRange { start: 0, end: 60 }, TimeRange { start: 5 * 60, end: 9 * 60 }]),
            months: ranges(&[(1, 3), (12, 12)]),
            years: ranges(&[(2019, 2020)]),
            ..TimeInterval::default()
        };
        for (time, expected) in [
            ("2020-03-31T05:30:00Z", true),
            ("2020-04-01T05:30:00Z", false),
            ("2021-03-31T05:30:00Z", false),
            ("2019-12-31T00:59:59Z", true),
            ("2019-12-31T01:00:00Z", false),
        ] {
            assert_eq!(contains(&interval, time), expected, "{time}");
        }
    }

    #[test]
    fn a_location_moves_the_calendar() {
        let sydney = TimeInterval {
            times: Some(vec![TimeRange { start: 9 * 60, end: 10 * 60 }]),
            weekdays: ranges(&[(2, 2)]),
            location: Some("Australia/Sydney".to_owned()),
            ..TimeInterval::default()
        };
        assert!(contains(&sydney, "2020-11-02T22:30:00Z"), "Tuesday 09:30 in summer time");
        assert!(!contains(&sydney, "2020-11-02T23:30:00Z"));
        assert!(contains(&sydney, "2020-07-06T23:30:00Z"), "Tuesday 09:30 in winter time");
    }

    #[test]
    fn names_each_specification_that_matches() {
        let twice: Arc<str> = Arc::from("twice");
        let never: Arc<str> = Arc::from("never");
        let always = [TimeInterval::default(), TimeInterval::default()];
        let none = [TimeInterval { months: Some(Vec::new()), ..TimeInterval::default() }];
        let intervals = TimeIntervals::new([(&twice, &always[..]), (&never, &none[..])]).unwrap();
        let found = intervals.containing(&[Arc::clone(&never), Arc::clone(&twice)], at("2020-01-01"));
        assert_eq!(found, [Arc::clone(&twice), twice]);
    }

    #[test]
    fn an_unknown_zone_is_an_error() {
        let name: Arc<str> = Arc::from("it");
        let lost = TimeInterval { location: Some("Mars/Olympus".to_owned()), ..TimeInterval::default() };
        let error = TimeIntervals::new([(&name, std::slice::from_ref(&lost))]).unwrap_err();
        assert_eq!(error.name, "Mars/Olympus");
    }

    #[test]
    fn times_beyond_the_calendar_do_not_matter() {
        let interval = TimeInterval { years: ranges(&[(2000, 2100)]), ..TimeInterval::default() };
        let name: Arc<str> = Arc::from("it");
        let intervals = TimeIntervals::new([(&name, std::slice::from_ref(&interval))]).unwrap();
        assert!(intervals.containing(&[Arc::clone(&name)], Timestamp::MAX).is_empty());
        assert!(intervals.containing(&[name], Timestamp::ZERO).is_empty());
    }
}
