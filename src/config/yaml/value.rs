//! A node on its way to a resolved value: its place, the keys above it, and where faults go.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::fields::Fields;
use super::node::{Node, NodeKind, parse};
use super::scalar::Scalar;
use crate::config::error::{ConfigError, Fault, ShownLine};
use crate::config::position::Position;

/// Reads a text as YAML and makes a value of its root with `decode`. All faults found on the way are the error,
/// in the order of the file, each once.
///
/// `file` names the text in errors, and relative paths are joined to its directory.
pub fn read<T>(
    file: &Path,
    text: &str,
    decode: impl FnOnce(&Value<'_>) -> Option<T>,
) -> Result<T, ConfigError> {
    read_with_notices(file, text, decode).map(|(value, _)| value)
}

/// Like [`read`], with what is not wrong and yet worth telling ([`Value::notice`]), in the order of the file.
pub fn read_with_notices<T>(
    file: &Path,
    text: &str,
    decode: impl FnOnce(&Value<'_>) -> Option<T>,
) -> Result<(T, Vec<Fault>), ConfigError> {
    let context = Context {
        file: Arc::from(file),
        directory: file.parent().map(Path::to_owned).unwrap_or_default(),
        text,
        faults: RefCell::default(),
        notices: RefCell::default(),
    };
    let decoded = match parse(text) {
        Ok(root) => {
            let path = Rc::new(Keys::Root);
            decode(&Value { node: &root, key: None, path, context: &context, joins_paths: true })
        }
        Err(error) => {
            let position = Position::new(Arc::clone(&context.file), error.line, error.column);
            context.fault(position, 1, String::new(), error.message, None, false);
            None
        }
    };
    let faults = context.faults.into_inner();
    match decoded {
        Some(value) if faults.is_empty() => Ok((value, in_order(context.notices.into_inner()))),
        _ => Err(ConfigError::Faults(in_order(faults))),
    }
}

/// Faults in the order of the file, each once.
fn in_order(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|fault| (fault.position.line(), fault.position.column()));
    faults.dedup();
    faults
}

/// What all values of one file share.
pub(super) struct Context<'a> {
    file: Arc<Path>,
    directory: PathBuf,
    text: &'a str,
    faults: RefCell<Vec<Fault>>,
    notices: RefCell<Vec<Fault>>,
}

/// More faults than anybody reads; the rest is not kept.
const MOST_FAULTS: usize = 100;

impl Context<'_> {
    fn fault(
        &self,
        position: Position,
        width: u32,
        path: String,
        message: String,
        help: Option<String>,
        secret: bool,
    ) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MOST_FAULTS {
            let line = ShownLine::new(self.text, &position, width, secret);
            faults.push(Fault { position, path, message, help, line });
        }
    }
}

/// The keys from the root to a value.
enum Keys {
    Root,
    Key(Rc<Self>, String),
    Index(Rc<Self>, usize),
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(above, key) if matches!(**above, Self::Root) => f.write_str(key),
            Self::Key(above, key) => write!(f, "{above}.{key}"),
            Self::Index(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

/// A node with its surroundings. Cheap to clone.
#[derive(Clone)]
pub struct Value<'a> {
    pub(super) node: &'a Node,
    /// The key that the node stands at, if it stands at one.
    key: Option<&'a Node>,
    path: Rc<Keys>,
    context: &'a Context<'a>,
    joins_paths: bool,
}

impl<'a> Value<'a> {
    /// Where the value stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.place(self.node)
    }

