//! `tocsin silence import`.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::task::JoinSet;

use crate::cli::amtool::Amtool;
use crate::client::{ApiError, ApiV2, PostableSilence};

#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    amtool: Amtool,
    /// A file with a JSON array of silences, as `silence query -o json` prints it; standard input if not given.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Make new silences instead of changing those of the same id.
    #[arg(short, long)]
    force: bool,
    /// How many requests to make at once.
    #[arg(short, long, value_name = "N", default_value_t = 8)]
    worker: usize,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let silences = self.read()?;
        self.amtool.run(async |client| {
            let all = silences.len();
            let mut failed = 0;
            let mut waiting = silences.into_iter();
            let mut requests = JoinSet::new();
            loop {
                while requests.len() < self.worker.max(1)
                    && let Some(silence) = waiting.next()
                {
                    requests.spawn(import(client.clone(), silence));
                }
                let Some(imported) = requests.join_next().await else { break };
                let (id, imported) = imported?;
                match imported {
                    Ok(id) => println!("{id}"),
                    Err(error) => {
                        failed += 1;
                        eprintln!("Error adding silence id='{id}': {error}");
                    }
                }
            }
            if failed > 0 {
                bail!("couldn't import {failed} out of {all} silences");
            }
            Ok(ExitCode::SUCCESS)
        })
    }

    fn read(&self) -> anyhow::Result<Vec<PostableSilence>> {
        let mut text = Vec::new();
        match &self.file {
            Some(path) if !path.exists() => bail!("path '{}' does not exist", path.display()),
            Some(path) => {
                text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            }
            None => {
                std::io::stdin().read_to_end(&mut text).context("cannot read standard input")?;
            }
        }
        let mut silences: Vec<PostableSilence> = serde_json::from_slice(&text)
            .map_err(|error| anyhow::anyhow!("couldn't unmarshal input data, is it JSON?: {error}"))?;
        if self.force {
            silences.iter_mut().for_each(|silence| silence.id = None);
        }
        Ok(silences)
    }
}

/// Makes one silence; a new one if the server does not know its id. The id that it has, and the one it gets.
async fn import(client: ApiV2, mut silence: PostableSilence) -> (String, Result<String, ApiError>) {
    let id = silence.id.clone().unwrap_or_default();
    let mut imported = client.post_silence(&silence).await;
    if !id.is_empty() && imported.as_ref().is_err_and(ApiError::is_not_found) {
        silence.id = None;
        imported = client.post_silence(&silence).await;
    }
    (id, imported)
}
