//! Matchers: conditions on one label, as silences, routes, inhibition rules and filters use them.
//!
//! Alertmanager has two grammars for them, the classic one and the UTF-8 one, and three modes that say which
//! rules ([`MatcherMode`]). A missing label is the empty text.

mod classic;
mod parse;
mod utf8;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use smol_str::SmolStr;

use super::{LabelSet, Regex, RegexError, quote};

pub use parse::{MatcherError, MatcherMode, MatcherNotice, Parsed};

/// How a matcher compares; in the order in which matchers sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchType {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchType {
    /// The operator.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether the value is a regular expression.
    #[must_use]
    pub fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// Whether a match is wanted (`=`, `=~`), not its absence.
    #[must_use]
    pub fn is_positive(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }
}

impl fmt::Display for MatchType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A condition on the value of one label. Sorts by name, value, then type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Matcher {
    kind: MatchType,
    name: SmolStr,
    value: SmolStr,
    regex: Option<Regex>,
}

impl Matcher {
    /// A matcher; an error if `value` has to be a regular expression and is none.
    pub fn new(kind: MatchType, name: &str, value: &str) -> Result<Self, RegexError> {
        let regex = kind.is_regex().then(|| Regex::matcher(value)).transpose()?;
        Ok(Self { kind, name: SmolStr::new(name), value: SmolStr::new(value), regex })
    }

    /// How it compares.
    #[must_use]
    pub fn kind(&self) -> MatchType {
        self.kind
    }

    /// The label's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value or the regular expression, without anchors.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The regular expression of `=~` and `!~`.
    #[must_use]
    pub fn regex(&self) -> Option<&Regex> {
        self.regex.as_ref()
    }

    /// Whether a label with this value matches.
    #[must_use]
    pub fn matches_value(&self, value: &str) -> bool {
        let found = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        found == self.kind.is_positive()
    }

    /// Whether the label set matches; a missing label is the empty text.
    #[must_use]
    pub fn matches(&self, labels: &LabelSet) -> bool {
        self.matches_value(labels.get(&self.name).unwrap_or_default())
    }

    /// Whether the label set passes this matcher as a filter of the API, where an empty value asks whether the
    /// label is there at all.
    #[must_use]
    pub fn passes_filter(&self, labels: &LabelSet) -> bool {
        let value = labels.get(&self.name);
        if self.value.is_empty() && value.is_some() != self.kind.is_positive() {
            return true;
        }
        self.matches_value(value.unwrap_or_default())
    }
}

impl PartialOrd for Matcher {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Matcher {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, &self.value, self.kind).cmp(&(&other.name, &other.value, other.kind))
    }
}

impl fmt::Display for Matcher {
    /// `name="value"`; with a name that needs quotes both are quoted as in Go, else the value escapes only
    /// backslash, line feed and quote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.chars().any(is_reserved) {
            return write!(f, "{}{}{}", quote(&self.name), self.kind, quote(&self.value));
        }
        write!(f, "{}{}\"", self.name, self.kind)?;
        let mut rest = self.value.as_str();
        while let Some(place) = rest.find(['\\', '\n', '"']) {
            let (plain, special) = rest.split_at(place);
            f.write_str(plain)?;
            f.write_str(match special.as_bytes()[0] {
                b'\n' => "\\n",
                b'"' => "\\\"",
                _ => "\\\\",
            })?;
            rest = &special[1..];
        }
        write!(f, "{rest}\"")
    }
}

/// White space or a character with a meaning in matchers.
fn is_reserved(character: char) -> bool {
    character.is_whitespace() || "{}!=~,\\\"'`".contains(character)
}

/// Matchers that must all match. Prints as `{a="x",b!="y"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Matchers(Vec<Matcher>);

impl Matchers {
    /// The matchers in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Matcher> {
        self.0.iter()
    }

    /// The matchers in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Matcher] {
        &self.0
    }

    /// Whether there is none, so that every label set matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Sorts by name, value and type, bytewise.
    pub fn sort(&mut self) {
        self.0.sort();
    }

    /// Whether the label set matches all.
    #[must_use]
    pub fn matches(&self, labels: &LabelSet) -> bool {
        self.0.iter().all(|matcher| matcher.matches(labels))
    }

    /// Whether the label set passes all as filters of the API ([`Matcher::passes_filter`]).
    #[must_use]
    pub fn passes_filter(&self, labels: &LabelSet) -> bool {
        self.0.iter().all(|matcher| matcher.passes_filter(labels))
    }
}

impl From<Vec<Matcher>> for Matchers {
    fn from(matchers: Vec<Matcher>) -> Self {
        Self(matchers)
    }
}

impl FromIterator<Matcher> for Matchers {
    fn from_iter<I: IntoIterator<Item = Matcher>>(matchers: I) -> Self {
        Self(matchers.into_iter().collect())
    }
}

impl Extend<Matcher> for Matchers {
    fn extend<I: IntoIterator<Item = Matcher>>(&mut self, matchers: I) {
        self.0.extend(matchers);
    }
}

impl IntoIterator for Matchers {
    type Item = Matcher;
    type IntoIter = std::vec::IntoIter<Matcher>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Matchers {
    type Item = &'a Matcher;
    type IntoIter = std::slice::Iter<'a, Matcher>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (place, matcher) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            matcher.fmt(f)?;
        }
        f.write_str("}")
    }
}
