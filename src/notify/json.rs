//! JSON as Go's `encoding/json` writes it: what services have always got from Alertmanager.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Encodes a value with Go's escapes and numbers. Members stand in the order of the fields, those of a map in the
/// order of their names.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = Vec::with_capacity(1024);
    value.serialize(&mut Serializer::with_formatter(&mut json, Go))?;
    Ok(json)
}

/// Encodes the body of a request, which ends with a line break as Go's encoder leaves it.
pub(super) fn encode_body<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = encode(value)?;
    json.push(b'\n');
    Ok(json)
}

/// A JSON text without the white space between its members, and with Go's escapes. What is no JSON stays none.
pub(super) fn compact(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    let (mut is_inside, mut is_escaped) = (false, false);
    for character in text.chars() {
        match character {
            ' ' | '\t' | '\n' | '\r' if !is_inside => continue,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if is_inside => {
                compact.push_str(&escape(character));
            }
            _ => compact.push(character),
        }
        is_inside ^= character == '"' && !is_escaped;
        is_escaped = is_inside && character == '\\' && !is_escaped;
    }
    compact
}

fn escape(character: char) -> String {
    format!("\\u{:04x}", u32::from(character))
}

struct Go;

impl Formatter for Go {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, from) = rest.split_at(at);
            let mut characters = from.chars();
            writer.write_all(before.as_bytes())?;
            if let Some(character) = characters.next() {
                writer.write_all(escape(character).as_bytes())?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_f64<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let magnitude = value.abs();
        let text = if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            let text = format!("{value:e}");
            if text.contains("e-") { text } else { text.replace('e', "e+") }
        } else {
            format!("{value}")
        };
        writer.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacts() {
        for (text, wanted) in [
            (r#" { "a b" : [ 1 , "\" <" ] } "#, r#"{"a b":[1,"\" \u003c"]}"#),
            ("\t\"\\\\\" , 1\r\n", "\"\\\\\",1"),
            ("< 1", "<1"),
        ] {
            assert_eq!(compact(text), wanted);
        }
    }

    #[test]
    fn writes_what_go_writes() {
        let json = |value: serde_json::Value| String::from_utf8(encode(&value).unwrap()).unwrap();
        assert_eq!(json("<a&b>\u{2028}\u{7f}é".into()), "\"\\u003ca\\u0026b\\u003e\\u2028\u{7f}é\"");
        assert_eq!(json("\u{8}\u{c}\n\r\t\u{1}\"\\/".into()), r#""\b\f\n\r\t\u0001\"\\/""#);
        for (number, text) in [
            (1e30, "1e+30"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1.5, "1.5"),
            (3.0, "3"),
            (1e-7, "1e-7"),
            (2.5e-10, "2.5e-10"),
            (0.000_001, "0.000001"),
            (-0.5, "-0.5"),
        ] {
            assert_eq!(json(number.into()), text);
        }
        assert_eq!(encode_body(&serde_json::json!({"b": 1, "a": []})).unwrap(), b"{\"a\":[],\"b\":1}\n");
    }
}
