//! Writing a time by a layout.

use super::{
    Time, Zone,
    calendar::{Civil, MONTHS, WEEKDAYS},
    layout::{Chunk, Offset, next_chunk},
};

/// `RFC3339Nano`, the form of JSON and text marshalling.
const RFC3339_NANO: &[u8] = b"2006-01-02T15:04:05.999999999Z07:00";

impl Time {
    /// The time written by a Go layout.
    #[must_use]
    pub fn format(&self, layout: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(layout.len() + 10);
        self.append_format(&mut out, layout);
        out
    }

    pub(in crate::template) fn append_format(&self, out: &mut Vec<u8>, layout: &[u8]) {
        let civil = self.civil();
        let mut rest = layout;
        loop {
            let (prefix, chunk, suffix) = next_chunk(rest);
            out.extend_from_slice(prefix);
            let Some(chunk) = chunk else { return };
            self.append_chunk(out, &civil, chunk);
            rest = suffix;
        }
    }

    /// The form `{{ .StartsAt }}` prints.
    pub(in crate::template) fn string(&self) -> Vec<u8> {
        self.format(b"2006-01-02 15:04:05.999999999 -0700 MST")
    }

    /// RFC 3339 with the fraction it needs; Go refuses years outside 0 to 9999 and offsets of a day or more.
    ///
    /// # Errors
    ///
    /// The moment cannot be written so.
    pub fn rfc3339_nano(&self) -> Result<Vec<u8>, String> {
        if !(0..=9999).contains(&self.civil().year) {
            return Err("year outside of range [0,9999]".to_owned());
        }
        if self.offset().abs() >= 24 * 3600 {
            return Err("timezone hour outside of range [0,23]".to_owned());
        }
        Ok(self.format(RFC3339_NANO))
    }

    /// The form `%#v` prints.
    pub(in crate::template) fn go_string(&self) -> String {
        let Civil { year, month, day, hour, minute, second, nanos } = self.civil();
        let month = month_name(month);
        let zone = match &self.zone {
            Zone::Utc => "time.UTC".to_owned(),
            zone if zone.is_local() => "time.Local".to_owned(),
            zone => format!("time.Location({})", super::parse::quote(&zone.name())),
        };
        format!("time.Date({year}, time.{month}, {day}, {hour}, {minute}, {second}, {nanos}, {zone})")
    }

    fn append_chunk(&self, out: &mut Vec<u8>, civil: &Civil, chunk: Chunk) {
        let hour12 = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
        match chunk {
            Chunk::LongMonth => out.extend_from_slice(month_name(civil.month).as_bytes()),
            Chunk::Month => out.extend_from_slice(short(month_name(civil.month))),
            Chunk::NumMonth => append_int(out, civil.month, 0),
            Chunk::ZeroMonth => append_int(out, civil.month, 2),
            Chunk::LongWeekDay => out.extend_from_slice(weekday_name(civil.weekday()).as_bytes()),
            Chunk::WeekDay => out.extend_from_slice(short(weekday_name(civil.weekday()))),
            Chunk::Day => append_int(out, civil.day, 0),
            Chunk::UnderDay => append_padded(out, civil.day, 2),
            Chunk::ZeroDay => append_int(out, civil.day, 2),
            Chunk::UnderYearDay => append_padded(out, civil.year_day(), 3),
            Chunk::ZeroYearDay => append_int(out, civil.year_day(), 3),
            Chunk::Hour => append_int(out, civil.hour, 2),
            Chunk::Hour12 => append_int(out, hour12, 0),
            Chunk::ZeroHour12 => append_int(out, hour12, 2),
            Chunk::Minute => append_int(out, civil.minute, 0),
            Chunk::ZeroMinute => append_int(out, civil.minute, 2),
            Chunk::Second => append_int(out, civil.second, 0),
            Chunk::ZeroSecond => append_int(out, civil.second, 2),
            Chunk::LongYear => append_int(out, civil.year, 4),
            Chunk::Year => append_int(out, civil.year.max(0) % 100, 2),
            Chunk::UpperPm => out.extend_from_slice(if civil.hour >= 12 { b"PM" } else { b"AM" }),
            Chunk::LowerPm => out.extend_from_slice(if civil.hour >= 12 { b"pm" } else { b"am" }),
            Chunk::ZoneName => self.append_zone_name(out),
            Chunk::Offset { z, shape } => append_offset(out, self.offset(), z, shape),
            Chunk::Fraction { separator, digits, trim } => {
                append_fraction(out, civil.nanos, separator, digits, trim);
            }
        }
    }

    fn append_zone_name(&self, out: &mut Vec<u8>) {
        let name = self.zone.abbreviation_at(self.seconds);
        if name.is_empty() {
            append_offset(out, self.offset(), false, Offset::Plain);
        } else {
            out.extend_from_slice(&name);
        }
    }
}

pub(super) fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or_default()
}

fn weekday_name(day: i64) -> &'static str {
    usize::try_from(day).ok().and_then(|index| WEEKDAYS.get(index)).copied().unwrap_or_default()
}

fn short(name: &'static str) -> &'static [u8] {
    name.as_bytes().get(..3).unwrap_or_default()
}

fn append_int(out: &mut Vec<u8>, value: i64, width: usize) {
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(format!("{:0width$}", value.unsigned_abs()).as_bytes());
}

fn append_padded(out: &mut Vec<u8>, value: i64, width: usize) {
    out.extend_from_slice(format!("{value:width$}").as_bytes());
}

fn append_offset(out: &mut Vec<u8>, offset: i32, z: bool, shape: Offset) {
    if z && offset == 0 {
        out.push(b'Z');
        return;
    }
    // The sign is that of the minutes: an offset of less than a minute has none.
    let minutes = offset / 60;
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let (minutes, seconds) = (i64::from(minutes.abs()), i64::from((offset % 60).abs()));
    append_int(out, minutes / 60, 2);
    if matches!(shape, Offset::Colon | Offset::ColonSeconds) {
        out.push(b':');
    }
    if shape != Offset::Short {
        append_int(out, minutes % 60, 2);
    }
    if shape == Offset::ColonSeconds {
        out.push(b':');
    }
    if matches!(shape, Offset::Seconds | Offset::ColonSeconds) {
        append_int(out, seconds, 2);
    }
}

fn append_fraction(out: &mut Vec<u8>, nanos: u32, separator: u8, digits: usize, trim: bool) {
    let all = format!("{nanos:09}");
    let mut shown = all.get(..digits.min(9)).unwrap_or(&all);
    if trim {
        shown = shown.trim_end_matches('0');
    }
    if nanos == 0 && trim || shown.is_empty() {
        return;
    }
    out.push(separator);
    out.extend_from_slice(shown.as_bytes());
}
