//! Reading times as RFC 3339 writes them, which is what most are.

use super::{
    Time,
    calendar::{Civil, days_in},
    scan::{Scan, atoi},
    zone::Zone,
};
use crate::template::text::Text;

/// Strict RFC 3339; `None` where Go falls back to the general reader.
pub(super) fn parse_rfc3339(value: &[u8]) -> Option<Time> {
    let number = |from: usize, to: usize, range: std::ops::RangeInclusive<i64>| {
        let digits = value.get(from..to).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        atoi(digits).ok().filter(|number| range.contains(number))
    };
    let (year, month) = (number(0, 4, 0..=9999)?, number(5, 7, 1..=12)?);
    let day = number(8, 10, 1..=days_in(month, year))?;
    let (hour, minute, second) = (number(11, 13, 0..=23)?, number(14, 16, 0..=59)?, number(17, 19, 0..=59)?);
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| value.get(*at) != Some(mark)) {
        return None;
    }
    let mut scan = Scan { value: value.get(19..)? };
    let mut nanos = 0;
    if scan.value.first() == Some(&b'.') && scan.digit(1).is_some() {
        nanos = scan.fraction(scan.fraction_digits()).ok()?;
    }
    let utc = Time::from_civil(Civil { year, month, day, hour, minute, second, nanos }, Zone::Utc);
    let zone = scan.value;
    if zone == b"Z" {
        return Some(utc);
    }
    if zone.len() != 6 || zone.get(3) != Some(&b':') {
        return None;
    }
    let two = |at: usize, limit: i64| {
        Scan { value: zone.get(at..at + 2)? }.number(true).ok().filter(|number| *number <= limit)
    };
    let magnitude = i32::try_from((two(1, 23)? * 60 + two(4, 59)?) * 60).ok()?;
    let offset = match zone.first()? {
        b'+' => magnitude,
        b'-' => -magnitude,
        _ => return None,
    };
    let zone = if offset == 0 { Zone::Utc } else { Zone::Fixed { name: Text::new(), offset } };
    Some(Time::new(utc.seconds - i64::from(offset), nanos, zone))
}
