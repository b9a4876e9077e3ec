//! From text to a tree of nodes with their places.
//!
//! Bounds: a file has at most [`MOST_BYTES`]; nodes are nested at most [`MOST_DEPTH`] deep and, with every alias
//! replaced by what it stands for, number at most [`MOST_NODES`]. An alias shares the node of its anchor, so the
//! tree itself is never larger than the text; the bounds hold for whoever walks it.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::scalar::Scalar;

/// The largest file that is read, in bytes.
pub const MOST_BYTES: usize = 16 << 20;

/// The deepest nesting, aliases replaced.
const MOST_DEPTH: u32 = 200;

/// The most nodes of a document, aliases replaced.
const MOST_NODES: u64 = 4_000_000;

/// A node of a document with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The line where the node begins, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// How many characters of that line belong to it, for underlining; at least 1.
    pub width: u32,
    /// What it is.
    pub kind: NodeKind,
    size: u64,
    depth: u32,
}

/// The three kinds of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A text, number, boolean or null.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Arc<Node>>),
    /// Keys with their values in the order of the file; a key may occur twice.
    Mapping(Vec<(Arc<Node>, Arc<Node>)>),
}

impl Node {
    fn new(place: Place, kind: NodeKind) -> Result<Self, SyntaxError> {
        let (size, depth) = match &kind {
            NodeKind::Scalar(_) => (1, 1),
            NodeKind::Sequence(items) => measure(items.iter()),
            NodeKind::Mapping(pairs) => measure(pairs.iter().flat_map(|(key, value)| [key, value])),
        };
        if depth > MOST_DEPTH {
            return Err(place.error(format!("nested more than {MOST_DEPTH} levels deep")));
        }
        if size > MOST_NODES {
            return Err(place.error(format!("aliases expand to more than {MOST_NODES} values")));
        }
        Ok(Self { line: place.line, column: place.column, width: place.width, kind, size, depth })
    }

    /// The node of an empty document.
    fn null() -> Self {
        let kind = NodeKind::Scalar(Scalar { text: String::new(), plain: true });
        Self { line: 1, column: 1, width: 1, kind, size: 1, depth: 1 }
    }
}

fn measure<'a>(children: impl Iterator<Item = &'a Arc<Node>>) -> (u64, u32) {
    let (size, depth) = children
        .fold((0_u64, 0), |(size, depth), child| (size.saturating_add(child.size), child.depth.max(depth)));
    (size.saturating_add(1), depth.saturating_add(1))
}

/// A text that is not YAML, or exceeds a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}

/// The first document of a text; null if there is none.
pub fn parse(text: &str) -> Result<Arc<Node>, SyntaxError> {
    if text.len() > MOST_BYTES {
        let message = format!("the file is larger than {} MiB", MOST_BYTES >> 20);
        return Err(SyntaxError { line: 1, column: 1, message });
    }
    let options = granit_parser::options! { flow_nesting_limit: 200, block_nesting_limit: 200 };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| scan_error(&error))?;
        if let Some(root) = builder.event(event, span)? {
            return Ok(root);
        }
    }
    Ok(Arc::new(Node::null()))
}

/// The only document of a text: like [`parse`], but an error if anything follows the document.
pub fn parse_whole(text: &str) -> Result<Arc<Node>, SyntaxError> {
    let root = parse(text)?;
    let options = granit_parser::options! { flow_nesting_limit: 200, block_nesting_limit: 200 };
    let mut documents = 0_u32;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| scan_error(&error))?;
        documents += u32::from(matches!(event, Event::DocumentStart(..)));
        if documents > 1 {
            return Err(Place::of(span).error("another document follows".to_owned()));
        }
    }
    Ok(root)
}

fn scan_error(error: &ScanError) -> SyntaxError {
    let mark = error.marker();
    Place { line: number(mark.line()), column: number(mark.col() + 1), width: 1 }.error(error.info())
}

#[derive(Debug, Clone, Copy)]
struct Place {
    line: u32,
    column: u32,
    width: u32,
}

impl Place {
    fn of(span: Span) -> Self {
        let one_line = span.start.line() == span.end.line();
        let width = if one_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        let (line, column) = (number(span.start.line()), number(span.start.col() + 1));
        Self { line, column, width: number(width).max(1) }
    }

