//! The functions that escaping adds to pipelines: each makes any value safe in one context. Text marked as trusted
//! (`safeHtml`, `safeUrl`) passes where its kind belongs.

use super::{
    attribute::{Content, content_of},
    context::{Context, Delim, Element, State},
    css::{decode_css, escape_css, is_safe_value},
    script::is_js_ident,
    transition::{find, find_any, special_tag_end, transition},
};
use crate::template::{
    fmt::{sprint_pointees, string_of},
    json,
    machine::Machine,
    text::{Text, runes},
    value::{StrType, Value},
};

/// What stands in for a value that cannot be made safe.
const FAILSAFE: &str = "ZgotmplZ";

/// The operands as text, and whether it is trusted as markup or as a URL. Absent values are left out.
fn stringify(machine: &Machine<'_>, args: &[Value]) -> (Text, StrType) {
    if let [Value::Str(kind, text)] = args {
        return (text.clone(), *kind);
    }
    let present: Vec<Value> =
        args.iter().filter(|arg| !matches!(arg, Value::Nil | Value::NilElement)).cloned().collect();
    (sprint_pointees(&present, machine.environment.limits.output).into(), StrType::String)
}

type Outcome = Result<Value, String>;

pub(in crate::template) fn html(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, kind) = stringify(machine, args);
    match kind {
        StrType::Html => Ok(Value::string(text)),
        _ => machine.make_text(replace_html(&text, true)),
    }
}

pub(in crate::template) fn rcdata(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, kind) = stringify(machine, args);
    machine.make_text(replace_html(&text, kind != StrType::Html))
}

pub(in crate::template) fn attr(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, kind) = stringify(machine, args);
    match kind {
        StrType::Html => machine.make_text(replace_html(&strip_tags(&text), false)),
        _ => machine.make_text(replace_html(&text, true)),
    }
}

pub(in crate::template) fn no_space(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, kind) = stringify(machine, args);
    if text.is_empty() {
        return Ok(Value::string(FAILSAFE));
    }
    match kind {
        StrType::Html => machine.make_text(replace_unquoted(&strip_tags(&text), false)),
        _ => machine.make_text(replace_unquoted(&text, true)),
    }
}

pub(in crate::template) fn comment(_: &mut Machine<'_>, _: &[Value]) -> Outcome {
    Ok(Value::string(Text::new()))
}

pub(in crate::template) fn eval_args(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    if let [Value::Str(StrType::String, text)] = args {
        return Ok(Value::string(text.clone()));
    }
    machine.make_text(sprint_pointees(args, machine.environment.limits.output))
}

/// The name of an attribute or tag: letters and digits only, and nothing that changes what the value means.
pub(in crate::template) fn html_name_filter(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, _) = stringify(machine, args);
    let name = text.lossy().to_lowercase();
    let harmless = name.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    let safe = !name.is_empty() && harmless && content_of(&name) == Content::Plain;
    machine.make_text(if safe { name } else { FAILSAFE.to_owned() })
}

pub(in crate::template) fn css(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, _) = stringify(machine, args);
    machine.make_text(escape_css(&text))
}

pub(in crate::template) fn css_value_filter(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, _) = stringify(machine, args);
    let decoded = decode_css(&text);
    if is_safe_value(&decoded) { machine.make_text(decoded) } else { Ok(Value::string(FAILSAFE)) }
}

pub(in crate::template) fn url_filter(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, kind) = stringify(machine, args);
    let safe = kind == StrType::Url || is_safe_url(&text);
    Ok(Value::string(if safe { text } else { Text::from_static("#ZgotmplZ") }))
}

pub(in crate::template) fn url(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, kind) = stringify(machine, args);
    machine.make_text(process_url(&text, kind == StrType::Url))
}

pub(in crate::template) fn url_normalise(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, _) = stringify(machine, args);
    machine.make_text(process_url(&text, true))
}

pub(in crate::template) fn srcset(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, kind) = stringify(machine, args);
    if kind == StrType::Url {
        let url = process_url(&text, true);
        return machine.make_text(url.split(|b| *b == b',').collect::<Vec<_>>().join(b"%2c".as_slice()));
    }
    let candidates: Vec<Vec<u8>> = text.split(|b| *b == b',').map(srcset_candidate).collect();
    machine.make_text(candidates.join(&b','))
}

