//! The scanner: JSON's grammar, with the errors of Go's `encoding/json`.

use std::borrow::Cow;
use std::fmt;

use crate::model::quote;

/// How deep values may nest, as in Go.
const MAX_DEPTH: usize = 10_000;

/// What is wrong with the text of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SyntaxError {
    /// There is no value at all.
    Empty,
    /// The value is cut off.
    CutOff,
    /// A byte that may not stand where it stands.
    Invalid { byte: u8, place: &'static str },
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("EOF"),
            Self::CutOff => f.write_str("unexpected EOF"),
            Self::Invalid { byte, place } => {
                let quoted = quote(char::from(*byte).encode_utf8(&mut [0; 4]));
                let shown = match byte {
                    b'\'' => "\\'",
                    b'"' => "\"",
                    _ => quoted.trim_matches('"'),
                };
                write!(f, "invalid character '{shown}' {place}")
            }
        }
    }
}

/// A place in a body.
pub(super) struct Scanner<'a> {
    body: &'a [u8],
    /// The body as text, if it is valid as a whole.
    text: Option<&'a str>,
    place: usize,
    /// How many arrays and objects are open.
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { body, text: std::str::from_utf8(body).ok(), place: 0, depth: 0 }
    }

    /// The next byte that is not white space, which stays.
    pub(super) fn peek(&mut self) -> Result<u8, SyntaxError> {
        while let Some(byte) = self.body.get(self.place) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(*byte);
            }
            self.place += 1;
        }
        let empty = self.depth == 0 && self.body.iter().all(u8::is_ascii_whitespace);
        Err(if empty { SyntaxError::Empty } else { SyntaxError::CutOff })
    }

    /// Calls `element` at the first byte of every element of the array that begins here.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), SyntaxError>,
    ) -> Result<(), SyntaxError> {
        self.open()?;
        if self.peek()? == b']' {
            self.close();
            return Ok(());
        }
        loop {
            self.peek()?;
            element(self)?;
            match self.peek()? {
                b',' => self.place += 1,
                b']' => {
                    self.close();
                    return Ok(());
                }
                _ => return Err(self.invalid("after array element")),
            }
        }
    }

    /// Calls `member` with the name of every member of the object that begins here, at the first byte of its
    /// value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), SyntaxError>,
    ) -> Result<(), SyntaxError> {
        self.open()?;
        if self.peek()? == b'}' {
            self.close();
            return Ok(());
        }
        loop {
            let name = self.name()?;
            self.peek()?;
            member(self, name)?;
            match self.peek()? {
                b',' => self.place += 1,
                b'}' => {
                    self.close();
                    return Ok(());
                }
                _ => return Err(self.invalid("after object key:value pair")),
            }
        }
    }

    /// A member's name and the colon after it.
    fn name(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        if self.peek()? != b'"' {
            return Err(self.invalid("looking for beginning of object key string"));
        }
        let name = self.string()?;
        if self.peek()? != b':' {
            return Err(self.invalid("after object key"));
        }
        self.place += 1;
        Ok(name)
    }

    /// Skips the value that begins here, however deep, and tells what Go calls its kind.
    pub(super) fn skip(&mut self) -> Result<&'static str, SyntaxError> {
        match self.peek()? {
            b'"' => self.skip_string().map(|_| "string"),
            b'-' | b'0'..=b'9' => self.number().map(|()| "number"),
            b't' => self.literal("true").map(|()| "bool"),
            b'f' => self.literal("false").map(|()| "bool"),
            b'n' => self.null().map(|()| "null"),
            b'[' => self.skip_nested().map(|()| "array"),
            b'{' => self.skip_nested().map(|()| "object"),
            _ => Err(self.invalid("looking for beginning of value")),
        }
    }

    /// Skips an array or object without recursion: a body may nest deeper than a stack.
    fn skip_nested(&mut self) -> Result<(), SyntaxError> {
        let mut closers = Vec::new();
        loop {
            let opener = self.peek()?;
            if matches!(opener, b'[' | b'{') {
                self.open()?;
                let closer = if opener == b'[' { b']' } else { b'}' };
                if self.peek()? == closer {
                    self.close();
                } else {
                    closers.push(closer);
                    if closer == b'}' {
                        self.name()?;
                    }
                    continue;
                }
            } else {
                self.skip()?;
            }
            // A value is complete: close what ends with it, up to a comma.
            loop {
                let Some(closer) = closers.last() else {
                    return Ok(());
                };
                match self.peek()? {
                    byte if byte == *closer => {
                        self.close();
                        closers.pop();
                    }
                    b',' => {
                        self.place += 1;
                        if *closer == b'}' {
                            self.name()?;
                        }
                        break;
                    }
                    _ if *closer == b']' => return Err(self.invalid("after array element")),
                    _ => return Err(self.invalid("after object key:value pair")),
                }
            }
        }
    }

    pub(super) fn null(&mut self) -> Result<(), SyntaxError> {
        self.literal("null")
    }

    fn literal(&mut self, word: &'static str) -> Result<(), SyntaxError> {
        for (count, expected) in word.bytes().enumerate() {
            match self.body.get(self.place) {
                Some(byte) if *byte == expected => self.place += 1,
                Some(_) => {
                    let place = match (word, count) {
                        ("true", 1) => "in literal true (expecting 'r')",
                        ("true", 2) => "in literal true (expecting 'u')",
                        ("true", _) => "in literal true (expecting 'e')",
                        ("false", 1) => "in literal false (expecting 'a')",
                        ("false", 2) => "in literal false (expecting 'l')",
                        ("false", 3) => "in literal false (expecting 's')",
                        ("false", _) => "in literal false (expecting 'e')",
                        (_, 1) => "in literal null (expecting 'u')",
                        _ => "in literal null (expecting 'l')",
                    };
                    return Err(self.invalid(place));
                }
                None => return Err(SyntaxError::CutOff),
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        if self.body.get(self.place) == Some(&b'-') {
            self.place += 1;
        }
        if self.body.get(self.place) == Some(&b'0') {
            self.place += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.body.get(self.place) == Some(&b'.') {
            self.place += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.body.get(self.place), Some(b'e' | b'E')) {
            self.place += 1;
            if matches!(self.body.get(self.place), Some(b'+' | b'-')) {
                self.place += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self, place: &'static str) -> Result<(), SyntaxError> {
        match self.body.get(self.place) {
            Some(byte) if byte.is_ascii_digit() => {}
            Some(_) => return Err(self.invalid(place)),
            None => return Err(SyntaxError::CutOff),
        }
        while self.body.get(self.place).is_some_and(u8::is_ascii_digit) {
            self.place += 1;
        }
        Ok(())
    }

    /// The string that begins here.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        let start = self.place + 1;
        let escaped = self.skip_string()?;
        let end = self.place - 1;
        if let (false, Some(text)) = (escaped, self.text.and_then(|text| text.get(start..end))) {
            return Ok(Cow::Borrowed(text));
        }
        Ok(Cow::Owned(unescape(self.body.get(start..end).unwrap_or_default())))
    }

    /// Skips a string and tells whether it holds escapes.
    fn skip_string(&mut self) -> Result<bool, SyntaxError> {
        self.place += 1;
        let mut escaped = false;
        loop {
            self.place += plain_length(self.body.get(self.place..).unwrap_or_default());
            match self.body.get(self.place) {
                None => return Err(SyntaxError::CutOff),
                Some(b'"') => {
                    self.place += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.place += 1;
                    self.skip_escape()?;
                }
                Some(_) => return Err(self.invalid("in string literal")),
            }
        }
    }

    fn skip_escape(&mut self) -> Result<(), SyntaxError> {
        match self.body.get(self.place) {
            None => return Err(SyntaxError::CutOff),
            Some(b'u') => {
                for _ in 0..4 {
                    self.place += 1;
                    match self.body.get(self.place) {
                        None => return Err(SyntaxError::CutOff),
                        Some(byte) if byte.is_ascii_hexdigit() => {}
                        Some(_) => return Err(self.invalid("in \\u hexadecimal character escape")),
                    }
                }
            }
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
            Some(_) => return Err(self.invalid("in string escape code")),
        }
        self.place += 1;
        Ok(())
    }

    fn open(&mut self) -> Result<(), SyntaxError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.invalid("exceeded max depth"));
        }
        self.depth += 1;
        self.place += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.place += 1;
    }

    fn invalid(&self, place: &'static str) -> SyntaxError {
        match self.body.get(self.place) {
            Some(byte) => SyntaxError::Invalid { byte: *byte, place },
            None => SyntaxError::CutOff,
        }
    }
}

