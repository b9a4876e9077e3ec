//! `tocsin silence update`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::end_after;
use super::show::shown;
use crate::cli::amtool::Amtool;
use crate::client::{ApiTime, GettableSilence, PostableSilence};

#[derive(Debug, Args)]
pub(super) struct Update {
    #[command(flatten)]
    amtool: Amtool,
    /// Ids of silences.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Show ids only.
    #[arg(short, long)]
    quiet: bool,
    /// How long it holds from its start on.
    #[arg(short, long, value_name = "DURATION", default_value = "")]
    duration: String,
    /// From when on it holds (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = ApiTime::parse_rfc3339)]
    start: Option<ApiTime>,
    /// Until when it holds (RFC 3339), instead of a duration.
    #[arg(long, value_name = "TIME", value_parser = ApiTime::parse_rfc3339)]
    end: Option<ApiTime>,
    /// Why.
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    comment: String,
}

impl Update {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.ids.is_empty() {
            bail!("no silence IDs specified");
        }
        self.amtool.run(async |client| {
            let mut updated = Vec::with_capacity(self.ids.len());
            for id in &self.ids {
                let mut silence = client.silence(id).await?;
                self.change(&mut silence)?;
                silence.id = client.post_silence(&PostableSilence::from(&silence)).await?;
                updated.push(silence);
            }
            if self.quiet {
                updated.iter().for_each(|silence| println!("{}", silence.id));
            } else {
                print!("{}", shown(updated, &self.amtool)?);
            }
            Ok(ExitCode::SUCCESS)
        })
    }

    fn change(&self, silence: &mut GettableSilence) -> anyhow::Result<()> {
        if let Some(start) = self.start {
            silence.starts_at = start;
        }
        if let Some(end) = self.end {
            silence.ends_at = end;
        } else if !self.duration.is_empty() {
            silence.ends_at = end_after(silence.starts_at, &self.duration)?;
        }
        if silence.starts_at.at > silence.ends_at.at {
            bail!("silence cannot start after it ends");
        }
        if !self.comment.is_empty() {
            silence.comment.clone_from(&self.comment);
        }
        Ok(())
    }
}
