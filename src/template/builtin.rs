//! Go's own functions on values: `index`, `slice`, `len`, `not` and the `print` family.

use super::{
    fmt::{as_plain_string, sprint_all, sprintf, sprintln},
    machine::Machine,
    value::{IntType, Value},
};

fn limit(machine: &Machine<'_>) -> usize {
    machine.environment.limits.output
}

pub(super) fn print(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.make_text(sprint_all(args, limit(machine)))
}

pub(super) fn println(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.make_text(sprintln(args, limit(machine)))
}

pub(super) fn printf(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let Some((format, args)) = args.split_first() else { return Ok(Value::Nil) };
    let format = as_plain_string(format).cloned().unwrap_or_default();
    machine.make_text(sprintf(&format, args, limit(machine)))
}

pub(super) fn not(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    Ok(Value::Bool(!args.first().is_some_and(Value::truth)))
}

pub(super) fn len(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    match args.first() {
        None | Some(Value::Nil) => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        Some(Value::NilElement) => Err("len of nil pointer".to_owned()),
        Some(value) => match value.len() {
            Some(len) => Ok(Value::int(len as i64)),
            None => Err(format!("len of type {}", struct_name(value))),
        },
    }
}

/// The type a pointer points to.
fn struct_name(value: &Value) -> &'static str {
    value.type_name().unwrap_or_default().trim_start_matches('*')
}

/// An index as a number no larger than `cap`.
fn index_number(index: &Value, cap: usize) -> Result<usize, String> {
    let number = match index {
        Value::Int(_, number) => *number,
        Value::Byte(number) => i64::from(*number),
        Value::Nil | Value::NilElement => return Err("cannot index slice/array with nil".to_owned()),
        other => {
            let name = other.type_name().unwrap_or_default();
            return Err(format!("cannot index slice/array with type {name}"));
        }
    };
    match usize::try_from(number) {
        Ok(number) if number <= cap => Ok(number),
        _ => Err(format!("index out of range: {number}")),
    }
}

pub(super) fn index(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let Some((first, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    let mut item = first.clone();
    if matches!(item, Value::Nil | Value::NilElement) {
        return Err("index of untyped nil".to_owned());
    }
    for index in indexes {
        item = match &item {
            Value::NilElement => return Err("index of nil pointer".to_owned()),
            Value::Kv(kv) => Value::string(kv.get(map_key(index)?).cloned().unwrap_or_default()),
            Value::Dict(dict) => {
                dict.items.get(map_key(index)?).cloned().unwrap_or(Value::Nil).into_element()
            }
            list => {
                let Some(len) = list.len() else {
                    return Err(format!("can't index item of type {}", struct_name(list)));
                };
                let number = index_number(index, len)?;
                match list.element(number) {
                    Some(element) => element,
                    None if matches!(list, Value::Str(..)) => {
                        return Err("reflect: string index out of range".to_owned());
                    }
                    None => return Err("reflect: slice index out of range".to_owned()),
                }
            }
        };
    }
    Ok(item)
}

fn map_key(index: &Value) -> Result<&[u8], String> {
    match index {
        Value::Nil | Value::NilElement => Err("value is nil; should be of type string".to_owned()),
        index => match as_plain_string(index) {
            Some(key) => Ok(key),
            None => {
                let name = index.type_name().unwrap_or_default();
                Err(format!("value has type {name}; should be string"))
            }
        },
    }
}

pub(super) fn slice(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let Some((item, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if matches!(item, Value::Nil | Value::NilElement) {
        return Err("slice of untyped nil".to_owned());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let sliceable = !matches!(item, Value::Kv(_) | Value::Dict(_));
    let Some(len) = item.len().filter(|_| sliceable) else {
        return Err(format!("can't slice item of type {}", struct_name(item)));
    };
    if matches!(item, Value::Str(..)) && indexes.len() == 3 {
        return Err("cannot 3-index slice a string".to_owned());
    }
    let mut bounds = [0, len, len];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = index_number(index, len)?;
    }
    let [start, end, cap] = bounds;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}"));
    }
    if end > cap {
        return Err(format!("invalid slice index: {end} > {cap}"));
    }
    Ok(match item {
        Value::Str(kind, text) => Value::Str(*kind, text.slice(start, end)),
        Value::Bytes(bytes) => Value::Bytes(bytes.slice(start, end)),
        Value::Strings { named, items } => Value::Strings { named: *named, items: items.slice(start, end) },
        Value::Pairs(pairs) => Value::Pairs(pairs.slice(start, end)),
        Value::Alerts { named, items } => Value::Alerts { named: *named, items: items.slice(start, end) },
        Value::List(list) => Value::list(list.items.slice(start, end))?,
        _ => Value::Int(IntType::Int, 0),
    })
}
