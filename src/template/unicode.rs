//! The classes of characters that Go's `unicode` package names, where Rust's standard library draws other lines.

use std::sync::LazyLock;

use regex::Regex;

static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{L}$").ok());
static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok());
static PRINT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{M}\p{Cf}]$").ok());

fn is_in(class: &Option<Regex>, c: char) -> bool {
    class.as_ref().is_some_and(|class| class.is_match(c.encode_utf8(&mut [0; 4])))
}

/// A letter: category L.
pub(super) fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { is_in(&LETTER, c) }
}

/// A decimal digit: category Nd.
pub(super) fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { is_in(&DIGIT, c) }
}

/// What may stand in a name: a letter, a digit, an underscore.
pub(super) fn is_alphanumeric(c: char) -> bool {
    c == '_' || is_letter(c) || is_digit(c)
}

/// A character with a shape: letters, marks, numbers, punctuation, symbols and the ASCII blank.
pub(super) fn is_print(c: char) -> bool {
    if c.is_ascii() { (' '..='~').contains(&c) } else { is_in(&PRINT, c) }
}

/// A mark or a format character, which belongs to the character before it.
pub(super) fn is_mark(c: char) -> bool {
    !c.is_ascii() && is_in(&MARK, c)
}
