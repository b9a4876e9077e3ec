//! RE2 syntax to the syntax of the `regex` crate (the grammar and the errors of Go's `regexp/syntax`).
//!
//! Flags are resolved here: a dot, an anchor or a letter is written out with the meaning that the flags in force
//! give it. Groups that only group vanish where they can, so that the result is nested no deeper than Go counts.

use super::RegexError;
use super::class::{NOTHING, parse_class, parse_perl, parse_unicode};
use super::node::Node;

/// What the crate may nest: groups, repetitions, concatenations and alternations each count there.
pub(super) const NEST_LIMIT: u32 = 4 * MAX_HEIGHT;
/// The bound for the height of the parsed expression. Go allows 1000; the crate's compiler recurses, and must not
/// overflow a thread's stack on a text from outside.
const MAX_HEIGHT: u32 = 250;
/// Go's bound for the instructions of the compiled program: 128 MB.
const MAX_SIZE: u64 = (128 << 20) / 40;
/// Go's bound for a repeat count and for the product of nested ones.
const MAX_REPEAT: u64 = 1000;

/// An expression in the crate's syntax.
pub(super) struct Translation {
    pub(super) pattern: String,
    /// Names of the groups by number, empty for those without; number 0 is the whole match.
    pub(super) names: Vec<String>,
    /// The texts that it matches, if they can be listed.
    pub(super) texts: Option<Vec<String>>,
}

/// Translates a whole expression.
pub(super) fn translate(source: &str) -> Result<Translation, RegexError> {
    let mut translator = Translator {
        cursor: Cursor { source, place: 0 },
        flags: Flags::default(),
        names: vec![String::new()],
        frames: Vec::new(),
        top: Frame::default(),
        last_repeat: None,
    };
    while !translator.cursor.rest().is_empty() {
        let start = translator.cursor.place;
        let repeated = translator.step()?;
        translator.last_repeat = repeated.then_some(start);
    }
    translator.finish()
}

/// The place in the source.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    source: &'a str,
    place: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.source.get(self.place..).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.place += bytes;
    }

    pub(super) fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.skip(text.len());
        }
        found
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.skip(next.len_utf8());
        Some(next)
    }

    fn since(&self, start: usize) -> String {
        self.source.get(start..self.place).unwrap_or_default().to_owned()
    }
}

#[derive(Clone, Copy, Default, PartialEq)]
struct Flags {
    fold_case: bool,
    multi_line: bool,
    dot_matches_newline: bool,
    swap_greed: bool,
}

/// An open group: what was parsed since its parenthesis.
#[derive(Default)]
struct Frame {
    /// The flags to go back to.
    flags: Flags,
    captures: bool,
    alternatives: Vec<Node>,
    sequence: Vec<Node>,
}

struct Translator<'a> {
    cursor: Cursor<'a>,
    flags: Flags,
    names: Vec<String>,
    frames: Vec<Frame>,
    top: Frame,
    /// Where a repetition operator stands, when it was the last thing read.
    last_repeat: Option<usize>,
}

