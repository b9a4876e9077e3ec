//! Translated parts of an expression and how they join, with what Go's limits need to know of them.

/// How many texts are listed for an expression that matches just these.
const MAX_TEXTS: usize = 256;

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// Can be repeated as it stands.
    Atom,
    /// Can stand in a sequence as it stands.
    Sequence,
    Alternation,
}

/// A translated part of the expression.
pub(super) struct Node {
    pub(super) text: String,
    shape: Shape,
    pub(super) height: u32,
    /// Instructions of Go's program.
    pub(super) size: u64,
    /// How often counted repetitions copy their innermost operand.
    pub(super) copies: u64,
    /// The texts that it matches anywhere, if they can be listed.
    texts: Option<Vec<String>>,
    /// The texts that it matches when it has to span the whole text: anchors at its ends are no obstacle then.
    pub(super) whole_texts: Option<Vec<String>>,
}

impl Node {
    pub(super) fn leaf(text: String) -> Self {
        Self { text, shape: Shape::Atom, height: 1, size: 1, copies: 1, texts: None, whole_texts: None }
    }

    /// A character that means itself.
    pub(super) fn text(text: String, character: char) -> Self {
        Self { texts: Some(vec![character.to_string()]), ..Self::leaf(text) }
    }

    pub(super) fn is_start(&self) -> bool {
        self.text == r"\A"
    }

    pub(super) fn is_end(&self) -> bool {
        self.text == r"\z"
    }

    fn spanning_texts(&self) -> Option<&[String]> {
        self.whole_texts.as_deref().or(self.texts.as_deref())
    }

    pub(super) fn concat(mut nodes: Vec<Self>) -> Self {
        if nodes.len() == 1
            && let Some(node) = nodes.pop()
        {
            return node;
        }
        let mut inner = nodes.as_slice();
        while let [first, rest @ ..] = inner
            && first.is_start()
        {
            inner = rest;
        }
        while let [rest @ .., last] = inner
            && last.is_end()
        {
            inner = rest;
        }
        let whole_texts = match inner {
            [single] => single.spanning_texts().map(<[String]>::to_vec),
            inner => joined_texts(inner),
        };
        let mut text = String::new();
        for node in &nodes {
            push_part(&mut text, node, Shape::Sequence);
        }
        Self {
            texts: joined_texts(&nodes),
            whole_texts,
            text,
            shape: Shape::Sequence,
            height: 1 + nodes.iter().map(|node| node.height).max().unwrap_or(0),
            size: nodes.iter().map(|node| node.size).fold(0, u64::saturating_add).max(1),
            copies: nodes.iter().map(|node| node.copies).max().unwrap_or(1),
        }
    }

    pub(super) fn alternate(nodes: Vec<Self>) -> Self {
        let mut text = String::new();
        for (place, node) in nodes.iter().enumerate() {
            if place > 0 {
                text.push('|');
            }
            text.push_str(&node.text);
        }
        let branches = nodes.len() as u64;
        Self {
            texts: united_texts(nodes.iter().map(|node| node.texts.as_deref())),
            whole_texts: united_texts(nodes.iter().map(Self::spanning_texts)),
            text,
            shape: Shape::Alternation,
            height: 1 + nodes.iter().map(|node| node.height).max().unwrap_or(0),
            size: nodes.iter().map(|node| node.size).fold(branches, u64::saturating_add),
            copies: nodes.iter().map(|node| node.copies).max().unwrap_or(1),
        }
    }

    pub(super) fn captured(self) -> Self {
        Self {
            text: format!("({})", self.text),
            shape: Shape::Atom,
            height: self.height + 1,
            size: self.size.saturating_add(2),
            ..self
        }
    }

    pub(super) fn repeated(self, operator: &str, min: u64, max: Option<u64>, reluctant: bool) -> Self {
        let mut text = String::new();
        push_part(&mut text, &self, Shape::Atom);
        text.push_str(operator);
        if reluctant {
            text.push('?');
        }
        let counted = operator.starts_with('{');
        let copies = match max {
            _ if !counted => self.copies,
            Some(0) => 0,
            _ => self.copies.saturating_mul(max.unwrap_or(min).max(1)),
        };
        let size = match max {
            None => self.size.saturating_mul(min.max(1)).saturating_add(2),
            Some(max) => self.size.saturating_mul(max).saturating_add(max - min).max(1),
        };
        Self {
            text,
            shape: Shape::Sequence,
            height: self.height + 1,
            size,
            copies,
            texts: None,
            whole_texts: None,
        }
    }
}

/// Appends a part, in a group where its shape would run into its neighbours.
fn push_part(text: &mut String, node: &Node, needed: Shape) {
    let fits = match needed {
        Shape::Atom => node.shape == Shape::Atom,
        Shape::Sequence | Shape::Alternation => node.shape != Shape::Alternation,
    };
    if fits {
        text.push_str(&node.text);
    } else {
        text.push_str("(?:");
        text.push_str(&node.text);
        text.push(')');
    }
}

fn joined_texts(nodes: &[Node]) -> Option<Vec<String>> {
    let mut joined = vec![String::new()];
    for node in nodes {
        let texts = node.texts.as_deref()?;
        if joined.len() * texts.len() > MAX_TEXTS {
            return None;
        }
        joined = joined
            .iter()
            .flat_map(|start| texts.iter().map(move |end| [start, end.as_str()].concat()))
            .collect();
    }
    Some(joined)
}

fn united_texts<'a>(parts: impl Iterator<Item = Option<&'a [String]>>) -> Option<Vec<String>> {
    let mut united: Vec<String> = Vec::new();
    for part in parts {
        united.extend(part?.iter().cloned());
        if united.len() > MAX_TEXTS {
            return None;
        }
    }
    Some(united)
}
