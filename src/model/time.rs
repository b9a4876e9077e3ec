//! Points in time: nanosecond precision over every year Go can print, with Go's zero time as a value.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, in UTC.
///
/// Go's zero time (January 1 of year 1) is [`Timestamp::ZERO`]; on the wire it means "not set".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    secs: i64,
    nanos: u32,
}

/// A text that is not a time in any form that Alertmanager's API reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time: expected RFC 3339, such as 2006-01-02T15:04:05.000Z")]
pub struct TimeError(String);

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: u32 = 1_000_000_000;

impl Timestamp {
    /// Go's zero time, `0001-01-01T00:00:00Z`.
    pub const ZERO: Self = Self { secs: -62_135_596_800, nanos: 0 };
    /// The beginning of 1970.
    pub const UNIX_EPOCH: Self = Self { secs: 0, nanos: 0 };
    /// Later than any time a caller can mean.
    pub const MAX: Self = Self { secs: i64::MAX, nanos: NANOS_PER_SECOND - 1 };

    /// The time `secs` seconds and `nanos` nanoseconds after 1970; whole seconds in `nanos` are carried.
    #[must_use]
    pub const fn from_unix(secs: i64, nanos: u32) -> Self {
        Self { secs: secs.saturating_add((nanos / NANOS_PER_SECOND) as i64), nanos: nanos % NANOS_PER_SECOND }
    }

    /// The time `millis` milliseconds after 1970.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self { secs: millis.div_euclid(1000), nanos: millis.rem_euclid(1000) as u32 * 1_000_000 }
    }

    /// The time `nanos` nanoseconds after 1970.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        let per_second = NANOS_PER_SECOND as i64;
        Self { secs: nanos.div_euclid(per_second), nanos: nanos.rem_euclid(per_second) as u32 }
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.secs
    }

    /// The nanoseconds after [`Self::unix_seconds`].
    #[must_use]
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// Milliseconds since 1970, rounded down.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.secs.saturating_mul(1000).saturating_add((self.nanos / 1_000_000) as i64)
    }

    /// Seconds since 1970 with their fraction, as metrics print them.
    #[must_use]
    pub fn unix_seconds_f64(self) -> f64 {
        self.secs as f64 + f64::from(self.nanos) / f64::from(NANOS_PER_SECOND)
    }

    /// Whether this is Go's zero time: not set.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        if self <= earlier {
            return Duration::ZERO;
        }
        let mut secs = self.secs.saturating_sub(earlier.secs) as u64;
        let nanos = if self.nanos >= earlier.nanos {
            self.nanos - earlier.nanos
        } else {
            secs -= 1;
            self.nanos + NANOS_PER_SECOND - earlier.nanos
        };
        Duration::new(secs, nanos)
    }

    /// The time as `2006-01-02T15:04:05.000Z`: three decimals, truncated, as Prometheus and API v2 write it.
    #[must_use]
    pub fn to_rfc3339_millis(self) -> String {
        let mut text = String::with_capacity(24);
        self.push_rfc3339_millis(&mut text);
        text
    }

    /// Appends [`Self::to_rfc3339_millis`] to `text`.
    pub fn push_rfc3339_millis(self, text: &mut String) {
        self.push_seconds(text);
        text.push('.');
        push_digits(text, u64::from(self.nanos / 1_000_000), 3);
        text.push('Z');
    }

    fn push_seconds(self, text: &mut String) {
        let (year, month, day) = civil_from_days(self.secs.div_euclid(SECONDS_PER_DAY));
        let second = self.secs.rem_euclid(SECONDS_PER_DAY) as u64;
        if year < 0 {
            text.push('-');
        }
        push_digits(text, year.unsigned_abs(), 4);
        text.push('-');
        push_digits(text, month, 2);
        text.push('-');
        push_digits(text, day, 2);
        text.push('T');
        push_digits(text, second / 3600, 2);
        text.push(':');
        push_digits(text, second / 60 % 60, 2);
        text.push(':');
        push_digits(text, second % 60, 2);
    }

    /// Reads the forms that Alertmanager's API accepts (go-openapi's `strfmt.DateTime`): RFC 3339 with up to
    /// nine decimals and an offset with or without colon, the same without seconds or without zone (UTC), with a
    /// blank for the `T`, and a bare date. The empty text is the beginning of 1970.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if text.is_empty() {
            return Ok(Self::UNIX_EPOCH);
        }
        parse(text.as_bytes()).ok_or_else(|| TimeError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with as many decimals as are needed (Go's `RFC3339Nano`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(32);
        self.push_seconds(&mut text);
        if self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        text.push('Z');
        f.write_str(&text)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        let secs = self.secs.saturating_add(i64::try_from(rhs.as_secs()).unwrap_or(i64::MAX));
        Self::from_unix(secs, self.nanos + rhs.subsec_nanos())
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        let secs = self.secs.saturating_sub(i64::try_from(rhs.as_secs()).unwrap_or(i64::MAX));
        if self.nanos >= rhs.subsec_nanos() {
            Self { secs, nanos: self.nanos - rhs.subsec_nanos() }
        } else {
            Self { secs: secs.saturating_sub(1), nanos: self.nanos + NANOS_PER_SECOND - rhs.subsec_nanos() }
        }
    }
}

