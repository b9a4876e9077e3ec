//! Reading matchers: the modes, and what falls back to which grammar.

use super::{Matcher, Matchers, classic, utf8};
use crate::model::is_legacy_label_name;

/// Why a text is no matcher, or no list of matchers, in Alertmanager's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MatcherError(pub(super) String);

/// Which grammar reads matchers and which label names are valid (`--enable-feature`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MatcherMode {
    /// Both grammars are tried and the classic one wins where they differ; names are UTF-8.
    #[default]
    Fallback,
    /// The classic grammar and classic names (`classic-mode`).
    Classic,
    /// The UTF-8 grammar and UTF-8 names (`utf8-strict-mode`).
    Utf8Strict,
}

/// What was read, and what an operator should be told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The matcher or the matchers.
    pub value: T,
    /// Something to warn about, in [`MatcherMode::Fallback`] only.
    pub notice: Option<MatcherNotice>,
}

/// Why a text should be written differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatcherNotice {
    /// The UTF-8 grammar refuses it; the classic one was used.
    Incompatible {
        /// What the UTF-8 grammar says.
        error: MatcherError,
        /// A text that both read in the same way.
        suggestion: String,
    },
    /// Both grammars accept it and read it differently; the classic reading was used.
    Disagreement,
}

impl MatcherMode {
    /// Whether `name` may be the name of a label or an annotation.
    #[must_use]
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Classic => is_legacy_label_name(name),
            Self::Fallback | Self::Utf8Strict => !name.is_empty(),
        }
    }

    /// Reads a list of matchers, with or without braces, as configuration files have them.
    pub fn parse_list(self, input: &str) -> Result<Parsed<Matchers>, MatcherError> {
        self.choose(
            || utf8::parse_list(input).map(Matchers::from),
            || classic::parse_list(input).map(Matchers::from),
            |matchers| {
                let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
                texts.join(",")
            },
        )
    }

    /// Reads one matcher, as the API's filters and the command line have them.
    pub fn parse_one(self, input: &str) -> Result<Parsed<Matcher>, MatcherError> {
        if self != Self::Classic && (input.starts_with('{') || input.ends_with('}')) {
            return Err(MatcherError(format!("unexpected open or close brace: {input}")));
        }
        self.choose(|| utf8::parse_one(input), || classic::parse_one(input), ToString::to_string)
    }

    fn choose<T: PartialEq>(
        self,
        utf8: impl FnOnce() -> Result<T, MatcherError>,
        classic: impl FnOnce() -> Result<T, MatcherError>,
        print: impl FnOnce(&T) -> String,
    ) -> Result<Parsed<T>, MatcherError> {
        let plain = |value| Parsed { value, notice: None };
        match self {
            Self::Classic => classic().map(plain),
            Self::Utf8Strict => utf8().map(plain),
            Self::Fallback => match (utf8(), classic()) {
                (Err(_), Err(error)) => Err(error),
                (Err(error), Ok(value)) => {
                    let suggestion = print(&value);
                    let notice = Some(MatcherNotice::Incompatible { error, suggestion });
                    Ok(Parsed { value, notice })
                }
                (Ok(newer), Ok(value)) if newer != value => {
                    Ok(Parsed { value, notice: Some(MatcherNotice::Disagreement) })
                }
                (Ok(value), _) => Ok(plain(value)),
            },
        }
    }
}
