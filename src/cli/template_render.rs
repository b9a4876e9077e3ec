//! `tocsin template render`: what a template prints, as `amtool template render` shows it.

mod data;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;

use crate::daemon::load_templates;
use crate::template::{Environment, Time, Zone};

/// Work with notification templates.
#[derive(Debug, Subcommand)]
pub(super) enum Template {
    /// Print what a template gives. The default templates are there to be called.
    Render(Render),
}

/// Print what a template gives. The default templates are there to be called.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// Template files, as a pattern. May be repeated; what matches nothing is no error.
    #[arg(long = "template.glob", value_name = "PATTERN", required = true)]
    globs: Vec<PathBuf>,

    /// The template to render.
    #[arg(long = "template.text", value_name = "TEMPLATE")]
    text: String,

    /// Whether it is rendered as text, or as HTML with escaping.
    #[arg(long = "template.type", value_name = "TYPE", default_value = "text")]
    kind: Kind,

    /// A JSON file with the notification to render it on, in the form of the webhook's body. Default: two alerts made
    /// up for it.
    #[arg(long = "template.data", value_name = "FILE")]
    data: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Html,
    Text,
}

impl Template {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Render(render) = self;
        print!("{}", render.rendered()?);
        Ok(ExitCode::SUCCESS)
    }
}

impl Render {
    fn rendered(&self) -> anyhow::Result<String> {
        let set = load_templates(&self.globs)?;
        let now = jiff::Timestamp::now();
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let now = Time::new(now.as_second(), nanos, Zone::Utc);
        let local = local_zone();
        let data = match &self.data {
            Some(file) => data::read(file, &local)?,
            None => data::sample(&now.with_zone(local.clone())),
        };
        let template = match self.kind {
            Kind::Text => set.text(&self.text)?,
            Kind::Html => set.html(&self.text)?,
        };
        Ok(template.render(&Arc::new(data), &Environment::new(now, local))?)
    }
}

/// The machine's zone, under the name that Go gives it.
fn local_zone() -> Zone {
    let name = std::env::var("TZ").ok().filter(|name| !name.is_empty());
    Zone::local(name.as_deref().unwrap_or("Local"), TimeZone::system())
}
