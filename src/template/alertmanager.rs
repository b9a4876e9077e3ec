//! The functions that Alertmanager adds to Go's.

use std::collections::BTreeMap;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    escape::unescape_query,
    fmt::{as_plain_string, format_float},
    json,
    machine::Machine,
    number::parse_float,
    quote::{can_backquote, quote},
    regexp,
    text::{Text, runes},
    time::{Time, Zone, parse_in_utc},
    title,
    value::{IntType, Items, StrType, Value},
};

/// Go ignores line breaks in what it decodes, and wants the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The argument of a string parameter.
fn text(args: &[Value], index: usize) -> &Text {
    static EMPTY: Text = Text::new();
    args.get(index).and_then(as_plain_string).unwrap_or(&EMPTY)
}

fn time(args: &[Value], index: usize) -> Time {
    match args.get(index) {
        Some(Value::Time(time)) => time.as_ref().clone(),
        _ => Time::ZERO,
    }
}

fn map_runes(machine: &mut Machine<'_>, text: &Text, map: impl Fn(char) -> char) -> Result<Value, String> {
    let mapped: String = runes(text).map(|(_, c, _)| map(c)).collect();
    machine.make_text(mapped)
}

pub(super) fn to_upper(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let text = text(args, 0);
    if text.is_ascii() {
        return machine.make_text(text.to_ascii_uppercase());
    }
    map_runes(machine, text, |c| {
        let mut upper = c.to_uppercase();
        // Go maps one character to one: what would become several stays.
        match (upper.next(), upper.next()) {
            (Some(upper), None) => upper,
            _ => c,
        }
    })
}

pub(super) fn to_lower(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let text = text(args, 0);
    if text.is_ascii() {
        return machine.make_text(text.to_ascii_lowercase());
    }
    map_runes(machine, text, |c| c.to_lowercase().next().unwrap_or(c))
}

pub(super) fn title(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.make_text(title::title(&text(args, 0).lossy()))
}

pub(super) fn trim_space(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let text = text(args, 0);
    let mut shown = runes(text).filter(|(_, c, _)| !c.is_whitespace());
    let Some((start, _, len)) = shown.next() else { return Ok(Value::string(Text::new())) };
    let end = shown.last().map_or(start + len, |(at, _, len)| at + len);
    Ok(Value::string(text.slice(start, end)))
}

pub(super) fn join(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    match args.get(1) {
        Some(Value::Strings { items, .. }) => Ok(Value::string(join_texts(machine, text(args, 0), items)?)),
        _ => Ok(Value::string(Text::new())),
    }
}

/// The texts with a separator between them.
pub(super) fn join_texts(
    machine: &mut Machine<'_>,
    separator: &Text,
    texts: &[Text],
) -> Result<Text, String> {
    let gaps = separator.len().saturating_mul(texts.len().saturating_sub(1));
    let total = texts.iter().fold(gaps, |sum, text| sum.saturating_add(text.len()));
    machine.check_size(total)?;
    let mut out = Vec::with_capacity(total);
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(text);
    }
    machine.pay(out)
}

pub(super) fn matches(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let (regex, subject) = (machine.regex(text(args, 0))?, text(args, 1));
    machine.spend(subject.len() / 8)?;
    Ok(Value::Bool(regex.is_match(subject)))
}

pub(super) fn re_replace_all(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let pattern = text(args, 0);
    let shown = || if can_backquote(pattern) { format!("`{pattern}`") } else { quote(pattern) };
    let regex = machine.regex(pattern).map_err(|fault| format!("regexp: Compile({}): {fault}", shown()))?;
    let subject = text(args, 2);
    machine.spend(subject.len() / 4)?;
    let limit = machine.environment.limits.output;
    let replaced = regexp::replace_all(&regex, subject, text(args, 1), limit);
    machine.make_text(replaced)
}

pub(super) fn safe_html(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    Ok(Value::Str(StrType::Html, text(args, 0).clone()))
}

pub(super) fn safe_url(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    Ok(Value::Str(StrType::Url, text(args, 0).clone()))
}

pub(super) fn url_unescape(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.make_text(unescape_query(text(args, 0))?)
}

pub(super) fn string_slice(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.spend(args.len() * 4)?;
    let items: Items<Text> = args.iter().filter_map(as_plain_string).cloned().collect();
    Ok(Value::Strings { named: false, items })
}

pub(super) fn route_labels(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.route_label(text(args, 0)).map(Value::string)
}

pub(super) fn date(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.make_text(time(args, 1).format(text(args, 0)))
}

pub(super) fn tz(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let name = text(args, 0);
    machine.spend(50)?;
    let zone = Zone::load(&name.lossy(), &machine.environment.local)?;
    Ok(Value::Time(Box::new(time(args, 1).with_zone(zone))))
}

pub(super) fn now(machine: &mut Machine<'_>, _: &[Value]) -> Result<Value, String> {
    let environment = machine.environment;
    Ok(Value::Time(Box::new(environment.now.with_zone(environment.local.clone()))))
}

