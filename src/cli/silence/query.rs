//! `tocsin silence query`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::show::shown;
use crate::cli::amtool::{Amtool, imply_alert_name};
use crate::client::GettableSilence;
use crate::model::{Timestamp, parse_duration};
use crate::net::now;

#[derive(Debug, Args)]
pub(super) struct Query {
    #[command(flatten)]
    amtool: Amtool,
    /// Matchers that a silence has as they are; a first one without an operator is the name of an alert.
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// Show silences that have ended instead of the others.
    #[arg(long)]
    expired: bool,
    /// Show ids only.
    #[arg(short, long)]
    quiet: bool,
    /// Show silences of this author.
    #[arg(long = "created-by", value_name = "NAME", default_value = "")]
    created_by: String,
    /// Show the silence with this id.
    #[arg(long, value_name = "ID", default_value = "")]
    id: String,
    /// Show silences that end, or have ended, within this time.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    within: Duration,
}

impl Query {
    pub(super) fn run(mut self) -> anyhow::Result<ExitCode> {
        imply_alert_name(&mut self.matchers, self.amtool.mode);
        self.amtool.run(async |client| {
            let now = now();
            let mut silences = client.silences(&self.matchers).await?;
            silences.retain(|silence| self.wants(silence, now));
            if self.quiet {
                silences.iter().for_each(|silence| println!("{}", silence.id));
            } else {
                print!("{}", shown(silences, &self.amtool)?);
            }
            Ok(ExitCode::SUCCESS)
        })
    }

    fn wants(&self, silence: &GettableSilence, now: Timestamp) -> bool {
        let ends_at = silence.ends_at.at;
        let in_time = if self.expired {
            ends_at <= now && (self.within.is_zero() || ends_at >= now - self.within)
        } else {
            ends_at >= now && (self.within.is_zero() || ends_at <= now + self.within)
        };
        in_time
            && (self.created_by.is_empty() || silence.created_by == self.created_by)
            && (self.id.is_empty() || silence.id == self.id)
    }
}
