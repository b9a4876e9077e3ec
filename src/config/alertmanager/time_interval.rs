//! `time_intervals` and `mute_time_intervals`: when routes are muted, or active.

use std::fmt;

use jiff::tz::TimeZone;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::config::position::Position;
use crate::config::yaml::{Decode, Fields, Value};

/// Specifications under a name, any of which may match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedTimeInterval {
    /// `name`, unique among both lists.
    pub name: String,
    /// `time_intervals`.
    #[serde(serialize_with = "crate::config::yaml::always")]
    pub time_intervals: Vec<TimeInterval>,
    /// Where it begins.
    #[serde(skip)]
    pub position: Position,
}

/// A specification: all fields that are given must match, in each any element. `None` does not constrain, an empty
/// list never matches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TimeInterval {
    /// `times` of day.
    pub times: Option<Vec<TimeRange>>,
    /// `weekdays`, Sunday being 0.
    #[serde(serialize_with = "serialize_weekdays")]
    pub weekdays: Option<Vec<InclusiveRange>>,
    /// `days_of_month` from 1, or from −1 for the last backwards; never 0.
    #[serde(serialize_with = "serialize_numbers")]
    pub days_of_month: Option<Vec<InclusiveRange>>,
    /// `months` from 1.
    #[serde(serialize_with = "serialize_numbers")]
    pub months: Option<Vec<InclusiveRange>>,
    /// `years`.
    #[serde(serialize_with = "serialize_numbers")]
    pub years: Option<Vec<InclusiveRange>>,
    /// `location`, a name of the time zone database; `None` is UTC, `Local` the system's zone.
    pub location: Option<String>,
}

/// A time of day in minutes since midnight, from `start` up to but without `end`, which is at most 1440.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first minute.
    pub start: u16,
    /// The minute after the last.
    pub end: u16,
}

/// Whole numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InclusiveRange {
    /// The first.
    pub begin: i32,
    /// The last.
    pub end: i32,
}

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl NamedTimeInterval {
    /// Reads the list at `key`; `unnamed` is said of an element without a name.
    pub(super) fn decode_all(fields: &mut Fields<'_>, key: &'static str, unnamed: &str) -> Vec<Self> {
        let intervals = fields.items(key).into_iter().filter_map(|item| {
            item.fields(|fields| {
                let name: String = fields.get_or_default("name");
                if name.is_empty() {
                    fields.value().fault(unnamed);
                }
                let time_intervals =
                    fields.items("time_intervals").iter().filter_map(TimeInterval::decode).collect();
                Self { name, time_intervals, position: fields.position() }
            })
        });
        intervals.collect()
    }
}

impl TimeInterval {
    fn decode(item: &Value<'_>) -> Option<Self> {
        item.fields(|fields| Self {
            times: ranges(fields, "times", |item| item.fields(TimeRange::decode)?),
            weekdays: ranges(fields, "weekdays", |item| parsed(item, weekdays)),
            days_of_month: ranges(fields, "days_of_month", |item| parsed(item, days_of_month)),
            months: ranges(fields, "months", |item| parsed(item, months)),
            years: ranges(fields, "years", |item| parsed(item, years)),
            location: fields.value_of("location").and_then(|value| decode_location(&value)),
        })
    }
}

/// The elements of a list; `None` if it is not there.
fn ranges<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    decode: impl Fn(&Value<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let value = fields.value_of(key).filter(|value| !value.is_null())?;
    Some(value.items().iter().filter_map(decode).collect())
}

fn parsed(
    item: &Value<'_>,
    parse: impl Fn(&str) -> Result<InclusiveRange, String>,
) -> Option<InclusiveRange> {
    let text = String::decode(item)?;
    parse(&text.to_lowercase()).map_err(|problem| item.fault(problem)).ok()
}

/// The two ends of `a:b`, or of `a`, which is both.
fn range(text: &str, member: impl Fn(&str) -> Result<i32, String>) -> Result<InclusiveRange, String> {
    let mut ends = text.split(':');
    match (ends.next(), ends.next(), ends.next()) {
        (Some(begin), Some(end), None) => Ok(InclusiveRange { begin: member(begin)?, end: member(end)? }),
        (Some(both), None, _) => member(both).map(|both| InclusiveRange { begin: both, end: both }),
        _ => Err(format!("couldn't parse range {text}, invalid format")),
    }
}

fn whole_number(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_error| format!("{text} is not a whole number"))
}

fn place(names: &[&str], text: &str) -> Option<i32> {
    names.iter().position(|name| *name == text).and_then(|place| i32::try_from(place).ok())
}

