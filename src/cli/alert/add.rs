//! `tocsin alert add`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::amtool::{Amtool, imply_alert_name, pairs};
use crate::client::{ApiTime, PostableAlert};

#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    amtool: Amtool,
    /// Labels as NAME=VALUE; a first one without a name is the name of the alert.
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,
    /// Where the alert comes from.
    #[arg(long = "generator-url", value_name = "URL", default_value = "")]
    generator_url: String,
    /// Since when it fires (RFC 3339); now if not given.
    #[arg(long, value_name = "TIME", value_parser = ApiTime::parse_rfc3339)]
    start: Option<ApiTime>,
    /// When it ends (RFC 3339); by itself if not given.
    #[arg(long, value_name = "TIME", value_parser = ApiTime::parse_rfc3339)]
    end: Option<ApiTime>,
    /// An annotation as NAME=VALUE; may be given more than once.
    #[arg(long = "annotation", value_name = "NAME=VALUE")]
    annotations: Vec<String>,
}

impl Add {
    pub(super) fn run(mut self) -> anyhow::Result<ExitCode> {
        let mode = self.amtool.mode;
        imply_alert_name(&mut self.labels, mode);
        let alert = PostableAlert {
            labels: pairs(&self.labels, "labels", mode)?,
            annotations: pairs(&self.annotations, "annotations", mode)?,
            ends_at: self.end,
            starts_at: self.start,
            generator_url: self.generator_url,
        };
        self.amtool.run(async |client| {
            client.post_alerts(&[alert]).await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