/// How many bytes come before the first that is a quote, a backslash or a control character; eight at a time.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, _) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let zero_byte = |value: u64| value.wrapping_sub(ONES) & !value;
        let quotes = zero_byte(word ^ (ONES * u64::from(b'"')));
        let backslashes = zero_byte(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quotes | backslashes | controls) & HIGHS;
        if found != 0 {
            // Borrows run upwards, so the lowest find is exact.
            return length + (found.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let tail = bytes.get(length..).unwrap_or_default();
    length + tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

/// Resolves escapes; what is no valid UTF-8 becomes U+FFFD byte by byte, as does half a surrogate pair.
fn unescape(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(place) = rest.iter().position(|byte| *byte == b'\\') {
        push_lossy(&mut text, &rest[..place]);
        let (letter, after) = rest.get(place + 1..).and_then(<[u8]>::split_first).unwrap_or((&b'\\', &[]));
        rest = after;
        text.push(match letter {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (character, after) = unicode_escape(rest);
                rest = after;
                character
            }
            other => char::from(*other),
        });
    }
    push_lossy(&mut text, rest);
    text
}

/// The character of `\uXXXX`, of which `rest` begins with the digits, or of two that form a surrogate pair.
fn unicode_escape(rest: &[u8]) -> (char, &[u8]) {
    let (first, rest) = hex_digits(rest);
    let second = rest.strip_prefix(b"\\u").map(hex_digits);
    if let (0xd800..0xdc00, Some((low @ 0xdc00..0xe000, after))) = (first, second) {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), after);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
}

fn hex_digits(bytes: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = bytes.split_at(bytes.len().min(4));
    let code = digits.iter().fold(0, |code, digit| code << 4 | char::from(*digit).to_digit(16).unwrap_or(0));
    (code, rest)
}

fn push_lossy(text: &mut String, mut bytes: &[u8]) {
    loop {
        match std::str::from_utf8(bytes) {
            Ok(valid) => {
                text.push_str(valid);
                return;
            }
            Err(error) => {
                let (valid, invalid) = bytes.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                text.push(char::REPLACEMENT_CHARACTER);
                bytes = invalid.get(1..).unwrap_or_default();
            }
        }
    }
}