pub(super) fn since(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    Ok(Value::Int(IntType::Duration, machine.environment.now.since(&time(args, 0))))
}

pub(super) fn to_date(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let time = parse_in_utc(text(args, 0), text(args, 1)).unwrap_or(Time::ZERO);
    Ok(Value::Time(Box::new(time)))
}

pub(super) fn must_to_date(_: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    parse_in_utc(text(args, 0), text(args, 1)).map(|time| Value::Time(Box::new(time)))
}

pub(super) fn to_json(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let limit = machine.environment.limits.output;
    let encoded = json::encode(args.first().unwrap_or(&Value::Nil), limit)?;
    machine.make_text(encoded)
}

pub(super) fn base64_encode(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.make_text(BASE64.encode(text(args, 0).as_ref() as &[u8]))
}

pub(super) fn base64_decode(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let encoded: Vec<u8> = text(args, 0).iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let decoded = BASE64.decode(&encoded).map_err(|fault| match fault {
        base64::DecodeError::InvalidByte(at, _) => {
            format!("illegal base64 data at input byte {at}")
        }
        // Too short: what is missing is missing from the last group of four.
        _ => format!("illegal base64 data at input byte {}", encoded.len() / 4 * 4),
    })?;
    machine.make_text(decoded)
}

pub(super) fn list(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    machine.spend(args.len() * 4)?;
    Value::list(args.iter().cloned().map(Value::into_element).collect())
}

pub(super) fn append(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let Some((Value::List(list), more)) = args.split_first() else { return Ok(Value::Nil) };
    machine.spend((list.items.len() + more.len()) * 4)?;
    let all = list.items.iter().chain(more).cloned().map(Value::into_element);
    Value::list(all.collect())
}

pub(super) fn dict(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    if !args.len().is_multiple_of(2) {
        return Err("dict requires an even number of arguments".to_owned());
    }
    machine.spend(args.len() * 8)?;
    let mut items = BTreeMap::new();
    for pair in args.chunks_exact(2) {
        let [key, value] = pair else { continue };
        let Some(key) = as_plain_string(key) else {
            return Err("dict keys must be strings".to_owned());
        };
        items.insert(key.clone(), value.clone().into_element());
    }
    Value::dict(items)
}

/// A number of seconds as people read it: `1d 2h 3m 4s`, `12.35s`, `123.5ms`.
pub(super) fn humanize_duration(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let seconds = match args.first() {
        Some(Value::Float(float)) => *float,
        Some(Value::Int(IntType::Int | IntType::Int64, int)) => *int as f64,
        Some(Value::Int(IntType::Duration, nanos)) => {
            (nanos / 1_000_000_000) as f64 + (nanos % 1_000_000_000) as f64 / 1e9
        }
        Some(value) => match as_plain_string(value) {
            Some(text) => parse_seconds(text)?,
            None => {
                let name = value.type_name().unwrap_or("<nil>");
                return Err(format!("can't convert {name} to float"));
            }
        },
        None => return Err("can't convert <nil> to float".to_owned()),
    };
    machine.make_text(humanized(seconds))
}

fn parse_seconds(text: &Text) -> Result<f64, String> {
    let shown = text.lossy();
    let fault = |what: &str| format!("strconv.ParseFloat: parsing {}: {what}", quote(text));
    let special = shown.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if matches!(special.as_str(), "inf" | "infinity" | "nan") {
        return shown.parse().ok().ok_or_else(|| fault("invalid syntax"));
    }
    if shown.contains('_') || special.starts_with(['i', 'n']) {
        return Err(fault("invalid syntax"));
    }
    match (parse_float(&shown), shown.parse::<f64>()) {
        (Some(seconds), _) => Ok(seconds),
        (None, Ok(_)) => Err(fault("value out of range")),
        (None, Err(_)) => Err(fault("invalid syntax")),
    }
}

fn humanized(seconds: f64) -> String {
    let four_digits = |value: f64| format_float(value, 'g', Some(4));
    if !seconds.is_finite() {
        return four_digits(seconds);
    }
    if seconds == 0.0 {
        return format!("{}s", four_digits(seconds));
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let magnitude = seconds.abs();
    if magnitude >= 1.0 {
        let whole = magnitude as i64;
        let (s, m, h, d) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
        return match (d, h, m) {
            (0, 0, 0) => format!("{sign}{}s", four_digits(magnitude)),
            (0, 0, m) => format!("{sign}{m}m {s}s"),
            (0, h, m) => format!("{sign}{h}h {m}m {s}s"),
            (d, h, m) => format!("{sign}{d}d {h}h {m}m {s}s"),
        };
    }
    let (mut prefix, mut scaled) = ("", seconds);
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if scaled.abs() >= 1.0 {
            break;
        }
        prefix = next;
        scaled *= 1000.0;
    }
    format!("{}{prefix}s", four_digits(scaled))
}
