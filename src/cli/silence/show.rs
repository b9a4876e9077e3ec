//! Silences as they are printed.

use crate::cli::amtool::{Amtool, Output, Table, json_line};
use crate::client::{ApiMatcher, GettableSilence};
use crate::model::{MatchType, Matcher, quote};

/// The silences in the form that is asked for.
pub(super) fn shown(mut silences: Vec<GettableSilence>, amtool: &Amtool) -> anyhow::Result<String> {
    if amtool.output == Output::Json {
        silences.sort_by_key(|silence| silence.ends_at.at);
        return Ok(json_line(&silences)? + "\n");
    }
    silences.sort_by_key(|silence| silence.ends_at.at);
    let mut table;
    if amtool.output == Output::Simple {
        table = Table::new(&["ID", "Matchers", "Ends At", "Created By", "Comment"]);
        for silence in silences {
            let matchers = texts(&silence.matchers).join(" ");
            table.row([
                silence.id,
                matchers,
                amtool.date(silence.ends_at),
                silence.created_by,
                silence.comment,
            ]);
        }
    } else {
        let headings = ["ID", "Matchers", "Starts At", "Ends At", "Updated At", "Created By", "Comment"];
        table = Table::new(&headings);
        for silence in silences {
            let matchers = format!("{{{}}}", texts(&silence.matchers).join(","));
            table.row([
                silence.id,
                matchers,
                amtool.date(silence.starts_at),
                amtool.date(silence.ends_at),
                amtool.date(silence.updated_at),
                silence.created_by,
                silence.comment,
            ]);
        }
    }
    Ok(table.text())
}

fn texts(matchers: &[ApiMatcher]) -> Vec<String> {
    matchers.iter().map(text).collect()
}

fn text(matcher: &ApiMatcher) -> String {
    let kind = match (matcher.is_equal.unwrap_or(true), matcher.is_regex) {
        (true, false) => MatchType::Equal,
        (false, false) => MatchType::NotEqual,
        (true, true) => MatchType::Regex,
        (false, true) => MatchType::NotRegex,
    };
    match Matcher::new(kind, &matcher.name, &matcher.value) {
        Ok(matcher) => matcher.to_string(),
        // A peer may have sent a regular expression that is none.
        Err(_) => format!("{}{kind}{}", matcher.name, quote(&matcher.value)),
    }
}
