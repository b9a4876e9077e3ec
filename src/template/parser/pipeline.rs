//! Pipelines: declarations, commands and their operands.

use std::sync::Arc;

use super::{Parsed, Parser, is_literal};
use crate::template::{
    ast::{Command, Expr, Pipe, Variable},
    function::Function,
    lexer::{Kind, Token},
    number::Number,
    quote::{quote, unquote},
    text::Text,
};

impl Parser<'_> {
    /// A pipeline up to and including the token `end`.
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let pos = self.peek_non_space().pos;
        let mut pipe = Pipe { pos, decl: Vec::new(), is_assign: false, commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    self.check_pipeline(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            // Whether a blank follows decides how many tokens go back: a field may follow without one.
            let after = self.peek();
            let next = self.peek_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.is_assign = next.kind == Kind::Assign;
                    self.next_non_space();
                    self.declare(pipe, &variable);
                    return Ok(());
                }
                Kind::Char if next.value == "," => {
                    self.next_non_space();
                    self.declare(pipe, &variable);
                    if context != "range" || pipe.decl.len() >= 2 {
                        return self.error(format!("too many declarations in {context}"));
                    }
                    if !matches!(
                        self.peek_non_space().kind,
                        Kind::Variable | Kind::RightDelim | Kind::RightParen
                    ) {
                        return self.error("range can only initialize variables");
                    }
                }
                _ if after.kind == Kind::Space => {
                    self.backup3(variable, after);
                    return Ok(());
                }
                _ => {
                    self.backup2(variable);
                    return Ok(());
                }
            }
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, token: &Token) {
        pipe.decl.push(variable(token.pos, &token.value));
        self.vars.push(token.value.clone());
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        let later = pipe.commands.iter().skip(1);
        match later.enumerate().find(|(_, command)| command.args.first().is_some_and(is_literal)) {
            Some((index, _)) => self.error(format!("non executable command in pipeline stage {}", index + 2)),
            None => Ok(()),
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let pos = self.peek_non_space().pos;
        let mut args = Vec::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if args.is_empty() {
            return self.error("empty command");
        }
        Ok(Command { pos, args })
    }

    fn operand(&mut self) -> Parsed<Option<Expr>> {
        let Some(term) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(term));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            let field = self.next();
            fields.push(Text::from(field.value.trim_start_matches('.')));
        }
        let pos = first.pos;
        Ok(Some(match term {
            Expr::Field { fields: mut head, .. } => {
                head.append(&mut fields);
                Expr::Field { pos, fields: head }
            }
            Expr::Variable(mut variable) => {
                variable.pos = pos;
                variable.fields.append(&mut fields);
                Expr::Variable(variable)
            }
            term if is_literal(&term) => {
                let shown = quote(term.to_string().as_bytes());
                return self.error(format!("unexpected . after term {shown}"));
            }
            term => Expr::Chain { pos, operand: Box::new(term), fields },
        }))
    }

    fn term(&mut self) -> Parsed<Option<Expr>> {
        let token = self.next_non_space();
        let pos = token.pos;
        Ok(Some(match token.kind {
            Kind::Identifier => match Function::lookup(&token.value) {
                Some(function) => Expr::Identifier { pos, function },
                None => {
                    let name = quote(token.value.as_bytes());
                    return self.error(format!("function {name} not defined"));
                }
            },
            Kind::Dot => Expr::Dot { pos },
            Kind::Nil => Expr::Nil { pos },
            Kind::Variable => {
                if !self.vars.contains(&token.value) {
                    let name = quote(token.value.as_bytes());
                    return self.error(format!("undefined variable {name}"));
                }
                Expr::Variable(variable(pos, &token.value))
            }
            Kind::Field => Expr::Field { pos, fields: vec![Text::from(token.value.trim_start_matches('.'))] },
            Kind::Bool => Expr::Bool { pos, value: token.value == "true" },
            Kind::CharConstant | Kind::Number => match Number::parse(&token.value) {
                Ok(number) => Expr::Number { pos, number: Box::new(number) },
                Err(message) => return self.error(message),
            },
            Kind::LeftParen => {
                self.descend()?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.nesting -= 1;
                Expr::Pipe(Box::new(pipe))
            }
            Kind::String | Kind::RawString => match unquote(&token.value) {
                Some(text) => Expr::String { pos, quoted: token.value, text: Text::from(text) },
                None => return self.error("invalid syntax"),
            },
            _ => {
                self.backup();
                return Ok(None);
            }
        }))
    }
}

fn variable(pos: usize, name: &str) -> Variable {
    Variable { pos, name: Arc::from(name), fields: Vec::new() }
}