    /// Whether the value is null, written or left out.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    /// What kind of node it is.
    #[must_use]
    pub fn kind(&self) -> &'a NodeKind {
        &self.node.kind
    }

    /// The scalar, if the value is one.
    #[must_use]
    pub fn scalar(&self) -> Option<&'a Scalar> {
        match &self.node.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Records that the value is wrong.
    pub fn fault(&self, message: impl Into<String>) {
        self.record(self.node, message.into(), None, false);
    }

    /// Records that the value is wrong, with what would be right.
    pub fn fault_with_help(&self, message: impl Into<String>, help: impl Into<String>) {
        self.record(self.node, message.into(), Some(help.into()), false);
    }

    /// Records that the value, which is a secret, is wrong: it is not shown.
    pub fn secret_fault(&self, message: impl Into<String>) {
        self.record(self.node, message.into(), None, true);
    }

    /// Records that the key should not stand where it stands, or not beside others.
    pub fn key_fault(&self, message: impl Into<String>) {
        self.record(self.key.unwrap_or(self.node), message.into(), None, false);
    }

    /// Like [`Self::key_fault`], with what would be right.
    pub fn key_fault_with_help(&self, message: impl Into<String>, help: impl Into<String>) {
        self.record(self.key.unwrap_or(self.node), message.into(), Some(help.into()), false);
    }

    /// Records something that is not wrong and yet worth telling.
    pub fn notice(&self, message: impl Into<String>) {
        let mut notices = self.context.notices.borrow_mut();
        if notices.len() < MOST_FAULTS {
            let (position, path) = (self.position(), self.path.to_string());
            notices.push(Fault { position, path, message: message.into(), help: None, line: None });
        }
    }

    /// The elements of a list; none for null, and none with a fault for anything else.
    #[must_use]
    pub fn items(&self) -> Vec<Self> {
        match &self.node.kind {
            NodeKind::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Self {
                    node: item,
                    key: None,
                    path: Rc::new(Keys::Index(Rc::clone(&self.path), index)),
                    context: self.context,
                    joins_paths: self.joins_paths,
                })
                .collect(),
            _ => {
                self.unless_null("a list");
                Vec::new()
            }
        }
    }

    /// The keys of a mapping with their values, merged mappings spliced in where `<<` stands; of two equal keys
    /// the later one counts. None for null, and none with a fault for anything else. A key written twice is a fault.
    #[must_use]
    pub fn entries(&self) -> Vec<(&'a str, Self)> {
        let mut entries: Vec<(&'a str, Self)> = Vec::new();
        let mut places: HashMap<&'a str, usize> = HashMap::new();
        for (key, value) in self.merged(true) {
            match places.entry(key) {
                Entry::Occupied(place) => entries[*place.get()].1 = value,
                Entry::Vacant(place) => {
                    place.insert(entries.len());
                    entries.push((key, value));
                }
            }
        }
        entries
    }

    /// Decodes a mapping by its keys. Afterwards every key that `decode` did not ask for is a fault. Null reads as
    /// a mapping without keys.
    pub fn fields<T>(&self, decode: impl FnOnce(&mut Fields<'a>) -> T) -> Option<T> {
        if !matches!(self.node.kind, NodeKind::Mapping(_)) && !self.is_null() {
            self.unless_null("a mapping of keys to values");
            return None;
        }
        let mut fields = Fields::new(self.clone(), self.entries());
        let decoded = decode(&mut fields);
        fields.finish();
        Some(decoded)
    }

    /// Records that another kind of value is needed here.
    pub(super) fn expected(&self, what: &str) {
        self.fault(format!("must be {what}, not {}", self.describe()));
    }

    /// What the value is, for messages; the text of a scalar included.
    fn describe(&self) -> String {
        match &self.node.kind {
            NodeKind::Scalar(scalar) if scalar.is_null() => "null".to_owned(),
            NodeKind::Scalar(scalar) => format!("the text {:?}", shortened(&scalar.text)),
            NodeKind::Sequence(_) => "a list".to_owned(),
            NodeKind::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The value with paths that are joined to the directory of the file, or left as they are: Alertmanager joins
    /// only some.
    #[must_use]
    pub fn joining_paths(&self, joins_paths: bool) -> Self {
        Self { joins_paths, ..self.clone() }
    }

    /// The directory that relative paths are joined to, if they are.
    pub(super) fn directory(&self) -> Option<&'a Path> {
        self.joins_paths.then_some(&self.context.directory)
    }

    /// Whether so many faults are recorded that no more are kept.
    pub(super) fn is_full_of_faults(&self) -> bool {
        self.context.faults.borrow().len() >= MOST_FAULTS
    }

    /// Records that a collection is needed here, unless there is nothing. A scalar is not repeated in the message, and
    /// one that is the whole file is not shown: the file may be none of ours.
    fn unless_null(&self, what: &str) {
        let found = match &self.node.kind {
            NodeKind::Scalar(scalar) if scalar.is_null() => return,
            NodeKind::Scalar(_) => "a text",
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
        };
        let whole_file = matches!(*self.path, Keys::Root);
        self.record(self.node, format!("must be {what}, not {found}"), None, whole_file);
    }

    /// The pairs of a mapping in the order in which go-yaml v2 assigns them.
    fn merged(&self, strict: bool) -> Vec<(&'a str, Self)> {
        let NodeKind::Mapping(pairs) = &self.node.kind else {
            self.unless_null("a mapping of keys to values");
            return Vec::new();
        };
        let mut merged: Vec<(&'a str, Self)> = Vec::with_capacity(pairs.len());
        let mut written: HashMap<&str, u32> = HashMap::new();
        for (key, value) in pairs {
            let NodeKind::Scalar(name) = &key.kind else {
                self.record(key, "a key must be a text".to_owned(), None, false);
                continue;
            };
            if name.plain && name.text == "<<" {
                merged.extend(self.merge_sources(value));
                continue;
            }
            if let Some(line) = written.insert(&name.text, key.line).filter(|_| strict) {
                let help = Some(format!("it stands on line {line} already"));
                self.record(key, format!("field {} is set twice", name.text), help, false);
            }
            let path = Rc::new(Keys::Key(Rc::clone(&self.path), name.text.clone()));
            let value = Self { node: value, key: Some(key), path, ..self.clone() };
            merged.push((&name.text, value));
        }
        merged
    }

    /// What `<<` brings: the pairs of a mapping, or of a list of mappings of which the first counts most.
    fn merge_sources(&self, source: &'a Node) -> Vec<(&'a str, Self)> {
        let value = |node| Self { node, ..self.clone() };
        match &source.kind {
            NodeKind::Mapping(_) => value(source).merged(false),
            NodeKind::Sequence(items)
                if items.iter().all(|item| matches!(item.kind, NodeKind::Mapping(_))) =>
            {
                items.iter().rev().flat_map(|item| value(item).merged(false)).collect()
            }
            _ => {
                self.record(source, "<< needs a mapping or a list of mappings".to_owned(), None, false);
                Vec::new()
            }
        }
    }

    fn place(&self, node: &Node) -> Position {
        Position::new(Arc::clone(&self.context.file), node.line, node.column)
    }

    fn record(&self, node: &Node, message: String, help: Option<String>, secret: bool) {
        self.context.fault(self.place(node), node.width, self.path.to_string(), message, help, secret);
    }
}

/// At most 60 characters of a text.
fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(60).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
