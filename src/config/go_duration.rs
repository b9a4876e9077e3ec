//! Durations as Go's `time.ParseDuration` reads them, which a few keys use instead of Prometheus's.

use std::time::Duration;

use super::yaml::{Decode, Value};

/// A duration such as `300ms`, `1.5h` or `1h15m30.918273645s`; negative ones count as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct GoDuration(pub(super) Duration);

/// Nanoseconds of the units.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

fn parse(text: &str) -> Option<Duration> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|character: char| character.is_ascii_digit() || character == '.');
        let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
        rest = after;
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(number, *nanos)?)?;
    }
    let total = if negative { 0 } else { total };
    (total <= i64::MAX as u64).then(|| Duration::from_nanos(total))
}

/// A decimal number of a unit, in nanoseconds; what is smaller than one is cut off.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos.checked_add(place * u64::from(digit - b'0'))?;
    }
    Some(nanos)
}

impl Decode for GoDuration {
    /// A plain whole number counts nanoseconds, as go-yaml takes it.
    fn decode(value: &Value<'_>) -> Option<Self> {
        if let Some(nanos) = value.scalar().and_then(super::yaml::Scalar::as_integer) {
            return Some(Self(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))));
        }
        let parsed = parse(&String::decode(value)?).map(Self);
        if parsed.is_none() {
            value.fault_with_help(
                "not a valid duration",
                "write a number with its unit, such as 500ms, 30s or 1h30m",
            );
        }
        parsed
    }

    fn null() -> Option<Self> {
        Some(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        let cases = [
            ("0", Some(0)),
            ("5s", Some(5_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("1h15m30.918273645s", Some(4_530_918_273_645)),
            ("100us", Some(100_000)),
            ("2µs", Some(2_000)),
            ("+5ns", Some(5)),
            ("-5s", Some(0)),
            ("0.0000000001s", Some(0)),
            ("", None),
            ("5", None),
            ("-", None),
            (".s", None),
            ("1.2.3s", None),
            ("1d", None),
            ("1e3s", None),
            ("9999999h", None),
            ("99999999999999999999s", None),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse(text), nanos.map(Duration::from_nanos), "{text}");
        }
    }
}
