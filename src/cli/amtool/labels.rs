//! Labels, matchers and annotations on the command line.

use anyhow::bail;

use crate::client::ApiLabelSet;
use crate::model::{MatchType, MatcherMode, quote};

/// A first argument that is no matcher is the name of an alert.
pub(in crate::cli) fn imply_alert_name(arguments: &mut [String], mode: MatcherMode) {
    if let Some(first) = arguments.first_mut()
        && mode.parse_one(first).is_err()
    {
        *first = format!("alertname={}", quote(first));
    }
}

/// Texts of the form `name=value` as pairs; `what` they are.
pub(in crate::cli) fn pairs(texts: &[String], what: &str, mode: MatcherMode) -> anyhow::Result<ApiLabelSet> {
    let mut pairs = ApiLabelSet::new();
    for text in texts {
        let matcher = mode.parse_one(text)?.value;
        if matcher.kind() != MatchType::Equal {
            bail!("{what} must be specified as key=value pairs");
        }
        pairs.insert(matcher.name().to_owned(), matcher.value().to_owned());
    }
    Ok(pairs)
}
