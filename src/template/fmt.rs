//! Go's `fmt` package over the values of this room: what a value prints as, and `printf` with its verbs and flags.

mod number;
mod printf;

use super::{
    data::{Alert, Data, Pair},
    quote::{can_backquote, quote, quote_ascii},
    text::{Text, rune_count, runes},
    time::{MONTHS, WEEKDAYS, format_duration},
    value::{IntType, StrType, Value},
};

pub(super) use number::format_float;
pub(super) use printf::sprintf;

/// Texts up to this length get their room at once.
const SHORT_TEXT: usize = 4096;

/// Texts in errors are cut here.
const ERROR_TEXT: usize = 4096;

/// Writes a value as an action prints it. Stops, having written more than `limit` bytes, at `limit`.
pub(super) fn print_value(out: &mut Vec<u8>, value: &Value, limit: usize) {
    let mut printer = Printer::new(out, limit);
    match value {
        Value::Data(data) => printer.data(data, 'v', 0),
        value => printer.arg(value, 'v'),
    }
}

/// The value as `%v` writes it, for error texts.
pub(super) fn sprint(value: &Value) -> String {
    let mut out = Vec::new();
    Printer::new(&mut out, ERROR_TEXT).arg(value, 'v');
    String::from_utf8_lossy(&out).into_owned()
}

/// `print`: blanks only between operands of which neither is a string.
pub(super) fn sprint_all(values: &[Value], limit: usize) -> Vec<u8> {
    join_operands(values, |out, value| Printer::new(out, limit).arg(value, 'v'))
}

/// As `print`, but pointers print as what they point to.
pub(super) fn sprint_pointees(values: &[Value], limit: usize) -> Vec<u8> {
    join_operands(values, |out, value| print_value(out, value, limit))
}

fn join_operands(values: &[Value], print: impl Fn(&mut Vec<u8>, &Value)) -> Vec<u8> {
    // Exact where all are strings, which saves the text made of it an allocation.
    let strings = values.iter().map(|value| match value {
        Value::Str(_, text) => text.len(),
        _ => 0,
    });
    let mut out = Vec::with_capacity(strings.sum::<usize>().min(SHORT_TEXT));
    let mut after_string = false;
    for (index, value) in values.iter().enumerate() {
        let is_string = matches!(value, Value::Str(..));
        if index > 0 && !is_string && !after_string {
            out.push(b' ');
        }
        print(&mut out, value);
        after_string = is_string;
    }
    out
}

/// `println`: blanks between all operands and a line break at the end.
pub(super) fn sprintln(values: &[Value], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        Printer::new(&mut out, limit).arg(value, 'v');
    }
    out.push(b'\n');
    out
}

/// The flags, width and precision of a verb.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`.
    plus_v: bool,
    /// `%#v`.
    sharp_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Printer<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
    flags: Flags,
    /// While a wrong verb is reported, values print without their methods.
    erroring: bool,
}

