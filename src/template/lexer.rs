//! Cuts a template into tokens: text between `{{` and `}}`, and inside them names, literals and punctuation. Trim
//! markers and comments are dealt with here and never reach the parser.

mod token;

use super::{quote::quote, unicode};

pub(super) use token::{Kind, Token};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_space(c: char) -> bool {
    SPACES.contains(&c)
}

fn has_left_trim(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('-') && chars.next().is_some_and(is_space)
}

fn has_right_trim(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_space) && chars.next() == Some('-')
}

/// The state of the scan over one source.
pub(super) struct Lexer<'a> {
    input: &'a str,
    pos: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: usize,
    inside: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(input: &'a str) -> Self {
        Self { input, pos: 0, start: 0, line: 1, start_line: 1, parens: 0, inside: false }
    }

    /// The next token; after an error only `Eof` follows.
    pub(super) fn next_token(&mut self) -> Token {
        if self.inside { self.action() } else { self.text() }
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn current(&self) -> &'a str {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn skip(&mut self) {
        self.line += self.current().matches('\n').count();
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn emit(&mut self, kind: Kind) -> Token {
        let token = Token { kind, pos: self.start, line: self.start_line, value: self.current().to_owned() };
        self.skip();
        token
    }

    fn error(&mut self, message: impl Into<String>) -> Token {
        let token =
            Token { kind: Kind::Error, pos: self.start, line: self.start_line, value: message.into() };
        self.input = "";
        (self.pos, self.start, self.inside) = (0, 0, false);
        token
    }

    fn text(&mut self) -> Token {
        loop {
            let Some(found) = self.rest().find(LEFT) else {
                self.pos = self.input.len();
                let kind = if self.pos > self.start { Kind::Text } else { Kind::Eof };
                return self.emit(kind);
            };
            let delim = self.pos + found;
            let after = self.input.get(delim + LEFT.len()..).unwrap_or_default();
            let text = self.input.get(self.pos..delim).unwrap_or_default();
            let kept = if has_left_trim(after) { text.trim_end_matches(SPACES) } else { text };
            self.pos += kept.len();
            if !kept.is_empty() {
                let token = self.emit(Kind::Text);
                self.pos = delim;
                self.skip();
                return token;
            }
            self.pos = delim;
            self.skip();
            let marker = if has_left_trim(after) { 2 } else { 0 };
            if !after.get(marker..).unwrap_or_default().starts_with("/*") {
                self.pos += LEFT.len();
                let token = self.emit(Kind::LeftDelim);
                self.pos += marker;
                self.skip();
                (self.inside, self.parens) = (true, 0);
                return token;
            }
            self.pos += LEFT.len() + marker;
            self.skip();
            if let Some(error) = self.comment() {
                return error;
            }
        }
    }

    fn comment(&mut self) -> Option<Token> {
        let Some(end) = self.rest().get(2..).and_then(|rest| rest.find("*/")) else {
            return Some(self.error("unclosed comment"));
        };
        self.pos += 2 + end + 2;
        let Some(trim) = self.at_right_delim() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.pass_right_delim(trim);
        self.skip();
        None
    }

    /// `Some(trim)` where the closing delimiter starts here.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim(rest) && rest.get(2..).is_some_and(|rest| rest.starts_with(RIGHT)) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn pass_right_delim(&mut self, trim: bool) {
        self.pos += if trim { 2 + RIGHT.len() } else { RIGHT.len() };
        if trim {
            let rest = self.rest();
            self.pos += rest.len() - rest.trim_start_matches(SPACES).len();
        }
    }

    fn right_delim(&mut self, trim: bool) -> Token {
        if trim {
            self.pos += 2;
            self.skip();
        }
        self.pos += RIGHT.len();
        let token = self.emit(Kind::RightDelim);
        if trim {
            let rest = self.rest();
            self.pos += rest.len() - rest.trim_start_matches(SPACES).len();
            self.skip();
        }
        self.inside = false;
        token
    }

    fn action(&mut self) -> Token {
        if let Some(trim) = self.at_right_delim() {
            return if self.parens == 0 { self.right_delim(trim) } else { self.error("unclosed left paren") };
        }
        let Some(c) = self.bump() else {
            return self.error("unclosed action");
        };
        match c {
            c if is_space(c) => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' => match self.bump() {
                Some('=') => self.emit(Kind::Declare),
                _ => self.error("expected :="),
            },
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => match self.rest().find('`') {
                Some(end) => {
                    self.pos += end + 1;
                    self.emit(Kind::RawString)
                }
                None => self.error("unterminated raw quoted string"),
            },
            '$' => self.name(Kind::Variable, Kind::Variable),
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => self.name(Kind::Field, Kind::Dot),
            '.' | '+' | '-' | '0'..='9' => {
                self.pos = self.start;
                self.number()
            }
            c if unicode::is_alphanumeric(c) => self.identifier(),
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' if self.parens == 0 => self.error("unexpected right paren"),
            ')' => {
                self.parens -= 1;
                self.emit(Kind::RightParen)
            }
            c if c.is_ascii() && unicode::is_print(c) => self.emit(Kind::Char),
            c => self.error(format!("unrecognized character in action: {}", unicode_name(Some(c)))),
        }
    }

    fn space(&mut self) -> Token {
        let mut last = self.start;
        while let Some(c) = self.peek().filter(|c| is_space(*c)) {
            last = self.pos;
            self.pos += c.len_utf8();
        }
        // The last blank may belong to the closing trim marker.
        let tail = self.input.get(last..).unwrap_or_default();
        if has_right_trim(tail) && tail.get(2..).is_some_and(|rest| rest.starts_with(RIGHT)) {
            self.pos = last;
            if last == self.start {
                // Go closes the action here without a look at the parentheses; the parser then misses them.
                return self.right_delim(true);
            }
        }
        self.emit(Kind::Space)
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Token {
        loop {
            match self.bump() {
                Some('\\') if self.peek().is_some_and(|c| c != '\n') => {
                    self.bump();
                }
                Some('\\' | '\n') | None => return self.error(unterminated),
                Some(c) if c == quote => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None => true,
            Some(c) if is_space(c) => true,
            Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(RIGHT),
        }
    }

    fn name(&mut self, kind: Kind, alone: Kind) -> Token {
        if self.at_terminator() {
            return self.emit(alone);
        }
        self.word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind)
    }

    fn word(&mut self) {
        while let Some(c) = self.peek().filter(|c| unicode::is_alphanumeric(*c)) {
            self.pos += c.len_utf8();
        }
    }

    fn bad_character(&mut self) -> Token {
        let c = self.peek();
        self.error(format!("bad character {}", unicode_name(c)))
    }

    fn identifier(&mut self) -> Token {
        self.word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let kind = match self.current() {
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "nil" => Kind::Nil,
            "template" => Kind::Template,
            "with" => Kind::With,
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.emit(kind)
    }

    fn number(&mut self) -> Token {
        let good = self.scan_number();
        let complex = good && matches!(self.peek(), Some('+' | '-'));
        if !good || complex && !(self.scan_number() && self.current().ends_with('i')) {
            let message = format!("bad number syntax: {}", quote(self.current().as_bytes()));
            return self.error(message);
        }
        self.emit(Kind::Number)
    }

    fn scan_number(&mut self) -> bool {
        self.accept(|c| matches!(c, '+' | '-'));
        let mut radix = 10;
        if self.accept(|c| c == '0') {
            if self.accept(|c| matches!(c, 'x' | 'X')) {
                radix = 16;
            } else if self.accept(|c| matches!(c, 'o' | 'O')) {
                radix = 8;
            } else if self.accept(|c| matches!(c, 'b' | 'B')) {
                radix = 2;
            }
        }
        self.digits(radix);
        if self.accept(|c| c == '.') {
            self.digits(radix);
        }
        if radix == 10 && self.accept(|c| matches!(c, 'e' | 'E'))
            || radix == 16 && self.accept(|c| matches!(c, 'p' | 'P'))
        {
            self.accept(|c| matches!(c, '+' | '-'));
            self.digits(10);
        }
        self.accept(|c| c == 'i');
        if self.peek().is_some_and(unicode::is_alphanumeric) {
            self.bump();
            return false;
        }
        true
    }

    fn digits(&mut self, radix: u32) {
        while self.accept(|c| c == '_' || c.is_digit(radix)) {}
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        if found {
            self.bump();
        }
        found
    }
}

/// A character as Go's `%#U` writes it.
fn unicode_name(c: Option<char>) -> String {
    match c {
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(c) if unicode::is_print(c) => format!("U+{:04X} '{c}'", u32::from(c)),
        Some(c) => format!("U+{:04X}", u32::from(c)),
    }
}
