//! Go's quoted strings and characters: reading literals, and writing them for `%q` and error texts.

use std::fmt::Write as _;

use super::{
    text::{is_bad_byte, runes},
    unicode::is_print,
};

/// The value of a Go string literal, interpreted (`"…"`) or raw (`` `…` ``); `None` if it is not one.
pub(super) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let quote = literal.chars().next()?;
    if literal.len() < 2 || !literal.ends_with(quote) {
        return None;
    }
    let inner = literal.get(1..literal.len() - 1)?;
    match quote {
        '`' => (!inner.contains('`')).then(|| inner.bytes().filter(|b| *b != b'\r').collect()),
        '"' => {
            let mut out = Vec::with_capacity(inner.len());
            let mut rest = inner;
            while !rest.is_empty() {
                let (unit, tail) = unquote_char(rest, '"')?;
                unit.push_to(&mut out);
                rest = tail;
            }
            Some(out)
        }
        _ => None,
    }
}

/// One unit of a literal: a character, or a byte given by `\x` or an octal escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Char(char),
    Byte(u8),
}

impl Unit {
    fn push_to(self, out: &mut Vec<u8>) {
        match self {
            Self::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Self::Byte(b) => out.push(b),
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::Char(c) => u32::from(c),
            Self::Byte(b) => u32::from(b),
        }
    }
}

/// The first character of a literal's inside and what follows it.
pub(super) fn unquote_char(text: &str, quote: char) -> Option<(Unit, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first == quote || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Char(first), chars.as_str()));
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let simple = |c: char| Some((Unit::Char(c), rest));
    match escape {
        'a' => simple('\x07'),
        'b' => simple('\x08'),
        'f' => simple('\x0c'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\x0b'),
        '\\' => simple('\\'),
        '\'' | '"' if escape == quote => simple(escape),
        'x' => {
            let code = u8::from_str_radix(hex_digits(rest, 2)?, 16).ok()?;
            Some((Unit::Byte(code), rest.get(2..)?))
        }
        'u' | 'U' => {
            let digits = if escape == 'u' { 4 } else { 8 };
            let code = u32::from_str_radix(hex_digits(rest, digits)?, 16).ok()?;
            Some((Unit::Char(char::from_u32(code)?), rest.get(digits..)?))
        }
        '0'..='7' => {
            let digits = text.get(1..4)?;
            if !digits.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
                return None;
            }
            let code = u8::try_from(u32::from_str_radix(digits, 8).ok()?).ok()?;
            Some((Unit::Byte(code), text.get(4..)?))
        }
        _ => None,
    }
}

fn hex_digits(text: &str, count: usize) -> Option<&str> {
    text.get(..count).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `text` in double quotes, as Go's `%q`.
pub(super) fn quote(text: &[u8]) -> String {
    quote_with(text, '"', false)
}

/// `text` in double quotes with everything outside ASCII escaped, as Go's `%+q`.
pub(super) fn quote_ascii(text: &[u8]) -> String {
    quote_with(text, '"', true)
}

/// A character in single quotes.
pub(super) fn quote_rune(c: char, ascii: bool) -> String {
    quote_with(c.encode_utf8(&mut [0; 4]).as_bytes(), '\'', ascii)
}

fn quote_with(text: &[u8], quote: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for (at, c, len) in runes(text) {
        if is_bad_byte(c, len) {
            push_hex(&mut out, 'x', u32::from(text.get(at).copied().unwrap_or_default()), 2);
            continue;
        }
        match c {
            '\\' => out.push_str("\\\\"),
            _ if c == quote => {
                out.push('\\');
                out.push(c);
            }
            _ if is_print(c) && (!ascii || c.is_ascii()) => out.push(c),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if c < ' ' || c == '\x7f' => push_hex(&mut out, 'x', u32::from(c), 2),
            c if u32::from(c) < 0x1_0000 => push_hex(&mut out, 'u', u32::from(c), 4),
            c => push_hex(&mut out, 'U', u32::from(c), 8),
        }
    }
    out.push(quote);
    out
}

fn push_hex(out: &mut String, letter: char, code: u32, digits: usize) {
    let _infallible = write!(out, "\\{letter}{code:0digits$x}");
}

/// Whether `text` can stand between backquotes (Go's `strconv.CanBackquote`).
pub(super) fn can_backquote(text: &[u8]) -> bool {
    runes(text).all(|(_, c, len)| {
        !is_bad_byte(c, len) && c != '\u{feff}' && c != '`' && c != '\x7f' && (c >= ' ' || c == '\t')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_go_reads_them() {
        assert_eq!(unquote(r#""a\tb\"c\x41\101é""#), Some("a\tb\"cAAé".as_bytes().to_vec()));
        assert_eq!(unquote("`a\\n\r`"), Some(b"a\\n".to_vec()));
        assert_eq!(unquote(r#""\'""#), None);
        assert_eq!(unquote(r#""\400""#), None);
        assert_eq!(unquote(r#""\ud800""#), None);
        assert_eq!(unquote(r#""\xff""#), Some(vec![0xff]));
    }

    #[test]
    fn quoting_escapes_what_is_not_printable() {
        assert_eq!(quote("a\"\\\n\u{1}é\u{200b}\u{1f600}".as_bytes()), "\"a\\\"\\\\\\n\\x01é\\u200b😀\"");
        assert_eq!(quote(b"\xff"), "\"\\xff\"");
        assert_eq!(quote_ascii("é😀".as_bytes()), "\"\\u00e9\\U0001f600\"");
        assert_eq!(quote_rune('\'', false), "'\\''");
    }
}
