//! Runs a tree: text, actions, branches, loops and calls of other templates.

mod call;
mod eval;

use std::{fmt, sync::Arc};

use super::{
    ast::{Branch, Command, Expr, Invocation, List, Node, Pipe, Tree},
    data::{Alert, Pair},
    error::Error,
    fmt::print_value,
    machine::{Machine, Trees},
    quote::quote,
    text::Text,
    value::{IntType, Items, Value},
    view::{Operand, View},
};

/// The variable that is always there: what the template was called with.
const ROOT: &str = "$";

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
    /// What `$` is, where no variable of that name is declared.
    root: Value,
    vars: Vec<(&'t str, Value)>,
    at: At<'t>,
    out: &'r mut Vec<u8>,
}

impl<'r, 'm, 't> Exec<'r, 'm, 't> {
    pub(super) fn new(
        machine: &'r mut Machine<'m>,
        trees: &'t Trees,
        tree: &'t Tree,
        dot: &Value,
        out: &'r mut Vec<u8>,
    ) -> Self {
        Self { machine, trees, tree, root: dot.clone(), vars: Vec::new(), at: At::Nothing, out }
    }

    /// Runs the whole template on the dot that it was made for.
    pub(super) fn run(mut self, dot: &Value) -> Result<(), Fault> {
        self.walk(dot, &self.tree.root).map(|_| ())
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
                    self.walk_action(dot, &action.pipe)?;
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

    fn print(&mut self, value: View<'_>) -> Result<(), Fault> {
        let before = self.out.len();
        match value {
            View::Text(text) | View::Value(Value::Str(_, text)) => self.out.extend_from_slice(text),
            View::Value(Value::Int(IntType::Int, number)) => {
                self.out.extend_from_slice(number.to_string().as_bytes());
            }
            View::Value(Value::Nil) => self.out.extend_from_slice(b"<no value>"),
            // What is printed is the struct, not the pointer to it.
            value => print_value(self.out, &value.to_value(), self.machine.environment.limits.output),
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
        let operand = self.eval_pipeline(dot, &branch.pipe)?;
        let flow = match (operand.view().truth(), &branch.else_list) {
            (true, _) if with => self.walk(&operand.into_value(), &branch.list)?,
            (true, _) => self.walk(dot, &branch.list)?,
            (false, Some(list)) => self.walk(dot, list)?,
            (false, None) => Flow::Normal,
        };
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn walk_range(&mut self, dot: &Value, branch: &'t Branch) -> Result<Flow, Fault> {
        let outer = self.vars.len();
        let operand = self.eval_pipeline(dot, &branch.pipe)?;
        let ran = self.iterate(branch, operand.view())?;
        let mut flow = Flow::Normal;
        if let (false, Some(list)) = (ran, &branch.else_list) {
            flow = self.walk(dot, list)?;
        }
        self.vars.truncate(outer);
        // `break` in the else part of a loop ends the loop that has it, as in Go.
        Ok(if flow == Flow::Break { Flow::Normal } else { flow })
    }

    /// Whether there was anything to iterate over.
    fn iterate(&mut self, branch: &'t Branch, list: View<'_>) -> Result<bool, Fault> {
        match list {
            View::Kv(kv) => {
                let pair = |(name, value): (&Text, &Text)| {
                    (Value::string(name.clone()), Value::string(value.clone()))
                };
                self.iterate_over(branch, kv.pairs().map(pair))
            }
            View::Alerts(alerts) => self.iterate_alerts(branch, alerts),
            View::Value(Value::Alerts { items, .. }) => self.iterate_alerts(branch, items),
            View::Value(Value::Pairs(pairs)) => self.iterate_pairs(branch, pairs),
            View::Value(value) => self.iterate_value(branch, value),
            View::Text(_) | View::Time(_) => self.refuse_range(&list.to_value()),
        }
    }

    fn iterate_value(&mut self, branch: &'t Branch, value: &Value) -> Result<bool, Fault> {
        match value {
            Value::Nil => Ok(false),
            Value::Int(..) | Value::Byte(_) if branch.pipe.decl.len() > 1 => {
                let shown = super::fmt::sprint(value);
                self.fail(format!("can't use {shown} to iterate over more than one variable"))
            }
            Value::Int(kind, count) => {
                self.iterate_over(branch, (0..*count).map(|index| (Value::Nil, Value::Int(*kind, index))))
            }
            Value::Byte(count) => {
                self.iterate_over(branch, (0..*count).map(|index| (Value::Nil, Value::Byte(index))))
            }
            Value::Dict(dict) => {
                let entry = |(key, value): (&Text, &Value)| {
                    (Value::string(key.clone()), value.clone().into_element())
                };
                self.iterate_over(branch, dict.items.iter().map(entry))
            }
            Value::Bytes(_) | Value::Strings { .. } | Value::List(_) => {
                let indexes = 0..value.len().unwrap_or_default();
                self.iterate_over(branch, indexes.map_while(|at| Some((Value::int(at), value.element(at)?))))
            }
            value => self.refuse_range(value),
        }
    }

    fn refuse_range(&self, value: &Value) -> Result<bool, Fault> {
        let mut shown = Vec::new();
        print_value(&mut shown, value, 4096);
        self.fail(format!("range can't iterate over {}", String::from_utf8_lossy(&shown)))
    }

    fn iterate_over(
        &mut self,
        branch: &'t Branch,
        elements: impl Iterator<Item = (Value, Value)>,
    ) -> Result<bool, Fault> {
        let mut ran = false;
        for (index, element) in elements {
            ran = true;
            if !self.iteration(branch, || index, &element)? {
                break;
            }
        }
        Ok(ran)
    }

    fn iterate_alerts(&mut self, branch: &'t Branch, alerts: &Items<Arc<Alert>>) -> Result<bool, Fault> {
        for (index, alert) in alerts.iter().enumerate() {
            if !self.iteration(branch, || Value::int(index), &Value::Alert(Arc::clone(alert)))? {
                break;
            }
        }
        Ok(!alerts.is_empty())
    }

    fn iterate_pairs(&mut self, branch: &'t Branch, pairs: &Items<Pair>) -> Result<bool, Fault> {
        let mut element = Value::Pair(pairs.clone());
        for index in 0..pairs.len() {
            if let Value::Pair(pair) = &mut element {
                pair.turn_to(pairs, index);
            }
            if !self.iteration(branch, || Value::int(index), &element)? {
                break;
            }
        }
        Ok(!pairs.is_empty())
    }

    /// Runs the body once; `false` after a `break`.
    fn iteration(
        &mut self,
        branch: &'t Branch,
        index: impl FnOnce() -> Value,
        element: &Value,
    ) -> Result<bool, Fault> {
        self.spend(1)?;
        let mark = self.vars.len();
        let pipe = &branch.pipe;
        match (pipe.decl.as_slice(), pipe.is_assign) {
            ([], _) => {}
            ([one], true) => self.set_var(&one.name, element.clone())?,
            ([one, two, ..], true) => {
                self.set_var(&one.name, index())?;
                self.set_var(&two.name, element.clone())?;
            }
            ([_], false) => self.set_top_var(1, element.clone()),
            ([_, _, ..], false) => {
                self.set_top_var(1, element.clone());
                self.set_top_var(2, index());
            }
        }
        let flow = self.walk(element, &branch.list)?;
        self.vars.truncate(mark);
        Ok(flow != Flow::Break)
    }

    fn walk_template(&mut self, dot: &Value, invocation: &'t Invocation) -> Result<Flow, Fault> {
        self.at = At::Invocation(invocation);
        let Some(tree) = self.trees.get(&invocation.name) else {
            return self.fail(format!("template {} not defined", quote(invocation.name.as_bytes())));
        };
        let operand = match &invocation.pipe {
            Some(pipe) => self.eval_pipeline(dot, pipe)?,
            None => Operand::NIL,
        };
        self.descend()?;
        let made;
        let dot = match operand {
            Operand::Lent(View::Value(value)) => value,
            operand => {
                made = operand.into_value();
                &made
            }
        };
        let mut inner = Exec::new(&mut *self.machine, self.trees, tree, dot, &mut *self.out);
        inner.at = At::Invocation(invocation);
        inner.run(dot)?;
        self.machine.depth -= 1;
        Ok(Flow::Normal)
    }

    /// A variable's value; the last one declared of a name counts.
    fn var(&self, name: &str) -> Option<&Value> {
        match self.vars.iter().rev().find(|(known, _)| *known == name) {
            Some((_, value)) => Some(value),
            None => (name == ROOT).then_some(&self.root),
        }
    }

    fn set_var(&mut self, name: &str, value: Value) -> Result<(), Fault> {
        match self.vars.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, slot)) => *slot = value,
            None if name == ROOT => self.root = value,
            None => return self.fail(format!("undefined variable: {name}")),
        }
        Ok(())
    }

    fn set_top_var(&mut self, from_top: usize, value: Value) {
        let index = self.vars.len().checked_sub(from_top);
        if let Some((_, slot)) = index.and_then(|index| self.vars.get_mut(index)) {
            *slot = value;
        }
    }
}
