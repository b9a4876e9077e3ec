//! The UTF-8 grammar (Alertmanager's `matcher/parse`), with its error texts; columns count characters from 0.
//!
//! ```text
//! list    = [ "{" ] [ matcher { "," matcher } [ "," ] ] [ "}" ]     both braces or none
//! matcher = text ( "=" | "!=" | "=~" | "!~" ) text                  text is quoted as in Go, or bare
//! ```

use super::{MatchType, Matcher, MatcherError, is_reserved};
use crate::model::unquote;

const NO_CLOSE_BRACE: &str = "expected close brace";
const NO_COMMA: &str = "expected a comma or close brace";
const NO_MATCHER: &str = "expected a matcher or close brace after comma";
const NO_NAME: &str = "expected label name";
const NO_OPERATOR: &str = "expected an operator such as '=', '!=', '=~' or '!~'";
const NO_VALUE: &str = "expected label value";
const NO_END: &str = "expected end of input";

/// Reads one matcher.
pub(super) fn parse_one(input: &str) -> Result<Matcher, MatcherError> {
    let mut matchers = parse_list(input)?;
    match (matchers.len(), matchers.pop()) {
        (1, Some(matcher)) => Ok(matcher),
        (_, None) => Err(MatcherError("no matchers".to_owned())),
        (several, _) => Err(MatcherError(format!("expected 1 matcher, found {several}"))),
    }
}

/// Reads a list.
pub(super) fn parse_list(input: &str) -> Result<Vec<Matcher>, MatcherError> {
    let mut parser = Parser { lexer: Lexer { input, place: 0, column: 0 } };
    parser.list().map_err(MatcherError)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    OpenBrace,
    CloseBrace,
    Comma,
    Operator(MatchType),
    Quoted,
    Bare,
}

#[derive(Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// The columns where it begins and where it ends.
    columns: (usize, usize),
}

impl Token<'_> {
    fn located(&self, what: &str) -> String {
        located(self.columns, self.text, what)
    }

    fn unexpected(&self) -> String {
        let (start, end) = self.columns;
        format!("{start}:{end}: unexpected {}", self.text)
    }
}

fn located((start, end): (usize, usize), text: &str, what: &str) -> String {
    format!("{start}:{end}: {text}: {what}")
}

#[derive(Clone, Copy)]
struct Lexer<'a> {
    input: &'a str,
    place: usize,
    /// Characters before `place`.
    column: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.input.get(self.place..).unwrap_or_default()
    }

    /// Takes the next `length` bytes, and tells where in columns they stand.
    fn take(&mut self, length: usize) -> (&'a str, (usize, usize)) {
        let text = self.rest().get(..length).unwrap_or_default();
        let start = self.column;
        self.place += text.len();
        self.column += text.chars().count();
        (text, (start, self.column))
    }

    /// The next token, or `None` at the end.
    fn scan(&mut self) -> Result<Option<Token<'a>>, String> {
        let blank = self.rest().len() - self.rest().trim_start().len();
        self.take(blank);
        let rest = self.rest();
        let Some(next) = rest.chars().next() else {
            return Ok(None);
        };
        let (kind, length) = match next {
            '{' => (Kind::OpenBrace, 1),
            '}' => (Kind::CloseBrace, 1),
            ',' => (Kind::Comma, 1),
            '=' if rest.starts_with("=~") => (Kind::Operator(MatchType::Regex), 2),
            '=' => (Kind::Operator(MatchType::Equal), 1),
            '!' if rest.starts_with("!=") => (Kind::Operator(MatchType::NotEqual), 2),
            '!' if rest.starts_with("!~") => (Kind::Operator(MatchType::NotRegex), 2),
            '!' => return Err(self.lone_exclamation_mark()),
            '"' => match quoted_length(rest) {
                Some(length) => (Kind::Quoted, length),
                None => {
                    let (text, columns) = self.take(rest.len());
                    return Err(located(columns, text, "missing end \""));
                }
            },
            reserved if is_reserved(reserved) => {
                let (text, columns) = self.take(reserved.len_utf8());
                return Err(located(columns, text, "invalid input"));
            }
            _ => (Kind::Bare, rest.find(is_reserved).unwrap_or(rest.len())),
        };
        let (text, columns) = self.take(length);
        Ok(Some(Token { kind, text, columns }))
    }

    fn lone_exclamation_mark(mut self) -> String {
        let (text, columns) = self.take(1);
        if self.rest().is_empty() {
            let (start, end) = columns;
            return format!("{start}:{end}: unexpected end of input, expected one of '=~'");
        }
        located(columns, text, "expected one of '=~'")
    }
}

