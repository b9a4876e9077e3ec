//! `tocsin silence`: amtool's command of that name.

mod add;
mod expire;
mod import;
mod query;
mod show;
mod update;

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;

use crate::client::ApiTime;
use crate::model::parse_duration;

#[derive(Debug, Subcommand)]
pub(super) enum Silence {
    /// Show silences, by default those that have not ended.
    Query(query::Query),
    /// Make a silence.
    Add(add::Add),
    /// End silences.
    Expire(expire::Expire),
    /// Change silences.
    Update(update::Update),
    /// Make the silences that a file lists as JSON.
    Import(import::Import),
}

impl Silence {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Query(query) => query.run(),
            Self::Add(add) => add.run(),
            Self::Expire(expire) => expire.run(),
            Self::Update(update) => update.run(),
            Self::Import(import) => import.run(),
        }
    }
}

/// A silence's end: so long after its start.
fn end_after(start: ApiTime, duration: &str) -> anyhow::Result<ApiTime> {
    let duration = parse_duration(duration)?;
    if duration.is_zero() {
        bail!("silence duration must be greater than 0");
    }
    Ok(ApiTime { at: start.at + duration, offset: start.offset })
}