impl Translator<'_> {
    /// Reads one thing and tells whether it was a repetition.
    fn step(&mut self) -> Result<bool, RegexError> {
        let rest = self.cursor.rest();
        let flags = self.flags;
        match rest.as_bytes()[0] {
            b'(' if rest.starts_with("(?") => self.open_special()?,
            b'(' => {
                self.cursor.skip(1);
                self.open(Some(String::new()));
            }
            b'|' => {
                self.cursor.skip(1);
                let sequence = std::mem::take(&mut self.top.sequence);
                self.top.alternatives.push(Node::concat(sequence));
            }
            b')' => self.close()?,
            b'^' => self.simple(1, if flags.multi_line { "(?m:^)" } else { r"\A" }),
            b'$' => self.simple(1, if flags.multi_line { "(?m:$)" } else { r"\z" }),
            b'.' => self.simple(1, if flags.dot_matches_newline { "(?s:.)" } else { r"[^\n]" }),
            b'[' => {
                let class = parse_class(&mut self.cursor)?;
                self.push_class(&class);
            }
            b'*' => return self.repeat("*", 0, None).map(|()| true),
            b'+' => return self.repeat("+", 1, None).map(|()| true),
            b'?' => return self.repeat("?", 0, Some(1)).map(|()| true),
            b'{' => match split_counts(rest) {
                Some((text, counts)) => return self.repeat_counted(text, counts).map(|()| true),
                None => self.push_next(),
            },
            b'\\' => self.backslash()?,
            _ => self.push_next(),
        }
        Ok(false)
    }

    fn simple(&mut self, bytes: usize, text: &str) {
        self.cursor.skip(bytes);
        self.top.sequence.push(Node::leaf(text.to_owned()));
    }

    fn push_class(&mut self, class: &str) {
        let text = if self.flags.fold_case { format!("(?i:{class})") } else { class.to_owned() };
        self.top.sequence.push(Node::leaf(text));
    }

    fn push_next(&mut self) {
        if let Some(next) = self.cursor.next() {
            self.push_literal(u32::from(next));
        }
    }

    fn push_literal(&mut self, code: u32) {
        let Some(character) = char::from_u32(code) else {
            self.top.sequence.push(Node::leaf(NOTHING.to_owned()));
            return;
        };
        let mut text = String::new();
        escape_into(&mut text, character);
        let folds = self.flags.fold_case && (character.is_ascii_alphabetic() || !character.is_ascii());
        let node = if folds { Node::leaf(format!("(?i:{text})")) } else { Node::text(text, character) };
        self.top.sequence.push(node);
    }

    fn backslash(&mut self) -> Result<(), RegexError> {
        let rest = self.cursor.rest();
        match rest.as_bytes().get(1) {
            Some(b'A') => self.simple(2, r"\A"),
            Some(b'z') => self.simple(2, r"\z"),
            Some(b'b') => self.simple(2, r"(?-u:\b)"),
            Some(b'B') => self.simple(2, r"(?-u:\B)"),
            Some(b'C') => {
                return Err(RegexError { code: "invalid escape sequence", part: rest[..2].to_owned() });
            }
            Some(b'Q') => {
                let quoted = rest[2..].split(r"\E").next().unwrap_or_default();
                let closed = rest.len() > 2 + quoted.len();
                self.cursor.skip(2 + quoted.len() + if closed { 2 } else { 0 });
                for character in quoted.chars() {
                    self.push_literal(u32::from(character));
                }
            }
            _ => {
                if let Some(class) = parse_unicode(&mut self.cursor)? {
                    self.push_class(&class);
                } else if let Some(class) = parse_perl(&mut self.cursor) {
                    self.push_class(class);
                } else {
                    let code = parse_escape(&mut self.cursor)?;
                    self.push_literal(code);
                }
            }
        }
        Ok(())
    }

    /// `{n}`, `{n,}` and `{n,m}`; numbers that are too large come as `None` inside.
    fn repeat_counted(&mut self, text: &str, counts: Counts) -> Result<(), RegexError> {
        let bad = || RegexError { code: "invalid repeat count", part: text.to_owned() };
        let bounded = |count: Option<u64>| count.filter(|count| *count <= MAX_REPEAT).ok_or_else(bad);
        let min = bounded(counts.min)?;
        let max = counts.max.map(bounded).transpose()?;
        if max.is_some_and(|max| min > max) {
            return Err(bad());
        }
        self.repeat(text, min, max)
    }

    fn repeat(&mut self, operator: &str, min: u64, max: Option<u64>) -> Result<(), RegexError> {
        let start = self.cursor.place;
        self.cursor.skip(operator.len());
        let reluctant = self.cursor.accept("?");
        if let Some(last) = self.last_repeat {
            let part = self.cursor.since(last);
            return Err(RegexError { code: "invalid nested repetition operator", part });
        }
        let Some(operand) = self.top.sequence.pop() else {
            let part = self.cursor.since(start);
            return Err(RegexError { code: "missing argument to repetition operator", part });
        };
        let node = operand.repeated(operator, min, max, reluctant != self.flags.swap_greed);
        let large_count = operator.starts_with('{') && max.unwrap_or(min).max(min) >= 2;
        if large_count && node.copies > MAX_REPEAT {
            return Err(RegexError { code: "invalid repeat count", part: self.cursor.since(start) });
        }
        self.check(&node)?;
        self.top.sequence.push(node);
        Ok(())
    }

    fn open(&mut self, name: Option<String>) {
        let captures = name.is_some();
        self.names.extend(name);
        let outer = std::mem::take(&mut self.top);
        self.frames.push(outer);
        self.top = Frame { flags: self.flags, captures, ..Frame::default() };
    }

    fn close(&mut self) -> Result<(), RegexError> {
        let Some(outer) = self.frames.pop() else {
            return Err(self.whole("unexpected )"));
        };
        self.cursor.skip(1);
        let frame = std::mem::replace(&mut self.top, outer);
        self.flags = frame.flags;
        let captures = frame.captures;
        let body = frame.node();
        let node = if captures { body.captured() } else { body };
        self.check(&node)?;
        self.top.sequence.push(node);
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, `(?flags)` or `(?flags:`.
    fn open_special(&mut self) -> Result<(), RegexError> {
        let rest = self.cursor.rest();
        let named = if rest.len() > 4 && rest.starts_with("(?P<") {
            Some(4)
        } else {
            (rest.len() > 3 && rest.starts_with("(?<")).then_some(3)
        };
        let Some(name_start) = named else {
            return self.open_flags();
        };
        let bad = |part: &str| RegexError { code: "invalid named capture", part: part.to_owned() };
        let end = rest.find('>').ok_or_else(|| bad(rest))?;
        let name = &rest[name_start..end];
        let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid {
            return Err(bad(&rest[..=end]));
        }
        self.cursor.skip(end + 1);
        self.open(Some(name.to_owned()));
        Ok(())
    }

    fn open_flags(&mut self) -> Result<(), RegexError> {
        let start = self.cursor.place;
        self.cursor.skip(2);
        let mut flags = self.flags;
        let mut on = true;
        let mut saw_flag = false;
        while let Some(letter) = self.cursor.next() {
            match letter {
                'i' => flags.fold_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_matches_newline = on,
                'U' => flags.swap_greed = on,
                '-' if on => {
                    on = false;
                    saw_flag = false;
                    continue;
                }
                ':' | ')' if on || saw_flag => {
                    if letter == ':' {
                        self.open(None);
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            saw_flag = true;
        }
        let part = self.cursor.since(start);
        Err(RegexError { code: "invalid or unsupported Perl syntax", part })
    }

    fn check(&self, node: &Node) -> Result<(), RegexError> {
        if node.height > MAX_HEIGHT {
            return Err(self.whole("expression nests too deeply"));
        }
        if node.size > MAX_SIZE {
            return Err(self.whole("expression too large"));
        }
        Ok(())
    }

    fn whole(&self, code: &'static str) -> RegexError {
        RegexError { code, part: self.cursor.source.to_owned() }
    }

    fn finish(self) -> Result<Translation, RegexError> {
        if !self.frames.is_empty() {
            return Err(self.whole("missing closing )"));
        }
        let anchored = self.top.alternatives.is_empty()
            && self.top.sequence.first().is_some_and(Node::is_start)
            && self.top.sequence.last().is_some_and(Node::is_end);
        let names = self.names;
        let node = self.top.node();
        Ok(Translation { pattern: node.text, names, texts: node.whole_texts.filter(|_| anchored) })
    }
}

impl Frame {
    fn node(mut self) -> Node {
        let last = Node::concat(self.sequence);
        if self.alternatives.is_empty() {
            return last;
        }
        self.alternatives.push(last);
        Node::alternate(self.alternatives)
    }
}

/// The counts of `{n}`, `{n,}`, `{n,m}`. A number that is too large to hold is `None`.
struct Counts {
    min: Option<u64>,
    max: Option<Option<u64>>,
}

/// Splits a repetition in braces off; `None` if it is none, for the brace is a literal then.
fn split_counts(text: &str) -> Option<(&str, Counts)> {
    let (min, rest) = split_count(text.strip_prefix('{')?)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (max, rest) = split_count(rest)?;
            (Some(max), rest)
        }
    };
    let rest = rest.strip_prefix('}')?;
    Some((&text[..text.len() - rest.len()], Counts { min, max }))
}

/// A number without leading zeros.
fn split_count(text: &str) -> Option<(Option<u64>, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || (digits > 1 && text.starts_with('0')) {
        return None;
    }
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok(), rest))
}

