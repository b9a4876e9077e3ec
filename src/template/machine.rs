//! What a rendering runs on: the trees it may call, the time and zone of its surroundings, and a budget that bounds
//! its work, so that no template can hang or exhaust the process.

use std::{collections::BTreeMap, sync::Arc};

use regex::bytes::Regex;

use super::{
    ast::{Name, Named, Tree},
    data::{Alert, ByStatus, Data},
    error::Error,
    exec::Exec,
    regexp,
    text::Text,
    time::{Time, Zone},
    value::{Items, Value},
};

/// The bounds of one rendering. What reaches one is an execution error.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How deeply control structures and template calls may be nested while running.
    pub depth: usize,
    /// Bytes of output, and of any one text made on the way.
    pub output: usize,
    /// Evaluated nodes; making text, lists and expressions costs steps by size.
    pub steps: u64,
}

impl Default for Limits {
    /// 200 levels, 16 MiB, ten million steps (a second or so).
    fn default() -> Self {
        Self { depth: 200, output: 16 << 20, steps: 10_000_000 }
    }
}

/// What a template can learn about its surroundings.
#[derive(Debug, Clone)]
pub struct Environment {
    /// What `now` returns.
    pub now: Time,
    /// The zone called `Local`.
    pub local: Zone,
    /// The bounds of a rendering.
    pub limits: Limits,
}

impl Environment {
    /// An environment at an instant, with the given local zone and the default limits.
    #[must_use]
    pub fn new(now: Time, local: Zone) -> Self {
        Self { now, local, limits: Limits::default() }
    }
}

/// The templates a rendering can call: those of the configuration string over those of the set.
#[derive(Debug, Clone, Default)]
pub(super) struct Trees {
    base: Arc<Named>,
    own: Named,
}

impl Trees {
    /// What is `own` hides what is `base`, unless it is blank.
    pub(super) fn new(base: Arc<Named>, mut own: Named) -> Self {
        own.retain(|name, tree| !(base.contains_key(name) && tree.root.is_blank()));
        Self { base, own }
    }

    pub(super) fn get(&self, name: &Name) -> Option<&Arc<Tree>> {
        self.own.get(name).or_else(|| self.base.get(name))
    }
}

/// How a route label's template is rendered while others refer to it.
pub(super) trait RouteLabelSource {
    /// Renders the label on the machine that asks.
    fn render(&self, machine: &mut Machine<'_>, template: &Text, data: &Arc<Data>) -> Result<Text, Error>;
}

/// The state that all templates of one rendering share.
pub(super) struct Machine<'a> {
    pub(super) environment: &'a Environment,
    pub(super) depth: usize,
    steps: u64,
    regexes: Vec<(Text, Regex)>,
    data: Arc<Data>,
    source: &'a dyn RouteLabelSource,
    rendered: BTreeMap<Text, Text>,
    rendering: Vec<Text>,
    by_status: Option<ByStatus>,
}

/// Regular expressions compiled in one rendering that are kept for the rest of it.
const MAX_REGEXES: usize = 16;

/// Bytes that a rendering has room for at first, and for each alert.
const SOME_OUTPUT: usize = 512;

/// What compiling a regular expression costs, in steps.
const REGEX_COST: usize = 2_000;

impl<'a> Machine<'a> {
    pub(super) fn new(
        environment: &'a Environment,
        data: Arc<Data>,
        source: &'a dyn RouteLabelSource,
    ) -> Self {
        Self {
            environment,
            depth: 0,
            steps: environment.limits.steps,
            regexes: Vec::new(),
            data,
            source,
            rendered: BTreeMap::new(),
            rendering: Vec::new(),
            by_status: None,
        }
    }

    /// Takes `cost` steps from the budget.
    pub(super) fn spend(&mut self, cost: usize) -> Result<(), String> {
        match self.steps.checked_sub(cost as u64) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(format!("template runs for more than {} steps", self.environment.limits.steps))
            }
        }
    }

    /// Pays for a text that was made, and refuses one that is too long.
    pub(super) fn make_text(&mut self, text: impl Into<Text>) -> Result<Value, String> {
        Ok(Value::string(self.pay(text)?))
    }

    pub(super) fn pay(&mut self, text: impl Into<Text>) -> Result<Text, String> {
        let text = text.into();
        self.check_size(text.len())?;
        self.spend(text.len() / 8)?;
        Ok(text)
    }

    pub(super) fn check_size(&self, len: usize) -> Result<(), String> {
        let limit = self.environment.limits.output;
        if len > limit { Err(format!("text is longer than {limit} bytes")) } else { Ok(()) }
    }

    /// A compiled regular expression in Go's syntax.
    pub(super) fn regex(&mut self, pattern: &Text) -> Result<Regex, String> {
        if let Some((_, regex)) = self.regexes.iter().find(|(known, _)| known == pattern) {
            return Ok(regex.clone());
        }
        self.spend(REGEX_COST + pattern.len() * 8)?;
        let regex = regexp::compile(pattern)?;
        if self.regexes.len() == MAX_REGEXES {
            self.regexes.remove(0);
        }
        self.regexes.push((pattern.clone(), regex.clone()));
        Ok(regex)
    }

    /// The alerts of a list by their status; sorted once for all the times that one list is asked about.
    pub(super) fn by_status(&mut self, alerts: &Items<Arc<Alert>>) -> &ByStatus {
        let known = self.by_status.take().filter(|known| known.is_of(alerts));
        self.by_status.insert(known.unwrap_or_else(|| ByStatus::new(alerts)))
    }

    /// A route label of the data, rendered at most once; it may refer to others, but not to itself.
    pub(super) fn route_label(&mut self, name: &Text) -> Result<Text, String> {
        let Some(raw) = self.data.route_labels.get(name).cloned() else { return Ok(Text::new()) };
        if self.data.route_labels_rendered {
            return Ok(raw);
        }
        if let Some(known) = self.rendered.get(name) {
            return Ok(known.clone());
        }
        if self.rendering.contains(name) {
            let path: Vec<_> = self.rendering.iter().chain([name]).map(Text::to_string).collect();
            return Err(Error::RouteLabelCycle(path.join(" -> ")).to_string());
        }
        self.rendering.push(name.clone());
        let (source, data) = (self.source, Arc::clone(&self.data));
        let rendered = source.render(self, &raw, &data);
        self.rendering.pop();
        let rendered = rendered.map_err(|error| error.to_string())?;
        self.rendered.insert(name.clone(), rendered.clone());
        Ok(rendered)
    }

    /// Runs a tree on the data.
    pub(super) fn run(&mut self, trees: &Trees, root: &Tree, data: &Arc<Data>) -> Result<Vec<u8>, Error> {
        let mut out = Vec::with_capacity(SOME_OUTPUT + data.alerts.len() * SOME_OUTPUT);
        let dot = Value::Data(Arc::clone(data));
        Exec::new(self, trees, root, &dot, &mut out).run(&dot).map_err(|fault| *fault)?;
        Ok(out)
    }
}