    fn error(self, message: String) -> SyntaxError {
        SyntaxError { line: self.line, column: self.column, message }
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Takes events and holds the collections that are still open.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Arc<Node>>,
    root: Option<Arc<Node>>,
}

struct Open {
    place: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    Sequence(Vec<Arc<Node>>),
    Mapping { pairs: Vec<(Arc<Node>, Arc<Node>)>, key: Option<Arc<Node>> },
}

impl Builder {
    /// Takes one event; gives the root when the first document has ended.
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<Arc<Node>>, SyntaxError> {
        let place = Place::of(span);
        match event {
            Event::DocumentEnd => return Ok(self.root.take()),
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = scalar(&text, style, tag.as_deref(), place)?;
                let node = Node::new(place, NodeKind::Scalar(scalar))?;
                self.add(Arc::new(node), anchor);
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node =
                    node.ok_or_else(|| place.error("the anchor's value contains itself".to_owned()))?;
                self.add(node, 0);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { place, anchor, kind: OpenKind::Sequence(Vec::new()) });
            }
            Event::MappingStart(_, anchor, _) => {
                let kind = OpenKind::Mapping { pairs: Vec::new(), key: None };
                self.open.push(Open { place, anchor, kind });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { place, anchor, kind }) = self.open.pop() {
                    let kind = match kind {
                        OpenKind::Sequence(items) => NodeKind::Sequence(items),
                        OpenKind::Mapping { pairs, .. } => NodeKind::Mapping(pairs),
                    };
                    self.add(Arc::new(Node::new(place, kind)?), anchor);
                }
            }
            _ => {}
        }
        Ok(None)
    }

    fn add(&mut self, node: Arc<Node>, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::Sequence(items)) => items.push(node),
            Some(OpenKind::Mapping { pairs, key }) => match key.take() {
                None => *key = Some(node),
                Some(key) => pairs.push((key, node)),
            },
        }
    }
}

/// The scalar under its tag: `!!str` and unknown tags make a text of it, core tags leave it open, `!!binary` is
/// decoded.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Result<Scalar, SyntaxError> {
    let plain = match tag {
        None => style == ScalarStyle::Plain,
        Some(tag) if tag.parts() == ("!", "") => false,
        Some(tag) => tag.core_suffix().is_some_and(|suffix| suffix != "str"),
    };
    let binary = tag
        .and_then(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:"))
        .is_some_and(|suffix| suffix == "binary");
    if !binary {
        return Ok(Scalar { text: text.to_owned(), plain });
    }
    let packed: String = text.split_ascii_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let text =
        text.ok_or_else(|| place.error("!!binary value is not the base64 form of a text".to_owned()))?;
    Ok(Scalar { text, plain: false })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The tree as flow YAML, texts quoted where they were not plain, each scalar with its place.
    fn show(node: &Node) -> String {
        match &node.kind {
            NodeKind::Scalar(Scalar { text, plain: true }) => format!("{text}@{}:{}", node.line, node.column),
            NodeKind::Scalar(Scalar { text, plain: false }) => {
                format!("{text:?}@{}:{}", node.line, node.column)
            }
            NodeKind::Sequence(items) => {
                format!("[{}]", items.iter().map(|item| show(item)).collect::<Vec<_>>().join(", "))
            }
            NodeKind::Mapping(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| format!("{}: {}", show(key), show(value)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[test]
    fn keeps_places_and_quoting() {
        let root = parse("a: 1\nbé:\n  - 'x'\n  - {c: \"d\"}\n").unwrap();
        assert_eq!(show(&root), r#"{a@1:1: 1@1:4, bé@2:1: ["x"@3:5, {c@4:6: "d"@4:9}]}"#);
    }

    #[test]
    fn reads_the_first_document_only() {
        assert_eq!(show(&parse("a: 1\n---\nb: [\n").unwrap()), "{a@1:1: 1@1:4}");
        assert_eq!(show(&parse("").unwrap()), "@1:1");
        assert_eq!(show(&parse("# nothing\n").unwrap()), "@1:1");
    }

    #[test]
    fn aliases_share_their_anchor() {
        assert_eq!(show(&parse("a: &x [1]\nb: *x\n").unwrap()), "{a@1:1: [1@1:8], b@2:1: [1@1:8]}");
        let error = parse("a: &x [*x]\n").unwrap_err();
        assert_eq!((error.line, error.column), (1, 8));
        assert!(parse("a: *x\n").is_err());
    }

    #[test]
    fn tags_decide_what_a_scalar_is() {
        let root = parse("[!!str 1, !!int '2', !custom 3, ! 4, !!binary aGk=]").unwrap();
        let NodeKind::Sequence(items) = &root.kind else { panic!("a list") };
        let scalars: Vec<(&str, bool)> = items
            .iter()
            .map(|item| match &item.kind {
                NodeKind::Scalar(scalar) => (scalar.text.as_str(), scalar.plain),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(scalars, [("1", false), ("2", true), ("3", false), ("4", false), ("hi", false)]);
        assert!(parse("!!binary '*'").is_err());
    }

    #[test]
    fn bounds_hold() {
        let mut bomb = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1]\n");
        for level in 1..30 {
            let alias = format!("*a{},", level - 1).repeat(9);
            writeln!(bomb, "a{level}: &a{level} [{alias}]").unwrap();
        }
        assert!(parse(&bomb).unwrap_err().message.contains("aliases expand"));
        assert!(parse(&"[".repeat(300)).is_err());
        assert!(parse(&"- ".repeat(300)).is_err());
        let mut deep = String::from("a0: &a0 1\n");
        for level in 1..40 {
            let (open, close) = ("[".repeat(10), "]".repeat(10));
            writeln!(deep, "a{level}: &a{level} {open}*a{}{close}", level - 1).unwrap();
        }
        assert!(parse(&deep).unwrap_err().message.contains("nested"));
    }
}
