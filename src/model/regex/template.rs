//! Replacement texts with `$1`, `${1}` and `$name` (Go's `Regexp.Expand`).

use std::sync::LazyLock;

use super::{Captures, Regex};

/// A replacement text, parsed for one expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The first of these groups that took part in the match.
    Group(Vec<usize>),
}

impl Template {
    /// Parses `source`. A bare name is the longest run of letters, digits and `_`, Unicode ones included, so
    /// that `$1x` names a group `1x`; `$$` is a dollar sign; what is malformed stays as it is. Groups that the
    /// expression does not have are empty.
    #[must_use]
    pub fn new(source: &str, regex: &Regex) -> Self {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            if let Some(escaped) = after.strip_prefix('$') {
                text.push('$');
                rest = escaped;
            } else if let Some((name, after_name)) = split_name(after) {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Group(
                    group_number(name)
                        .map_or_else(|| regex.groups_named(name).collect(), |number| vec![number]),
                ));
                rest = after_name;
            } else {
                text.push('$');
                rest = after;
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Self(pieces)
    }

    /// The text, if it is the same for every match.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text for one match.
    pub fn expand(&self, captures: &Captures<'_>, expanded: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => expanded.push_str(text),
                Piece::Group(candidates) => {
                    let found = candidates.iter().find_map(|group| captures.group(*group));
                    expanded.push_str(found.unwrap_or_default());
                }
            }
        }
    }
}

/// The name after a dollar sign and what follows it; `None` if it is malformed.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let (inner, braced) = match text.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let end = inner.find(|character| !is_name_character(character)).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { rest.strip_prefix('}').map(|rest| (name, rest)) } else { Some((name, rest)) }
}

/// Go's `unicode.IsLetter`, `unicode.IsDigit` or an underscore; Rust's own predicates take in more.
fn is_name_character(character: char) -> bool {
    static LETTER_OR_DIGIT: LazyLock<Option<::regex::Regex>> =
        LazyLock::new(|| ::regex::Regex::new(r"^[\p{L}\p{Nd}]$").ok());
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    LETTER_OR_DIGIT.as_ref().is_some_and(|class| class.is_match(character.encode_utf8(&mut [0; 4])))
}

/// A number without leading zeros, not above Go's bound; anything else is a name.
fn group_number(name: &str) -> Option<usize> {
    let leading_zero = name.len() > 1 && name.starts_with('0');
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    if digits && !leading_zero && name.len() <= 9 { name.parse().ok() } else { None }
}
