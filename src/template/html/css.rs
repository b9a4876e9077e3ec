//! CSS escapes, read and written.

use crate::template::text::decode_rune;

/// Replaces the escapes of CSS by what they stand for.
pub(super) fn decode_css(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let Some(at) = rest.iter().position(|b| *b == b'\\') else {
            out.extend_from_slice(rest);
            return out;
        };
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        let escaped = rest.get(at + 1..).unwrap_or_default();
        if escaped.is_empty() {
            return out;
        }
        let digits = escaped.iter().take(6).take_while(|b| b.is_ascii_hexdigit()).count();
        if digits == 0 {
            let len = decode_rune(escaped).map_or(1, |(_, len)| len);
            out.extend_from_slice(escaped.get(..len).unwrap_or_default());
            rest = escaped.get(len..).unwrap_or_default();
            continue;
        }
        let (code, digits) = hex_code(escaped, digits);
        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        rest = skip_space(escaped.get(digits..).unwrap_or_default());
    }
}

/// The code of the digits, and how many of them make it: one less where all would be too large.
fn hex_code(text: &[u8], digits: usize) -> (u32, usize) {
    let number = |digits: usize| {
        let text = text.get(..digits).and_then(|text| std::str::from_utf8(text).ok());
        text.and_then(|text| u32::from_str_radix(text, 16).ok()).unwrap_or_default()
    };
    let code = number(digits);
    if code > u32::from(char::MAX) { (code / 16, digits - 1) } else { (code, digits) }
}

fn skip_space(text: &[u8]) -> &[u8] {
    match text {
        [b'\r', b'\n', rest @ ..] => rest,
        [b'\t' | b'\n' | 0x0c | b' ' | b'\r', rest @ ..] => rest,
        text => text,
    }
}

/// Escapes text for the inside of a CSS string.
pub(super) fn escape_css(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for (at, byte) in text.iter().enumerate() {
        let replacement: &[u8] = match byte {
            0 => b"\\0",
            b'\t' => b"\\9",
            b'\n' => b"\\a",
            0x0c => b"\\c",
            b'\r' => b"\\d",
            b'"' => b"\\22",
            b'&' => b"\\26",
            b'\'' => b"\\27",
            b'(' => b"\\28",
            b')' => b"\\29",
            b'+' => b"\\2b",
            b'/' => b"\\2f",
            b':' => b"\\3a",
            b';' => b"\\3b",
            b'<' => b"\\3c",
            b'>' => b"\\3e",
            b'\\' => b"\\\\",
            b'{' => b"\\7b",
            b'}' => b"\\7d",
            byte => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(replacement);
        // A blank ends the escape where the next character would read as part of it.
        let next = text.get(at + 1);
        let ambiguous =
            next.is_none_or(|b| b.is_ascii_hexdigit() || matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' '));
        if *byte != b'\\' && ambiguous {
            out.push(b' ');
        }
    }
    out
}

/// Whether a value can stand unquoted in a style without becoming anything but a value.
pub(super) fn is_safe_value(decoded: &[u8]) -> bool {
    let mut identifier = Vec::with_capacity(decoded.len());
    let mut previous = 0;
    for (at, byte) in decoded.iter().enumerate() {
        match byte {
            0 | b'"' | b'\'' | b'(' | b')' | b'/' | b';' | b'@' | b'[' | b'\\' | b']' | b'`' | b'{'
            | b'}' | b'<' | b'>' => return false,
            b'-' if at > 0 && previous == b'-' => return false,
            b'-' => {}
            byte if byte.is_ascii_alphanumeric() || *byte == b'_' => {
                identifier.push(byte.to_ascii_lowercase());
            }
            _ => {}
        }
        previous = *byte;
    }
    let contains = |word: &[u8]| identifier.windows(word.len()).any(|window| window == word);
    !contains(b"expression") && !contains(b"mozbinding")
}
