//! From tokens to trees: Go's grammar, with its rules on variables, names and definitions, and its error texts.

mod pipeline;

use std::sync::Arc;

use super::{
    ast::{Action, Branch, Expr, Invocation, List, Name, Named, Node, Pipe, Source, Tree},
    error::Error,
    lexer::{Kind, Lexer, Token},
    quote::unquote,
    text::Text,
};

/// Control structures and parentheses may be nested this deeply in a source.
const MAX_NESTING: usize = 100;

/// The trees of one source: its own, under the source's name, and one for each definition and block.
pub(super) fn parse(name: &str, text: &str) -> Result<Named, Error> {
    let source = Arc::new(Source { name: name.to_owned(), text: Text::from(text) });
    let mut parser = Parser {
        lexer: Lexer::new(text),
        source,
        token: [eof(), eof(), eof()],
        peeked: 0,
        vars: vec!["$".to_owned()],
        trees: Named::new(),
        action_line: 0,
        range_depth: 0,
        nesting: 0,
    };
    let root = parser.parse()?;
    parser.add(name.to_owned(), root)?;
    Ok(parser.trees)
}

fn eof() -> Token {
    Token { kind: Kind::Eof, pos: 0, line: 0, value: String::new() }
}

/// What ended a list.
enum Terminator {
    End,
    Else,
}

enum Item {
    Node(Node),
    Terminator(Terminator),
}

type Parsed<T> = Result<T, Error>;

struct Parser<'a> {
    lexer: Lexer<'a>,
    source: Arc<Source>,
    token: [Token; 3],
    peeked: usize,
    vars: Vec<String>,
    trees: Named,
    action_line: usize,
    range_depth: usize,
    nesting: usize,
}