/// Reads an escaped character; the cursor stands at the backslash. The result may be a surrogate, which no text
/// can hold.
pub(super) fn parse_escape(cursor: &mut Cursor<'_>) -> Result<u32, RegexError> {
    let start = cursor.place;
    cursor.skip(1);
    let Some(letter) = cursor.next() else {
        return Err(RegexError { code: "trailing backslash at end of expression", part: String::new() });
    };
    let octal_follows = cursor.rest().starts_with(|next: char| ('0'..='7').contains(&next));
    let code = match letter {
        // A single digit other than 0 would be a back-reference.
        '1'..='7' if octal_follows => Some(parse_octal(cursor, letter)),
        '0' => Some(parse_octal(cursor, letter)),
        'x' => parse_hex(cursor),
        'a' => Some(0x07),
        'f' => Some(0x0c),
        'n' => Some(0x0a),
        'r' => Some(0x0d),
        't' => Some(0x09),
        'v' => Some(0x0b),
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => Some(u32::from(other)),
        _ => None,
    };
    code.ok_or_else(|| RegexError { code: "invalid escape sequence", part: cursor.since(start) })
}

fn parse_octal(cursor: &mut Cursor<'_>, first: char) -> u32 {
    let mut code = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = cursor.rest().chars().next().and_then(|next| next.to_digit(8)) else {
            break;
        };
        cursor.skip(1);
        code = code * 8 + digit;
    }
    code
}

/// `\xFF` or `\x{10FFFF}`.
fn parse_hex(cursor: &mut Cursor<'_>) -> Option<u32> {
    let first = cursor.next()?;
    if first != '{' {
        let second = cursor.next()?;
        return Some(first.to_digit(16)? * 16 + second.to_digit(16)?);
    }
    let mut code = 0;
    let mut digits = 0;
    loop {
        match cursor.next()? {
            '}' => return (digits > 0).then_some(code),
            digit => {
                code = code * 16 + digit.to_digit(16)?;
                digits += 1;
                if code > u32::from(char::MAX) {
                    return None;
                }
            }
        }
    }
}

/// Appends a character so that it means itself, in a class and out of one.
pub(super) fn escape_into(text: &mut String, character: char) {
    if character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii() {
        text.push(character);
    } else {
        text.push_str("\\x");
        for shift in [4, 0] {
            text.push(char::from_digit(u32::from(character) >> shift & 0xf, 16).unwrap_or('0'));
        }
    }
}
