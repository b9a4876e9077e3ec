//! The state machine over HTML: from a context and the text that follows, to the next context.

use super::{
    attribute::{Content, content_of},
    context::{Attr, Context, Delim, Element, State, UrlPart},
    script,
};
use crate::template::quote::quote;

/// The next context and how many bytes were read; or what is wrong with the HTML.
pub(super) type Step = Result<(Context, usize), String>;

/// Reads some of `text`, which is not empty, outside of what a delimiter bounds.
pub(super) fn transition(context: Context, text: &[u8]) -> Step {
    let all = text.len();
    match context.state {
        State::Text => Ok(text_step(context, text)),
        State::Tag => tag(context, text),
        State::AttrName => {
            let end = eat_attr_name(text, 0)?;
            let state = if end == all { State::AttrName } else { State::AfterName };
            Ok((Context { state, ..context }, end))
        }
        State::AfterName => Ok(after_name(context, text)),
        State::BeforeValue => Ok(before_value(context, text)),
        State::HtmlComment => Ok(match find(text, b"-->") {
            Some(at) => (Context::default(), at + 3),
            None => (context, all),
        }),
        State::Rcdata => Ok(special_tag_end(context, text)),
        State::Attr | State::Dead => Ok((context, all)),
        State::Url | State::Srcset => Ok((url(context, text), all)),
        State::MetaContent => Ok(meta_content(context, text)),
        State::MetaContentUrl => Ok(match text.iter().position(|b| *b == b';') {
            Some(at) => (Context { state: State::MetaContent, ..context }, at + 1),
            None => (context, all),
        }),
        _ => script::transition(context, text),
    }
}

/// The first offset of `needle`.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

/// The first offset, not before `from`, of one of `bytes`.
pub(super) fn find_any(text: &[u8], from: usize, bytes: &[u8]) -> Option<usize> {
    text.iter().skip(from).position(|b| bytes.contains(b)).map(|at| from + at)
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0c | b'\r')
}

pub(super) fn eat_space(text: &[u8], from: usize) -> usize {
    from + text.iter().skip(from).take_while(|b| is_space(**b)).count()
}

/// A quoted text of at most 32 characters, for errors.
fn shown(text: &[u8]) -> String {
    let end = crate::template::text::runes(text).nth(32).map_or(text.len(), |(at, _, _)| at);
    quote(text.get(..end).unwrap_or(text))
}

fn text_step(context: Context, text: &[u8]) -> (Context, usize) {
    let mut from = 0;
    loop {
        let Some(open) = find_any(text, from, b"<").filter(|open| open + 1 < text.len()) else {
            return (context, text.len());
        };
        if text.get(open..).is_some_and(|rest| rest.starts_with(b"<!--")) {
            return (Context::of(State::HtmlComment), open + 4);
        }
        let mut start = open + 1;
        let is_end = text.get(start) == Some(&b'/');
        if is_end {
            start += 1;
            if start == text.len() {
                return (context, text.len());
            }
        }
        let end = eat_tag_name(text, start);
        if end != start {
            let element = match is_end {
                true => Element::None,
                false => Element::of_tag(text.get(start..end).unwrap_or_default()),
            };
            return (Context { element, ..Context::of(State::Tag) }, end);
        }
        from = end;
    }
}

fn eat_tag_name(text: &[u8], from: usize) -> usize {
    let byte = |at: usize| text.get(at).copied().unwrap_or_default();
    if !byte(from).is_ascii_alphabetic() {
        return from;
    }
    let mut at = from + 1;
    loop {
        if byte(at).is_ascii_alphanumeric() {
            at += 1;
        } else if matches!(byte(at), b':' | b'-') && byte(at + 1).is_ascii_alphanumeric() {
            at += 2;
        } else {
            return at;
        }
    }
}

fn eat_attr_name(text: &[u8], from: usize) -> Result<usize, String> {
    for (at, byte) in text.iter().enumerate().skip(from) {
        match byte {
            b' ' | b'\t' | b'\n' | 0x0c | b'\r' | b'=' | b'>' => return Ok(at),
            b'\'' | b'"' | b'<' => {
                return Err(format!("{} in attribute name: {}", quote(&[*byte]), shown(text)));
            }
            _ => {}
        }
    }
    Ok(text.len())
}