impl<'a> Printer<'a> {
    fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { out, limit, flags: Flags::default(), erroring: false }
    }

    fn full(&self) -> bool {
        self.out.len() > self.limit
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn padding(&mut self, count: usize) {
        let pad = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        self.out.resize(self.out.len() + count, pad);
    }

    fn pad(&mut self, text: &[u8]) {
        let missing = self.flags.width.unwrap_or_default().saturating_sub(rune_count(text));
        if self.flags.minus {
            self.out.extend_from_slice(text);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.out.extend_from_slice(text);
        }
    }

    fn pad_without_zeros(&mut self, text: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }

    /// One operand.
    fn arg(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil | Value::NilElement, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil | Value::NilElement, _) => self.bad_verb(value, verb),
            (value, 'T') => self.pad_truncated(value.type_name().unwrap_or_default().as_bytes()),
            // Addresses mean nothing here; and most values have none in Go either.
            (value, 'p' | 'w') => self.bad_verb(value, verb),
            (Value::Bytes(bytes), verb) => self.bytes(bytes, verb, true),
            (value, verb) => self.value(value, verb, 0),
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if self.full() || self.with_method(value, verb) {
            return;
        }
        match value {
            Value::Nil | Value::NilElement if self.flags.sharp_v => self.text("interface {}(nil)"),
            Value::Nil | Value::NilElement => self.text("<nil>"),
            Value::Bool(flag) if matches!(verb, 't' | 'v') => {
                self.pad(if *flag { b"true" } else { b"false" });
            }
            Value::Int(_, int) => self.integer(value, *int < 0, int.unsigned_abs(), true, verb),
            Value::Byte(byte) => self.integer(value, false, u64::from(*byte), false, verb),
            Value::Float(float) => self.float(value, *float, verb),
            Value::Str(_, text) => self.string(value, text, verb),
            Value::Bytes(bytes) => self.bytes(bytes, verb, false),
            Value::Kv(kv) => {
                let pairs = kv.pairs().map(|(name, value)| (name.clone(), Value::string(value.clone())));
                self.map("template.KV", pairs, verb, depth);
            }
            Value::Dict(dict) => {
                let pairs = dict.items.iter().map(|(k, v)| (k.clone(), v.clone()));
                self.map("map[string]interface {}", pairs, verb, depth);
            }
            Value::Strings { .. } | Value::List(_) | Value::Pairs(_) | Value::Alerts { .. } => {
                self.list(value, verb, depth);
            }
            Value::Pair(pair) => {
                for Pair { name, value } in pair.iter().cloned() {
                    let fields = [("Name", Value::string(name)), ("Value", Value::string(value))];
                    self.structure("template.Pair", fields, verb, depth);
                }
            }
            Value::Alert(alert) => self.alert(alert, verb, depth),
            Value::Data(data) => {
                self.text("&");
                self.data(data, verb, depth + 1);
            }
            Value::Bool(_) | Value::Time(_) | Value::Location(_) => self.bad_verb(value, verb),
        }
    }

    /// Prints through the value's `String` or `GoString`; `false` where it has none for this verb.
    fn with_method(&mut self, value: &Value, verb: char) -> bool {
        if self.erroring {
            return false;
        }
        if self.flags.sharp_v {
            if let Value::Time(time) = value {
                self.pad_truncated(time.go_string().as_bytes());
                return true;
            }
            return false;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        let Some(text) = string_of(value) else { return false };
        self.string(value, &text, verb);
        true
    }

    fn string(&mut self, value: &Value, text: &[u8], verb: char) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => self.pad_truncated(text),
            'x' | 'X' => self.hex(text, verb == 'X'),
            'q' => self.quoted(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.flags.precision else { return text };
        let end = runes(text).nth(precision).map_or(text.len(), |(at, _, _)| at);
        text.get(..end).unwrap_or(text)
    }

    fn pad_truncated(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        self.pad(text);
    }

    fn quoted(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        if self.flags.sharp && can_backquote(text) {
            self.pad(&[b"`", text, b"`"].concat());
        } else if self.flags.plus {
            self.pad(quote_ascii(text).as_bytes());
        } else {
            self.pad(quote(text).as_bytes());
        }
    }

    fn hex(&mut self, text: &[u8], upper: bool) {
        let Flags { sharp, space, minus, width, precision, .. } = self.flags;
        let text = text.get(..precision.unwrap_or(text.len())).unwrap_or(text);
        let prefix: &[u8] = match (sharp, upper) {
            (false, _) => b"",
            (true, false) => b"0x",
            (true, true) => b"0X",
        };
        let mut digits = Vec::with_capacity(text.len() * 2 + 2);
        for (index, byte) in text.iter().enumerate() {
            if space && index > 0 {
                digits.push(b' ');
            }
            if index == 0 || space {
                digits.extend_from_slice(prefix);
            }
            let pair = if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
            digits.extend_from_slice(pair.as_bytes());
        }
        let missing = width.unwrap_or_default().saturating_sub(digits.len());
        if minus && !digits.is_empty() {
            self.out.extend_from_slice(&digits);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.out.extend_from_slice(&digits);
        }
    }

    fn bytes(&mut self, bytes: &Text, verb: char, is_arg: bool) {
        match verb {
            's' => self.pad_truncated(bytes),
            'x' | 'X' => self.hex(bytes, verb == 'X'),
            'q' => self.quoted(bytes),
            'v' if self.flags.sharp_v => {
                self.text(if is_arg { "[]byte{" } else { "[]uint8{" });
                for (index, byte) in bytes.iter().enumerate() {
                    self.text(if index > 0 { ", " } else { "" });
                    self.text(&format!("{byte:#x}"));
                }
                self.text("}");
            }
            verb => {
                self.text("[");
                for (index, byte) in bytes.iter().enumerate() {
                    self.text(if index > 0 { " " } else { "" });
                    self.value(&Value::Byte(*byte), verb, 1);
                }
                self.text("]");
            }
        }
    }

    fn separator(&mut self, index: usize) {
        if index > 0 {
            self.text(if self.flags.sharp_v { ", " } else { " " });
        }
    }

    fn map(&mut self, type_name: &str, pairs: impl Iterator<Item = (Text, Value)>, verb: char, depth: usize) {
        let (open, close) = if self.flags.sharp_v { ("{", "}") } else { ("map[", "]") };
        if self.flags.sharp_v {
            self.text(type_name);
        }
        self.text(open);
        for (index, (key, value)) in pairs.enumerate() {
            if self.full() {
                return;
            }
            self.separator(index);
            self.value(&Value::string(key), verb, depth + 1);
            self.text(":");
            self.value(&value, verb, depth + 1);
        }
        self.text(close);
    }

    fn list(&mut self, list: &Value, verb: char, depth: usize) {
        let (open, close) = if self.flags.sharp_v { ("{", "}") } else { ("[", "]") };
        if self.flags.sharp_v {
            self.text(list.type_name().unwrap_or_default());
        }
        self.text(open);
        for index in 0..list.len().unwrap_or_default() {
            if self.full() {
                return;
            }
            self.separator(index);
            if let Some(element) = list.element(index) {
                self.value(&element, verb, depth + 1);
            }
        }
        self.text(close);
    }

    fn structure<const N: usize>(
        &mut self,
        type_name: &str,
        fields: [(&str, Value); N],
        verb: char,
        depth: usize,
    ) {
        if self.flags.sharp_v {
            self.text(type_name);
        }
        self.text("{");
        for (index, (name, value)) in fields.iter().enumerate() {
            self.separator(index);
            if self.flags.plus_v || self.flags.sharp_v {
                self.text(name);
                self.text(":");
            }
            self.value(value, verb, depth + 1);
        }
        self.text("}");
    }

    fn alert(&mut self, alert: &Alert, verb: char, depth: usize) {
        let fields = [
            ("Status", Value::string(alert.status.clone())),
            ("Labels", Value::Kv(alert.labels.clone())),
            ("Annotations", Value::Kv(alert.annotations.clone())),
            ("StartsAt", Value::Time(Box::new(alert.starts_at.clone()))),
            ("EndsAt", Value::Time(Box::new(alert.ends_at.clone()))),
            ("GeneratorURL", Value::string(alert.generator_url.clone())),
            ("Fingerprint", Value::string(alert.fingerprint.clone())),
        ];
        self.structure("template.Alert", fields, verb, depth);
    }

    fn data(&mut self, data: &Data, verb: char, depth: usize) {
        let fields = [
            ("Receiver", Value::string(data.receiver.clone())),
            ("Status", Value::string(data.status.clone())),
            ("Alerts", Value::Alerts { named: true, items: data.alerts.clone() }),
            ("NotificationReason", Value::string(data.notification_reason.clone())),
            ("GroupLabels", Value::Kv(data.group_labels.clone())),
            ("CommonLabels", Value::Kv(data.common_labels.clone())),
            ("CommonAnnotations", Value::Kv(data.common_annotations.clone())),
            ("RouteLabels", Value::Kv(data.route_labels.clone())),
            ("ExternalURL", Value::string(data.external_url.clone())),
            ("routeLabelsRendered", Value::Bool(data.route_labels_rendered)),
        ];
        self.structure("template.Data", fields, verb, depth);
    }

    /// `%!verb(type=value)`.
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.erroring = true;
        self.text("%!");
        self.text(verb.encode_utf8(&mut [0; 4]));
        self.text("(");
        match (value, value.type_name()) {
            (_, None) => self.text("<nil>"),
            (Value::Time(time), Some(name)) => self.text(&format!("{name}={}", time.go_string())),
            (Value::Location(zone), Some(name)) => self.text(&format!("{name}={}", zone.name())),
            (value, Some(name)) => {
                self.text(name);
                self.text("=");
                self.arg(value, 'v');
            }
        }
        self.text(")");
        self.erroring = false;
    }
}

/// What the `String` method of a value gives, where its type has one.
pub(super) fn string_of(value: &Value) -> Option<Text> {
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

/// The bytes of a plain string, for functions that take text as it is.
pub(super) fn as_plain_string(value: &Value) -> Option<&Text> {
    match value {
        Value::Str(StrType::String, text) => Some(text),
        _ => None,
    }
}
