//! What `.Name` finds on a value: a method, a field, or the entry of a map.

mod time;

use std::sync::Arc;

use super::{
    data::{Alert, ByStatus, Data, Pair},
    fmt::{as_plain_string, string_of},
    function::{Param, Signature},
    machine::Machine,
    text::Text,
    value::{IntType, Items, Value},
    view::View,
};

/// A method body: receiver and arguments in, a value or an error text out.
pub(super) type MethodBody = fn(&mut Machine<'_>, View<'_>, &[Value]) -> Result<Value, String>;

/// What happens when a method is called.
#[derive(Clone, Copy)]
pub(super) enum Receive {
    Body(MethodBody),
    /// The method returns more than a template can take.
    Unusable(&'static str),
}

pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) signature: Signature,
    pub(super) receive: Receive,
}

const fn method(name: &'static str, fixed: &'static [Param], body: MethodBody) -> Method {
    Method { name, signature: Signature { fixed, variadic: None }, receive: Receive::Body(body) }
}

const fn unusable(name: &'static str, reason: &'static str) -> Method {
    Method { name, signature: Signature { fixed: &[], variadic: None }, receive: Receive::Unusable(reason) }
}

/// What a name is on a value.
pub(super) enum Member<'v> {
    Method(&'static Method),
    Field(View<'v>),
    Entry(View<'v>),
    Unexported,
}

/// The entry that a map of strings does not have.
static NO_TEXT: Text = Text::new();

/// The entry that a map of anything does not have.
static NO_ELEMENT: Value = Value::NilElement;

/// Looks a name up as Go does: methods first.
pub(super) fn member<'v>(value: View<'v>, name: &[u8]) -> Option<Member<'v>> {
    if let Some(method) = methods(value).iter().find(|method| method.name.as_bytes() == name) {
        return Some(Member::Method(method));
    }
    let is_unexported = match value {
        View::Time(_) => matches!(name, b"wall" | b"ext" | b"loc"),
        View::Value(Value::Data(_)) => name == b"routeLabelsRendered",
        View::Value(Value::Location(_)) => LOCATION_FIELDS.contains(&name),
        _ => false,
    };
    if is_unexported {
        return Some(Member::Unexported);
    }
    let member = match value {
        View::Kv(_) | View::Value(Value::Dict(_)) => Member::Entry,
        _ => Member::Field,
    };
    part(value, name).map(member)
}

/// The field or entry of a name, if no method hides it.
pub(super) fn lying<'v>(value: View<'v>, name: &[u8]) -> Option<View<'v>> {
    let hidden = methods(value).iter().any(|method| method.name.as_bytes() == name);
    if hidden { None } else { part(value, name) }
}

/// The field or entry of a name.
fn part<'v>(value: View<'v>, name: &[u8]) -> Option<View<'v>> {
    match value {
        View::Kv(kv) => Some(View::Text(kv.get(name).unwrap_or(&NO_TEXT))),
        View::Value(Value::Pair(pair)) => pair_field(pair.first()?, name),
        View::Value(Value::Alert(alert)) => alert_field(alert, name),
        View::Value(Value::Data(data)) => data_field(data, name),
        View::Value(Value::Dict(dict)) => Some(match dict.items.get(name) {
            None | Some(Value::Nil) => View::Value(&NO_ELEMENT),
            Some(element) => View::of(element),
        }),
        _ => None,
    }
}

fn methods(value: View<'_>) -> &'static [Method] {
    match value {
        View::Kv(_) => &KV,
        View::Alerts(_) => &ALERTS,
        View::Time(_) => &time::TIME,
        View::Text(_) => &[],
        View::Value(value) => match value {
            Value::Pairs(_) => &PAIRS,
            Value::Strings { named: true, .. } => &STRINGS,
            Value::Int(IntType::Duration, _) => &time::DURATION,
            Value::Int(IntType::Month | IntType::Weekday, _) | Value::Location(_) => &STRING_ONLY,
            _ => &[],
        },
    }
}

const LOCATION_FIELDS: [&[u8]; 7] =
    [b"name", b"zone", b"tx", b"extend", b"cacheStart", b"cacheEnd", b"cacheZone"];

fn pair_field<'v>(pair: &'v Pair, name: &[u8]) -> Option<View<'v>> {
    match name {
        b"Name" => Some(View::Text(&pair.name)),
        b"Value" => Some(View::Text(&pair.value)),
        _ => None,
    }
}

