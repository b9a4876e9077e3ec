//! Literal text of an HTML template: the context after it, and what of it reaches the output.

use super::{
    attribute::{is_script_type, unescape_entities},
    context::{Attr, Context, Delim, Element, State},
    rewrite::{Fault, Place, Walked, limit},
    transition::{Step, find_any, special_tag_end, transition},
};
use crate::template::{quote::quote, text::Text};

/// Reads literal text: gives the context after it, and the text without comments and with stray `<` escaped.
pub(super) fn escape_text(mut context: Context, text: &Text) -> Walked<Text> {
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
            out.extend(comment_remains(context.state, part(written, end)));
            (written, changed) = (end, true);
        }
        if context.state != next.state && next.state.is_comment() && next.delim == Delim::None {
            out.extend_from_slice(part(written, end.saturating_sub(mark_len(next.state))));
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

/// What stands in the output for a comment: the space that it is in scripts and style sheets, or a line break if it has one.
fn comment_remains(state: State, comment: &[u8]) -> Option<u8> {
    match state {
        State::JsBlockComment => {
            let comment = String::from_utf8_lossy(comment);
            let breaks = comment.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
            Some(if breaks { b'\n' } else { b' ' })
        }
        State::CssBlockComment => Some(b' '),
        _ => None,
    }
}

/// The length of what opens a comment.
fn mark_len(comment: State) -> usize {
    match comment {
        State::HtmlComment | State::JsHtmlOpenComment => 4,
        State::JsHtmlCloseComment => 3,
        _ => 2,
    }
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
        let plain = unescape_entities(text);
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
        && !is_script_type(value);
    let element = if foreign_script { Element::None } else { context.element };
    let read = end + usize::from(context.delim != Delim::SpaceOrTagEnd);
    Ok((Context { element, ..Context::of(State::Tag) }, read))
}
