//! Regular expressions as Go reads them.
//!
//! Prometheus and Alertmanager compile RE2 syntax with Go's `regexp`. The `regex` crate has nearly the same
//! syntax, but not the same: `\d` is Unicode there and ASCII here, `[a&&b]` an intersection there and a list
//! here, `a**` and `x{1001}` are accepted there and refused here. So every text is parsed by Go's rules
//! ([`translate`]), with Go's errors, and rewritten for the crate with nothing left to its defaults.

mod class;
mod node;
mod template;
mod translate;

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use template::Template;

/// What Go says when a text is no regular expression. The quoted part is of the anchored text, as there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {code}: `{part}`")]
pub struct RegexError {
    code: &'static str,
    part: String,
}

/// The most memory that one compiled expression may take, in bytes.
const SIZE_LIMIT: usize = 32 << 20;

/// A compiled regular expression that must match the whole text. Cloning is cheap; two are equal when their
/// sources and their kinds of anchoring are.
#[derive(Clone)]
pub struct Regex(Arc<Compiled>);

struct Compiled {
    /// The anchored text.
    anchored: String,
    /// Where the text that the user wrote begins in `anchored`; one `)$` follows it.
    prefix: usize,
    program: ::regex::Regex,
    /// Names of the groups, by number; unnamed ones have the empty name.
    names: Vec<String>,
    shortcut: Shortcut,
}

/// Forms that need no automaton.
enum Shortcut {
    /// Matches every text; the number of groups, each of which is the whole text, is 0 or 1.
    Everything,
    /// Matches exactly these texts.
    Texts(Vec<String>),
    None,
}

impl Regex {
    /// The form of matchers: `^(?:…)$`, where a dot does not match a line feed.
    pub fn matcher(source: &str) -> Result<Self, RegexError> {
        Self::anchored("^(?:", source)
    }

    /// The form of relabelling: `^(?s:…)$`, where a dot matches everything.
    pub fn relabel(source: &str) -> Result<Self, RegexError> {
        Self::anchored("^(?s:", source)
    }

    /// The anchors are put around the text, not around the expression, as upstream does it: `a)|(b` compiles
    /// and half-escapes them.
    fn anchored(prefix: &str, source: &str) -> Result<Self, RegexError> {
        let anchored = [prefix, source, ")$"].concat();
        let translated = translate::translate(&anchored)?;
        let program = ::regex::RegexBuilder::new(&translated.pattern)
            .size_limit(SIZE_LIMIT)
            .nest_limit(translate::NEST_LIMIT)
            .build()
            .map_err(|_size| RegexError { code: "expression too large", part: anchored.clone() })?;
        let shortcut = match translated.texts {
            Some(texts) => Shortcut::Texts(texts),
            None if prefix == "^(?s:" && matches!(source, ".*" | "(.*)") => Shortcut::Everything,
            None => Shortcut::None,
        };
        Ok(Self(Arc::new(Compiled {
            anchored,
            prefix: prefix.len(),
            program,
            names: translated.names,
            shortcut,
        })))
    }

    /// The text as the user wrote it, without the anchors.
    #[must_use]
    pub fn source(&self) -> &str {
        let anchored = &self.0.anchored;
        anchored.get(self.0.prefix..anchored.len() - 2).unwrap_or_default()
    }

    /// The anchored expression in the syntax of the `regex` crate; serves indexes.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.0.program.as_str()
    }

    /// Whether `text` matches.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        match &self.0.shortcut {
            Shortcut::Everything => true,
            Shortcut::Texts(texts) => texts.iter().any(|candidate| candidate == text),
            Shortcut::None => self.0.program.is_match(text),
        }
    }

    /// The texts that this matches, when they are few and known (`a|b|c`); serves indexes.
    #[must_use]
    pub fn texts(&self) -> Option<&[String]> {
        match &self.0.shortcut {
            Shortcut::Texts(texts) => Some(texts),
            Shortcut::Everything | Shortcut::None => None,
        }
    }

    /// The groups of a match, for [`Template::expand`]; `None` without a match. `text` alone decides, so a
    /// caller asks once and expands several templates.
    #[must_use]
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        if let Shortcut::Everything = self.0.shortcut {
            return Some(Captures(Groups::Everything(text)));
        }
        if !self.is_match(text) {
            return None;
        }
        self.0.program.captures(text).map(|captures| Captures(Groups::Some(captures)))
    }

    /// `text` with every match replaced (Go's `ReplaceAllString`). With intact anchors that is the whole text
    /// or nothing.
    #[must_use]
    pub fn replace_all(&self, text: &str, template: &Template) -> String {
        let mut replaced = String::new();
        let mut copied = 0;
        for captures in self.0.program.captures_iter(text) {
            let found = captures.get_match();
            replaced.push_str(text.get(copied..found.start()).unwrap_or_default());
            copied = found.end();
            template.expand(&Captures(Groups::Some(captures)), &mut replaced);
        }
        replaced.push_str(text.get(copied..).unwrap_or_default());
        replaced
    }

    fn groups_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        (0..self.0.names.len()).filter(move |group| self.0.names[*group] == name)
    }
}

/// What each group of an expression matched.
#[derive(Debug)]
pub struct Captures<'t>(Groups<'t>);

#[derive(Debug)]
enum Groups<'t> {
    /// Group 0 and, if there is one, group 1 are this text.
    Everything(&'t str),
    Some(::regex::Captures<'t>),
}

impl Captures<'_> {
    fn group(&self, number: usize) -> Option<&str> {
        match &self.0 {
            Groups::Everything(text) => (number < 2).then_some(text),
            Groups::Some(captures) => captures.get(number).map(|group| group.as_str()),
        }
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.0.anchored == other.0.anchored
    }
}

impl Eq for Regex {}

impl Hash for Regex {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.anchored.hash(state);
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source())
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.0.anchored)
    }
}
