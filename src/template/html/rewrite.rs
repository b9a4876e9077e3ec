//! Walks templates with a context and writes each anew with its escapers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    action::escape_action,
    context::{Context, State},
    literal::escape_text,
};
use crate::template::{
    ast::{Branch, Invocation, List, Name, Named, Node, Source, Tree},
    error::Error,
    machine::Trees,
    quote::quote,
};

/// Nodes looked at before escaping gives up. Loops in loops are walked twice each, so that this is not the templates' size.
const MAX_NODES: usize = 200_000;

/// The templates that `root` can reach, escaped; `root` itself under its name.
pub(in crate::template) fn escape(trees: &Trees, root: &str) -> Result<Trees, Error> {
    let mut escaper = Escaper { trees, found: Found::default(), loops: Vec::new(), nodes: 0, depth: 0 };
    let no_place = Place::default();
    let (context, _) = escaper.tree(Context::default(), root, no_place).map_err(|fault| fault.error(root))?;
    if context.state != State::Text {
        let description = format!("ends in a non-text context: {context}");
        return Err(Fault { place: Place::default(), description }.error(root));
    }
    Ok(Trees::new(Arc::default(), escaper.found.written))
}

/// Where a fault is: a node of a source, where that is known.
#[derive(Clone, Default)]
pub(super) struct Place {
    pub(super) source: Option<Arc<Source>>,
    pub(super) pos: usize,
}

pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) description: String,
}

impl Fault {
    fn error(self, root: &str) -> Error {
        let Place { source, pos } = self.place;
        let description = self.description;
        Error::Escape(match source {
            Some(source) => format!("html/template:{}: {description}", source.location(pos)),
            None if root.is_empty() => format!("html/template: {description}"),
            None => format!("html/template:{root}: {description}"),
        })
    }
}

/// What is known of the templates so far, by their mangled names.
#[derive(Clone, Default)]
struct Found {
    /// The context in which each ends.
    output: BTreeMap<String, Context>,
    written: Named,
    called: BTreeSet<String>,
}

/// The contexts at the `break`s and `continue`s of a loop, and their places.
#[derive(Default)]
struct Loop {
    breaks: Vec<(Context, usize)>,
    continues: Vec<(Context, usize)>,
}

struct Escaper<'a> {
    trees: &'a Trees,
    found: Found,
    loops: Vec<Loop>,
    nodes: usize,
    depth: usize,
}

/// The context after a part, and what the part became.
pub(super) type Walked<T> = Result<(Context, T), Fault>;

