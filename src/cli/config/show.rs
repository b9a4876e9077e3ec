//! `tocsin config show`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::amtool::{Amtool, Output, json_line};

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    amtool: Amtool,
}

impl Show {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let output = self.amtool.output;
        self.amtool.run(async |client| {
            let status = client.status().await?;
            if output == Output::Json {
                println!("{}", json_line(&status)?);
                return Ok(ExitCode::SUCCESS);
            }
            println!("{}", status.config.original);
            if output == Output::Extended {
                let version = &status.version_info;
                println!("buildUser {}", version.build_user);
                println!("goVersion {}", version.go_version);
                println!("revision {}", version.revision);
                println!("version {}", version.version);
                println!("branch {}", version.branch);
                println!("buildDate {}", version.build_date);
                println!("uptime {}", status.uptime);
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}