/// The length of the quoted text at the start of `text`, with its quotes.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}

struct Parser<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Parser<'a> {
    fn list(&mut self) -> Result<Vec<Matcher>, String> {
        let mut matchers = Vec::new();
        let braced = match self.peek()? {
            None => return Ok(matchers),
            Some(token) => token.kind == Kind::OpenBrace,
        };
        if braced {
            self.lexer.scan()?;
        }
        let mut more = self.peek()?.is_some_and(|token| token.kind != Kind::CloseBrace);
        while more {
            matchers.push(self.matcher()?);
            more = self.next_matcher_follows()?;
        }
        self.close(braced)?;
        self.end()?;
        Ok(matchers)
    }

    fn peek(&self) -> Result<Option<Token<'a>>, String> {
        let mut ahead = self.lexer;
        ahead.scan()
    }

    /// The next token if it is of the wanted kind; else an error that ends in `what`.
    fn expect(&mut self, what: &str, wanted: impl Fn(Kind) -> bool) -> Result<Token<'a>, String> {
        let error = match self.lexer.scan() {
            Ok(Some(token)) if wanted(token.kind) => return Ok(token),
            Ok(Some(token)) => token.unexpected(),
            Ok(None) => "end of input".to_owned(),
            Err(error) => error,
        };
        Err(format!("{error}: {what}"))
    }

    fn matcher(&mut self) -> Result<Matcher, String> {
        let is_text = |kind| matches!(kind, Kind::Quoted | Kind::Bare);
        let name = unquoted(&self.expect(NO_NAME, is_text)?)?;
        let operator = self.expect(NO_OPERATOR, |kind| matches!(kind, Kind::Operator(_)))?;
        let value = unquoted(&self.expect(NO_VALUE, is_text)?)?;
        let kind = if let Kind::Operator(kind) = operator.kind { kind } else { MatchType::Equal };
        Matcher::new(kind, &name, &value).map_err(|error| format!("failed to create matcher: {error}"))
    }

    /// Reads the comma after a matcher, if there is one, and tells whether another matcher follows.
    fn next_matcher_follows(&mut self) -> Result<bool, String> {
        match self.peek().map_err(|error| format!("{error}: {NO_COMMA}"))? {
            None => return Ok(false),
            Some(token) => match token.kind {
                Kind::Comma => self.lexer.scan()?,
                Kind::CloseBrace => return Ok(false),
                _ => return Err(format!("{}: {NO_COMMA}", token.unexpected())),
            },
        };
        match self.peek().map_err(|error| format!("{error}: {NO_MATCHER}"))? {
            None => Ok(false),
            Some(token) => match token.kind {
                Kind::CloseBrace => Ok(false),
                Kind::Quoted | Kind::Bare => Ok(true),
                _ => Err(format!("{}: {NO_MATCHER}", token.unexpected())),
            },
        }
    }

    fn close(&mut self, braced: bool) -> Result<(), String> {
        let before = self.lexer;
        match (braced, self.lexer.scan()) {
            (true, Ok(Some(token))) if token.kind == Kind::CloseBrace => {}
            (true, found) => {
                let error = match found {
                    Ok(Some(token)) => token.unexpected(),
                    Ok(None) => "end of input".to_owned(),
                    Err(error) => error,
                };
                return Err(format!("0:{}: {error}: {NO_CLOSE_BRACE}", before.column));
            }
            (false, Ok(Some(token))) if token.kind == Kind::CloseBrace => {
                return Err(format!("0:{}: }}: expected opening brace", self.lexer.column));
            }
            (false, _) => self.lexer = before,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        match self.lexer.scan() {
            Ok(None) => Ok(()),
            Ok(Some(token)) => Err(token.located(NO_END)),
            Err(error) => Err(format!("{error}: {NO_END}")),
        }
    }
}

fn unquoted(token: &Token<'_>) -> Result<String, String> {
    if token.kind != Kind::Quoted {
        return Ok(token.text.to_owned());
    }
    unquote(token.text).ok_or_else(|| token.located("invalid input"))
}
