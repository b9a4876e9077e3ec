//! `tocsin silence add`.

use std::os::unix::fs::MetadataExt as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::end_after;
use crate::cli::amtool::{Amtool, imply_alert_name, pairs};
use crate::client::{ApiTime, PostableMatcher, PostableSilence};
use crate::model::Matcher;
use crate::net::now;

#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    amtool: Amtool,
    /// Matchers; a first one without an operator is the name of an alert.
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// Who makes it; by default the user who runs this.
    #[arg(short, long, value_name = "NAME")]
    author: Option<String>,
    /// Why.
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    comment: String,
    /// How long it holds.
    #[arg(short, long, value_name = "DURATION", default_value = "1h")]
    duration: String,
    /// From when on it holds (RFC 3339); from now on if not given.
    #[arg(long, value_name = "TIME", value_parser = ApiTime::parse_rfc3339)]
    start: Option<ApiTime>,
    /// Until when it holds (RFC 3339), instead of a duration.
    #[arg(long, value_name = "TIME", value_parser = ApiTime::parse_rfc3339)]
    end: Option<ApiTime>,
    /// An annotation as NAME=VALUE; may be given more than once.
    #[arg(long = "annotation", value_name = "NAME=VALUE")]
    annotations: Vec<String>,
    /// Refuse a silence without a comment.
    #[arg(long = "require-comment", hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    require_comment: bool,
}

impl Add {
    pub(super) fn run(mut self) -> anyhow::Result<ExitCode> {
        let mode = self.amtool.mode;
        imply_alert_name(&mut self.matchers, mode);
        let mut matchers = Vec::with_capacity(self.matchers.len());
        for text in &self.matchers {
            matchers.push(postable(&mode.parse_one(text)?.value));
        }
        if matchers.is_empty() {
            bail!("no matchers specified");
        }
        let start = self.start.unwrap_or_else(|| ApiTime::utc(now()));
        let end = match self.end {
            Some(end) => end,
            None => end_after(start, &self.duration)?,
        };
        if start.at > end.at {
            bail!("silence cannot start after it ends");
        }
        if self.require_comment && self.comment.is_empty() {
            bail!("comment required by config");
        }
        let annotations = pairs(&self.annotations, "annotations", mode)?;
        let silence = PostableSilence {
            id: None,
            annotations: (!annotations.is_empty()).then_some(annotations),
            comment: Some(self.comment),
            created_by: Some(self.author.unwrap_or_else(user)),
            ends_at: Some(end),
            matchers: Some(matchers),
            starts_at: Some(start),
        };
        self.amtool.run(async |client| {
            println!("{}", client.post_silence(&silence).await?);
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn postable(matcher: &Matcher) -> PostableMatcher {
    PostableMatcher {
        is_equal: Some(matcher.kind().is_positive()),
        is_regex: Some(matcher.kind().is_regex()),
        name: Some(matcher.name().to_owned()),
        value: Some(matcher.value().to_owned()),
    }
}

/// The name of the user who runs this, or what the environment says.
fn user() -> String {
    let number = std::fs::metadata("/proc/self").ok().map(|process| process.uid().to_string());
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == number.as_deref()).then(|| name.to_owned())
    });
    named.or_else(|| std::env::var("USER").ok()).unwrap_or_default()
}
