//! The proleptic Gregorian calendar over any year, which Go's zero time and far dates need.

/// English month names, January first.
pub(in crate::template) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// English day names, Sunday first.
pub(in crate::template) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const DAY: i64 = 86_400;

/// A date and a time of day. Fields may be out of range until [`normalise`](Self::normalise).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) struct Civil {
    pub(in crate::template) year: i64,
    /// From 1.
    pub(in crate::template) month: i64,
    /// From 1.
    pub(in crate::template) day: i64,
    pub(in crate::template) hour: i64,
    pub(in crate::template) minute: i64,
    pub(in crate::template) second: i64,
    pub(in crate::template) nanos: u32,
}

impl Civil {
    pub(super) fn from_unix(seconds: i64, nanos: u32) -> Self {
        let days = seconds.div_euclid(DAY);
        let rest = seconds.rem_euclid(DAY);
        let (year, month, day) = date_of(days);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        Self { year, month, day, hour, minute, second, nanos }
    }

    /// Seconds since 1970 as if the clock showed UTC.
    pub(super) fn unix_seconds(&self) -> i64 {
        days_before(self.year, self.month) * DAY
            + (self.day - 1) * DAY
            + self.hour * 3600
            + self.minute * 60
            + self.second
    }

    /// Brings the month into its range; days and smaller units carry over in the sum.
    pub(super) fn normalise(&mut self) {
        const FAR: i64 = 1_000_000_000;
        let month = self.month.clamp(-FAR, FAR) - 1;
        self.year = self.year.clamp(-FAR, FAR) + month.div_euclid(12);
        self.month = month.rem_euclid(12) + 1;
        self.day = self.day.clamp(-FAR * 100, FAR * 100);
    }

    /// 0 is Sunday.
    pub(in crate::template) fn weekday(&self) -> i64 {
        (days_before(self.year, self.month) + self.day - 1 + 4).rem_euclid(7)
    }

    /// From 1.
    pub(in crate::template) fn year_day(&self) -> i64 {
        days_before(self.year, self.month) - days_before(self.year, 1) + self.day
    }
}

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(super) fn days_in(month: i64, year: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of a month (of 1 to 12).
fn days_before(year: i64, month: i64) -> i64 {
    // The year starts in March here, so that the leap day is its last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}