fn weekdays(text: &str) -> Result<InclusiveRange, String> {
    let range =
        range(text, |day| place(&WEEKDAYS, day).ok_or_else(|| format!("{day} is not a valid weekday")))?;
    if range.begin > range.end {
        return Err("start day cannot be before end day".to_owned());
    }
    Ok(range)
}

fn days_of_month(text: &str) -> Result<InclusiveRange, String> {
    let range = range(text, whole_number)?;
    for day in [range.begin, range.end] {
        if day == 0 || !(-31..=31).contains(&day) {
            return Err(format!("{day} is not a valid day of the month: out of range"));
        }
    }
    if range.begin < 0 && range.end > 0 {
        return Err("end day must be negative if start day is negative".to_owned());
    }
    // In the shortest month: a range that is empty there may not be in others, but the rest never is anything.
    let in_short_month = |day: i32| if day < 0 { 28 + day } else { day };
    if in_short_month(range.begin) > in_short_month(range.end) {
        return Err(format!("end day {} is always before start day {}", range.end, range.begin));
    }
    Ok(range)
}

fn months(text: &str) -> Result<InclusiveRange, String> {
    let range = range(text, |month| match place(&MONTHS, month) {
        Some(place) => Ok(place + 1),
        None => month.parse().map_err(|_error| format!("{month} is not a valid month")),
    })?;
    if range.begin > range.end {
        let name = |month: i32| {
            let place = usize::try_from(month - 1).ok();
            place.and_then(|place| MONTHS.get(place)).map_or_else(|| month.to_string(), ToString::to_string)
        };
        return Err(format!("end month {} is before start month {}", name(range.end), name(range.begin)));
    }
    Ok(range)
}

fn years(text: &str) -> Result<InclusiveRange, String> {
    let range = range(text, whole_number)?;
    if range.begin > range.end {
        return Err(format!("end year {} is before start year {}", range.end, range.begin));
    }
    Ok(range)
}

impl TimeRange {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let (start, end) = (fields.text("start_time"), fields.text("end_time"));
        let (Some(start), Some(end)) = (start, end) else {
            fields.value().fault("both start and end times must be provided");
            return None;
        };
        let minute = |key, text: &str| {
            let minute = minute_of_day(text);
            if minute.is_none() {
                fields.fault_at_key(key, &format!("couldn't parse timestamp {text}, invalid format"));
            }
            minute
        };
        let (start, end) = (minute("start_time", &start), minute("end_time", &end));
        let (start, end) = start.zip(end)?;
        if start >= end {
            fields.value().fault("start time cannot be equal or greater than end time");
        }
        Some(Self { start, end })
    }
}

/// The minutes of `HH:MM`, up to `24:00`.
fn minute_of_day(text: &str) -> Option<u16> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let &[h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let (hours, minutes) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= 1440).then_some(minute)
}

fn decode_location(value: &Value<'_>) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let name = String::decode(value)?;
    // Go takes the empty name for UTC.
    if !matches!(name.as_str(), "" | "Local" | "UTC") && TimeZone::get(&name).is_err() {
        value.fault(format!("unknown time zone {name}"));
    }
    Some(if name.is_empty() { "UTC".to_owned() } else { name })
}

impl fmt::Display for InclusiveRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { begin, end } = self;
        if begin == end { write!(f, "{begin}") } else { write!(f, "{begin}:{end}") }
    }
}

impl Serialize for TimeRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let mut fields = serializer.serialize_struct("TimeRange", 2)?;
        fields.serialize_field("start_time", &time(self.start))?;
        fields.serialize_field("end_time", &time(self.end))?;
        fields.end()
    }
}

fn serialize_numbers<S: Serializer>(
    ranges: &Option<Vec<InclusiveRange>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let texts = ranges.as_ref().map(|ranges| ranges.iter().map(ToString::to_string).collect::<Vec<_>>());
    crate::config::yaml::flow(&texts, serializer)
}

fn serialize_weekdays<S: Serializer>(
    ranges: &Option<Vec<InclusiveRange>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let name =
        |day: i32| usize::try_from(day).ok().and_then(|day| WEEKDAYS.get(day)).copied().unwrap_or_default();
    let text = |range: &InclusiveRange| match (name(range.begin), name(range.end)) {
        (begin, end) if begin == end => begin.to_owned(),
        (begin, end) => format!("{begin}:{end}"),
    };
    let texts = ranges.as_ref().map(|ranges| ranges.iter().map(text).collect::<Vec<_>>());
    crate::config::yaml::flow(&texts, serializer)
}
