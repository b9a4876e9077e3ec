//! The state machine inside scripts and style sheets.

use super::{
    context::{Context, Slash, State},
    css::decode_css,
    transition::{Step, find, find_any, url},
};
use crate::template::{quote::quote, text::runes};

/// Reads some of `text` in a script or style sheet.
pub(super) fn transition(context: Context, text: &[u8]) -> Step {
    match context.state {
        State::Js => js(context, text),
        State::JsDoubleQuoted | State::JsSingleQuoted | State::JsRegexp => js_delimited(context, text),
        State::JsTemplate => js_template(context, text),
        State::JsBlockComment => Ok(block_comment(context, text, State::Js)),
        State::CssBlockComment => Ok(block_comment(context, text, State::Css)),
        State::JsLineComment | State::JsHtmlOpenComment | State::JsHtmlCloseComment => {
            let end = runes(text).find(|(_, c, _)| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}'));
            Ok(line_comment(context, text, State::Js, end.map(|(at, _, _)| at)))
        }
        State::CssLineComment => Ok(line_comment(context, text, State::Css, find_any(text, 0, b"\n\x0c\r"))),
        State::Css => Ok(css(context, text)),
        State::CssDoubleQuoted
        | State::CssSingleQuoted
        | State::CssDoubleQuotedUrl
        | State::CssSingleQuotedUrl
        | State::CssUrl => css_string(context, text),
        _ => Ok((context, text.len())),
    }
}

fn block_comment(context: Context, text: &[u8], after: State) -> (Context, usize) {
    match find(text, b"*/") {
        Some(at) => (Context { state: after, ..context }, at + 2),
        None => (context, text.len()),
    }
}

fn line_comment(context: Context, text: &[u8], after: State, end: Option<usize>) -> (Context, usize) {
    match end {
        Some(at) => (Context { state: after, ..context }, at),
        None => (context, text.len()),
    }
}

fn js(mut context: Context, text: &[u8]) -> Step {
    let Some(at) = find_any(text, 0, b"\"`'/{}<-#") else {
        context.slash = next_slash(text, context.slash);
        return Ok((context, text.len()));
    };
    let (before, rest) = text.split_at(at);
    context.slash = next_slash(before, context.slash);
    let literal = |state: State, context: Context| Context { state, slash: Slash::Regexp, ..context };
    let mut read = at + 1;
    match rest.first() {
        Some(b'"') => context = literal(State::JsDoubleQuoted, context),
        Some(b'\'') => context = literal(State::JsSingleQuoted, context),
        Some(b'`') => context = literal(State::JsTemplate, context),
        Some(b'/') if rest.starts_with(b"//") => (context.state, read) = (State::JsLineComment, at + 2),
        Some(b'/') if rest.starts_with(b"/*") => (context.state, read) = (State::JsBlockComment, at + 2),
        Some(b'/') => match context.slash {
            Slash::Regexp => context.state = State::JsRegexp,
            Slash::Division => context.slash = Slash::Regexp,
            Slash::Unknown => {
                let end = runes(rest).nth(32).map_or(rest.len(), |(at, _, _)| at);
                let shown = quote(rest.get(..end).unwrap_or(rest));
                return Err(format!("'/' could start a division or regexp: {shown}"));
            }
        },
        Some(b'<') if rest.starts_with(b"<!--") => {
            (context.state, read) = (State::JsHtmlOpenComment, at + 4);
        }
        Some(b'-') if rest.starts_with(b"-->") => {
            (context.state, read) = (State::JsHtmlCloseComment, at + 3);
        }
        Some(b'#') if rest.starts_with(b"#!") => (context.state, read) = (State::JsLineComment, at + 2),
        Some(b'#') => {
            // A private name is never a keyword.
            read += rest.iter().skip(1).take_while(|b| is_js_ident(**b)).count();
            context.slash = Slash::Division;
        }
        Some(brace @ (b'{' | b'}')) => context = js_brace(context, *brace),
        _ => {}
    }
    Ok((context, read))
}

/// A brace may end the expression inside a template literal.
fn js_brace(mut context: Context, brace: u8) -> Context {
    match (context.braces.last_mut(), brace) {
        (Some(open), b'{') => *open += 1,
        (Some(open), _) => {
            *open -= 1;
            if *open < 0 {
                context.braces.pop();
                context.state = State::JsTemplate;
                return context;
            }
        }
        (None, _) => {}
    }
    context.slash = next_slash(&[brace], context.slash);
    context
}

fn unfinished(kind: &str, text: &[u8]) -> String {
    format!("unfinished escape sequence in {kind} string: {}", quote(text))
}

fn js_template(mut context: Context, text: &[u8]) -> Step {
    let mut from = 0;
    while let Some(at) = find_any(text, from, b"`\\$") {
        from = at + 1;
        match text.get(at) {
            Some(b'\\') => {
                if from == text.len() {
                    return Err(unfinished("JS", text));
                }
                from += 1;
            }
            Some(b'$') if text.get(from) == Some(&b'{') => {
                context.braces.push(0);
                (context.state, context.slash) = (State::Js, Slash::Regexp);
                return Ok((context, at + 2));
            }
            Some(b'`') => {
                context.state = State::Js;
                return Ok((context, at + 1));
            }
            _ => {}
        }
    }
    Ok((context, text.len()))
}

