//! Durations as Go's `time.ParseDuration` reads them, which a few keys use instead of Prometheus's.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::yaml::{Decode, Value, always};

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

/// Reads a duration such as `300ms`, `1.5h` or `1h15m30.9s` (Go's `time.ParseDuration`); a negative one is zero.
#[must_use]
pub fn parse_go_duration(text: &str) -> Option<Duration> {
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
        let parsed = parse_go_duration(&String::decode(value)?).map(Self);
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

/// A duration as Go prints it (`1m30s`, `500ms`), zero included.
pub(super) fn serialize_go_duration<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    always(&print(*duration), serializer)
}

/// A duration as Go prints it; nothing for zero.
pub(super) fn serialize_go_duration_if_set<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    (!duration.is_zero()).then(|| print(*duration)).serialize(serializer)
}

/// Go's `Duration.String`: from the largest unit down to seconds, or one unit below a second.
fn print(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fraction = |unit: u128| {
        let digits = (unit.ilog10()) as usize;
        let text = format!("{}.{:0digits$}", nanos / unit, nanos % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(1_000_000)),
        _ => {
            let (minutes, rest) = (duration.as_secs() / 60, nanos % 60_000_000_000);
            let seconds = format!("{}.{:09}", rest / 1_000_000_000, rest % 1_000_000_000);
            let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_prints() {
        for text in ["0s", "5ns", "1.5µs", "500ms", "1.5s", "10s", "1m0s", "1h0m0s", "1h1m1.5s", "100h0m0s"]
        {
            assert_eq!(print(parse_go_duration(text).unwrap()), text);
        }
    }

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
            assert_eq!(parse_go_duration(text), nanos.map(Duration::from_nanos), "{text}");
        }
    }
}
