//! Runs a tree: text, actions, branches, loops and calls of other templates.

mod call;
mod eval;

use std::{fmt, sync::Arc};

use super::{
    ast::{Branch, Command, Expr, Invocation, List, Node, Pipe, Tree},
    error::Error,
    fmt::print_value,
    machine::{Machine, Trees},
    quote::quote,
    value::{IntType, Value},
};

/// The part of the template that an error names.
#[derive(Clone, Copy)]
enum At<'t> {
    Nothing,
    Expr(&'t Expr),
    Variable(&'t super::ast::Variable),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Invocation(&'t Invocation),
}

impl At<'_> {
    fn pos(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Expr(expr) => expr.pos(),
            Self::Variable(variable) => variable.pos,
            Self::Pipe(pipe) => pipe.pos,
            Self::Command(command) => command.pos,
            Self::Invocation(invocation) => invocation.pos,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Expr(expr) => expr.fmt(f),
            Self::Variable(variable) => variable.fmt(f),
            Self::Pipe(pipe) => pipe.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Invocation(invocation) => invocation.fmt(f),
        }
    }
}

/// An error on its way out; boxed, since results are moved at every step.
type Fault = Box<Error>;

/// How a list ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Normal,
    Break,
    Continue,
}

/// One running template: its variables and where it is.
pub(super) struct Exec<'r, 'm, 't> {
    machine: &'r mut Machine<'m>,
    trees: &'t Trees,
    tree: &'t Tree,
    vars: Vec<(&'t str, Value)>,
    at: At<'t>,
    out: &'r mut Vec<u8>,
}

impl<'r, 'm, 't> Exec<'r, 'm, 't> {
    pub(super) fn new(
        machine: &'r mut Machine<'m>,
        trees: &'t Trees,
        tree: &'t Tree,
        dot: Value,
        out: &'r mut Vec<u8>,
    ) -> Self {
        Self { machine, trees, tree, vars: vec![("$", dot)], at: At::Nothing, out }
    }

    /// Runs the whole template.
    pub(super) fn run(mut self) -> Result<(), Fault> {
        let Some((_, dot)) = self.vars.first().cloned() else { return Ok(()) };
        self.walk(&dot, &self.tree.root).map(|_| ())
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(self.error(message))
    }

    fn error(&self, message: impl Into<String>) -> Fault {
        Box::new(Error::Execute {
            location: self.tree.source.location(self.at.pos()),
            template: quote(self.tree.name.as_bytes()),
            node: self.at.to_string(),
            message: message.into(),
        })
    }

    fn spend(&mut self, cost: usize) -> Result<(), Fault> {
        self.machine.spend(cost).map_err(|message| self.error(message))
    }

    fn descend(&mut self) -> Result<(), Fault> {
        self.machine.depth += 1;
        if self.machine.depth > self.machine.environment.limits.depth {
            let limit = self.machine.environment.limits.depth;
            return self.fail(format!("exceeded maximum template depth ({limit})"));
        }
        Ok(())
    }

    fn walk(&mut self, dot: &Value, list: &'t List) -> Result<Flow, Fault> {
        self.descend()?;
        for node in &list.0 {
            self.spend(1)?;
            let flow = match node {
                Node::Text { text } => self.write(text)?,
                Node::Action(action) => {
                    let value = self.eval_pipeline(dot, &action.pipe)?;
                    if action.pipe.decl.is_empty() {
                        self.print(&value)?;
                    }
                    Flow::Normal
                }
                Node::If(branch) => self.walk_branch(dot, branch, false)?,
                Node::With(branch) => self.walk_branch(dot, branch, true)?,
                Node::Range(branch) => self.walk_range(dot, branch)?,
                Node::Template(invocation) => self.walk_template(dot, invocation)?,
                Node::Break { .. } => Flow::Break,
                Node::Continue { .. } => Flow::Continue,
            };
            if flow != Flow::Normal {
                self.machine.depth -= 1;
                return Ok(flow);
            }
        }
        self.machine.depth -= 1;
        Ok(Flow::Normal)
    }

    fn write(&mut self, text: &[u8]) -> Result<Flow, Fault> {
        self.out.extend_from_slice(text);
        self.check_output()?;
        Ok(Flow::Normal)
    }

    fn print(&mut self, value: &Value) -> Result<(), Fault> {
        let before = self.out.len();
        match value {
            Value::Nil => self.out.extend_from_slice(b"<no value>"),
            Value::Str(_, text) => self.out.extend_from_slice(text),
            // What is printed is the struct, not the pointer to it.
            value => print_value(self.out, value, self.machine.environment.limits.output),
        }
        self.spend((self.out.len() - before) / 8)?;
        self.check_output()
    }

    fn check_output(&self) -> Result<(), Fault> {
        let limit = self.machine.environment.limits.output;
        if self.out.len() > limit {
            return self.fail(format!("output is longer than {limit} bytes"));
        }
        Ok(())
    }

