//! The command line: `tocsin` alone runs the sidecar, a command does one thing and ends. Flags carry the names
//! that Prometheus and Alertmanager use.

mod alert;
mod amtool;
mod check_config;
mod cluster;
mod cluster_flags;
mod config;
mod features;
mod flags;
mod notify_test;
mod queues;
mod silence;
mod template_render;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

pub use flags::Flags;

/// A Prometheus-side notifier sidecar: takes alerts from rule engines, keeps them on disk, and delivers them to
/// every Alertmanager.
#[derive(Debug, Parser)]
#[command(name = "tocsin", version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check configuration files as a start or a reload would, and say where they are wrong.
    CheckConfig(check_config::CheckConfig),
    /// Show and add alerts (amtool's flags, configuration file and output).
    #[command(subcommand)]
    Alert(alert::Alert),
    /// Show, add, change and end silences (as amtool).
    #[command(subcommand)]
    Silence(silence::Silence),
    /// Show the configuration in use, and try its routes (as amtool).
    #[command(subcommand)]
    Config(config::Config),
    /// Show the cluster (as amtool).
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// Show the queue of every Alertmanager: its length, its last answer, what was given up and why.
    Queues(queues::Queues),
    /// Work with receivers.
    #[command(subcommand)]
    Notify(notify_test::Notify),
    /// Work with notification templates.
    #[command(subcommand)]
    Template(template_render::Template),
}

/// Runs the program on `arguments`, whose first is its own name; gives its exit code.
///
/// As with Prometheus, 2 stands for a wrong command line and 1 for everything that fails later; the commands that amtool
/// has give its 1 for both.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = spell_out_negations(arguments).collect();
    let arguments = match amtool::normalise(arguments, &CommandLine::command()) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("tocsin: {error}");
            return ExitCode::FAILURE;
        }
    };
    let wrong_usage = if amtool::is_command(&arguments) { 1 } else { 2 };
    let command_line = match CommandLine::try_parse_from(arguments) {
        Ok(command_line) => command_line,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { wrong_usage } else { 0 });
        }
    };
    let result = match command_line.command {
        None => command_line.flags.run(),
        Some(Command::CheckConfig(command)) => command.run(),
        Some(Command::Alert(command)) => command.run(),
        Some(Command::Silence(command)) => command.run(),
        Some(Command::Config(command)) => command.run(),
        Some(Command::Cluster(command)) => command.run(),
        Some(Command::Queues(command)) => command.run(),
        Some(Command::Notify(command)) => command.run(),
        Some(Command::Template(command)) => command.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tocsin: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and what caused it. Errors of the rooms tell their cause themselves; it is not told twice.
fn with_causes(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

/// Kingpin's negation of switches: `--no-some.switch` means `--some.switch=false`.
fn spell_out_negations(arguments: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments.into_iter().map(|argument| {
        match argument.to_str().and_then(|text| text.strip_prefix("--no-")) {
            Some(switch) if flags::SWITCHES.contains(&switch) || amtool::SWITCHES.contains(&switch) => {
                format!("--{switch}=false").into()
            }
            _ => argument,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::TemplateFileError;

    fn parse(arguments: &[&str]) -> Result<CommandLine, clap::Error> {
        let all = std::iter::once("tocsin").chain(arguments.iter().copied()).map(OsString::from);
        CommandLine::try_parse_from(spell_out_negations(all))
    }

    #[test]
    fn a_cause_is_told_once() {
        let missing = || std::io::Error::other("no such file");
        let told = TemplateFileError::Read { path: "a.tmpl".into(), source: missing() };
        assert_eq!(with_causes(&told.into()), "a.tmpl: no such file");
        assert_eq!(with_causes(&anyhow::Error::new(missing()).context("b.tmpl")), "b.tmpl: no such file");
    }

    #[test]
    fn every_flag_is_consistent() {
        CommandLine::command().debug_assert();
        for switch in flags::SWITCHES {
            assert!(
                CommandLine::command().get_arguments().any(|argument| argument.get_long() == Some(switch)),
                "{switch} is no flag"
            );
        }
    }

    #[test]
    fn switches_are_negated_as_kingpin_does() {
        let drains = |arguments: &[&str]| parse(arguments).unwrap().flags.drain();
        assert!(drains(&[]));
        assert!(!drains(&["--no-alertmanager.drain-notification-queue-on-shutdown"]));
        assert!(!drains(&["--alertmanager.drain-notification-queue-on-shutdown=false"]));
        assert!(drains(&["--alertmanager.drain-notification-queue-on-shutdown"]));
    }

    #[test]
    fn lists_repeat_and_single_flags_do_not() {
        assert!(parse(&["--web.listen-address=:1", "--web.listen-address", "unix:/tmp/s"]).is_ok());
        assert!(parse(&["--log.level=info", "--log.level=warn"]).is_err());
        assert!(parse(&["--log.level=loud"]).is_err());
        assert!(parse(&["--no-such"]).is_err());
    }
}
