//! Regular expressions in Go's (RE2's) syntax on Rust's `regex`: the same automata, with small differences of syntax
//! that are translated here. Classes like `\d` are ASCII, `{,5}` is literal, `[[a]` needs no escape, and what RE2
//! refuses is refused.

use regex::bytes::{Captures, Regex};

use super::{
    text::{Text, decode_rune},
    unicode::is_alphanumeric,
};

/// RE2 repeats nothing more often.
const MAX_REPEAT: u32 = 1000;

/// Compiles a pattern; the error is worded as Go's where Go has the same.
pub(super) fn compile(pattern: &Text) -> Result<Regex, String> {
    let fault = |what: &str, part: &str| format!("error parsing regexp: {what}: `{part}`");
    let whole = pattern.lossy();
    let Ok(source) = std::str::from_utf8(pattern) else {
        return Err(fault("invalid UTF-8", &whole));
    };
    let translator = Translator { source, rest: source, out: String::new(), groups: 0 };
    let translated = translator.run().map_err(|(what, part)| fault(what, part))?;
    Regex::new(&translated).ok().ok_or_else(|| fault("invalid syntax", &whole))
}

/// What is wrong, and with which part of the pattern.
type Fault<'p> = (&'static str, &'p str);

/// Replaces every match, expanding `$1`, `${name}` and `$$`; stops once the result exceeds `limit`.
pub(super) fn replace_all(regex: &Regex, text: &[u8], template: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut last = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        // Go looks for matches between characters, not inside them.
        let inside = text.get(whole.start()).is_some_and(|b| matches!(b, 0x80..=0xbf));
        if whole.is_empty() && inside {
            continue;
        }
        out.extend_from_slice(text.get(last..whole.start()).unwrap_or_default());
        expand(&mut out, template, &captures);
        last = whole.end();
        if out.len() > limit {
            break;
        }
    }
    out.extend_from_slice(text.get(last..).unwrap_or_default());
    out
}

fn expand(out: &mut Vec<u8>, template: &[u8], captures: &Captures<'_>) {
    let mut rest = template;
    while let Some(dollar) = rest.iter().position(|b| *b == b'$') {
        let (before, after) = (rest.get(..dollar), rest.get(dollar + 1..).unwrap_or_default());
        out.extend_from_slice(before.unwrap_or_default());
        if let Some(tail) = after.strip_prefix(b"$") {
            out.push(b'$');
            rest = tail;
        } else if let Some((name, tail)) = group_name(after) {
            let group = match name.parse::<usize>() {
                Ok(number) => captures.get(number),
                Err(_) => captures.name(name),
            };
            out.extend_from_slice(group.map(|group| group.as_bytes()).unwrap_or_default());
            rest = tail;
        } else {
            out.push(b'$');
            rest = after;
        }
    }
    out.extend_from_slice(rest);
}

/// The name after a dollar sign, in braces or not, and what follows it.
fn group_name(text: &[u8]) -> Option<(&str, &[u8])> {
    let (inner, braced) = match text.strip_prefix(b"{") {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let mut end = 0;
    while let Some((c, len)) = decode_rune(inner.get(end..)?).filter(|(c, _)| is_alphanumeric(*c)) {
        end += len;
        let _letter = c;
    }
    let name = std::str::from_utf8(inner.get(..end)?).ok().filter(|name| !name.is_empty())?;
    let tail = inner.get(end..)?;
    if braced { Some((name, tail.strip_prefix(b"}")?)) } else { Some((name, tail)) }
}

struct Translator<'p> {
    source: &'p str,
    rest: &'p str,
    out: String,
    /// Parentheses that are open.
    groups: usize,
}

