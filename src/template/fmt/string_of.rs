//! What the `String` methods of values give.

use crate::template::{
    text::Text,
    time::{MONTHS, WEEKDAYS, format_duration},
    value::{IntType, Value},
};

/// What the `String` method of a value gives, where its type has one.
pub(in crate::template) fn string_of(value: &Value) -> Option<Text> {
    Some(match value {
        Value::Int(IntType::Duration, nanos) => format_duration(*nanos).into(),
        Value::Int(IntType::Month, month) => named(&MONTHS, month - 1, "Month", *month),
        Value::Int(IntType::Weekday, day) => named(&WEEKDAYS, *day, "Weekday", *day),
        Value::Time(time) => time.string().into(),
        Value::Location(zone) => zone.name(),
        Value::Kv(kv) => join_pairs(kv.sorted_pairs().iter().map(|pair| (&pair.name, &pair.value))),
        Value::Pairs(pairs) => join_pairs(pairs.iter().map(|pair| (&pair.name, &pair.value))),
        _ => return None,
    })
}

fn named(names: &[&'static str], index: i64, type_name: &str, value: i64) -> Text {
    match usize::try_from(index).ok().and_then(|index| names.get(index)) {
        Some(name) => Text::from_static(name),
        None => format!("%!{type_name}({})", value as u64).into(),
    }
}

fn join_pairs<'p>(pairs: impl Iterator<Item = (&'p Text, &'p Text)>) -> Text {
    let mut out = Vec::new();
    for (index, (name, value)) in pairs.enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
    out.into()
}
