//! Reading a time by a layout, as Go's `time.ParseInLocation` with UTC does, faults' texts included.

use std::fmt::Write as _;

use super::{
    Time,
    calendar::{Civil, MONTHS, WEEKDAYS, days_in, is_leap},
    layout::{Chunk, Offset, next_chunk},
    zone::Zone,
};
use crate::template::text::{Text, runes};

/// Reads `value` by `layout`; without a zone in it the time is UTC. The error is Go's text.
pub(in crate::template) fn parse_in_utc(layout: &[u8], value: &[u8]) -> Result<Time, String> {
    if matches!(layout, b"2006-01-02T15:04:05Z07:00" | b"2006-01-02T15:04:05.999999999Z07:00")
        && let Some(time) = parse_rfc3339(value)
    {
        return Ok(time);
    }
    let mut fields = Fields { month: None, day: None, year_day: None, ..Fields::default() };
    let mut scan = Scan { value };
    let mut rest = layout;
    loop {
        let (prefix, chunk, suffix) = next_chunk(rest);
        let matched = rest.get(prefix.len()..rest.len() - suffix.len()).unwrap_or_default();
        if scan.skip(prefix).is_none() {
            return Err(mismatch(layout, value, scan.value, prefix));
        }
        let Some(chunk) = chunk else {
            if !scan.value.is_empty() {
                return Err(described(value, &format!("extra text: {}", quote(scan.value))));
            }
            return fields.time().map_err(|fault| described(value, fault));
        };
        rest = suffix;
        let hold = scan.value;
        match fields.read(&mut scan, chunk, suffix) {
            Ok(()) => {}
            Err(Fault::Syntax) => return Err(mismatch(layout, value, hold, matched)),
            Err(Fault::Range(what)) => return Err(described(value, &format!("{what} out of range"))),
        }
    }
}

fn mismatch(layout: &[u8], value: &[u8], element: &[u8], chunk: &[u8]) -> String {
    format!(
        "parsing time {} as {}: cannot parse {} as {}",
        quote(value),
        quote(layout),
        quote(element),
        quote(chunk)
    )
}

fn described(value: &[u8], message: &str) -> String {
    format!("parsing time {}: {message}", quote(value))
}

/// The `time` package quotes in a way of its own: bytes outside printable ASCII in hexadecimal.
pub(super) fn quote(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for (at, c, len) in runes(text) {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='\x7f' => out.push(c),
            _ => {
                for byte in text.iter().skip(at).take(len) {
                    let _infallible = write!(out, "\\x{byte:02x}");
                }
            }
        }
    }
    out.push('"');
    out
}

enum Fault {
    Syntax,
    Range(&'static str),
}

struct Scan<'a> {
    value: &'a [u8],
}

impl<'a> Scan<'a> {
    /// Passes literal text; one run of blanks in the layout matches any number.
    fn skip(&mut self, prefix: &[u8]) -> Option<()> {
        let mut prefix = prefix;
        while let Some(&first) = prefix.first() {
            if first == b' ' {
                if self.value.first().is_some_and(|b| *b != b' ') {
                    return None;
                }
                prefix = prefix.trim_ascii_start_of(b' ');
                self.value = self.value.trim_ascii_start_of(b' ');
                continue;
            }
            if self.value.first() != Some(&first) {
                return None;
            }
            prefix = prefix.get(1..)?;
            self.value = self.value.get(1..)?;
        }
        Some(())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let head = self.value.get(..count).ok_or(Fault::Syntax)?;
        self.value = self.value.get(count..).unwrap_or_default();
        Ok(head)
    }

    fn digit(&self, at: usize) -> Option<i64> {
        self.value.get(at).filter(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0'))
    }

    /// One or two digits; exactly two where `fixed`.
    fn number(&mut self, fixed: bool) -> Result<i64, Fault> {
        let first = self.digit(0).ok_or(Fault::Syntax)?;
        match self.digit(1) {
            Some(second) => {
                self.take(2)?;
                Ok(first * 10 + second)
            }
            None if fixed => Err(Fault::Syntax),
            None => {
                self.take(1)?;
                Ok(first)
            }
        }
    }

    fn name(&mut self, names: &[&str], short: bool) -> Result<i64, Fault> {
        for (index, name) in names.iter().enumerate() {
            let name = if short { name.get(..3).unwrap_or(name) } else { name };
            if self.value.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes())) {
                self.take(name.len())?;
                return Ok(index as i64);
            }
        }
        Err(Fault::Syntax)
    }

    /// `.123`: the separator and `count` digits.
    fn fraction(&mut self, count: usize) -> Result<u32, Fault> {
        let text = self.take(1 + count)?;
        let digits = text.get(1..).unwrap_or_default();
        if !matches!(text.first(), Some(b'.' | b',')) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Fault::Syntax);
        }
        let nanos = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
        Ok(nanos.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    fn fraction_digits(&self) -> usize {
        self.value.iter().skip(1).take_while(|b| b.is_ascii_digit()).count()
    }
}

