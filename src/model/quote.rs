//! Go's quoted texts: `strconv.Quote` and `strconv.Unquote` for double quotes, and the text form of label sets.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::LabelSet;

/// `text` in double quotes, escaped as Go does: short escapes, `\x7f` for control characters, `\u2028` and
/// `\U000e0001` for what else does not print. Rust's `{:?}` differs.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(&mut quoted, text);
    quoted
}

/// Appends [`quote`] of `text`.
pub fn push_quoted(quoted: &mut String, text: &str) {
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            ' '..='~' => quoted.push(character),
            printable if is_printable(printable) => quoted.push(printable),
            other => push_escaped(quoted, u32::from(other)),
        }
    }
    quoted.push('"');
}

fn push_escaped(quoted: &mut String, code: u32) {
    let written = match code {
        0..0x20 | 0x7f => write!(quoted, "\\x{code:02x}"),
        ..0x1_0000 => write!(quoted, "\\u{code:04x}"),
        _ => write!(quoted, "\\U{code:08x}"),
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII blank.
fn is_printable(character: char) -> bool {
    static PRINTABLE: LazyLock<Option<::regex::Regex>> =
        LazyLock::new(|| ::regex::Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    PRINTABLE.as_ref().is_some_and(|class| class.is_match(character.encode_utf8(&mut [0; 4])))
}

/// The text that `quoted`, with its double quotes, stands for; `None` if Go's `strconv.Unquote` refuses it or the
/// result is not valid UTF-8.
#[must_use]
pub fn unquote(quoted: &str) -> Option<String> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\n' => return None,
            '\\' => rest = unescape(&rest[1..], &mut bytes)?,
            plain => {
                bytes.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[plain.len_utf8()..];
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// Appends what the escape after a backslash stands for, and returns what follows it.
fn unescape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let letter = text.chars().next()?;
    let rest = &text[letter.len_utf8()..];
    let byte = match letter {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' | '"' => letter as u8,
        'x' => {
            let (code, rest) = split_number(rest, 2, 16)?;
            bytes.push(code as u8);
            return Some(rest);
        }
        'u' | 'U' => {
            let (code, rest) = split_number(rest, if letter == 'u' { 4 } else { 8 }, 16)?;
            bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        '0'..='7' => {
            let (code, rest) = split_number(text, 3, 8)?;
            bytes.push(u8::try_from(code).ok()?);
            return Some(rest);
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(rest)
}

fn split_number(text: &str, digits: usize, radix: u32) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    if !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    Some((u32::from_str_radix(number, radix).ok()?, rest))
}

/// A label set as Prometheus prints it: `{a="x", b="y"}`.
#[must_use]
pub fn format_label_set(labels: &LabelSet) -> String {
    let mut text = String::from("{");
    for (place, (name, value)) in labels.iter().enumerate() {
        if place > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push('=');
        push_quoted(&mut text, value);
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        let cases = [
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("\"\\", r#""\"\\""#),
            ("\u{7}\u{8}\u{c}\n\r\t\u{b}", r#""\a\b\f\n\r\t\v""#),
            ("\0\u{1f}\u{7f}", r#""\x00\x1f\x7f""#),
            ("\u{85}\u{a0}\u{ad}\u{2028}\u{feff}", r#""\u0085\u00a0\u00ad\u2028\ufeff""#),
            ("é日🙂\u{fffd}", "\"é日🙂\u{fffd}\""),
            ("\u{e0001}\u{10ffff}", r#""\U000e0001\U0010ffff""#),
        ];
        for (text, quoted) in cases {
            assert_eq!(quote(text), quoted);
            assert_eq!(unquote(quoted).as_deref(), Some(text));
        }
    }

    #[test]
    fn unquotes_every_escape_and_nothing_else() {
        assert_eq!(unquote(r#""\x41\101\u00e9\U0001F642\xc3\xa9""#).as_deref(), Some("AAé🙂é"));
        for bad in [
            "",
            "\"",
            "a",
            "\"a",
            r#""\d""#,
            r#""\'""#,
            r#""\x4""#,
            r#""\400""#,
            r#""\ud800""#,
            r#""\xff""#,
            r#""a"b""#,
            "\"a\nb\"",
            r#""\""#,
            r#""\x+1""#,
            r#""\u{41}""#,
        ] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }

    #[test]
    fn prints_label_sets() {
        assert_eq!(format_label_set(&LabelSet::default()), "{}");
        let labels = LabelSet::from_iter([("b", "y\n"), ("a", "x")]);
        assert_eq!(format_label_set(&labels), r#"{a="x", b="y\n"}"#);
    }
}
