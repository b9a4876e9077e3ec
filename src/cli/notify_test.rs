//! `tocsin notify test`: whether a receiver works. Each of its integrations sends a notification that is marked as a
//! test, and what the service answers is printed. A running tocsin is neither needed nor told.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use tokio::task::JoinSet;

use super::features::matcher_mode;
use crate::config::alertmanager::ReceiverConfig;
use crate::config::{AlertmanagerFile, Config};
use crate::daemon::load_templates;
use crate::model::{MatcherMode, Timestamp};
use crate::notify::{
    Delivered, Failure, Integration, Metrics, Sample, Surroundings, build_receiver_integrations,
};
use crate::template::Zone;

/// Work with receivers.
#[derive(Debug, Subcommand)]
pub(super) enum Notify {
    /// Send a notification that is marked as a test to a receiver, and print what the services answer.
    Test(Test),
}

/// Send a notification that is marked as a test to a receiver, and print what the services answer.
///
/// What fires is told so until its end is sent: `--state=resolved` closes an incident that a test has opened.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The receiver. A route need not lead to it.
    #[arg(long, value_name = "NAME")]
    receiver: String,

    /// The alertmanager.yml. May be given twice, as to the sidecar.
    #[arg(long = "config.file", value_name = "FILE", default_value = "alertmanager.yml")]
    config_file: Vec<PathBuf>,

    /// What the notification tells: an alert that fires, one that has ended, or one of each.
    #[arg(long, value_name = "STATE", default_value = "firing")]
    state: State,

    /// What links in the notification begin with.
    #[arg(long = "web.external-url", value_name = "URL", default_value = "http://localhost:9093")]
    external_url: String,

    /// Let `exec_configs` run programs.
    #[arg(long = "notify.allow-exec")]
    allow_exec: bool,

    /// How matchers and label names are read: classic-mode or utf8-strict-mode.
    #[arg(long = "enable-feature", value_name = "FEATURES", default_value = "", value_parser = matcher_mode)]
    mode: MatcherMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Firing,
    Resolved,
    Mixed,
}

impl State {
    /// The sample for an integration; `None`: it would not be told.
    const fn sample(self, send_resolved: bool) -> Option<Sample> {
        match (self, send_resolved) {
            (Self::Firing, _) | (Self::Mixed, false) => Some(Sample::Firing),
            (Self::Mixed, true) => Some(Sample::Mixed),
            (Self::Resolved, true) => Some(Sample::Resolved),
            (Self::Resolved, false) => None,
        }
    }
}

impl Notify {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Test(test) = self;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tested = runtime.block_on(test.send())?;
        print!("{}", tested.page);
        Ok(if tested.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// What came of it.
#[derive(Debug)]
struct Tested {
    page: String,
    failed: bool,
}

impl Test {
    async fn send(&self) -> anyhow::Result<Tested> {
        let environment = |name: &str| std::env::var(name).ok();
        let config = Config::load(&self.config_file, &environment, self.mode)?;
        let Some(file) = &config.alertmanager else {
            bail!("receivers stand in an alertmanager.yml, and none was given (--config.file)");
        };
        let receiver = self.find(file)?;
        let surroundings = Arc::new(Surroundings {
            templates: load_templates(&file.templates)?,
            external_url: self.external_url.trim_end_matches('/').into(),
            zone: Zone::local("Local", TimeZone::system()),
            clock: now,
            may_execute: self.allow_exec,
        });
        let integrations = build_receiver_integrations(receiver, &surroundings)?;
        if integrations.is_empty() {
            bail!("receiver {:?} has no integrations: nobody is told", receiver.name);
        }
        let mut tested = Tested { page: String::new(), failed: false };
        for (integration, result) in integrations.iter().zip(self.attempts(&integrations).await?) {
            tested.add(integration, result);
        }
        Ok(tested)
    }

    fn find<'a>(&self, file: &'a AlertmanagerFile) -> anyhow::Result<&'a ReceiverConfig> {
        let wanted = file.receivers.iter().find(|receiver| receiver.name == self.receiver);
        let Some(receiver) = wanted else {
            let names: Vec<_> = file.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
            bail!("there is no receiver {:?}; there are: {}", self.receiver, names.join(", "));
        };
        Ok(receiver)
    }

    /// One attempt of each, all at once; `None` for those that would not be told.
    async fn attempts(
        &self,
        integrations: &[Arc<Integration>],
    ) -> anyhow::Result<Vec<Option<Result<Delivered, Failure>>>> {
        let metrics = Arc::new(Metrics::new()?);
        let mut results: Vec<_> = integrations.iter().map(|_| None).collect();
        let mut running = JoinSet::new();
        for (place, integration) in integrations.iter().enumerate() {
            let Some(sample) = self.state.sample(integration.send_resolved()) else { continue };
            let notification = sample.notification(integration.id().clone(), now());
            let (integration, metrics) = (Arc::clone(integration), Arc::clone(&metrics));
            running.spawn(async move { (place, integration.attempt(notification, &metrics).await) });
        }
        while let Some(ended) = running.join_next().await {
            let (place, result) = ended?;
            if let Some(slot) = results.get_mut(place) {
                *slot = Some(result);
            }
        }
        Ok(results)
    }
}

impl Tested {
    fn add(&mut self, integration: &Integration, result: Option<Result<Delivered, Failure>>) {
        let outcome = match result {
            None => "not told of ends (send_resolved: false)".to_owned(),
            Some(Ok(Delivered { answer, .. })) if answer.is_empty() => "delivered".to_owned(),
            Some(Ok(Delivered { answer, .. })) => format!("delivered: {answer}"),
            Some(Err(Failure { retry, error, .. })) => {
                self.failed = true;
                let again = if retry { "would be tried again" } else { "for good" };
                format!("FAILED ({again}): {error}")
            }
        };
        self.line(&format!("{}: {outcome}", integration.id()));
        for fault in integration.failing_templates() {
            self.line(&format!("  the template of {} fails: {}", fault.field, fault.error));
        }
    }

    /// Adds a line. What came from a service does not steer the terminal.
    fn line(&mut self, text: &str) {
        let shown = text.trim_end().replace("\r\n", "\n").replace('\n', "\n  ");
        for character in shown.chars() {
            if character.is_control() && character != '\n' {
                // Writing to a string does not fail.
                write!(self.page, "{}", character.escape_default()).ok();
            } else {
                self.page.push(character);
            }
        }
        self.page.push('\n');
    }
}

fn now() -> Timestamp {
    let now = jiff::Timestamp::now();
    Timestamp::from_unix(now.as_second(), u32::try_from(now.subsec_nanosecond()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_told_of_ends_is_not_tried_with_one() {
        assert_eq!(State::Resolved.sample(false), None);
        assert_eq!(State::Resolved.sample(true), Some(Sample::Resolved));
        assert_eq!(State::Mixed.sample(false), Some(Sample::Firing));
        assert_eq!(State::Mixed.sample(true), Some(Sample::Mixed));
    }

    #[test]
    fn an_answer_does_not_steer_the_terminal() {
        let mut tested = Tested { page: String::new(), failed: false };
        tested.line("a: 200 OK: one\r\ntwo\u{1b}[2J\n");
        assert_eq!(tested.page, "a: 200 OK: one\n  two\\u{1b}[2J\n");
    }
}
