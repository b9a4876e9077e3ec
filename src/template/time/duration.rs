//! Go's `time.Duration`, a count of nanoseconds: its text form and its rounding.

use std::fmt::Write as _;

/// `1h2m3.5s`, `1.5µs`, `0s`.
pub(in crate::template) fn format_duration(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let mut out = sign.to_owned();
    let written = match magnitude {
        0 => return "0s".to_owned(),
        1..1_000 => write!(out, "{magnitude}ns"),
        1_000..1_000_000 => write!(out, "{}µs", decimal(magnitude, 3)),
        1_000_000..1_000_000_000 => write!(out, "{}ms", decimal(magnitude, 6)),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            let seconds = decimal(magnitude % 60_000_000_000, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => write!(out, "{seconds}s"),
                (0, minutes) => write!(out, "{minutes}m{seconds}s"),
                (hours, minutes) => write!(out, "{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    written.map_or_else(|_| String::new(), |()| out)
}

/// `value` / 10^`digits` without trailing zeros.
fn decimal(value: u64, digits: usize) -> String {
    let unit = 10u64.pow(digits as u32);
    let fraction = format!("{:0digits$}", value % unit);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { (value / unit).to_string() } else { format!("{}.{fraction}", value / unit) }
}

pub(in crate::template) fn truncate_duration(nanos: i64, unit: i64) -> i64 {
    if unit <= 0 { nanos } else { nanos - nanos % unit }
}

/// Rounds to the nearest multiple, halves away from zero, saturating.
pub(in crate::template) fn round_duration(nanos: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanos;
    }
    let (value, unit) = (i128::from(nanos), i128::from(unit));
    let remainder = (value % unit).abs();
    let down = value.abs() - remainder;
    let magnitude = if remainder * 2 < unit { down } else { down + unit };
    let rounded = if nanos < 0 { -magnitude } else { magnitude };
    i64::try_from(rounded).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

pub(in crate::template) fn saturating_abs(nanos: i64) -> i64 {
    nanos.checked_abs().unwrap_or(i64::MAX)
}