trait TrimByte {
    fn trim_ascii_start_of(&self, byte: u8) -> &Self;
}

impl TrimByte for [u8] {
    fn trim_ascii_start_of(&self, byte: u8) -> &Self {
        let count = self.iter().take_while(|b| **b == byte).count();
        self.get(count..).unwrap_or_default()
    }
}

#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    pm: Option<bool>,
    utc: bool,
    offset: Option<i32>,
    zone_name: Vec<u8>,
}

fn in_range(value: i64, limit: std::ops::RangeInclusive<i64>, what: &'static str) -> Result<i64, Fault> {
    if limit.contains(&value) { Ok(value) } else { Err(Fault::Range(what)) }
}

impl Fields {
    fn read(&mut self, scan: &mut Scan<'_>, chunk: Chunk, suffix: &[u8]) -> Result<(), Fault> {
        match chunk {
            Chunk::Year => {
                let year = atoi(scan.take(2)?)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
            }
            Chunk::LongYear => {
                scan.digit(0).ok_or(Fault::Syntax)?;
                self.year = atoi(scan.take(4)?)?;
            }
            Chunk::Month => self.month = Some(scan.name(&MONTHS, true)? + 1),
            Chunk::LongMonth => self.month = Some(scan.name(&MONTHS, false)? + 1),
            Chunk::NumMonth | Chunk::ZeroMonth => {
                let month = scan.number(chunk == Chunk::ZeroMonth)?;
                self.month = Some(in_range(month, 1..=12, "month")?);
            }
            Chunk::WeekDay | Chunk::LongWeekDay => {
                scan.name(&WEEKDAYS, chunk == Chunk::WeekDay)?;
            }
            Chunk::Day | Chunk::UnderDay | Chunk::ZeroDay => {
                if chunk == Chunk::UnderDay && scan.value.first() == Some(&b' ') {
                    scan.take(1)?;
                }
                self.day = Some(scan.number(chunk == Chunk::ZeroDay)?);
            }
            Chunk::UnderYearDay | Chunk::ZeroYearDay => self.read_year_day(scan, chunk)?,
            Chunk::Hour => self.hour = in_range(scan.number(false)?, 0..=23, "hour")?,
            Chunk::Hour12 | Chunk::ZeroHour12 => {
                self.hour = in_range(scan.number(chunk == Chunk::ZeroHour12)?, 0..=12, "hour")?;
            }
            Chunk::Minute | Chunk::ZeroMinute => {
                self.minute = in_range(scan.number(chunk == Chunk::ZeroMinute)?, 0..=59, "minute")?;
            }
            Chunk::Second | Chunk::ZeroSecond => self.read_second(scan, chunk, suffix)?,
            Chunk::UpperPm | Chunk::LowerPm => {
                self.pm = Some(match (chunk, scan.take(2)?) {
                    (Chunk::UpperPm, b"PM") | (Chunk::LowerPm, b"pm") => true,
                    (Chunk::UpperPm, b"AM") | (Chunk::LowerPm, b"am") => false,
                    _ => return Err(Fault::Syntax),
                });
            }
            Chunk::Offset { z, shape } => self.read_offset(scan, z, shape)?,
            Chunk::ZoneName if scan.value.starts_with(b"UTC") => {
                scan.take(3)?;
                self.utc = true;
            }
            Chunk::ZoneName => {
                let length = zone_name_length(scan.value).ok_or(Fault::Syntax)?;
                self.zone_name = scan.take(length)?.to_vec();
            }
            Chunk::Fraction { digits, trim: false, .. } => self.nanos = scan.fraction(digits)?,
            Chunk::Fraction { .. } => {
                if matches!(scan.value.first(), Some(b'.' | b',')) && scan.digit(1).is_some() {
                    self.nanos = scan.fraction(scan.fraction_digits())?;
                }
            }
        }
        Ok(())
    }

    fn read_year_day(&mut self, scan: &mut Scan<'_>, chunk: Chunk) -> Result<(), Fault> {
        for _ in 0..2 {
            if chunk == Chunk::UnderYearDay && scan.value.first() == Some(&b' ') {
                scan.take(1)?;
            }
        }
        let digits = (0..3).take_while(|at| scan.digit(*at).is_some()).count();
        if digits == 0 || chunk == Chunk::ZeroYearDay && digits != 3 {
            return Err(Fault::Syntax);
        }
        self.year_day = Some(atoi(scan.take(digits)?)?);
        Ok(())
    }

    /// A fraction may follow the seconds though the layout does not name it.
    fn read_second(&mut self, scan: &mut Scan<'_>, chunk: Chunk, suffix: &[u8]) -> Result<(), Fault> {
        self.second = in_range(scan.number(chunk == Chunk::ZeroSecond)?, 0..=59, "second")?;
        let fraction = matches!(scan.value.first(), Some(b'.' | b',')) && scan.digit(1).is_some();
        let named = matches!(next_chunk(suffix).1, Some(Chunk::Fraction { .. }));
        if fraction && !named {
            self.nanos = scan.fraction(scan.fraction_digits())?;
        }
        Ok(())
    }

