//! `eq`, `ne`, `lt`, `le`, `gt` and `ge`: values compare within one basic kind, whatever their types' names.

use std::sync::Arc;

use super::{
    fmt::{sprint, sprintf},
    machine::Machine,
    value::Value,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basic {
    Bool,
    Int,
    Uint,
    Float,
    String,
    Other,
}

fn basic(value: &Value) -> Basic {
    match value {
        Value::Bool(_) => Basic::Bool,
        Value::Int(..) => Basic::Int,
        Value::Byte(_) => Basic::Uint,
        Value::Float(_) => Basic::Float,
        Value::Str(..) => Basic::String,
        _ => Basic::Other,
    }
}

fn incompatible(one: &Value, two: &Value) -> String {
    let name = |value: &Value| value.type_name().unwrap_or_default();
    format!("incompatible types for comparison: {} and {}", name(one), name(two))
}

fn is_nil(value: &Value) -> bool {
    matches!(value, Value::Nil | Value::NilElement)
}

/// `eq a b…`: whether `a` equals one of the others.
pub(super) fn eq(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let Some((first, others)) = args.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err("missing argument for comparison".to_owned());
    };
    for other in others {
        machine.spend(1)?;
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(one: &Value, two: &Value) -> Result<bool, String> {
    match (one, two) {
        (Value::Bool(one), Value::Bool(two)) => Ok(one == two),
        (Value::Int(_, one), Value::Int(_, two)) => Ok(one == two),
        (Value::Byte(one), Value::Byte(two)) => Ok(one == two),
        (Value::Int(_, one), Value::Byte(two)) | (Value::Byte(two), Value::Int(_, one)) => {
            Ok(*one == i64::from(*two))
        }
        (Value::Float(one), Value::Float(two)) => Ok(one == two),
        (Value::Str(_, one), Value::Str(_, two)) => Ok(one == two),
        (one, two) if basic(one) != basic(two) => {
            if is_nil(one) || is_nil(two) {
                return Ok(false);
            }
            Err(incompatible(one, two))
        }
        (one, two) => equal_composite(one, two),
    }
}

/// The kinds that Go tells apart among what is not basic.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Nil | Value::NilElement => 0,
        Value::Time(_) | Value::Pair(_) | Value::Alert(_) => 1,
        Value::Dict(_) | Value::Kv(_) => 2,
        Value::Location(_) | Value::Data(_) => 3,
        _ => 4,
    }
}

fn equal_composite(one: &Value, two: &Value) -> Result<bool, String> {
    let shown = |value: &Value| {
        String::from_utf8_lossy(&sprintf(b"%s", std::slice::from_ref(value), 4096)).into_owned()
    };
    if is_nil(one) || is_nil(two) {
        return Ok(is_nil(one) && is_nil(two));
    }
    let (name_one, name_two) = (one.type_name().unwrap_or_default(), two.type_name().unwrap_or_default());
    if kind(one) != kind(two) {
        return Err(format!("non-comparable types {}: {name_one}, {name_two}: {}", shown(one), sprint(two)));
    }
    match (one, two) {
        (Value::Time(one), Value::Time(two)) => Ok(one == two),
        (Value::Pair(one), Value::Pair(two)) => Ok(one == two),
        (Value::Location(one), Value::Location(two)) => Ok(one.is_same(two)),
        (Value::Data(one), Value::Data(two)) => Ok(Arc::ptr_eq(one, two)),
        // Of two types, the second decides whether Go compares at all; then they differ.
        (_, Value::Time(_) | Value::Pair(_) | Value::Location(_) | Value::Data(_)) => Ok(false),
        _ => Err(format!("non-comparable type {}: {name_two}", shown(two))),
    }
}

fn less(one: &Value, two: &Value) -> Result<bool, String> {
    const BAD: &str = "invalid type for comparison";
    match (one, two) {
        (Value::Int(_, one), Value::Int(_, two)) => Ok(one < two),
        (Value::Byte(one), Value::Byte(two)) => Ok(one < two),
        (Value::Int(_, one), Value::Byte(two)) => Ok(*one < i64::from(*two)),
        (Value::Byte(one), Value::Int(_, two)) => Ok(i64::from(*one) < *two),
        (Value::Float(one), Value::Float(two)) => Ok(one < two),
        (Value::Str(_, one), Value::Str(_, two)) => Ok(one < two),
        (one, two) if basic(one) == Basic::Other || basic(two) == Basic::Other => Err(BAD.to_owned()),
        (one, two) if basic(one) == basic(two) => Err(BAD.to_owned()),
        (one, two) => Err(incompatible(one, two)),
    }
}

fn pair(args: &[Value]) -> (&Value, &Value) {
    (args.first().unwrap_or(&Value::Nil), args.get(1).unwrap_or(&Value::Nil))
}

pub(super) fn ne(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let (one, two) = pair(args);
    Ok(Value::Bool(!equal(one, two)?))
}

pub(super) fn lt(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let (one, two) = pair(args);
    Ok(Value::Bool(less(one, two)?))
}

pub(super) fn le(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let (one, two) = pair(args);
    Ok(Value::Bool(less(one, two)? || equal(one, two)?))
}

pub(super) fn gt(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let (one, two) = pair(args);
    Ok(Value::Bool(!(less(one, two)? || equal(one, two)?)))
}

pub(super) fn ge(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let (one, two) = pair(args);
    Ok(Value::Bool(!less(one, two)?))
}
