//! The routing tree of a file or of a server's configuration, and how it is drawn.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::amtool::Amtool;
use crate::config::AlertmanagerFile;
use crate::engine::{Options, PlanDefinition, Route, RouteTree};

/// Where the routes come from.
#[derive(Debug, Args)]
pub(super) struct Source {
    #[command(flatten)]
    pub(super) amtool: Amtool,
    /// An alertmanager.yml, instead of the configuration that a server uses.
    #[arg(long = "config.file", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Source {
    /// Hands the routes to a command.
    pub(super) fn run(
        &self,
        command: impl FnOnce(&RouteTree) -> anyhow::Result<ExitCode>,
    ) -> anyhow::Result<ExitCode> {
        let mode = self.amtool.mode;
        if let Some(file) = &self.file {
            if self.amtool.url.is_some() {
                eprintln!("Warning: --config.file flag overrides the --alertmanager.url.");
            }
            return command(&tree(&AlertmanagerFile::load(file, mode)?)?);
        }
        self.amtool.run(async |client| {
            let original = client.status().await?.config.original;
            let name = Path::new("the server's configuration");
            command(&tree(&AlertmanagerFile::parse(name, &original, mode)?)?)
        })
    }
}

fn tree(file: &AlertmanagerFile) -> anyhow::Result<RouteTree> {
    Ok(RouteTree::new(&PlanDefinition::from_config(file, Options::default()).routes)?)
}

/// Draws the nodes for which `text` gives a text, below the node at `place`.
pub(super) fn draw(routes: &RouteTree, text: &dyn Fn(usize, &Route) -> Option<String>) -> String {
    let mut drawing = ".\n".to_owned();
    draw_nodes(routes, &[0], "", text, &mut drawing);
    drawing
}

fn draw_nodes(
    routes: &RouteTree,
    places: &[usize],
    indent: &str,
    text: &dyn Fn(usize, &Route) -> Option<String>,
    drawing: &mut String,
) {
    let nodes: Vec<(&Route, String)> = places
        .iter()
        .filter_map(|place| {
            let route = routes.get(*place)?;
            Some((route, text(*place, route)?))
        })
        .collect();
    let last = nodes.len().saturating_sub(1);
    for (number, (route, text_of_node)) in nodes.iter().enumerate() {
        let (branch, below) = if number == last { ("└── ", "    ") } else { ("├── ", "│   ") };
        drawing.extend([indent, branch, text_of_node, "\n"]);
        draw_nodes(routes, &route.children, &format!("{indent}{below}"), text, drawing);
    }
}

/// What a node is called: its matchers.
pub(super) fn name(route: &Route) -> String {
    if route.matchers.is_empty() { "default-route".to_owned() } else { route.matchers.to_string() }
}