fn js_delimited(context: Context, text: &[u8]) -> Step {
    let specials: &[u8] = match context.state {
        State::JsSingleQuoted => b"\\'",
        State::JsRegexp => b"\\/[]",
        _ => b"\\\"",
    };
    let (mut from, mut in_charset) = (0, false);
    while let Some(at) = find_any(text, from, specials) {
        from = at + 1;
        let end_tag = |at: usize| {
            let start = at.checked_sub(1)?;
            text.get(start..start + 8).map(|word| word.eq_ignore_ascii_case(b"</script"))
        };
        match text.get(at) {
            Some(b'\\') => {
                if from == text.len() {
                    return Err(unfinished("JS", text));
                }
                from += 1;
            }
            Some(b'[') => in_charset = true,
            Some(b']') => in_charset = false,
            // In a regular expression, `</script` is written out escaped and does not end it.
            Some(b'/') if end_tag(at) == Some(true) => from += 1,
            Some(_) if !in_charset => {
                let context = Context { state: State::Js, slash: Slash::Division, ..context };
                return Ok((context, at + 1));
            }
            _ => {}
        }
    }
    if in_charset {
        return Err(format!("unfinished JS regexp charset: {}", quote(text)));
    }
    Ok((context, text.len()))
}

/// What a slash after `text` would be.
fn next_slash(text: &[u8], before: Slash) -> Slash {
    let trimmed = trim_blank_end(text);
    let Some(last) = trimmed.last() else { return before };
    match last {
        b'+' | b'-' => {
            let run = trimmed.iter().rev().take_while(|b| *b == last).count();
            if run % 2 == 1 { Slash::Regexp } else { Slash::Division }
        }
        b'.' => {
            let number = trimmed.len() > 1 && trimmed.iter().rev().nth(1).is_some_and(u8::is_ascii_digit);
            if number { Slash::Division } else { Slash::Regexp }
        }
        b',' | b'<' | b'>' | b'=' | b'*' | b'%' | b'&' | b'|' | b'^' | b'?' | b'!' | b'~' | b'(' | b'['
        | b':' | b';' | b'{' | b'}' => Slash::Regexp,
        _ => {
            let word = trimmed.iter().rev().take_while(|b| is_js_ident(**b)).count();
            let (before, word) = trimmed.split_at(trimmed.len() - word);
            // After a dot it is the name of a property.
            let keyword = precedes_regexp(word) && !trim_blank_end(before).ends_with(b".");
            if keyword { Slash::Regexp } else { Slash::Division }
        }
    }
}

fn trim_blank_end(text: &[u8]) -> &[u8] {
    let shown = runes(text).filter(|(_, c, _)| !is_js_space(*c)).last();
    let end = shown.map_or(0, |(at, _, len)| at + len);
    text.get(..end).unwrap_or_default()
}

fn is_js_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

pub(super) fn is_js_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'_')
}

fn precedes_regexp(word: &[u8]) -> bool {
    const KEYWORDS: [&[u8]; 15] = [
        b"break",
        b"case",
        b"continue",
        b"delete",
        b"do",
        b"else",
        b"finally",
        b"in",
        b"instanceof",
        b"return",
        b"throw",
        b"try",
        b"typeof",
        b"void",
        b"yield",
    ];
    KEYWORDS.contains(&word)
}

fn css(mut context: Context, text: &[u8]) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = find_any(text, from, b"(\"'/") {
        let (read, state) = match (text.get(at), text.get(at + 1)) {
            (Some(b'('), _) if ends_with_url(text.get(..at).unwrap_or_default()) => {
                let start = at + 1 + text.iter().skip(at + 1).take_while(|b| is_css_space(**b)).count();
                match text.get(start) {
                    Some(b'"') => (start + 1, State::CssDoubleQuotedUrl),
                    Some(b'\'') => (start + 1, State::CssSingleQuotedUrl),
                    _ => (start, State::CssUrl),
                }
            }
            (Some(b'/'), Some(b'/')) => (at + 2, State::CssLineComment),
            (Some(b'/'), Some(b'*')) => (at + 2, State::CssBlockComment),
            (Some(b'"'), _) => (at + 1, State::CssDoubleQuoted),
            (Some(b'\''), _) => (at + 1, State::CssSingleQuoted),
            _ => {
                from = at + 1;
                continue;
            }
        };
        context.state = state;
        return (context, read);
    }
    (context, text.len())
}

fn is_css_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// Whether the text ends in the word `url`.
fn ends_with_url(text: &[u8]) -> bool {
    let end = text.iter().rposition(|b| !is_css_space(*b)).map_or(0, |at| at + 1);
    let text = text.get(..end).unwrap_or_default();
    let Some(start) = text.len().checked_sub(3) else { return false };
    let (before, word) = text.split_at(start);
    let joined =
        before.last().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | 0x80..));
    word.eq_ignore_ascii_case(b"url") && !joined
}

fn css_string(mut context: Context, text: &[u8]) -> Step {
    let specials: &[u8] = match context.state {
        State::CssDoubleQuoted | State::CssDoubleQuotedUrl => b"\\\"",
        State::CssSingleQuoted | State::CssSingleQuotedUrl => b"\\'",
        _ => b"\\\t\n\x0c\r )",
    };
    let mut from = 0;
    while let Some(at) = find_any(text, from, specials) {
        if text.get(at) != Some(&b'\\') {
            context.state = State::Css;
            return Ok((context, at + 1));
        }
        if at + 1 == text.len() {
            return Err(unfinished("CSS", text));
        }
        context = url(context, &decode_css(text.get(..at + 2).unwrap_or_default()));
        from = at + 2;
    }
    let rest = text.get(from..).unwrap_or_default();
    Ok((url(context, &decode_css(rest)), text.len()))
}
