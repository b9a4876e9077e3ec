//! What Go says of a text that is no time in any accepted form: the complaint about the last form it tries, a
//! bare date.

const LAYOUT: &str = "2006-01-02";

/// The text of Go's `time.ParseError` for `text` read as a date.
pub(super) fn date_error(text: &str) -> String {
    let shown = quote(text);
    let mut rest = text;
    for (layout, digits) in [("2006", 4), ("-", 0), ("01", 2), ("-", 0), ("02", 2)] {
        let fits = match digits {
            0 => rest.starts_with('-'),
            digits => rest.len() >= digits && rest.bytes().take(digits).all(|byte| byte.is_ascii_digit()),
        };
        let Some((part, after)) = fits.then(|| rest.split_at(layout.len())) else {
            return format!(
                "parsing time \"{shown}\" as \"{LAYOUT}\": cannot parse \"{}\" as \"{layout}\"",
                quote(rest)
            );
        };
        let month: u32 = part.parse().unwrap_or(1);
        if layout == "01" && !(1..=12).contains(&month) {
            return format!("parsing time \"{shown}\": month out of range");
        }
        rest = after;
    }
    if rest.is_empty() {
        return format!("parsing time \"{shown}\": day out of range");
    }
    format!("parsing time \"{shown}\": extra text: \"{}\"", quote(rest))
}

/// The quoting of Go's package time, without the quotes: everything beyond printable ASCII byte by byte.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=0x7f => quoted.push(char::from(byte)),
            _ => {
                quoted.push_str("\\x");
                quoted.extend(
                    [byte >> 4, byte & 0xf]
                        .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')),
                );
            }
        }
    }
    quoted
}