/// One URL of a list, with its width or density.
fn srcset_candidate(text: &[u8]) -> Vec<u8> {
    let is_space = |b: &u8| matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' ');
    let start = text.iter().take_while(|b| is_space(b)).count();
    let len = text.iter().skip(start).take_while(|b| !is_space(b)).count();
    let (before, rest) = text.split_at(start);
    let (url, after) = rest.split_at(len);
    if is_safe_url(url) && after.iter().all(|b| is_space(b) || b.is_ascii_alphanumeric()) {
        return [before, &process_url(url, true), after].concat();
    }
    b"#ZgotmplZ".to_vec()
}

/// A URL without a scheme, or with a harmless one.
pub(in crate::template) fn is_safe_url(url: &[u8]) -> bool {
    let Some(colon) = url.iter().position(|b| *b == b':') else { return true };
    let scheme = url.get(..colon).unwrap_or_default();
    if [b"http".as_slice(), b"https"].contains(&scheme) {
        return true;
    }
    // Go folds case by Unicode: the long s and the Kelvin sign count as letters.
    let scheme = String::from_utf8_lossy(scheme).replace('\u{17f}', "s").to_ascii_lowercase();
    scheme.contains('/') || matches!(scheme.as_str(), "http" | "https" | "mailto")
}

/// Whether a URL needs no percent-encoding beside what it has.
pub(in crate::template) fn is_normal_url(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| is_url_byte(text, at, *byte, true))
}

/// Whether the byte at `at` stays as it is; what is reserved and what is encoded already does if `normalise`.
fn is_url_byte(text: &[u8], at: usize, byte: u8, normalise: bool) -> bool {
    match byte {
        byte if byte.is_ascii_alphanumeric() => true,
        b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'['
        | b']' => normalise,
        b'-' | b'.' | b'_' | b'~' => true,
        b'%' => {
            let digits = text.get(at + 1..at + 3);
            normalise && digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        }
        _ => false,
    }
}

/// Percent-encodes; `normalise` keeps what is reserved and what is encoded already.
fn process_url(text: &[u8], normalise: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for (at, byte) in text.iter().enumerate() {
        if is_url_byte(text, at, *byte, normalise) {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02x}").as_bytes());
        }
    }
    out
}

/// Whether a text holds nothing that [`replace_html`] would change; most labels do not.
pub(in crate::template) fn is_plain(text: &[u8]) -> bool {
    !text.iter().any(has_entity)
}

fn has_entity(byte: &u8) -> bool {
    matches!(byte, 0 | b'"' | b'&' | b'\'' | b'+' | b'<' | b'>')
}

fn split_at_entity(text: &[u8]) -> Option<(&[u8], &u8, &[u8])> {
    let (before, rest) = text.split_at(text.iter().position(has_entity)?);
    let (byte, after) = rest.split_first()?;
    Some((before, byte, after))
}

/// Entities for text and quoted attributes; `ampersands` are left where the text holds entities already.
fn replace_html(text: &[u8], ampersands: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, byte, after)) = split_at_entity(rest) {
        out.extend_from_slice(before);
        out.extend_from_slice(match byte {
            0 => "\u{fffd}".as_bytes(),
            b'"' => b"&#34;",
            b'&' if ampersands => b"&amp;",
            b'\'' => b"&#39;",
            b'+' => b"&#43;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            _ => std::slice::from_ref(byte),
        });
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// Entities for attributes without quotes.
fn replace_unquoted(text: &[u8], ampersands: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for (at, c, len) in runes(text) {
        match c {
            '\0' => out.extend_from_slice(b"&#xfffd;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '&' if ampersands => out.extend_from_slice(b"&amp;"),
            '\t'..='\r' | ' ' | '"' | '\'' | '+' | '=' | '`' => {
                out.extend_from_slice(format!("&#{};", u32::from(c)).as_bytes());
            }
            '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' => {
                out.extend_from_slice(format!("&#x{:x};", u32::from(c)).as_bytes());
            }
            _ => out.extend_from_slice(text.get(at..at + len).unwrap_or_default()),
        }
    }
    out
}

/// The text of trusted markup, without its tags.
fn strip_tags(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut context, mut at, mut all_text) = (Context::default(), 0, true);
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        if context.delim != Delim::None {
            let Some(end) = find_any(rest, 0, context.delim.ends()) else { break };
            at += end + usize::from(context.delim != Delim::SpaceOrTagEnd);
            context = Context { element: context.element, ..Context::of(State::Tag) };
            continue;
        }
        let raw = context.element != Element::None && !context.state.is_in_tag();
        let step = match raw {
            true => Ok(special_tag_end(context.clone(), rest)),
            false => transition(context.clone(), rest),
        };
        // Markup that is not well-formed ends the text.
        let Ok((next, read)) = step else { return out };
        if matches!(context.state, State::Text | State::Rcdata) {
            let read_text = rest.get(..read).unwrap_or_default();
            let open = read_text.iter().rposition(|b| *b == b'<').filter(|_| next.state != context.state);
            out.extend_from_slice(read_text.get(..open.unwrap_or(read)).unwrap_or_default());
        } else {
            all_text = false;
        }
        context = next;
        at += read;
    }
    if all_text {
        return text.to_vec();
    }
    if matches!(context.state, State::Text | State::Rcdata) {
        out.extend_from_slice(text.get(at..).unwrap_or_default());
    }
    out
}