    fn read_offset(&mut self, scan: &mut Scan<'_>, z: bool, shape: Offset) -> Result<(), Fault> {
        if z && scan.value.first() == Some(&b'Z') {
            scan.take(1)?;
            self.utc = true;
            return Ok(());
        }
        let (length, minutes, seconds) = match shape {
            Offset::Short => (3, None, None),
            Offset::Plain => (5, Some(3), None),
            Offset::Colon => (6, Some(4), None),
            Offset::Seconds => (7, Some(3), Some(5)),
            Offset::ColonSeconds => (9, Some(4), Some(7)),
        };
        let text = scan.take(length)?;
        let colons: &[usize] = match shape {
            Offset::Colon => &[3],
            Offset::ColonSeconds => &[3, 6],
            _ => &[],
        };
        if colons.iter().any(|at| text.get(*at) != Some(&b':')) {
            return Err(Fault::Syntax);
        }
        let two = |at: Option<usize>| match at {
            Some(at) => Scan { value: text.get(at..at + 2).unwrap_or_default() }.number(true),
            None => Ok(0),
        };
        let hours = in_range(two(Some(1))?, 0..=24, "time zone offset hour")?;
        let minutes = in_range(two(minutes)?, 0..=60, "time zone offset minute")?;
        let seconds = in_range(two(seconds)?, 0..=60, "time zone offset second")?;
        let offset = i32::try_from((hours * 60 + minutes) * 60 + seconds).unwrap_or_default();
        self.offset = Some(match text.first() {
            Some(b'+') => offset,
            Some(b'-') => -offset,
            _ => return Err(Fault::Syntax),
        });
        Ok(())
    }

    fn time(mut self) -> Result<Time, &'static str> {
        match self.pm {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        self.resolve_day()?;
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if day < 1 || day > days_in(month, self.year) {
            return Err("day out of range");
        }
        let Self { year, hour, minute, second, nanos, .. } = self;
        let utc = Time::from_civil(Civil { year, month, day, hour, minute, second, nanos }, Zone::Utc);
        let shift = |offset: i32, name: &[u8]| {
            let zone = Zone::Fixed { name: Text::from(name), offset };
            Time::new(utc.seconds - i64::from(offset), nanos, zone)
        };
        if self.utc {
            return Ok(utc);
        }
        // An offset of minus one second is Go's sign for "none".
        if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            let plain = offset == 0 && (self.zone_name.is_empty() || self.zone_name == b"UTC");
            return Ok(if plain { utc } else { shift(offset, &self.zone_name) });
        }
        if self.zone_name.is_empty() {
            return Ok(utc);
        }
        let hours = match self.zone_name.strip_prefix(b"GMT") {
            Some(hours) if !hours.is_empty() => atoi(hours).unwrap_or_default(),
            _ => 0,
        };
        // Go makes up a zone here and does not shift the clock.
        let zone = Zone::Fixed {
            name: Text::from(self.zone_name.as_slice()),
            offset: i32::try_from(hours * 3600).unwrap_or_default(),
        };
        Ok(Time::new(utc.seconds, nanos, zone))
    }

    fn resolve_day(&mut self) -> Result<(), &'static str> {
        let Some(year_day) = self.year_day else { return Ok(()) };
        let length = if is_leap(self.year) { 366 } else { 365 };
        if !(1..=length).contains(&year_day) {
            return Err("day-of-year out of range");
        }
        let (mut month, mut day) = (1, year_day);
        while day > days_in(month, self.year) {
            day -= days_in(month, self.year);
            month += 1;
        }
        if self.month.is_some_and(|given| given != month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|given| given != day) {
            return Err("day-of-year does not match day");
        }
        (self.month, self.day) = (Some(month), Some(day));
        Ok(())
    }
}

fn atoi(digits: &[u8]) -> Result<i64, Fault> {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(Fault::Syntax)
}

/// The length of a zone's abbreviation, or of an offset standing in for one.
fn zone_name_length(value: &[u8]) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(after) = value.strip_prefix(b"GMT") {
        return Some(3 + signed_offset_length(after));
    }
    if matches!(value.first(), Some(b'+' | b'-')) {
        return Some(signed_offset_length(value)).filter(|length| *length > 0);
    }
    let upper = value.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
    match upper {
        5 if value.get(4) == Some(&b'T') => Some(5),
        4 if value.get(3) == Some(&b'T') || value.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

fn signed_offset_length(value: &[u8]) -> usize {
    if !matches!(value.first(), Some(b'+' | b'-')) {
        return 0;
    }
    let digits = value.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
    let hours = value.get(1..1 + digits).and_then(|text| atoi(text).ok());
    match hours {
        Some(0..=23) => 1 + digits,
        _ => 0,
    }
}

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
