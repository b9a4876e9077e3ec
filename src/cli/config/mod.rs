//! `tocsin config`: amtool's command of that name.

mod routes;
mod routes_show;
mod routes_test;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Show the configuration that a server uses.
    Show(show::Show),
    /// Show and try routes.
    #[command(subcommand)]
    Routes(Routes),
}

#[derive(Debug, Subcommand)]
pub(super) enum Routes {
    /// Show the routing tree.
    Show(routes_show::Show),
    /// Show which receivers an alert with these labels goes to.
    Test(routes_test::Test),
}

impl Config {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Show(show) => show.run(),
            Self::Routes(Routes::Show(show)) => show.run(),
            Self::Routes(Routes::Test(test)) => test.run(),
        }
    }
}