impl Escaper<'_> {
    /// Escapes a template for a context; gives the context in which it ends and the name of the copy for it.
    fn tree(&mut self, context: Context, name: &str, place: Place) -> Walked<String> {
        let mangled = context.mangle(name);
        self.found.called.insert(mangled.clone());
        if let Some(output) = self.found.output.get(&mangled) {
            return Ok((output.clone(), mangled));
        }
        let Some(tree) = self.trees.get(&Name::from(name)).cloned() else {
            let description = format!("no such template {}", quote(name.as_bytes()));
            return Err(Fault { place, description });
        };
        let output = self.output_context(context, &mangled, &tree)?;
        Ok((output, mangled))
    }

    /// A template that calls itself is escaped on the assumption that it ends where it began; if that was wrong, once more with
    /// the context in which it ended.
    fn output_context(&mut self, context: Context, name: &str, tree: &Arc<Tree>) -> Result<Context, Fault> {
        let (first, fits) = self.body(context.clone(), context.clone(), name, tree)?;
        if fits {
            return Ok(first);
        }
        let (second, fits) = self.body(first.clone(), first, name, tree)?;
        if fits {
            return Ok(second);
        }
        let pos = tree.root.0.first().map_or(0, node_pos);
        Err(Fault {
            place: Place { source: Some(Arc::clone(&tree.source)), pos },
            description: format!("cannot compute output context for template {}", tree.name),
        })
    }

    /// Escapes a body, assuming a context for its recursive calls; keeps the result if the assumption holds.
    fn body(&mut self, context: Context, assumed: Context, name: &str, tree: &Arc<Tree>) -> Walked<bool> {
        self.found.output.insert(name.to_owned(), assumed.clone());
        let before = self.found.clone();
        self.found.called.clear();
        let walked = self.list(context, &tree.root, &tree.source);
        let called = std::mem::take(&mut self.found.called);
        let (context, list) = walked?;
        let fits = !called.contains(name) || context == assumed;
        if !fits {
            self.found = before;
            return Ok((context, false));
        }
        self.found.called = before.called.union(&called).cloned().collect();
        self.found.output.insert(name.to_owned(), context.clone());
        let written = Tree { name: name.to_owned(), source: Arc::clone(&tree.source), root: list };
        self.found.written.insert(Name::from(name), Arc::new(written));
        Ok((context, true))
    }

    fn list(&mut self, mut context: Context, list: &List, source: &Arc<Source>) -> Walked<List> {
        self.depth += 1;
        if self.depth > 400 {
            return Err(limit("nested too deeply"));
        }
        let mut written = Vec::with_capacity(list.0.len());
        for node in &list.0 {
            self.nodes += 1;
            if self.nodes > MAX_NODES {
                return Err(limit("too large"));
            }
            let (next, node) = self.node(context, node, source)?;
            context = next;
            written.push(node);
            if context.state == State::Dead {
                break;
            }
        }
        self.depth -= 1;
        Ok((context, List(written)))
    }

    fn node(&mut self, context: Context, node: &Node, source: &Arc<Source>) -> Walked<Node> {
        match node {
            Node::Text { text } => {
                let (context, text) = escape_text(context, text)?;
                Ok((context, Node::Text { text }))
            }
            Node::Action(action) => {
                let (context, action) = escape_action(context, action, source)?;
                Ok((context, Node::Action(action)))
            }
            Node::If(branch) => {
                let (context, branch) = self.branch(context, branch, "if", source)?;
                Ok((context, Node::If(Box::new(branch))))
            }
            Node::With(branch) => {
                let (context, branch) = self.branch(context, branch, "with", source)?;
                Ok((context, Node::With(Box::new(branch))))
            }
            Node::Range(branch) => {
                let (context, branch) = self.range(context, branch, source)?;
                Ok((context, Node::Range(Box::new(branch))))
            }
            Node::Template(call) => {
                let place = Place { source: Some(Arc::clone(source)), pos: call.pos };
                let (context, name) = self.tree(context, &call.name, place)?;
                let call = Invocation { name: Name::from(name.as_str()), ..call.as_ref().clone() };
                Ok((context, Node::Template(Box::new(call))))
            }
            Node::Break { pos, .. } => {
                if let Some(current) = self.loops.last_mut() {
                    current.breaks.push((context, *pos));
                }
                Ok((Context::of(State::Dead), node.clone()))
            }
            Node::Continue { pos, .. } => {
                if let Some(current) = self.loops.last_mut() {
                    current.continues.push((context, *pos));
                }
                Ok((Context::of(State::Dead), node.clone()))
            }
        }
    }

    fn branch(
        &mut self,
        context: Context,
        branch: &Branch,
        name: &str,
        source: &Arc<Source>,
    ) -> Walked<Branch> {
        let (end, list) = self.list(context.clone(), &branch.list, source)?;
        self.finish_branch(context, end, list, branch, name, source)
    }

    fn finish_branch(
        &mut self,
        context: Context,
        end: Context,
        list: List,
        branch: &Branch,
        name: &str,
        source: &Arc<Source>,
    ) -> Walked<Branch> {
        let (other, else_list) = match &branch.else_list {
            Some(list) => {
                let (end, list) = self.list(context, list, source)?;
                (end, Some(list))
            }
            None => (context, None),
        };
        let place = Place { source: Some(Arc::clone(source)), pos: branch.pos };
        let end = join(end, other, place, name, "")?;
        Ok((end, Branch { list, else_list, ..branch.clone() }))
    }

    /// The body of a loop is walked twice: the second time from where the first ended.
    fn range(&mut self, context: Context, branch: &Branch, source: &Arc<Source>) -> Walked<Branch> {
        let place = |pos: usize| Place { source: Some(Arc::clone(source)), pos };
        self.loops.push(Loop::default());
        let (end, list) = self.list(context.clone(), &branch.list, source)?;
        let first = self.loops.pop().unwrap_or_default();
        let end = join_loop(end, first, &place)?;
        self.loops.push(Loop::default());
        let before = self.found.clone();
        let (again, _) = self.list(end.clone(), &branch.list, source)?;
        self.found = before;
        let second = self.loops.pop().unwrap_or_default();
        let end = join(end, again, place(branch.pos), "range", "on range loop re-entry: ")?;
        let end = join_loop(end, second, &place)?;
        self.finish_branch(context, end, list, branch, "range", source)
    }
}

pub(super) fn limit(what: &str) -> Fault {
    Fault { place: Place::default(), description: format!("template is {what} to be escaped") }
}

fn node_pos(node: &Node) -> usize {
    match node {
        Node::Text { .. } => 0,
        Node::Action(action) => action.pos,
        Node::If(branch) | Node::With(branch) | Node::Range(branch) => branch.pos,
        Node::Template(call) => call.pos,
        Node::Break { pos, .. } | Node::Continue { pos, .. } => *pos,
    }
}

fn join(one: Context, two: Context, place: Place, name: &str, prefix: &str) -> Result<Context, Fault> {
    let (first, second) = (one.to_string(), two.to_string());
    one.joined(two).ok_or_else(|| Fault {
        place,
        description: format!("{prefix}{{{{{name}}}}} branches end in different contexts: {first}, {second}"),
    })
}

fn join_loop(mut end: Context, ends: Loop, place: &impl Fn(usize) -> Place) -> Result<Context, Fault> {
    for (context, pos) in ends.breaks {
        end = join(end, context, place(pos), "range", "at range loop break: ")?;
    }
    for (context, pos) in ends.continues {
        end = join(end, context, place(pos), "range", "at range loop continue: ")?;
    }
    Ok(end)
}