pub(in crate::template) fn js_str(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, _) = stringify(machine, args);
    machine.make_text(replace_js(&text, js_string_escape))
}

pub(in crate::template) fn js_template_literal(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, _) = stringify(machine, args);
    machine.make_text(replace_js(&text, |c| match c {
        '$' => Some("\\u0024"),
        '{' => Some("\\u007b"),
        '}' => Some("\\u007d"),
        c => js_string_escape(c),
    }))
}

pub(in crate::template) fn js_regexp(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let (text, _) = stringify(machine, args);
    let replaced = replace_js(&text, |c| match c {
        '$' => Some("\\$"),
        '(' => Some("\\("),
        ')' => Some("\\)"),
        '*' => Some("\\*"),
        '-' => Some("\\-"),
        '.' => Some("\\."),
        '?' => Some("\\?"),
        '[' => Some("\\["),
        ']' => Some("\\]"),
        '^' => Some("\\^"),
        '{' => Some("\\{"),
        '|' => Some("\\|"),
        '}' => Some("\\}"),
        '`' => None,
        c => js_string_escape(c),
    });
    machine.make_text(if replaced.is_empty() { b"(?:)".to_vec() } else { replaced })
}

fn js_string_escape(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "\\u0022",
        '`' => "\\u0060",
        '&' => "\\u0026",
        '\'' => "\\u0027",
        '+' => "\\u002b",
        '/' => "\\/",
        '<' => "\\u003c",
        '>' => "\\u003e",
        '\\' => "\\\\",
        _ => return None,
    })
}

fn replace_js(text: &[u8], escape: impl Fn(char) -> Option<&'static str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for (at, c, len) in runes(text) {
        match c {
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\x0c' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => match escape(c) {
                Some(escaped) => out.extend_from_slice(escaped.as_bytes()),
                None => out.extend_from_slice(text.get(at..at + len).unwrap_or_default()),
            },
        }
    }
    out
}

/// A value as a JavaScript literal.
pub(in crate::template) fn js_value(machine: &mut Machine<'_>, args: &[Value]) -> Outcome {
    let limit = machine.environment.limits.output;
    let value = match args {
        // Times have a JSON form of their own.
        [time @ Value::Time(_)] => time.clone(),
        // A pointer is followed to its struct, which has no methods.
        [zone @ Value::Location(_)] => zone.clone(),
        [value] => string_of(value).map_or_else(|| value.clone(), Value::string),
        args => Value::string(sprint_pointees(args, limit)),
    };
    let encoded = match json::encode(&value, limit) {
        Ok(encoded) => encoded,
        Err(fault) => return machine.make_text(json_fault(&fault)),
    };
    let pad =
        encoded.first().is_some_and(|b| is_js_ident(*b)) || encoded.last().is_some_and(|b| is_js_ident(*b));
    machine.make_text(if pad { [b" ", encoded.as_slice(), b" "].concat() } else { encoded })
}

/// A comment that says why there is no value, which cannot end the script or itself.
fn json_fault(fault: &str) -> String {
    let mut text = fault.replace("*/", "* /").replace("<!--", "\\x3C!--");
    for tag in ["<script", "</script"] {
        while let Some(at) = find(text.to_ascii_lowercase().as_bytes(), tag.as_bytes()) {
            text.replace_range(at..=at, "\\x3C");
        }
    }
    format!(" /* {text} */null ")
}
