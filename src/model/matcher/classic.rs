//! The classic grammar (Alertmanager's `pkg/labels`): lenient about values, strict about names.

use super::{MatchType, Matcher, MatcherError};

/// Reads a list. One brace is cut from each end, whether or not the other is there; commas in double quotes do
/// not separate.
pub(super) fn parse_list(input: &str) -> Result<Vec<Matcher>, MatcherError> {
    let input = input.strip_prefix('{').unwrap_or(input);
    let input = input.strip_suffix('}').unwrap_or(input);
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (place, character) in input.char_indices() {
        match character {
            ',' if !quoted => {
                pieces.push(&input[start..place]);
                start = place + 1;
            }
            // A comma in quotes leaves an escape before it in force.
            ',' => {}
            '"' if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    let last = input[start..].trim();
    if !last.is_empty() {
        pieces.push(last);
    }
    pieces.into_iter().map(parse_one).collect()
}

/// Reads one matcher: a classic name, which may hold colons, an operator, and a value with or without quotes.
pub(super) fn parse_one(input: &str) -> Result<Matcher, MatcherError> {
    let (name, kind, raw) =
        split(input).ok_or_else(|| MatcherError(format!("bad matcher format: {input}")))?;
    let value = unescape(raw)
        .ok_or_else(|| MatcherError(format!("matcher value contains unescaped double quote: {raw}")))?;
    Matcher::new(kind, name, &value).map_err(|error| MatcherError(error.to_string()))
}

fn split(input: &str) -> Option<(&str, MatchType, &str)> {
    let trimmed = input.trim_matches(is_space);
    let first = trimmed.chars().next()?;
    if first.is_ascii_digit() {
        return None;
    }
    let end = trimmed.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))?;
    let (name, rest) = trimmed.split_at(end);
    let rest = rest.trim_start_matches(is_space);
    let (kind, value) = [
        (MatchType::Regex, "=~"),
        (MatchType::Equal, "="),
        (MatchType::NotEqual, "!="),
        (MatchType::NotRegex, "!~"),
    ]
    .into_iter()
    .find_map(|(kind, operator)| Some((kind, rest.strip_prefix(operator)?)))?;
    (!name.is_empty()).then(|| (name, kind, value.trim_start_matches(is_space)))
}

/// Go's `\s`.
fn is_space(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\u{c}' | '\r' | ' ')
}

/// The value: `\n`, `\"` and `\\` are escapes, any other backslash is itself. `None` if a quote stands where none
/// may.
fn unescape(raw: &str) -> Option<String> {
    let (inner, mut opened) = raw.strip_prefix('"').map_or((raw, false), |inner| (inner, true));
    let mut value = String::with_capacity(inner.len());
    let mut characters = inner.char_indices();
    while let Some((place, character)) = characters.next() {
        let last = place + 1 == inner.len();
        match character {
            '\\' if !last => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => {}
            },
            '"' if opened && last => opened = false,
            '"' => return None,
            other => value.push(other),
        }
    }
    (!opened).then_some(value)
}
