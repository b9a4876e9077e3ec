//! Escaping of plain text: the functions `html`, `js` and `urlquery`, and what HTML rendering shares with them.

use super::{
    fmt::{as_plain_string, sprint_pointees},
    machine::Machine,
    quote::quote,
    text::{Text, runes},
    unicode::is_print,
    value::Value,
};

/// The operands as one text: a string as it is, anything else as it prints.
pub(super) fn joined(machine: &Machine<'_>, args: &[Value]) -> Text {
    if let [one] = args
        && let Some(text) = as_plain_string(one)
    {
        return text.clone();
    }
    let absent = |arg: &Value| matches!(arg, Value::Nil | Value::NilElement);
    let printable: Vec<Value> =
        args.iter().map(|arg| if absent(arg) { Value::string("<no value>") } else { arg.clone() }).collect();
    sprint_pointees(&printable, machine.environment.limits.output).into()
}

pub(super) fn html(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let text = joined(machine, args);
    machine.make_text(escape_html(&text))
}

pub(super) fn js(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let text = joined(machine, args);
    machine.make_text(escape_js(&text))
}

pub(super) fn url_query(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, String> {
    let text = joined(machine, args);
    machine.make_text(escape_query(&text))
}

/// `& < > " '` and NUL.
pub(super) fn escape_html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(*byte),
        }
    }
    out
}

fn escape_js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for (at, c, len) in runes(text) {
        match c {
            '\\' | '\'' | '"' => out.extend_from_slice(&[b'\\', c as u8]),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
            }
            c if c.is_ascii() || is_print(c) => {
                out.extend_from_slice(text.get(at..at + len).unwrap_or_default());
            }
            c => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
        }
    }
    out
}

fn escape_query(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let stays = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let encoded = text.iter().filter(|byte| !stays(byte) && **byte != b' ').count();
    let mut out = Vec::with_capacity(text.len() + 2 * encoded);
    for byte in text {
        match byte {
            byte if stays(byte) => out.push(*byte),
            b' ' => out.push(b'+'),
            byte => {
                let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
                out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out
}

/// Reads a query-escaped text.
pub(super) fn unescape_query(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
                let hex = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let Some(code) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) else {
                    let bad = text.get(at..text.len().min(at + 3)).unwrap_or_default();
                    return Err(format!("invalid URL escape {}", quote(bad)));
                };
                out.push(code);
                at += 2;
            }
            byte => out.push(*byte),
        }
        at += 1;
    }
    Ok(out)
}
