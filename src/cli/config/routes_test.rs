//! `tocsin config routes test`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::routes::{Source, draw, name};
use crate::engine::RouteTree;
use crate::model::{LabelSet, MatchType, MatcherMode};

#[derive(Debug, Args)]
pub(super) struct Test {
    #[command(flatten)]
    source: Source,
    /// The labels of an alert as NAME=VALUE.
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,
    /// The receivers that are expected, separated by commas; the exit code is 1 if they are others.
    #[arg(long = "verify.receivers", value_name = "NAMES", default_value = "")]
    expected: String,
    /// Draw the routes that the alert takes.
    #[arg(long)]
    tree: bool,
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let labels = read(&self.labels, self.source.amtool.mode)?;
        self.source.run(|routes| {
            let ends = routes.matching(&labels);
            if self.tree {
                println!("Matching routes:\n{}\n", drawn(routes, &ends));
            }
            let receivers: Vec<&str> = ends
                .iter()
                .filter_map(|place| routes.get(*place))
                .map(|route| route.options.receiver.as_ref())
                .collect();
            println!("{}", receivers.join(","));
            if !self.expected.is_empty() && self.expected != receivers.join(",") {
                println!("WARNING: Expected receivers did not match resolved receivers.");
                return Ok(ExitCode::FAILURE);
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn read(texts: &[String], mode: MatcherMode) -> anyhow::Result<LabelSet> {
    let mut labels = Vec::with_capacity(texts.len());
    for text in texts {
        let matcher = mode.parse_one(text);
        let matcher = matcher.map_err(|error| anyhow::anyhow!("Failed to parse labels: {error}"))?.value;
        if matcher.kind() != MatchType::Equal {
            bail!("Labels must be specified as key=value pairs");
        }
        labels.push((matcher.name().to_owned(), matcher.value().to_owned()));
    }
    Ok(labels.into_iter().collect())
}

/// The nodes on the way to `ends`; only those name their receiver.
fn drawn(routes: &RouteTree, ends: &[usize]) -> String {
    let mut on_the_way: BTreeSet<usize> = ends.iter().copied().collect();
    // Parents stand before their children.
    for (place, route) in routes.iter().enumerate().collect::<Vec<_>>().into_iter().rev() {
        if route.children.iter().any(|child| on_the_way.contains(child)) {
            on_the_way.insert(place);
        }
    }
    draw(routes, &|place, route| {
        on_the_way.contains(&place).then(|| {
            if ends.contains(&place) {
                format!("{}  receiver: {}", name(route), route.options.receiver)
            } else {
                name(route)
            }
        })
    })
}
