//! Go's layouts: a layout is the reference time `Mon Jan 2 15:04:05 MST 2006` written as wanted, and this file cuts it
//! into its parts.

/// A part of a layout that stands for a part of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    Offset { z: bool, shape: Offset },
    Fraction { separator: u8, digits: usize, trim: bool },
}

/// How a numeric zone is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offset {
    Short,
    Plain,
    Colon,
    Seconds,
    ColonSeconds,
}

const OFFSETS: [(&[u8], Offset); 5] = [
    (b"070000", Offset::Seconds),
    (b"07:00:00", Offset::ColonSeconds),
    (b"0700", Offset::Plain),
    (b"07:00", Offset::Colon),
    (b"07", Offset::Short),
];

/// The text before the first chunk, the chunk and the rest; without a chunk all is text.
pub(super) fn next_chunk(layout: &[u8]) -> (&[u8], Option<Chunk>, &[u8]) {
    for at in 0..layout.len() {
        let rest = layout.get(at..).unwrap_or_default();
        if let Some((chunk, skip, len)) = chunk_at(rest) {
            let end = at + skip;
            let (prefix, suffix) = (layout.get(..end), layout.get(end + len..));
            return (prefix.unwrap_or_default(), Some(chunk), suffix.unwrap_or_default());
        }
    }
    (layout, None, b"")
}

/// The chunk at the start, the literal bytes before it (only for `_2006`) and its length.
fn chunk_at(rest: &[u8]) -> Option<(Chunk, usize, usize)> {
    let has = |text: &[u8]| rest.starts_with(text);
    let lower_follows = |len: usize| rest.get(len).is_some_and(u8::is_ascii_lowercase);
    let found = |chunk, len| Some((chunk, 0, len));
    match *rest.first()? {
        b'J' if has(b"January") => found(Chunk::LongMonth, 7),
        b'J' if has(b"Jan") && !lower_follows(3) => found(Chunk::Month, 3),
        b'M' if has(b"Monday") => found(Chunk::LongWeekDay, 6),
        b'M' if has(b"Mon") && !lower_follows(3) => found(Chunk::WeekDay, 3),
        b'M' if has(b"MST") => found(Chunk::ZoneName, 3),
        b'0' => match rest.get(1)? {
            b'1' => found(Chunk::ZeroMonth, 2),
            b'2' => found(Chunk::ZeroDay, 2),
            b'3' => found(Chunk::ZeroHour12, 2),
            b'4' => found(Chunk::ZeroMinute, 2),
            b'5' => found(Chunk::ZeroSecond, 2),
            b'6' => found(Chunk::Year, 2),
            b'0' if has(b"002") => found(Chunk::ZeroYearDay, 3),
            _ => None,
        },
        b'1' if has(b"15") => found(Chunk::Hour, 2),
        b'1' => found(Chunk::NumMonth, 1),
        b'2' if has(b"2006") => found(Chunk::LongYear, 4),
        b'2' => found(Chunk::Day, 1),
        b'_' if has(b"_2006") => Some((Chunk::LongYear, 1, 4)),
        b'_' if has(b"_2") => found(Chunk::UnderDay, 2),
        b'_' if has(b"__2") => found(Chunk::UnderYearDay, 3),
        b'3' => found(Chunk::Hour12, 1),
        b'4' => found(Chunk::Minute, 1),
        b'5' => found(Chunk::Second, 1),
        b'P' if has(b"PM") => found(Chunk::UpperPm, 2),
        b'p' if has(b"pm") => found(Chunk::LowerPm, 2),
        first @ (b'-' | b'Z') => {
            let tail = rest.get(1..)?;
            let (text, shape) = OFFSETS.iter().find(|(text, _)| tail.starts_with(text))?;
            found(Chunk::Offset { z: first == b'Z', shape: *shape }, 1 + text.len())
        }
        separator @ (b'.' | b',') => {
            let digit = *rest.get(1).filter(|digit| matches!(digit, b'0' | b'9'))?;
            let digits = rest.iter().skip(1).take_while(|b| **b == digit).count();
            if rest.get(1 + digits).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            found(Chunk::Fraction { separator, digits, trim: digit == b'9' }, 1 + digits)
        }
        _ => None,
    }
}
