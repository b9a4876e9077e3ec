//! Durations as Prometheus and Alertmanager write them in their files: `1h30m`, `90d`, `0s`.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is empty.
    #[error("empty duration string")]
    Empty,
    /// Not digits followed by a unit, or the units are not in descending order.
    #[error("not a valid duration string: {0:?}")]
    Invalid(String),
    /// A unit that is none of y, w, d, h, m, s, ms.
    #[error("unknown unit {unit:?} in duration {text:?}")]
    Unit {
        /// What stands where a unit belongs.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// More than 292 years, the most that Go's durations hold.
    #[error("duration out of range")]
    Range,
}

/// The units in the order in which they may stand, with their milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Go's durations are 64-bit nanoseconds.
const MOST_MILLIS: u64 = (i64::MAX / 1_000_000) as u64;

/// Reads a duration: `0`, or digits with a unit of y (365 d), w, d, h, m, s, ms, each at most once and in this
/// order (prometheus/common `ParseDuration`).
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let invalid = || DurationError::Invalid(text.to_owned());
    let mut rest = text;
    let mut next_unit = 0;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(invalid());
        }
        let number: u64 = rest[..digits].parse().map_err(|_overflow| DurationError::Range)?;
        rest = &rest[digits..];
        let letters = rest.find(|character: char| character.is_ascii_digit()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        rest = &rest[letters..];
        if unit.is_empty() {
            return Err(invalid());
        }
        let Some(place) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(DurationError::Unit { unit: unit.to_owned(), text: text.to_owned() });
        };
        if place < next_unit {
            return Err(invalid());
        }
        next_unit = place + 1;
        total = number
            .checked_mul(UNITS[place].1)
            .and_then(|millis| total.checked_add(millis))
            .filter(|millis| *millis <= MOST_MILLIS)
            .ok_or(DurationError::Range)?;
    }
    Ok(Duration::from_millis(total))
}

/// The duration as Prometheus prints it: `0s`, years and weeks only when nothing else is left over
/// (`90d` stays `90d`), and less than a millisecond cut off.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, length) in UNITS {
        let exact_only = matches!(unit, "y" | "w");
        if millis < length || (exact_only && !millis.is_multiple_of(length)) {
            continue;
        }
        text.push_str(&(millis / length).to_string());
        text.push_str(unit);
        millis %= length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("324ms", 324),
            ("3s", 3000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("4d", 345_600_000),
            ("3w", 1_814_400_000),
            ("10y", 315_360_000_000),
            ("1y2w3d4h5m6s7ms", 33_019_506_007),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        let cases = [
            ("", "empty duration string"),
            ("1", "not a valid duration string: \"1\""),
            ("-1s", "not a valid duration string: \"-1s\""),
            ("1m1m", "not a valid duration string: \"1m1m\""),
            ("1s1h", "not a valid duration string: \"1s1h\""),
            ("1.5h", "unknown unit \".\" in duration \"1.5h\""),
            ("1x", "unknown unit \"x\" in duration \"1x\""),
            ("1 s", "unknown unit \" s\" in duration \"1 s\""),
            ("300y", "duration out of range"),
            ("99999999999999999999s", "duration out of range"),
        ];
        for (text, message) in cases {
            assert_eq!(parse_duration(text).map_err(|error| error.to_string()), Err(message.to_owned()));
        }
    }

    #[test]
    fn prints_durations() {
        for text in ["0s", "324ms", "1h30m", "90d", "1w", "2y", "1m30s", "1d12h"] {
            assert_eq!(parse_duration(text).map(format_duration), Ok(text.to_owned()));
        }
        assert_eq!(parse_duration("365d").map(format_duration), Ok("1y".to_owned()));
    }
}
