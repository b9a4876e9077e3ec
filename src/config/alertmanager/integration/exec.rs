//! `exec_configs`, which Alertmanager does not have.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::go_duration::GoDuration;
use crate::config::secret::Secret;
use crate::config::yaml::{Fields, Value};

/// Notifications by a program that is started for each and reads the webhook's JSON from its standard input. The daemon
/// builds such an integration only if a flag allows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecConfig {
    /// `command`: the program and its arguments, none of them a template; no shell is involved. A program with a slash
    /// in its relative path is joined to the directory of the file, one without is looked for in `PATH`.
    pub command: Vec<String>,
    /// `environment`: variables added to those that programs inherit.
    pub environment: BTreeMap<String, Secret>,
    /// `max_alerts`: how many alerts a notification holds; 0 for all.
    pub max_alerts: u64,
    /// `timeout` after which the program is killed, 30 seconds by default; never zero.
    pub timeout: Duration,
}

const TIMEOUT: Duration = Duration::from_secs(30);

impl ExecConfig {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let items = fields.items("command");
        let mut command: Vec<String> = fields.get_or_default("command");
        match (items.first(), command.first_mut()) {
            (Some(item), Some(program)) if program.contains('/') => *program = joined(item)?,
            (Some(item), Some(program)) if program.is_empty() => item.fault("the program has no name"),
            (Some(_), Some(_)) => {}
            _ => fields.value().fault_with_help(
                "missing command in exec config",
                "write the program and its arguments as a list, such as `command: [/usr/local/bin/page, --loud]`",
            ),
        }
        for (item, argument) in items.iter().zip(&command) {
            if argument.contains("{{") {
                item.fault_with_help(
                    "a command is not a template",
                    "the program reads the alerts as JSON from its standard input",
                );
            }
        }
        let GoDuration(timeout) = fields.get_or("timeout", GoDuration(TIMEOUT));
        if timeout.is_zero() {
            fields.fault_at_key("timeout", "a program needs a timeout above zero");
        }
        let environment = fields.get_or_default("environment");
        Some(Self { command, environment, max_alerts: fields.get_or_default("max_alerts"), timeout })
    }
}

fn joined(item: &Value<'_>) -> Option<String> {
    use crate::config::yaml::Decode as _;
    let path = std::path::PathBuf::decode(&item.joining_paths(true))?;
    path.into_os_string().into_string().ok()
}