impl Parser<'_> {
    fn error<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Error::Parse {
            name: self.source.name.clone(),
            line: self.token[0].line,
            message: message.into(),
        })
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token.describe()));
        }
        let mut message = token.describe();
        if self.action_line != 0 && self.action_line != token.line {
            let action = if message.ends_with(" action") { "" } else { " in action" };
            message = format!("{message}{action} started at {}:{}", self.source.name, self.action_line);
        }
        self.error(message)
    }

    fn next(&mut self) -> Token {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.token[0] = self.lexer.next_token();
        }
        self.token[self.peeked.min(2)].clone()
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    /// Puts `first` back in front of the token read last.
    fn backup2(&mut self, first: Token) {
        self.token[1] = first;
        self.peeked = 2;
    }

    /// Puts `first` and `second` back in front of the token read last.
    fn backup3(&mut self, first: Token, second: Token) {
        self.token[1] = second;
        self.token[2] = first;
        self.peeked = 3;
    }

    fn peek(&mut self) -> Token {
        if self.peeked == 0 {
            self.peeked = 1;
            self.token[0] = self.lexer.next_token();
        }
        self.token[(self.peeked - 1).min(2)].clone()
    }

    fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.backup();
        token
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn descend(&mut self) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.error("max expression depth exceeded");
        }
        Ok(())
    }

    fn add(&mut self, name: String, root: List) -> Parsed<()> {
        let blank = root.is_blank();
        let key = Name::from(name.as_str());
        if self.trees.get(&key).is_none_or(|tree| tree.root.is_blank()) {
            let tree = Tree { name, source: Arc::clone(&self.source), root };
            self.trees.insert(key, Arc::new(tree));
        } else if !blank {
            let name = super::quote::quote(name.as_bytes());
            return self.error(format!("template: multiple definition of template {name}"));
        }
        Ok(())
    }

    fn parse(&mut self) -> Parsed<List> {
        let mut root = List::default();
        loop {
            match self.peek().kind {
                Kind::Eof => return Ok(root),
                Kind::LeftDelim => {
                    let delim = self.next();
                    if self.next_non_space().kind == Kind::Define {
                        self.definition()?;
                        continue;
                    }
                    self.backup2(delim);
                }
                _ => {}
            }
            match self.text_or_action()? {
                Item::Node(node) => root.0.push(node),
                Item::Terminator(Terminator::End) => return self.error("unexpected {{end}}"),
                Item::Terminator(Terminator::Else) => return self.error("unexpected {{else}}"),
            }
        }
    }

    /// Parses the inside of a definition or block, which sees no variable of its surroundings.
    fn inner(&mut self, context: &str) -> Parsed<List> {
        let vars = std::mem::replace(&mut self.vars, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (list, terminator) = self.item_list()?;
        if let Terminator::Else = terminator {
            return self.error(format!("unexpected {{{{else}}}} in {context}"));
        }
        self.vars = vars;
        self.range_depth = range_depth;
        Ok(list)
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        let root = self.inner(CONTEXT)?;
        self.add(name, root)
    }

    fn template_name(&self, token: &Token, context: &str) -> Parsed<String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match unquote(&token.value) {
            Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
            None => self.error("invalid syntax"),
        }
    }

    fn item_list(&mut self) -> Parsed<(List, Terminator)> {
        self.descend()?;
        let mut list = List::default();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.0.push(node),
                Item::Terminator(terminator) => {
                    self.nesting -= 1;
                    return Ok((list, terminator));
                }
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text {
                text: self.source.text.slice(token.pos, token.pos + token.value.len()),
            })),
            Kind::LeftDelim => {
                self.action_line = token.line;
                let item = self.action();
                if item.is_ok() {
                    self.action_line = 0;
                }
                item
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break | Kind::Continue => self.loop_control(&token)?,
            Kind::Else => return Ok(Item::Terminator(self.else_control()?)),
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::Terminator(Terminator::End));
            }
            Kind::If => Node::If(Box::new(self.control("if")?)),
            Kind::Range => Node::Range(Box::new(self.control("range")?)),
            Kind::With => Node::With(Box::new(self.control("with")?)),
            Kind::Template => self.invocation()?,
            _ => {
                self.backup();
                let first = self.peek();
                let pipe = self.pipeline("command", Kind::RightDelim)?;
                Node::Action(Action { pos: first.pos, pipe })
            }
        };
        Ok(Item::Node(node))
    }

    fn loop_control(&mut self, token: &Token) -> Parsed<Node> {
        self.expect(Kind::RightDelim, &format!("{{{{{}}}}}", token.value))?;
        if self.range_depth == 0 {
            return self.error(format!("{{{{{}}}}} outside {{{{range}}}}", token.value));
        }
        Ok(match token.kind {
            Kind::Break => Node::Break { pos: token.pos },
            _ => Node::Continue { pos: token.pos },
        })
    }

    fn else_control(&mut self) -> Parsed<Terminator> {
        if matches!(self.peek_non_space().kind, Kind::If | Kind::With) {
            return Ok(Terminator::Else);
        }
        self.expect(Kind::RightDelim, "else")?;
        Ok(Terminator::Else)
    }

    fn control(&mut self, context: &'static str) -> Parsed<Branch> {
        let vars = self.vars.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let in_range = usize::from(context == "range");
        self.range_depth += in_range;
        let (list, terminator) = self.item_list()?;
        self.range_depth -= in_range;
        let else_list = match terminator {
            Terminator::End => None,
            Terminator::Else => Some(self.else_branch(context)?),
        };
        self.vars.truncate(vars);
        Ok(Branch { pos: pipe.pos, pipe, list, else_list })
    }

    fn else_branch(&mut self, context: &'static str) -> Parsed<List> {
        let chained = match (context, self.peek().kind) {
            ("if", Kind::If) => Some(Node::If as fn(Box<Branch>) -> Node),
            ("with", Kind::With) => Some(Node::With as fn(Box<Branch>) -> Node),
            _ => None,
        };
        if let Some(make) = chained {
            self.next();
            self.descend()?;
            let branch = self.control(context)?;
            self.nesting -= 1;
            return Ok(List(vec![make(Box::new(branch))]));
        }
        match self.item_list()? {
            (list, Terminator::End) => Ok(list),
            (_, Terminator::Else) => self.error("expected end; found {{else}}"),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let root = self.inner(CONTEXT)?;
        self.add(name.clone(), root)?;
        Ok(Self::invoke(&token, name, Some(pipe)))
    }

    fn invocation(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        if self.next_non_space().kind == Kind::RightDelim {
            return Ok(Self::invoke(&token, name, None));
        }
        self.backup();
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        Ok(Self::invoke(&token, name, Some(pipe)))
    }

    fn invoke(token: &Token, name: String, pipe: Option<Pipe>) -> Node {
        Node::Template(Box::new(Invocation { pos: token.pos, name: Name::from(name.as_str()), pipe }))
    }
}

/// Whether a later stage of a pipeline is something that takes no argument.
fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Bool { .. } | Expr::Dot { .. } | Expr::Nil { .. } | Expr::Number { .. } | Expr::String { .. }
    )
}
