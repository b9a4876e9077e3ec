//! What `.Name` finds on a value: a method, a field, or the entry of a map.

mod time;

use std::sync::Arc;

use super::{
    data::{Alert, Data, Kv, Pair},
    fmt::{as_plain_string, string_of},
    function::{Param, Signature},
    machine::Machine,
    text::Text,
    value::{IntType, Items, Value},
};

/// A method body: receiver and arguments in, a value or an error text out.
pub(super) type MethodBody = fn(&mut Machine<'_>, &Value, &[Value]) -> Result<Value, String>;

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
pub(super) enum Member {
    Method(&'static Method),
    Field(Value),
    Entry(Value),
    Unexported,
}

/// Looks a name up as Go does: methods first.
pub(super) fn member(value: &Value, name: &[u8]) -> Option<Member> {
    let methods: &'static [Method] = match value {
        Value::Kv(_) => &KV,
        Value::Pairs(_) => &PAIRS,
        Value::Strings { named: true, .. } => &STRINGS,
        Value::Alerts { named: true, .. } => &ALERTS,
        Value::Time(_) => &time::TIME,
        Value::Int(IntType::Duration, _) => &time::DURATION,
        Value::Int(IntType::Month | IntType::Weekday, _) | Value::Location(_) => &STRING_ONLY,
        _ => &[],
    };
    if let Some(method) = methods.iter().find(|method| method.name.as_bytes() == name) {
        return Some(Member::Method(method));
    }
    match value {
        Value::Kv(kv) => Some(Member::Entry(Value::string(kv.get(name).cloned().unwrap_or_default()))),
        Value::Dict(dict) => {
            let entry = dict.items.get(&Text::from(name)).cloned();
            Some(Member::Entry(entry.unwrap_or(Value::Nil).into_element()))
        }
        Value::Alert(alert) => alert_field(alert, name).map(Member::Field),
        Value::Data(data) if name == b"routeLabelsRendered" => {
            let _hidden = data.route_labels_rendered;
            Some(Member::Unexported)
        }
        Value::Data(data) => data_field(data, name).map(Member::Field),
        Value::Pair(pair) => pair_field(pair.first()?, name).map(Member::Field),
        Value::Time(_) if matches!(name, b"wall" | b"ext" | b"loc") => Some(Member::Unexported),
        Value::Location(_) if LOCATION_FIELDS.contains(&name) => Some(Member::Unexported),
        _ => None,
    }
}

const LOCATION_FIELDS: [&[u8]; 7] =
    [b"name", b"zone", b"tx", b"extend", b"cacheStart", b"cacheEnd", b"cacheZone"];

fn pair_field(pair: &Pair, name: &[u8]) -> Option<Value> {
    match name {
        b"Name" => Some(Value::string(pair.name.clone())),
        b"Value" => Some(Value::string(pair.value.clone())),
        _ => None,
    }
}

fn alert_field(alert: &Alert, name: &[u8]) -> Option<Value> {
    Some(match name {
        b"Status" => Value::string(alert.status.clone()),
        b"Labels" => Value::Kv(alert.labels.clone()),
        b"Annotations" => Value::Kv(alert.annotations.clone()),
        b"StartsAt" => Value::Time(Box::new(alert.starts_at.clone())),
        b"EndsAt" => Value::Time(Box::new(alert.ends_at.clone())),
        b"GeneratorURL" => Value::string(alert.generator_url.clone()),
        b"Fingerprint" => Value::string(alert.fingerprint.clone()),
        _ => return None,
    })
}

fn data_field(data: &Arc<Data>, name: &[u8]) -> Option<Value> {
    Some(match name {
        b"Receiver" => Value::string(data.receiver.clone()),
        b"Status" => Value::string(data.status.clone()),
        b"Alerts" => Value::Alerts { named: true, items: data.alerts.clone() },
        b"NotificationReason" => Value::string(data.notification_reason.clone()),
        b"GroupLabels" => Value::Kv(data.group_labels.clone()),
        b"CommonLabels" => Value::Kv(data.common_labels.clone()),
        b"CommonAnnotations" => Value::Kv(data.common_annotations.clone()),
        b"RouteLabels" => Value::Kv(data.route_labels.clone()),
        b"ExternalURL" => Value::string(data.external_url.clone()),
        _ => return None,
    })
}

static KV: [Method; 5] = [
    method("SortedPairs", &[], |machine, value, _| {
        let kv = kv(value);
        machine.spend(kv.len() * 4)?;
        Ok(Value::Pairs(kv.sorted_pairs()))
    }),
    method("Names", &[], |machine, value, _| {
        let kv = kv(value);
        machine.spend(kv.len() * 4)?;
        Ok(strings(kv.sorted_pairs().iter().map(|pair| pair.name.clone())))
    }),
    method("Values", &[], |machine, value, _| {
        let kv = kv(value);
        machine.spend(kv.len() * 4)?;
        Ok(strings(kv.sorted_pairs().iter().map(|pair| pair.value.clone())))
    }),
    method("Remove", &[Param::Strings], |machine, value, args| {
        let kv = kv(value);
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
    method("Names", &[], |machine, value, _| {
        let pairs = pairs(value);
        machine.spend(pairs.len() * 4)?;
        Ok(strings(pairs.iter().map(|pair| pair.name.clone())))
    }),
    method("Values", &[], |machine, value, _| {
        let pairs = pairs(value);
        machine.spend(pairs.len() * 4)?;
        Ok(strings(pairs.iter().map(|pair| pair.value.clone())))
    }),
    method("String", &[], to_string),
];

static STRINGS: [Method; 1] = [method("Join", &[Param::String], |machine, value, args| {
    let separator = args.first().and_then(as_plain_string).cloned().unwrap_or_default();
    match value {
        Value::Strings { items, .. } => {
            let joined = super::alertmanager::join_texts(machine, &separator, items)?;
            Ok(Value::string(joined))
        }
        _ => Ok(Value::Nil),
    }
})];

static ALERTS: [Method; 2] = [
    method("Firing", &[], |machine, value, _| with_status(machine, value, b"firing")),
    method("Resolved", &[], |machine, value, _| with_status(machine, value, b"resolved")),
];

static STRING_ONLY: [Method; 1] = [method("String", &[], to_string)];

fn with_status(machine: &mut Machine<'_>, value: &Value, status: &[u8]) -> Result<Value, String> {
    let Value::Alerts { items, .. } = value else { return Ok(Value::Nil) };
    machine.spend(items.len())?;
    Ok(Value::Alerts { named: false, items: items.with_status(status) })
}

fn to_string(machine: &mut Machine<'_>, value: &Value, _args: &[Value]) -> Result<Value, String> {
    machine.make_text(string_of(value).unwrap_or_default())
}

fn kv(value: &Value) -> Kv {
    match value {
        Value::Kv(kv) => kv.clone(),
        _ => Kv::default(),
    }
}

fn pairs(value: &Value) -> &[Pair] {
    match value {
        Value::Pairs(pairs) => pairs,
        _ => &[],
    }
}

fn strings(items: impl Iterator<Item = Text>) -> Value {
    Value::Strings { named: true, items: items.collect::<Items<Text>>() }
}
