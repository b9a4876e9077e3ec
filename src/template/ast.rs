//! The parsed form of a template, and how each part is written out again in error texts.

use std::{collections::BTreeMap, fmt, ops::Deref, sync::Arc};

use super::{function::Function, number::Number, text::Text};

/// The text a tree was parsed from, for positions.
#[derive(Debug)]
pub(super) struct Source {
    /// The file, or empty for a string of the configuration.
    pub(super) name: String,
    pub(super) text: Text,
}

impl Source {
    /// `NAME:LINE:COLUMN` of a byte offset; the column counts from 0, as Go's does.
    pub(super) fn location(&self, pos: usize) -> String {
        let before = self.text.get(..pos).unwrap_or(&self.text);
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = before.iter().rev().take_while(|b| **b != b'\n').count();
        format!("{}:{line}:{column}", self.name)
    }
}

/// The name of a template, with a hash that decides first in look-ups: names often begin alike, and comparing them costs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    hash: u64,
    text: Box<str>,
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        // FNV-1a.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { hash, text: text.into() }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Templates by their names.
pub(super) type Named = BTreeMap<Name, Arc<Tree>>;

/// A named template.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) name: String,
    pub(super) source: Arc<Source>,
    pub(super) root: List,
}

/// What stands between two delimiters of control, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct List(pub(super) Vec<Node>);

#[derive(Debug, Clone)]
pub(super) enum Node {
    Text { text: Text },
    Action(Action),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<Invocation>),
    Break { pos: usize },
    Continue { pos: usize },
}

#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) pos: usize,
    pub(super) pipe: Pipe,
}

/// `if`, `with` or `range`.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) pos: usize,
    pub(super) pipe: Pipe,
    pub(super) list: List,
    pub(super) else_list: Option<List>,
}

/// `{{template "name" pipeline}}`.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    pub(super) pos: usize,
    pub(super) name: Name,
    pub(super) pipe: Option<Pipe>,
}

#[derive(Debug, Clone)]
pub(super) struct Pipe {
    pub(super) pos: usize,
    pub(super) decl: Vec<Variable>,
    pub(super) is_assign: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) pos: usize,
    pub(super) args: Vec<Expr>,
}

/// A name with its dollar sign, and the fields taken from it.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) pos: usize,
    pub(super) name: Arc<str>,
    pub(super) fields: Vec<Text>,
}

#[derive(Debug, Clone)]
pub(super) enum Expr {
    Dot { pos: usize },
    Nil { pos: usize },
    Bool { pos: usize, value: bool },
    Number { pos: usize, number: Box<Number> },
    String { pos: usize, quoted: String, text: Text },
    Field { pos: usize, fields: Vec<Text> },
    Variable(Variable),
    Chain { pos: usize, operand: Box<Self>, fields: Vec<Text> },
    Identifier { pos: usize, function: Function },
    Pipe(Box<Pipe>),
}

impl Expr {
    pub(super) fn pos(&self) -> usize {
        match self {
            Self::Dot { pos }
            | Self::Nil { pos }
            | Self::Bool { pos, .. }
            | Self::Number { pos, .. }
            | Self::String { pos, .. }
            | Self::Field { pos, .. }
            | Self::Chain { pos, .. }
            | Self::Identifier { pos, .. } => *pos,
            Self::Variable(variable) => variable.pos,
            Self::Pipe(pipe) => pipe.pos,
        }
    }
}

impl List {
    /// Whether there is nothing but white space here (such a definition does not replace an earlier one).
    pub(super) fn is_blank(&self) -> bool {
        self.0.iter().all(|node| match node {
            Node::Text { text } => text.lossy().trim().is_empty(),
            _ => false,
        })
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Text]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dot { .. } => f.write_str("."),
            Self::Nil { .. } => f.write_str("nil"),
            Self::Bool { value, .. } => write!(f, "{value}"),
            Self::Number { number, .. } => f.write_str(&number.text),
            Self::String { quoted, .. } => f.write_str(quoted),
            Self::Field { fields, .. } => write_fields(f, fields),
            Self::Variable(variable) => variable.fmt(f),
            Self::Chain { operand, fields, .. } => {
                match operand.as_ref() {
                    Self::Pipe(pipe) => write!(f, "({pipe})")?,
                    operand => operand.fmt(f)?,
                }
                write_fields(f, fields)
            }
            Self::Identifier { function, .. } => f.write_str(function.name()),
            Self::Pipe(pipe) => pipe.fmt(f),
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        write_fields(f, &self.fields)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match arg {
                Expr::Pipe(pipe) => write!(f, "({pipe})")?,
                arg => arg.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, variable) in self.decl.iter().enumerate() {
            write!(f, "{}{variable}", if index > 0 { ", " } else { "" })?;
        }
        if !self.decl.is_empty() {
            f.write_str(if self.is_assign { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if index > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", super::quote::quote(self.name.as_bytes()))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}
