//! Character classes: brackets, `\d`, `[:alpha:]` and `\p{Greek}`, written for the `regex` crate.

use super::RegexError;
use super::translate::{Cursor, escape_into, parse_escape};

const BAD_RANGE: &str = "invalid character class range";

/// A class that matches nothing.
pub(super) const NOTHING: &str = "[a&&b]";

/// Perl's classes, all ASCII in Go.
const PERL: [(char, &str); 6] = [
    ('d', "[0-9]"),
    ('D', "[^0-9]"),
    ('s', r"[\t\n\f\r ]"),
    ('S', r"[^\t\n\f\r ]"),
    ('w', "[0-9A-Za-z_]"),
    ('W', "[^0-9A-Za-z_]"),
];

/// The names that may stand in `[:name:]` and `[:^name:]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Reads a bracket expression; the cursor stands at its `[`.
pub(super) fn parse_class(cursor: &mut Cursor<'_>) -> Result<String, RegexError> {
    let whole = cursor.rest();
    cursor.skip(1);
    let mut class = String::from("[");
    if cursor.accept("^") {
        class.push('^');
    }
    let mut first = true;
    while first || !cursor.rest().starts_with(']') {
        first = false;
        if let Some(named) = parse_posix(cursor)? {
            class.push_str(&named);
        } else if let Some(named) = parse_unicode(cursor)? {
            class.push_str(&named);
        } else if let Some(named) = parse_perl(cursor) {
            class.push_str(named);
        } else {
            parse_range(cursor, whole, &mut class)?;
        }
    }
    cursor.skip(1);
    class.push(']');
    Ok(class)
}

/// Reads `\d` and the like, if that is what comes.
pub(super) fn parse_perl(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    let letter = cursor.rest().strip_prefix('\\')?.chars().next()?;
    let (_, class) = PERL.iter().find(|(name, _)| *name == letter)?;
    cursor.skip(2);
    Some(class)
}

/// Reads `\pN`, `\p{Greek}`, `\P{^Greek}`, if that is what comes.
pub(super) fn parse_unicode(cursor: &mut Cursor<'_>) -> Result<Option<String>, RegexError> {
    let start = cursor.rest();
    let Some(mut negated) =
        start.strip_prefix(r"\p").map(|_| false).or_else(|| start.strip_prefix(r"\P").map(|_| true))
    else {
        return Ok(None);
    };
    let bad = |part: &str| RegexError { code: BAD_RANGE, part: part.to_owned() };
    let Some(first) = start[2..].chars().next() else {
        return Err(bad(start));
    };
    let (sequence, mut name) = if first == '{' {
        let end = start.find('}').ok_or_else(|| bad(start))?;
        (&start[..=end], &start[3..end])
    } else {
        let end = 2 + first.len_utf8();
        (&start[..end], &start[2..end])
    };
    if let Some(positive) = name.strip_prefix('^') {
        negated = !negated;
        name = positive;
    }
    cursor.skip(sequence.len());
    unicode_class(name, negated).map(Some).ok_or_else(|| bad(sequence))
}

/// The class of a general category or a script, by any of its names.
fn unicode_class(name: &str, negated: bool) -> Option<String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' '));
    if name.is_empty() || !plain {
        return None;
    }
    if matches!(name, "Cs" | "Surrogate") {
        // No text that is valid UTF-8 holds a surrogate.
        return Some(if negated { format!("[^{NOTHING}]") } else { NOTHING.to_owned() });
    }
    let letter = if negated { 'P' } else { 'p' };
    ["gc", "sc"]
        .iter()
        .map(|property| format!("\\{letter}{{{property}={name}}}"))
        .find(|class| ::regex::Regex::new(class).is_ok())
}

fn parse_posix(cursor: &mut Cursor<'_>) -> Result<Option<String>, RegexError> {
    let start = cursor.rest();
    let Some(inner) = start.strip_prefix("[:") else {
        return Ok(None);
    };
    let Some(end) = inner.find(":]") else {
        return Ok(None);
    };
    let sequence = &start[..end + 4];
    let name = &inner[..end];
    if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(RegexError { code: BAD_RANGE, part: sequence.to_owned() });
    }
    cursor.skip(sequence.len());
    Ok(Some(sequence.to_owned()))
}

/// A single character or `lo-hi`. A minus before the closing bracket is itself.
fn parse_range(cursor: &mut Cursor<'_>, whole: &str, class: &mut String) -> Result<(), RegexError> {
    let start = cursor.rest();
    let low = parse_character(cursor, whole)?;
    let mut high = low;
    let rest = cursor.rest();
    if rest.len() >= 2 && rest.starts_with('-') && !rest[1..].starts_with(']') {
        cursor.skip(1);
        high = parse_character(cursor, whole)?;
        if high < low {
            let part = &start[..start.len() - cursor.rest().len()];
            return Err(RegexError { code: BAD_RANGE, part: part.to_owned() });
        }
    }
    push_range(class, low, high);
    Ok(())
}

fn parse_character(cursor: &mut Cursor<'_>, whole: &str) -> Result<u32, RegexError> {
    if cursor.rest().starts_with('\\') {
        return parse_escape(cursor);
    }
    cursor
        .next()
        .map(u32::from)
        .ok_or_else(|| RegexError { code: "missing closing ]", part: whole.to_owned() })
}

/// Surrogates, which no text holds, are cut from the ends.
fn push_range(class: &mut String, low: u32, high: u32) {
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    if low > high {
        class.push_str(NOTHING);
        return;
    }
    escape_into(class, low);
    if low != high {
        class.push('-');
        escape_into(class, high);
    }
}