fn alert_field<'v>(alert: &'v Alert, name: &[u8]) -> Option<View<'v>> {
    Some(match name {
        b"Status" => View::Text(&alert.status),
        b"Labels" => View::Kv(&alert.labels),
        b"Annotations" => View::Kv(&alert.annotations),
        b"StartsAt" => View::Time(&alert.starts_at),
        b"EndsAt" => View::Time(&alert.ends_at),
        b"GeneratorURL" => View::Text(&alert.generator_url),
        b"Fingerprint" => View::Text(&alert.fingerprint),
        _ => return None,
    })
}

fn data_field<'v>(data: &'v Data, name: &[u8]) -> Option<View<'v>> {
    Some(match name {
        b"Receiver" => View::Text(&data.receiver),
        b"Status" => View::Text(&data.status),
        b"Alerts" => View::Alerts(&data.alerts),
        b"NotificationReason" => View::Text(&data.notification_reason),
        b"GroupLabels" => View::Kv(&data.group_labels),
        b"CommonLabels" => View::Kv(&data.common_labels),
        b"CommonAnnotations" => View::Kv(&data.common_annotations),
        b"RouteLabels" => View::Kv(&data.route_labels),
        b"ExternalURL" => View::Text(&data.external_url),
        _ => return None,
    })
}

static KV: [Method; 5] = [
    method("SortedPairs", &[], |machine, value, _| {
        let pairs = shown(value);
        machine.spend(pairs.len() * 4)?;
        Ok(Value::Pairs(pairs))
    }),
    method("Names", &[], |machine, value, _| texts(machine, &shown(value), |pair| &pair.name)),
    method("Values", &[], |machine, value, _| texts(machine, &shown(value), |pair| &pair.value)),
    method("Remove", &[Param::Strings], |machine, value, args| {
        let View::Kv(kv) = value else { return Ok(Value::Nil) };
        let names: &[Text] = match args.first() {
            Some(Value::Strings { items, .. }) => items,
            _ => &[],
        };
        machine.spend(kv.len().saturating_mul(4 + names.len()))?;
        Ok(Value::Kv(kv.remove(names)))
    }),
    method("String", &[], to_string),
];

static PAIRS: [Method; 3] = [
    method("Names", &[], |machine, value, _| texts(machine, pairs(value), |pair| &pair.name)),
    method("Values", &[], |machine, value, _| texts(machine, pairs(value), |pair| &pair.value)),
    method("String", &[], to_string),
];

static STRINGS: [Method; 1] = [method("Join", &[Param::String], |machine, value, args| {
    let separator = args.first().and_then(as_plain_string).cloned().unwrap_or_default();
    match value {
        View::Value(Value::Strings { items, .. }) => {
            let joined = super::alertmanager::join_texts(machine, &separator, items)?;
            Ok(Value::string(joined))
        }
        _ => Ok(Value::Nil),
    }
})];

static ALERTS: [Method; 2] = [
    method("Firing", &[], |machine, value, _| of_status(machine, value, |alerts| &alerts.firing)),
    method("Resolved", &[], |machine, value, _| of_status(machine, value, |alerts| &alerts.resolved)),
];

static STRING_ONLY: [Method; 1] = [method("String", &[], to_string)];

fn of_status(
    machine: &mut Machine<'_>,
    value: View<'_>,
    choose: fn(&ByStatus) -> &Items<Arc<Alert>>,
) -> Result<Value, String> {
    let View::Alerts(alerts) = value else { return Ok(Value::Nil) };
    machine.spend(alerts.len())?;
    Ok(Value::Alerts { named: false, items: choose(machine.by_status(alerts)).clone() })
}

fn to_string(machine: &mut Machine<'_>, value: View<'_>, _args: &[Value]) -> Result<Value, String> {
    machine.make_text(string_of(&value.to_value()).unwrap_or_default())
}

/// The pairs of a set in the order in which they are shown.
fn shown(value: View<'_>) -> Items<Pair> {
    match value {
        View::Kv(kv) => kv.sorted_pairs(),
        _ => Vec::new().into(),
    }
}

fn pairs(value: View<'_>) -> &[Pair] {
    match value {
        View::Value(Value::Pairs(pairs)) => pairs,
        _ => &[],
    }
}

/// One side of every pair.
fn texts(machine: &mut Machine<'_>, pairs: &[Pair], side: fn(&Pair) -> &Text) -> Result<Value, String> {
    machine.spend(pairs.len() * 4)?;
    Ok(Value::Strings { named: true, items: pairs.iter().map(side).cloned().collect() })
}
