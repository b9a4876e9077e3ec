//! Reading a time by a layout, as Go's `time.ParseInLocation` with UTC does, faults' texts included.

use std::fmt::Write as _;

use super::{
    Time,
    calendar::{Civil, MONTHS, WEEKDAYS, days_in, is_leap},
    layout::{Chunk, Offset, next_chunk},
    rfc3339::parse_rfc3339,
    scan::{Fault, Scan, atoi, zone_name_length},
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
