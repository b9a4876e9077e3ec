//! `tocsin config routes show`.

use std::process::ExitCode;

use clap::Args;

use super::routes::{Source, draw, name};
use crate::engine::RouteTree;

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    source: Source,
}

impl Show {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        self.source.run(|routes| {
            println!("Routing tree:\n{}", drawn(routes));
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn drawn(routes: &RouteTree) -> String {
    draw(routes, &|_, route| {
        let continues = if route.continues { "  continue: true" } else { "" };
        Some(format!("{}{continues}  receiver: {}", name(route), route.options.receiver))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::AlertmanagerFile;
    use crate::engine::{Options, PlanDefinition};
    use crate::model::MatcherMode;

    #[test]
    fn the_tree_is_drawn_as_amtool_draws_it() {
        let text = "
route:
  receiver: ops
  routes:
    - {matchers: [team=a], receiver: a, continue: true, routes: [{match_re: {x: 'y|z'}}]}
    - {matchers: [team=b]}
receivers: [{name: ops}, {name: a}]
";
        let file = AlertmanagerFile::parse(Path::new("am.yml"), text, MatcherMode::default()).unwrap();
        let routes = RouteTree::new(&PlanDefinition::from_config(&file, Options::default()).routes).unwrap();
        assert_eq!(
            drawn(&routes),
            ".\n\
             └── default-route  receiver: ops\n\
            \x20   ├── {team=\"a\"}  continue: true  receiver: a\n\
            \x20   │   └── {x=~\"^(?:y|z)$\"}  receiver: a\n\
            \x20   └── {team=\"b\"}  receiver: ops\n"
        );
    }
}