/// What an escape stands for.
enum Escape {
    /// An ASCII class: its members, and whether it is the complement.
    Class { members: &'static str, negated: bool },
    /// Text that Rust's syntax takes in and outside of brackets.
    Same(String),
    /// Text that is only meant outside of brackets.
    Assertion(&'static str),
}

impl<'p> Translator<'p> {
    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    /// The pattern from where `start` was what is left to where we are.
    fn since(&self, start: &'p str) -> &'p str {
        start.get(..start.len() - self.rest.len()).unwrap_or(start)
    }

    fn run(mut self) -> Result<String, Fault<'p>> {
        let mut repeated: Option<&'p str> = None;
        let mut can_repeat = false;
        let mut start = self.rest;
        while let Some(c) = self.bump() {
            let is_repeat = match c {
                '*' | '+' | '?' => {
                    self.out.push(c);
                    true
                }
                '{' => self.braces(start)?,
                _ => {
                    self.item(c, start)?;
                    false
                }
            };
            if is_repeat {
                if let Some(first) = repeated {
                    return Err(("invalid nested repetition operator", self.since(first)));
                }
                if !can_repeat {
                    return Err(("missing argument to repetition operator", self.since(start)));
                }
                if let Some(rest) = self.rest.strip_prefix('?') {
                    self.rest = rest;
                    self.out.push('?');
                }
            }
            repeated = is_repeat.then_some(start);
            can_repeat = !matches!(c, '(' | '|');
            start = self.rest;
        }
        if self.groups > 0 {
            return Err(("missing closing )", self.source));
        }
        Ok(self.out)
    }

    fn item(&mut self, c: char, start: &'p str) -> Result<(), Fault<'p>> {
        match c {
            '\\' if self.rest.starts_with('Q') => {
                self.rest = self.rest.get(1..).unwrap_or_default();
                let (literal, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.out.push_str(&regex::escape(literal));
                self.rest = rest;
            }
            '\\' => match self.escape().map_err(|what| (what, self.since(start)))? {
                Escape::Class { members, negated } => {
                    let caret = if negated { "^" } else { "" };
                    self.out.push_str("(?-i:[");
                    self.out.push_str(caret);
                    self.out.push_str(members);
                    self.out.push_str("])");
                }
                Escape::Same(text) => self.out.push_str(&text),
                Escape::Assertion(text) => self.out.push_str(text),
            },
            '[' => self.class().map_err(|what| (what, self.since(start)))?,
            ')' if self.groups == 0 => return Err(("unexpected )", self.source)),
            ')' => {
                self.groups -= 1;
                self.out.push(')');
            }
            '(' => {
                self.groups += 1;
                self.out.push('(');
                if let Some(after) = self.rest.strip_prefix('?') {
                    let flags = after.split([':', ')', '<']).next().unwrap_or_default();
                    if let Some(bad) = flags.find(|c: char| !"imsU-P".contains(c)) {
                        let end = 2
                            + bad
                            + flags.get(bad..).and_then(|c| c.chars().next()).map_or(0, char::len_utf8);
                        return Err((
                            "invalid or unsupported Perl syntax",
                            start.get(..end).unwrap_or(start),
                        ));
                    }
                    self.rest = after;
                    self.out.push('?');
                    // The flags or the name go on as they are.
                    let end = after.find([':', ')', '>']).map_or(after.len(), |at| at + 1);
                    let (head, tail) = after.split_at(end);
                    self.groups -= usize::from(head.ends_with(')'));
                    self.out.push_str(head);
                    self.rest = tail;
                }
            }
            // A blank or `#` is itself, even where Rust would see a comment.
            '}' | ']' | '#' | ' ' | '&' | '~' | '-' => {
                self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])))
            }
            c => self.out.push(c),
        }
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`; anything else is a literal brace.
    fn braces(&mut self, start: &'p str) -> Result<bool, Fault<'p>> {
        let Some((inner, tail)) = self.rest.split_once('}') else {
            self.out.push_str("\\{");
            return Ok(false);
        };
        let (low, high) = inner.split_once(',').unwrap_or((inner, inner));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(low) || !(high.is_empty() || is_number(high)) {
            self.out.push_str("\\{");
            return Ok(false);
        }
        let bounded = |text: &str| text.parse::<u32>().is_ok_and(|count| count <= MAX_REPEAT);
        let ordered = high.is_empty() || low.parse::<u32>().ok() <= high.parse::<u32>().ok();
        if !bounded(low) || !(high.is_empty() || bounded(high)) || !ordered {
            self.rest = tail;
            return Err(("invalid repeat count", self.since(start)));
        }
        self.out.push('{');
        self.out.push_str(inner);
        self.out.push('}');
        self.rest = tail;
        Ok(true)
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<Escape, &'static str> {
        const DIGIT: &str = "0-9";
        const SPACE: &str = "\\t\\n\\f\\r\\x20";
        const WORD: &str = "0-9A-Za-z_";
        let c = self.bump().ok_or("trailing backslash at end of expression")?;
        let class = |members, negated| Ok(Escape::Class { members, negated });
        match c {
            'd' => class(DIGIT, false),
            'D' => class(DIGIT, true),
            's' => class(SPACE, false),
            'S' => class(SPACE, true),
            'w' => class(WORD, false),
            'W' => class(WORD, true),
            'b' => Ok(Escape::Assertion("(?-u:\\b)")),
            'B' => Ok(Escape::Assertion("(?-u:\\B)")),
            'A' => Ok(Escape::Assertion("\\A")),
            'z' => Ok(Escape::Assertion("\\z")),
            'a' | 'f' | 't' | 'n' | 'r' | 'v' => Ok(Escape::Same(format!("\\{c}"))),
            'p' | 'P' => Ok(Escape::Same(self.property(c))),
            'x' => self.hexadecimal(),
            '0'..='7' => self.octal(c),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(Escape::Same(literal(c))),
            _ => Err("invalid escape sequence"),
        }
    }

    fn property(&mut self, letter: char) -> String {
        let end = match self.rest.starts_with('{') {
            true => self.rest.find('}').map_or(self.rest.len(), |at| at + 1),
            false => self.rest.chars().next().map_or(0, char::len_utf8),
        };
        let (name, tail) = self.rest.split_at(end);
        self.rest = tail;
        format!("\\{letter}{name}")
    }

    fn hexadecimal(&mut self) -> Result<Escape, &'static str> {
        const FAULT: &str = "invalid escape sequence";
        let (digits, tail) = match self.rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}').ok_or(FAULT)?,
            None => self.rest.split_at_checked(2).ok_or(FAULT)?,
        };
        let code = u32::from_str_radix(digits, 16).ok();
        let c = code.and_then(char::from_u32).ok_or(FAULT)?;
        self.rest = tail;
        Ok(Escape::Same(literal(c)))
    }

    fn octal(&mut self, first: char) -> Result<Escape, &'static str> {
        let digits: String = self.rest.chars().take(2).take_while(|c| ('0'..='7').contains(c)).collect();
        if first != '0' && digits.is_empty() {
            return Err("invalid escape sequence");
        }
        self.rest = self.rest.get(digits.len()..).unwrap_or_default();
        let code = u32::from_str_radix(&format!("{first}{digits}"), 8).unwrap_or_default();
        Ok(Escape::Same(format!("\\x{{{code:x}}}")))
    }

    /// `[…]`, with every literal escaped.
    fn class(&mut self) -> Result<(), &'static str> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        let mut first = true;
        loop {
            let c = self.bump().ok_or("missing closing ]")?;
            match c {
                ']' if !first => break,
                '[' if self.rest.starts_with(':') && self.rest.contains(":]") => {
                    let end = self.rest.find(":]").map_or(0, |at| at + 2);
                    let (name, tail) = self.rest.split_at(end);
                    self.out.push('[');
                    self.out.push_str(name);
                    self.rest = tail;
                }
                '-' if !first && !self.rest.starts_with(']') && !self.after_range_is_open() => {
                    self.out.push('-');
                }
                '\\' => match self.escape()? {
                    Escape::Class { members, negated: false } => self.out.push_str(members),
                    Escape::Class { members, negated: true } => {
                        self.out.push_str("[^");
                        self.out.push_str(members);
                        self.out.push(']');
                    }
                    Escape::Same(text) => self.out.push_str(&text),
                    Escape::Assertion(_) => return Err("invalid escape sequence"),
                },
                c => self.out.push_str(&literal(c)),
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// Whether the class so far ends in `[` or `^`, so that a dash is literal.
    fn after_range_is_open(&self) -> bool {
        self.out.ends_with(['[', '^'])
    }
}

/// A character that stands for itself, in and outside of brackets.
fn literal(c: char) -> String {
    format!("\\x{{{:x}}}", u32::from(c))
}

#[cfg(test)]
mod tests;