fn tag(context: Context, text: &[u8]) -> Step {
    let start = eat_space(text, 0);
    let Some(byte) = text.get(start) else { return Ok((context, text.len())) };
    if *byte == b'>' {
        let state = context.element.content();
        let element = if context.element == Element::Meta { Element::None } else { context.element };
        return Ok((Context { element, ..Context::of(state) }, start + 1));
    }
    let end = eat_attr_name(text, start)?;
    if start == end {
        let rest = quote(text.get(start..).unwrap_or_default());
        return Err(format!("expected space, attr name, or end of tag, but got {rest}"));
    }
    let name = String::from_utf8_lossy(text.get(start..end).unwrap_or_default()).to_lowercase();
    let attr = match (context.element, name.as_str()) {
        (Element::Script, "type") => Attr::ScriptType,
        (Element::Meta, "content") => Attr::MetaContent,
        (_, name) => match content_of(name) {
            Content::Url => Attr::Url,
            Content::Css => Attr::Style,
            Content::Js => Attr::Script,
            Content::Srcset => Attr::Srcset,
            Content::Plain | Content::Html | Content::Unsafe => Attr::None,
        },
    };
    let state = if end == text.len() { State::AttrName } else { State::AfterName };
    Ok((Context { element: context.element, attr, ..Context::of(state) }, end))
}

fn after_name(context: Context, text: &[u8]) -> (Context, usize) {
    let at = eat_space(text, 0);
    match text.get(at) {
        None => (context, text.len()),
        Some(b'=') => (Context { state: State::BeforeValue, ..context }, at + 1),
        Some(_) => (Context { state: State::Tag, ..context }, at),
    }
}

fn before_value(context: Context, text: &[u8]) -> (Context, usize) {
    let at = eat_space(text, 0);
    let (delim, at) = match text.get(at) {
        None => return (context, text.len()),
        Some(b'\'') => (Delim::SingleQuote, at + 1),
        Some(b'"') => (Delim::DoubleQuote, at + 1),
        Some(_) => (Delim::SpaceOrTagEnd, at),
    };
    (Context { state: context.attr.start(), delim, ..context }, at)
}

/// Looks for the end tag of an element whose content is not markup.
pub(super) fn special_tag_end(context: Context, text: &[u8]) -> (Context, usize) {
    let literal = context.state.is_script_literal() || context.state.is_comment();
    if context.element == Element::None || context.element == Element::Script && literal {
        return (context, text.len());
    }
    match index_tag_end(text, context.element.end_tag()) {
        Some(at) => (Context::default(), at),
        None => (context, text.len()),
    }
}

fn index_tag_end(text: &[u8], tag: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let open = from + find(text.get(from..)?, b"</")?;
        let name = open + 2;
        let end = name + tag.len();
        let is_tag = text.get(name..end).is_some_and(|name| name.eq_ignore_ascii_case(tag));
        if is_tag && text.get(end).is_some_and(|b| b"> \t\n\x0c/".contains(b)) {
            return Some(open);
        }
        from = if is_tag { end } else { name };
    }
}

/// A piece of a URL.
pub(super) fn url(mut context: Context, text: &[u8]) -> Context {
    if find_any(text, 0, b"#?").is_some() {
        context.url_part = UrlPart::QueryOrFragment;
    } else if eat_space(text, 0) != text.len() && context.url_part == UrlPart::None {
        context.url_part = UrlPart::PreQuery;
    }
    context
}

/// `<meta content="0; url=…">`.
fn meta_content(context: Context, text: &[u8]) -> (Context, usize) {
    for at in 0..text.len() {
        let is_url = text.get(at..at + 3).is_some_and(|word| word.eq_ignore_ascii_case(b"url"));
        if is_url && at + 3 < text.len() {
            let equals = eat_space(text, at + 3);
            if text.get(equals) == Some(&b'=') {
                return (Context { state: State::MetaContentUrl, ..context }, equals + 1);
            }
        }
    }
    (context, text.len())
}