fn push_digits(text: &mut String, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut rest = value;
    let mut start = digits.len();
    while rest > 0 || digits.len() - start < width {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text.extend(digits[start..].iter().map(|&digit| char::from(digit)));
}

/// Days since 1970 to year, month and day of the proleptic Gregorian calendar.
fn civil_from_days(days: i64) -> (i64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u64, day as u64)
}

/// Year, month and day of the proleptic Gregorian calendar to days since 1970.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = year - i64::from(month <= 2);
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl Scanner<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        number
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.accept(byte).then_some(())
    }

    fn fraction(&mut self) -> Option<u32> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        Some(self.number(digits)? as u32 * 10_u32.pow(9 - digits as u32))
    }

    /// `Z`, `+02:00`, `+0200` or nothing, as seconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.rest.is_empty() || self.accept(b'Z') || self.accept(b'z') {
            return Some(0);
        }
        let sign = if self.accept(b'-') { -1 } else { self.expect(b'+').map(|()| 1)? };
        let hours = self.number(2)?;
        self.accept(b':');
        let minutes = self.number(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let mut scanner = Scanner { rest: text };
    let year = scanner.number(4)?;
    scanner.expect(b'-')?;
    let month = scanner.number(2)?;
    scanner.expect(b'-')?;
    let day = scanner.number(2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * SECONDS_PER_DAY;
    if scanner.rest.is_empty() {
        return Some(Timestamp::from_unix(midnight, 0));
    }
    if !(scanner.accept(b'T') || scanner.accept(b't')) {
        scanner.expect(b' ')?;
    }
    let hour = scanner.number(2)?;
    scanner.expect(b':')?;
    let minute = scanner.number(2)?;
    let second = if scanner.accept(b':') { scanner.number(2)? } else { 0 };
    let nanos = if scanner.accept(b'.') { scanner.fraction()? } else { 0 };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = scanner.offset()?;
    scanner
        .rest
        .is_empty()
        .then(|| Timestamp::from_unix(midnight + hour * 3600 + minute * 60 + second - offset, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_api_accepts() {
        let cases = [
            ("2026-08-21T10:15:12.345Z", "2026-08-21T10:15:12.345Z"),
            ("2026-08-21T10:15:12Z", "2026-08-21T10:15:12Z"),
            ("2026-08-21T10:15:12.123456789+02:00", "2026-08-21T08:15:12.123456789Z"),
            ("2026-08-21T10:15:12-0530", "2026-08-21T15:45:12Z"),
            ("2026-08-21T10:15:12", "2026-08-21T10:15:12Z"),
            ("2026-08-21T10:15Z", "2026-08-21T10:15:00Z"),
            ("2026-08-21T10:15", "2026-08-21T10:15:00Z"),
            ("2026-08-21 10:15:12", "2026-08-21T10:15:12Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("", "1970-01-01T00:00:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Timestamp::parse(text).map(|time| time.to_string()),
                Ok(expected.to_owned()),
                "{text}"
            );
        }
        assert!(Timestamp::parse("0001-01-01T00:00:00.000Z").is_ok_and(Timestamp::is_zero));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "yesterday",
            "2026-13-01",
            "2026-02-29",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00Zx",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn prints_milliseconds_truncated() {
        let time = Timestamp::from_unix(1_766_000_000, 999_999_999);
        assert_eq!(time.to_rfc3339_millis(), "2025-12-17T19:33:20.999Z");
        assert_eq!(Timestamp::ZERO.to_rfc3339_millis(), "0001-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_unix_millis(-1).to_rfc3339_millis(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn adds_and_subtracts_durations() {
        let time = Timestamp::from_unix(10, 900_000_000);
        let later = time + Duration::from_millis(1200);
        assert_eq!(later, Timestamp::from_unix(12, 100_000_000));
        assert_eq!(later - Duration::from_millis(1200), time);
        assert_eq!(later.since(time), Duration::from_millis(1200));
        assert_eq!(time.since(later), Duration::ZERO);
    }
}
