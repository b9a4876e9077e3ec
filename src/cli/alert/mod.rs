//! `tocsin alert`: amtool's command of that name.

mod add;
mod query;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Alert {
    /// Show alerts, by default those of which somebody is told.
    Query(query::Query),
    /// Add an alert.
    Add(add::Add),
}

impl Alert {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Query(query) => query.run(),
            Self::Add(add) => add.run(),
        }
    }
}
