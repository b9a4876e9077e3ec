//! Gives an action the escapers of its context, after those of its own that do the same.

use std::sync::Arc;

use super::{
    context::{Context, Delim, Slash, State, UrlPart},
    rewrite::{Fault, Place, Walked},
};
use crate::template::{
    ast::{Action, Command, Expr, Pipe, Source},
    function::Function,
    quote::quote,
};

/// Adds to an action's pipeline what makes its value safe in the context.
pub(super) fn escape_action(context: Context, action: &Action, source: &Arc<Source>) -> Walked<Action> {
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
            context.slash = Slash::Division;
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
