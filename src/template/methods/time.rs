//! The methods of `time.Time` and `time.Duration`.

use super::{Machine, Method, Param, View, method, to_string, unusable};
use crate::template::{
    fmt::as_plain_string,
    text::Text,
    time::{Civil, Time, Zone, round_duration, saturating_abs, truncate_duration},
    value::{IntType, Value},
};

const D: Param = Param::Duration;
const T: Param = Param::Time;

pub(super) static TIME: [Method; 43] = [
    method("Add", &[D], |_, value, args| shown(time(value).add(duration(args.first())))),
    method("AddDate", &[Param::Int, Param::Int, Param::Int], add_date),
    method("After", &[T], |_, value, args| compared(value, args, std::cmp::Ordering::is_gt)),
    method("Before", &[T], |_, value, args| compared(value, args, std::cmp::Ordering::is_lt)),
    method("Equal", &[T], |_, value, args| compared(value, args, std::cmp::Ordering::is_eq)),
    method("Compare", &[T], |_, value, args| {
        let order = time(value).total_nanos().cmp(&argument(args).total_nanos());
        Ok(Value::Int(IntType::Int, order as i64))
    }),
    method("AppendFormat", &[Param::Bytes, Param::String], |machine, value, args| {
        let mut out = bytes(args.first()).to_vec();
        time(value).append_format(&mut out, &text(args.get(1)));
        Ok(Value::Bytes(machine.pay(out)?))
    }),
    method("AppendText", &[Param::Bytes], |machine, value, args| {
        let text = time(value).rfc3339_nano().map_err(|fault| format!("Time.AppendText: {fault}"))?;
        Ok(Value::Bytes(machine.pay([&bytes(args.first()), text.as_slice()].concat())?))
    }),
    unusable("Clock", "function Clock has 3 return values; should be 1 or 2"),
    unusable("Date", "function Date has 3 return values; should be 1 or 2"),
    unusable(
        "ISOWeek",
        "invalid function signature for ISOWeek: second return value should be error; is int",
    ),
    unusable("Zone", "invalid function signature for Zone: second return value should be error; is int"),
    unusable(
        "ZoneBounds",
        "invalid function signature for ZoneBounds: second return value should be error; is time.Time",
    ),
    method("Day", &[], |_, value, _| int(civil(value).day)),
    method("Format", &[Param::String], |machine, value, args| {
        machine.make_text(time(value).format(&text(args.first())))
    }),
    method("GoString", &[], |machine, value, _| machine.make_text(time(value).go_string())),
    method("Hour", &[], |_, value, _| int(civil(value).hour)),
    method("In", &[Param::Location], |_, value, args| match args.first() {
        Some(Value::Location(zone)) => shown(time(value).with_zone(zone.clone())),
        _ => Err("time: missing Location in call to Time.In".to_owned()),
    }),
    method("IsDST", &[], |_, value, _| {
        let time = time(value);
        Ok(Value::Bool(time.zone().is_dst_at(time.unix())))
    }),
    method("IsZero", &[], |_, value, _| Ok(Value::Bool(time(value).is_zero()))),
    method("Local", &[], |machine, value, _| shown(time(value).with_zone(machine.environment.local.clone()))),
    method("Location", &[], |_, value, _| Ok(Value::Location(time(value).zone().clone()))),
    method("MarshalJSON", &[], |_, value, _| {
        let text = time(value).rfc3339_nano().map_err(|fault| format!("Time.MarshalJSON: {fault}"))?;
        Ok(Value::Bytes([b"\"", text.as_slice(), b"\""].concat().into()))
    }),
    method("MarshalText", &[], |_, value, _| {
        let text = time(value).rfc3339_nano().map_err(|fault| format!("Time.MarshalText: {fault}"))?;
        Ok(Value::Bytes(text.into()))
    }),
    method("Minute", &[], |_, value, _| int(civil(value).minute)),
    method("Month", &[], |_, value, _| Ok(Value::Int(IntType::Month, civil(value).month))),
    method("Nanosecond", &[], |_, value, _| int(i64::from(time(value).nanosecond()))),
    method("Round", &[D], |_, value, args| shown(time(value).round(duration(args.first())))),
    method("Second", &[], |_, value, _| int(civil(value).second)),
    method("String", &[], to_string),
    method("Sub", &[T], |_, value, args| {
        Ok(Value::Int(IntType::Duration, time(value).since(&argument(args))))
    }),
    method("Truncate", &[D], |_, value, args| shown(time(value).truncate(duration(args.first())))),
    method("UTC", &[], |_, value, _| shown(time(value).with_zone(Zone::Utc))),
    method("Unix", &[], |_, value, _| int64(time(value).unix())),
    method("UnixMicro", &[], |_, value, _| {
        let time = time(value);
        int64(time.unix().wrapping_mul(1_000_000).wrapping_add(i64::from(time.nanosecond() / 1_000)))
    }),
    method("UnixMilli", &[], |_, value, _| {
        let time = time(value);
        int64(time.unix().wrapping_mul(1_000).wrapping_add(i64::from(time.nanosecond() / 1_000_000)))
    }),
    method("UnixNano", &[], |_, value, _| int64(time(value).unix_nanos())),
    method("Weekday", &[], |_, value, _| Ok(Value::Int(IntType::Weekday, civil(value).weekday()))),
    method("Year", &[], |_, value, _| int(civil(value).year)),
    method("YearDay", &[], |_, value, _| int(civil(value).year_day())),
    method("MarshalBinary", &[], |_, value, _| marshal_binary(value, b"")),
    method("GobEncode", &[], |_, value, _| marshal_binary(value, b"")),
    method("AppendBinary", &[Param::Bytes], |_, value, args| marshal_binary(value, &bytes(args.first()))),
];

