//! Walks templates with a context and writes each anew with its escapers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    context::{Attr, Context, Delim, Element, State, UrlPart},
    transition::{Step, find_any, special_tag_end, transition},
};
use crate::template::{
    ast::{Action, Branch, Command, Expr, Invocation, List, Node, Pipe, Source, Tree},
    error::Error,
    function::Function,
    machine::Trees,
    quote::quote,
    text::Text,
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
struct Place {
    source: Option<Arc<Source>>,
    pos: usize,
}

struct Fault {
    place: Place,
    description: String,
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
    written: BTreeMap<String, Arc<Tree>>,
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

type Walked<T> = Result<(Context, T), Fault>;

impl Escaper<'_> {
    /// Escapes a template for a context; gives the context in which it ends and the name of the copy for it.
    fn tree(&mut self, context: Context, name: &str, place: Place) -> Walked<String> {
        let mangled = context.mangle(name);
        self.found.called.insert(mangled.clone());
        if let Some(output) = self.found.output.get(&mangled) {
            return Ok((output.clone(), mangled));
        }
        let Some(tree) = self.trees.get(name).cloned() else {
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
        self.found.written.insert(name.to_owned(), Arc::new(written));
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
                let call = Invocation { name, ..call.as_ref().clone() };
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

fn limit(what: &str) -> Fault {
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

fn escape_action(context: Context, action: &Action, source: &Arc<Source>) -> Walked<Action> {
    if !action.pipe.decl.is_empty() {
        return Ok((context, action.clone()));
    }
    let mut context = context.nudged();
    let place = || Place { source: Some(Arc::clone(source)), pos: action.pos };
    let unquoted = context.state == State::Attr && context.delim == Delim::SpaceOrTagEnd;
    let last = action.pipe.commands.len().saturating_sub(1);
    for (index, command) in action.pipe.commands.iter().enumerate() {
        let Some(name) = function_name(command).filter(|name| is_predefined(name)) else { continue };
        if index < last || unquoted && name == "html" {
            let description = format!("predefined escaper {} disallowed in template", quote(name.as_bytes()));
            return Err(Fault { place: place(), description });
        }
    }
    let mut escapers = Vec::with_capacity(3);
    match context.state {
        State::Url
        | State::CssDoubleQuoted
        | State::CssSingleQuoted
        | State::CssDoubleQuotedUrl
        | State::CssSingleQuotedUrl
        | State::CssUrl => {
            if context.url_part == UrlPart::Unknown {
                let description =
                    format!("{{{{{}}}}} appears in an ambiguous context within a URL", action.pipe);
                return Err(Fault { place: place(), description });
            }
            url_escapers(&context, &mut escapers);
        }
        State::MetaContentUrl => escapers.push("_html_template_urlfilter"),
        State::Js => {
            escapers.push("_html_template_jsvalescaper");
            context.slash = super::context::Slash::Division;
        }
        State::JsDoubleQuoted | State::JsSingleQuoted => escapers.push("_html_template_jsstrescaper"),
        State::JsTemplate => escapers.push("_html_template_jstmpllitescaper"),
        State::JsRegexp => escapers.push("_html_template_jsregexpescaper"),
        State::Css => escapers.push("_html_template_cssvaluefilter"),
        State::Text => escapers.push("_html_template_htmlescaper"),
        State::Rcdata => escapers.push("_html_template_rcdataescaper"),
        State::AttrName | State::Tag => {
            context.state = State::AttrName;
            escapers.push("_html_template_htmlnamefilter");
        }
        State::Srcset => escapers.push("_html_template_srcsetescaper"),
        state if state.is_comment() => escapers.push("_html_template_commentescaper"),
        _ => {}
    }
    match context.delim {
        Delim::None => {}
        Delim::SpaceOrTagEnd => escapers.push("_html_template_nospaceescaper"),
        Delim::DoubleQuote | Delim::SingleQuote => escapers.push("_html_template_attrescaper"),
    }
    let pipe = with_escapers(&action.pipe, escapers);
    Ok((context, Action { pipe, ..action.clone() }))
}

fn url_escapers(context: &Context, escapers: &mut Vec<&'static str>) {
    if context.url_part == UrlPart::QueryOrFragment {
        return escapers.push("_html_template_urlescaper");
    }
    if context.url_part == UrlPart::None {
        escapers.push("_html_template_urlfilter");
    }
    escapers.push(match context.state {
        State::CssDoubleQuoted | State::CssSingleQuoted => "_html_template_cssescaper",
        _ => "_html_template_urlnormalizer",
    });
}

/// Functions that users may put last themselves.
fn is_predefined(name: &str) -> bool {
    matches!(name, "html" | "urlquery")
}

/// The function that a command calls.
fn function_name(command: &Command) -> Option<&'static str> {
    match command.args.first() {
        Some(Expr::Identifier { function, .. }) => Some(function.name()),
        _ => None,
    }
}

/// The user's name for what an escaper does.
fn equivalent(name: &'static str) -> &'static str {
    match name {
        "_html_template_attrescaper" | "_html_template_htmlescaper" | "_html_template_rcdataescaper" => {
            "html"
        }
        "_html_template_urlescaper" | "_html_template_urlnormalizer" => "urlquery",
        name => name,
    }
}

/// Whether `next` has nothing left to do after `last`.
fn is_redundant(last: &str, next: &str) -> bool {
    match next {
        "_html_template_attrescaper" => matches!(
            last,
            "_html_template_commentescaper"
                | "_html_template_cssescaper"
                | "_html_template_jsregexpescaper"
                | "_html_template_jsstrescaper"
                | "_html_template_jstmpllitescaper"
        ),
        "_html_template_htmlescaper" => last == "_html_template_commentescaper",
        "_html_template_urlnormalizer" => last == "_html_template_urlescaper",
        _ => false,
    }
}

/// The pipeline with escapers at its end. One that the user put there takes the place of the equivalent.
fn with_escapers(pipe: &Pipe, mut escapers: Vec<&'static str>) -> Pipe {
    let mut pipe = pipe.clone();
    if escapers.is_empty() {
        return pipe;
    }
    let pos = pipe.pos;
    let last_name = pipe.commands.last().and_then(function_name);
    let mut kept = pipe.commands.len();
    if let Some(own) = last_name.filter(|name| is_predefined(name)) {
        split_call(&mut pipe, own);
        kept = pipe.commands.len();
        let mut duplicate = false;
        for escaper in &mut escapers {
            if equivalent(escaper) == equivalent(own) {
                *escaper = own;
                duplicate = true;
            }
        }
        kept -= usize::from(duplicate);
    }
    pipe.commands.truncate(kept);
    let present: Vec<&'static str> = pipe.commands.iter().filter_map(function_name).map(equivalent).collect();
    for escaper in escapers {
        let last = pipe.commands.last().and_then(function_name);
        if !present.contains(&equivalent(escaper)) && !last.is_some_and(|last| is_redundant(last, escaper)) {
            pipe.commands.extend(call_of(escaper, pos));
        }
    }
    pipe
}

/// `html "a" .X` alone becomes its arguments and then `html`.
fn split_call(pipe: &mut Pipe, own: &'static str) {
    let pos = pipe.pos;
    let [only] = pipe.commands.as_mut_slice() else { return };
    if only.args.len() < 2 {
        return;
    }
    if let (Some(first), Some(function)) = (only.args.first_mut(), Function::escaper("_eval_args_")) {
        *first = Expr::Identifier { pos: first.pos(), function };
    }
    pipe.commands.extend(call_of(own, pos));
}

fn call_of(name: &str, pos: usize) -> Option<Command> {
    let function = Function::escaper(name).or_else(|| Function::lookup(name))?;
    Some(Command { pos, args: vec![Expr::Identifier { pos, function }] })
}

/// Reads literal text: gives the context after it, and the text without comments and with stray `<` escaped.
fn escape_text(mut context: Context, text: &Text) -> Walked<Text> {
    let mut out = Vec::with_capacity(text.len());
    let (mut written, mut at, mut changed) = (0, 0, false);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    while at < text.len() {
        let (next, read) = after_text(context.clone(), part(at, text.len()))
            .map_err(|description| Fault { place: Place::default(), description })?;
        let end = at + read;
        if matches!(context.state, State::Text | State::Rcdata) {
            let open = part(at, end).iter().rposition(|b| *b == b'<').filter(|_| next.state != context.state);
            for stray in at..open.map_or(end, |open| at + open) {
                let rest = part(stray, text.len());
                let doctype = rest.get(..9).is_some_and(|word| word.eq_ignore_ascii_case(b"<!DOCTYPE"));
                if rest.first() == Some(&b'<') && !doctype {
                    out.extend_from_slice(part(written, stray));
                    out.extend_from_slice(b"&lt;");
                    (written, changed) = (stray + 1, true);
                }
            }
        } else if context.state.is_comment() && context.delim == Delim::None {
            match context.state {
                // A comment with a line break in it counts as a line break in a script.
                State::JsBlockComment => {
                    let comment = String::from_utf8_lossy(part(written, end));
                    let breaks = comment.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
                    out.push(if breaks { b'\n' } else { b' ' });
                }
                State::CssBlockComment => out.push(b' '),
                _ => {}
            }
            (written, changed) = (end, true);
        }
        if context.state != next.state && next.state.is_comment() && next.delim == Delim::None {
            let mark = match next.state {
                State::HtmlComment | State::JsHtmlOpenComment => 4,
                State::JsHtmlCloseComment => 3,
                _ => 2,
            };
            out.extend_from_slice(part(written, end.saturating_sub(mark)));
            (written, changed) = (end, true);
        }
        if context.state.is_script_literal()
            && let Some(escaped) = escape_script_tags(part(at, end))
        {
            out.extend_from_slice(part(written, at));
            out.extend_from_slice(&escaped);
            (written, changed) = (end, true);
        }
        if read == 0 && context.state == next.state {
            return Err(limit("too ambiguous"));
        }
        (context, at) = (next, end);
    }
    if !changed {
        return Ok((context, text.clone()));
    }
    if !context.state.is_comment() || context.delim != Delim::None {
        out.extend_from_slice(part(written, text.len()));
    }
    Ok((context, out.into()))
}

/// `<script`, `</script` and `<!--` inside a literal of a script, made harmless; `None` where there are none.
fn escape_script_tags(text: &[u8]) -> Option<Vec<u8>> {
    let is_special = |rest: &[u8]| {
        [b"<script".as_slice(), b"</script", b"<!--"]
            .iter()
            .any(|tag| rest.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag)))
    };
    let mut out = Vec::with_capacity(text.len() + 8);
    let mut found = false;
    for (at, byte) in text.iter().enumerate() {
        if is_special(text.get(at..).unwrap_or_default()) {
            out.extend_from_slice(b"\\x3C");
            found = true;
        } else {
            out.push(*byte);
        }
    }
    found.then_some(out)
}

/// One step through literal text, minding what bounds the attribute value we may be in.
fn after_text(context: Context, text: &[u8]) -> Step {
    if context.delim == Delim::None {
        let (special, read) = special_tag_end(context.clone(), text);
        if read == 0 {
            return Ok((special, 0));
        }
        return transition(context, text.get(..read).unwrap_or_default());
    }
    let end = find_any(text, 0, context.delim.ends()).unwrap_or(text.len());
    let value = text.get(..end).unwrap_or_default();
    if context.delim == Delim::SpaceOrTagEnd
        && let Some(bad) = find_any(value, 0, b"\"'<=`")
    {
        let bad = quote(value.get(bad..=bad).unwrap_or_default());
        return Err(format!("{bad} in unquoted attr: {}", quote(value)));
    }
    if end == text.len() {
        // The value goes on after this text: what it means so far is read without its entities.
        let plain = super::attribute::unescape_entities(text);
        let (mut context, mut at) = (context, 0);
        while at < plain.len() {
            let (next, read) = transition(context, plain.get(at..).unwrap_or_default())?;
            (context, at) = (next, at + read.max(1));
        }
        return Ok((context, text.len()));
    }
    let foreign_script = context.state == State::Attr
        && context.element == Element::Script
        && context.attr == Attr::ScriptType
        && !super::attribute::is_script_type(value);
    let element = if foreign_script { Element::None } else { context.element };
    let read = end + usize::from(context.delim != Delim::SpaceOrTagEnd);
    Ok((Context { element, ..Context::of(State::Tag) }, read))
}
