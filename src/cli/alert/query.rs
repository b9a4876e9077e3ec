//! `tocsin alert query`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::amtool::{Amtool, Output, Table, imply_alert_name, json_line};
use crate::client::{AlertQuery, ApiLabelSet, GettableAlert};

#[derive(Debug, Args)]
pub(super) struct Query {
    #[command(flatten)]
    amtool: Amtool,
    /// Matchers; a first one without an operator is the name of an alert.
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// Show inhibited alerts.
    #[arg(short, long)]
    inhibited: bool,
    /// Show silenced alerts.
    #[arg(short, long)]
    silenced: bool,
    /// Show active alerts.
    #[arg(short, long)]
    active: bool,
    /// Show unprocessed alerts.
    #[arg(short, long)]
    unprocessed: bool,
    /// Show alerts of receivers whose whole name matches this regular expression.
    #[arg(short, long, value_name = "REGEX", default_value = "")]
    receiver: String,
}

impl Query {
    pub(super) fn run(mut self) -> anyhow::Result<ExitCode> {
        imply_alert_name(&mut self.matchers, self.amtool.mode);
        let one = self.inhibited || self.silenced || self.active || self.unprocessed;
        let query = AlertQuery {
            active: self.active || !one,
            inhibited: self.inhibited,
            silenced: self.silenced,
            unprocessed: self.unprocessed,
            receiver: self.receiver,
            filter: self.matchers,
        };
        let amtool = &self.amtool;
        amtool.run(async |client| {
            print!("{}", shown(client.alerts(&query).await?, amtool)?);
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn shown(mut alerts: Vec<GettableAlert>, amtool: &Amtool) -> anyhow::Result<String> {
    if amtool.output == Output::Json {
        return Ok(json_line(&alerts)? + "\n");
    }
    alerts.sort_by_key(|alert| alert.starts_at.at);
    let of = |labels: &ApiLabelSet, name: &str| labels.get(name).cloned().unwrap_or_default();
    let mut table;
    if amtool.output == Output::Simple {
        table = Table::new(&["Alertname", "Starts At", "Summary", "State"]);
        for alert in alerts {
            table.row([
                of(&alert.labels, "alertname"),
                amtool.date(alert.starts_at),
                of(&alert.annotations, "summary"),
                alert.status.state,
            ]);
        }
    } else {
        table = Table::new(&["Labels", "Annotations", "Starts At", "Ends At", "Generator URL", "State"]);
        for alert in alerts {
            table.row([
                joined(&alert.labels),
                joined(&alert.annotations),
                amtool.date(alert.starts_at),
                amtool.date(alert.ends_at),
                alert.generator_url,
                alert.status.state,
            ]);
        }
    }
    Ok(table.text())
}

/// The pairs by name, with quotes and blanks between them; nothing is escaped.
fn joined(labels: &ApiLabelSet) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    pairs.join(" ")
}