pub(super) static DURATION: [Method; 10] = [
    method("Abs", &[], |_, value, _| span(saturating_abs(nanos(value)))),
    method("Hours", &[], |_, value, _| units(value, 3_600_000_000_000)),
    method("Minutes", &[], |_, value, _| units(value, 60_000_000_000)),
    method("Seconds", &[], |_, value, _| units(value, 1_000_000_000)),
    method("Milliseconds", &[], |_, value, _| int64(nanos(value) / 1_000_000)),
    method("Microseconds", &[], |_, value, _| int64(nanos(value) / 1_000)),
    method("Nanoseconds", &[], |_, value, _| int64(nanos(value))),
    method("Round", &[D], |_, value, args| span(round_duration(nanos(value), duration(args.first())))),
    method("Truncate", &[D], |_, value, args| span(truncate_duration(nanos(value), duration(args.first())))),
    method("String", &[], to_string),
];

fn add_date(_: &mut Machine<'_>, value: View<'_>, args: &[Value]) -> Result<Value, String> {
    let part = |index: usize| match args.get(index) {
        Some(Value::Int(_, int)) => *int,
        _ => 0,
    };
    let (time, civil) = (time(value), civil(value));
    let civil = Civil {
        year: civil.year.saturating_add(part(0)),
        month: civil.month.saturating_add(part(1)),
        day: civil.day.saturating_add(part(2)),
        ..civil
    };
    shown(Time::from_civil(civil, time.zone().clone()))
}

/// Go's binary form: version, seconds since year 1, nanoseconds, zone offset in minutes (-1 for UTC).
fn marshal_binary(value: View<'_>, before: &[u8]) -> Result<Value, String> {
    let time = time(value);
    let offset = time.offset();
    let mut out = before.to_vec();
    out.push(if offset % 60 == 0 { 1 } else { 2 });
    let since_year_one = time.unix().wrapping_sub(Time::ZERO.unix());
    out.extend_from_slice(&since_year_one.to_be_bytes());
    out.extend_from_slice(&time.nanosecond().to_be_bytes());
    let minutes = if matches!(time.zone(), Zone::Utc) { -1 } else { offset / 60 };
    let Ok(minutes) = i16::try_from(minutes) else {
        return Err("Time.MarshalBinary: unexpected zone offset".to_owned());
    };
    out.extend_from_slice(&minutes.to_be_bytes());
    if offset % 60 != 0 {
        out.extend_from_slice(&((offset % 60) as i8).to_be_bytes());
    }
    Ok(Value::Bytes(out.into()))
}

fn time(value: View<'_>) -> Time {
    match value {
        View::Time(time) => time.clone(),
        _ => Time::ZERO,
    }
}

fn argument(args: &[Value]) -> Time {
    args.first().map_or(Time::ZERO, |value| time(View::of(value)))
}

fn civil(value: View<'_>) -> Civil {
    time(value).civil()
}

fn duration(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Int(_, nanos)) => *nanos,
        _ => 0,
    }
}

fn nanos(value: View<'_>) -> i64 {
    match value {
        View::Value(value) => duration(Some(value)),
        _ => 0,
    }
}

fn text(value: Option<&Value>) -> Text {
    value.and_then(as_plain_string).cloned().unwrap_or_default()
}

fn bytes(value: Option<&Value>) -> Text {
    match value {
        Some(Value::Bytes(bytes)) => bytes.clone(),
        _ => Text::new(),
    }
}

fn shown(time: Time) -> Result<Value, String> {
    Ok(Value::Time(Box::new(time)))
}

fn int(value: i64) -> Result<Value, String> {
    Ok(Value::Int(IntType::Int, value))
}

fn int64(value: i64) -> Result<Value, String> {
    Ok(Value::Int(IntType::Int64, value))
}

fn span(nanos: i64) -> Result<Value, String> {
    Ok(Value::Int(IntType::Duration, nanos))
}

/// The duration in a unit, as Go divides: whole units and the fraction apart.
fn units(value: View<'_>, unit: i64) -> Result<Value, String> {
    let nanos = nanos(value);
    Ok(Value::Float((nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64))
}

fn compared(
    value: View<'_>,
    args: &[Value],
    wanted: fn(std::cmp::Ordering) -> bool,
) -> Result<Value, String> {
    Ok(Value::Bool(wanted(time(value).total_nanos().cmp(&argument(args).total_nanos()))))
}
