//! Query parameters, as go-openapi reads them.

use crate::model::{Matcher, MatcherMode, Matchers, Regex, RegexError};

/// The parameters of a request's query.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn new(query: Option<&str>) -> Self {
        Self(url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    fn values<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.iter().filter(move |(parameter, _)| parameter == name).map(|(_, value)| value.as_str())
    }

    /// The last value of a switch; an empty or absent one is `default`, and any other text is false.
    pub(super) fn switch(&self, name: &str, default: bool) -> bool {
        const TRUE: [&str; 10] = ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
        match self.values(name).next_back() {
            None | Some("") => default,
            Some(value) => TRUE.iter().any(|word| word.eq_ignore_ascii_case(value)),
        }
    }

    /// The matchers of a parameter that may be repeated; the first bad one is the error's text.
    pub(super) fn matchers(&self, name: &str, mode: MatcherMode) -> Result<Matchers, String> {
        let parse = |text: &str| -> Result<Matcher, String> {
            mode.parse_one(text).map(|parsed| parsed.value).map_err(|error| error.to_string())
        };
        self.values(name).map(parse).collect()
    }

    /// A regular expression that a whole name has to match; an empty one is none.
    pub(super) fn regex(&self, name: &str) -> Result<Option<Regex>, RegexError> {
        match self.values(name).next_back() {
            None | Some("") => Ok(None),
            Some(text) => Regex::matcher(text).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_switches_as_go_openapi_does() {
        let query = Query::new(Some("a=no&a=YES&b=2&c=&d=ok"));
        assert!(query.switch("a", false));
        assert!(!query.switch("b", true));
        assert!(query.switch("c", true));
        assert!(query.switch("d", false));
        assert!(!query.switch("e", false));
    }
}
