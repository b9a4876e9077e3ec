//! Go's `fmt` package over the values of this room: what a value prints as, and `printf` with its verbs and flags.

mod composite;
mod number;
mod printf;
mod string_of;

use super::{
    data::Pair,
    quote::{can_backquote, quote, quote_ascii},
    text::{Text, rune_count, runes},
    value::{StrType, Value},
};

pub(super) use number::format_float;
pub(super) use printf::sprintf;
pub(super) use string_of::string_of;

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

/// The bytes of a plain string, for functions that take text as it is.
pub(super) fn as_plain_string(value: &Value) -> Option<&Text> {
    match value {
        Value::Str(StrType::String, text) => Some(text),
        _ => None,
    }
}