    fn walk_branch(&mut self, dot: &Value, branch: &'t Branch, with: bool) -> Result<Flow, Fault> {
        let mark = self.vars.len();
        let value = self.eval_pipeline(dot, &branch.pipe)?;
        let flow = match (value.truth(), &branch.else_list) {
            (true, _) => self.walk(if with { &value } else { dot }, &branch.list)?,
            (false, Some(list)) => self.walk(dot, list)?,
            (false, None) => Flow::Normal,
        };
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn walk_range(&mut self, dot: &Value, branch: &'t Branch) -> Result<Flow, Fault> {
        let outer = self.vars.len();
        let value = self.eval_pipeline(dot, &branch.pipe)?;
        let ran = self.iterate(branch, &value)?;
        let mut flow = Flow::Normal;
        if let (false, Some(list)) = (ran, &branch.else_list) {
            flow = self.walk(dot, list)?;
        }
        self.vars.truncate(outer);
        // `break` in the else part of a loop ends the loop that has it, as in Go.
        Ok(if flow == Flow::Break { Flow::Normal } else { flow })
    }

    /// Whether there was anything to iterate over.
    fn iterate(&mut self, branch: &'t Branch, value: &Value) -> Result<bool, Fault> {
        let two = branch.pipe.decl.len() > 1;
        match value {
            Value::Nil => Ok(false),
            Value::Int(..) | Value::Byte(_) if two => {
                let shown = super::fmt::sprint(value);
                self.fail(format!("can't use {shown} to iterate over more than one variable"))
            }
            Value::Int(kind, count) => {
                for index in 0..*count {
                    if !self.iteration(branch, Value::Nil, Value::Int(*kind, index))? {
                        break;
                    }
                }
                Ok(*count > 0)
            }
            Value::Byte(count) => {
                for index in 0..*count {
                    if !self.iteration(branch, Value::Nil, Value::Byte(index))? {
                        break;
                    }
                }
                Ok(*count > 0)
            }
            Value::Kv(kv) => {
                for (name, value) in kv.pairs() {
                    let (key, value) = (Value::string(name.clone()), Value::string(value.clone()));
                    if !self.iteration(branch, key, value)? {
                        break;
                    }
                }
                Ok(!kv.is_empty())
            }
            Value::Dict(dict) => {
                for (key, value) in &dict.items {
                    let value = value.clone().into_element();
                    if !self.iteration(branch, Value::string(key.clone()), value)? {
                        break;
                    }
                }
                Ok(!dict.items.is_empty())
            }
            Value::Bytes(_)
            | Value::Strings { .. }
            | Value::List(_)
            | Value::Pairs(_)
            | Value::Alerts { .. } => self.iterate_list(branch, value),
            _ => {
                let mut shown = Vec::new();
                print_value(&mut shown, value, 4096);
                self.fail(format!("range can't iterate over {}", String::from_utf8_lossy(&shown)))
            }
        }
    }

    fn iterate_list(&mut self, branch: &'t Branch, list: &Value) -> Result<bool, Fault> {
        let len = list.len().unwrap_or_default();
        for index in 0..len {
            let Some(element) = list.element(index) else { break };
            if !self.iteration(branch, Value::Int(IntType::Int, index as i64), element)? {
                break;
            }
        }
        Ok(len > 0)
    }

    /// Runs the body once; `false` after a `break`.
    fn iteration(&mut self, branch: &'t Branch, index: Value, element: Value) -> Result<bool, Fault> {
        self.spend(1)?;
        let mark = self.vars.len();
        let pipe = &branch.pipe;
        match (pipe.decl.as_slice(), pipe.is_assign) {
            ([], _) => {}
            ([one], true) => self.set_var(&one.name, element.clone())?,
            ([one, two, ..], true) => {
                self.set_var(&one.name, index)?;
                self.set_var(&two.name, element.clone())?;
            }
            ([_], false) => self.set_top_var(1, element.clone()),
            ([_, _, ..], false) => {
                self.set_top_var(1, element.clone());
                self.set_top_var(2, index);
            }
        }
        let flow = self.walk(&element, &branch.list)?;
        self.vars.truncate(mark);
        Ok(flow != Flow::Break)
    }

    fn walk_template(&mut self, dot: &Value, invocation: &'t Invocation) -> Result<Flow, Fault> {
        self.at = At::Invocation(invocation);
        let Some(tree) = self.trees.get(&invocation.name) else {
            return self.fail(format!("template {} not defined", quote(invocation.name.as_bytes())));
        };
        let dot = match &invocation.pipe {
            Some(pipe) => self.eval_pipeline(dot, pipe)?,
            None => Value::Nil,
        };
        self.descend()?;
        let inner = Exec {
            machine: &mut *self.machine,
            trees: self.trees,
            tree: Arc::as_ref(tree),
            vars: vec![("$", dot)],
            at: At::Invocation(invocation),
            out: &mut *self.out,
        };
        inner.run()?;
        self.machine.depth -= 1;
        Ok(Flow::Normal)
    }

    fn set_var(&mut self, name: &str, value: Value) -> Result<(), Fault> {
        match self.vars.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => self.fail(format!("undefined variable: {name}")),
        }
    }

    fn set_top_var(&mut self, from_top: usize, value: Value) {
        let index = self.vars.len().checked_sub(from_top);
        if let Some((_, slot)) = index.and_then(|index| self.vars.get_mut(index)) {
            *slot = value;
        }
    }
}
