//! `tocsin silence expire`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use crate::cli::amtool::Amtool;

#[derive(Debug, Args)]
pub(super) struct Expire {
    #[command(flatten)]
    amtool: Amtool,
    /// Ids of silences.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

impl Expire {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.ids.is_empty() {
            bail!("no silence IDs specified");
        }
        self.amtool.run(async |client| {
            for id in &self.ids {
                client.delete_silence(id).await?;
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}
