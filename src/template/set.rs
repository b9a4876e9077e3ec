//! Sets of templates, and templates ready to render.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ast::{Name, Named, Tree},
    data::Data,
    error::Error,
    html,
    machine::{Environment, Machine, RouteLabelSource, Trees},
    parser::parse,
    text::Text,
};

const DEFAULT: &str = include_str!("default.tmpl");
const EMAIL: &str = include_str!("email.tmpl");

/// The name of a configuration string's own template.
const NAMELESS: &str = "";

/// The named templates that the strings of a configuration can call: our default ones, and the files of the configuration
/// over them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TemplateSet {
    trees: Arc<Named>,
}

impl TemplateSet {
    /// A set without any template.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The set with the default templates of every integration.
    ///
    /// # Errors
    ///
    /// None in practice: the default templates are part of the program.
    pub fn with_defaults() -> Result<Self, Error> {
        let mut set = Self::empty();
        set.add("default.tmpl", DEFAULT)?;
        set.add("email.tmpl", EMAIL)?;
        Ok(set)
    }

    /// Adds the templates of a file under the file's base name. A later definition replaces an earlier one of the same name,
    /// unless it is blank.
    ///
    /// # Errors
    ///
    /// The file is not a template; the set is unchanged.
    pub fn add(&mut self, name: &str, source: &str) -> Result<(), Error> {
        let added = parse(name, source)?;
        let trees = Arc::make_mut(&mut self.trees);
        for (name, tree) in added {
            if tree.root.is_blank() && trees.contains_key(&name) {
                continue;
            }
            trees.insert(name, tree);
        }
        Ok(())
    }

    /// Whether a template of that name is defined.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.trees.contains_key(&Name::from(name))
    }

    /// Parses a string of the configuration, to be rendered as text. It can call the set's templates, and define its own
    /// over them.
    ///
    /// # Errors
    ///
    /// The string is not a template.
    pub fn text(&self, source: &str) -> Result<Template, Error> {
        let trees = Trees::new(Arc::clone(&self.trees), parse(NAMELESS, source)?);
        Template::new(trees, Mode::Text { set: self.clone() })
    }

    /// Parses a string of the configuration, to be rendered as HTML with contextual escaping.
    ///
    /// # Errors
    ///
    /// The string is not a template, or the HTML in it or in what it calls leaves the context of an action open.
    pub fn html(&self, source: &str) -> Result<Template, Error> {
        let own = parse(NAMELESS, source)?;
        let trees = html::escape(&Trees::new(Arc::clone(&self.trees), own), NAMELESS)?;
        Template::new(trees, Mode::Html { set: self.clone() })
    }

    /// Renders the route labels of the data, which are templates that may refer to each other by `routeLabels`. A label that
    /// cannot be rendered has its error.
    #[must_use]
    pub fn route_labels(
        &self,
        data: &Arc<Data>,
        environment: &Environment,
    ) -> BTreeMap<Text, Result<Text, String>> {
        let mode = Mode::Text { set: self.clone() };
        let mut machine = Machine::new(environment, Arc::clone(data), &mode);
        let names = data.route_labels.pairs().map(|(name, _)| name.clone());
        names.map(|name| (name.clone(), machine.route_label(&name))).collect()
    }
}

/// How a template is rendered, and the set that the route labels it asks for are rendered with.
#[derive(Debug, Clone)]
enum Mode {
    Text { set: TemplateSet },
    Html { set: TemplateSet },
}

impl RouteLabelSource for Mode {
    fn render(&self, machine: &mut Machine<'_>, template: &Text, data: &Arc<Data>) -> Result<Text, Error> {
        let source = template.lossy();
        let template = match self {
            Self::Text { set } => set.text(&source)?,
            Self::Html { set } => set.html(&source)?,
        };
        Ok(machine.run(&template.trees, &template.root, data)?.into())
    }
}

/// A parsed template, which can be rendered any number of times. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Template {
    trees: Arc<Trees>,
    root: Arc<Tree>,
    mode: Mode,
}

impl Template {
    fn new(trees: Trees, mode: Mode) -> Result<Self, Error> {
        let root = trees.get(&Name::from(NAMELESS)).cloned();
        let root = root.ok_or_else(|| Error::NoSuchTemplate("\"\"".to_owned()))?;
        Ok(Self { trees: Arc::new(trees), root, mode })
    }

    /// Renders the template on the data of a notification. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    ///
    /// The template fails on this data, or reaches one of the environment's limits. There is no partial output.
    pub fn render(&self, data: &Arc<Data>, environment: &Environment) -> Result<String, Error> {
        let mut machine = Machine::new(environment, Arc::clone(data), &self.mode);
        let out = machine.run(&self.trees, &self.root, data)?;
        Ok(String::from_utf8(out)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}
