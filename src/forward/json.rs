//! JSON texts as Go's `encoding/json` writes them.

/// Appends `text` in quotes: `<`, `>` and `&`, U+2028 and U+2029 and control characters escaped, everything else as
/// it is.
pub(super) fn push_string(json: &mut String, text: &str) {
    json.push('"');
    let mut plain = 0;
    for (place, character) in text.char_indices() {
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '<' => "\\u003c",
            '>' => "\\u003e",
            '&' => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            control if control < ' ' => "",
            _ => continue,
        };
        json.push_str(&text[plain..place]);
        plain = place + character.len_utf8();
        if short.is_empty() {
            json.push_str("\\u00");
            let code = character as u32;
            json.extend([code >> 4, code & 15].map(|digit| char::from_digit(digit, 16).unwrap_or('0')));
        } else {
            json.push_str(short);
        }
    }
    json.push_str(&text[plain..]);
    json.push('"');
}
