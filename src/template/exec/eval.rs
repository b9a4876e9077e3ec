//! Evaluates pipelines, commands and operands.

use super::{At, Exec, Fault};
use crate::template::{
    ast::{Command, Expr, Pipe, Variable},
    function::Param,
    methods::{self, Member},
    number::{Ideal, Number},
    text::Text,
    value::{IntType, StrType, Value},
};

/// The arguments of a call: those written after the name, and the result of the stage before, if there is one.
#[derive(Clone, Copy)]
pub(super) struct Args<'a, 't> {
    pub(super) written: &'t [Expr],
    pub(super) last: Option<&'a Value>,
}

impl Args<'_, '_> {
    pub(super) const NONE: Self = Self { written: &[], last: None };

    fn is_empty(&self) -> bool {
        self.written.is_empty() && self.last.is_none()
    }
}

impl<'t> Exec<'_, '_, 't> {
    pub(super) fn eval_pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<Value, Fault> {
        self.at = At::Pipe(pipe);
        let mut value = Value::Nil;
        for (stage, command) in pipe.commands.iter().enumerate() {
            let last = (stage > 0).then_some(&value);
            value = self.eval_command(dot, command, last)?;
            if matches!(value, Value::NilElement) {
                value = Value::Nil;
            }
        }
        for variable in &pipe.decl {
            if pipe.is_assign {
                self.set_var(&variable.name, value.clone())?;
            } else {
                self.vars.push((&variable.name, value.clone()));
            }
        }
        Ok(value)
    }

    fn eval_command(
        &mut self,
        dot: &Value,
        command: &'t Command,
        last: Option<&Value>,
    ) -> Result<Value, Fault> {
        self.spend(1)?;
        let Some((first, written)) = command.args.split_first() else { return Ok(Value::Nil) };
        let args = Args { written, last };
        match first {
            Expr::Field { fields, .. } => {
                self.at = At::Expr(first);
                self.eval_fields(dot, dot, At::Expr(first), fields, args)
            }
            Expr::Chain { operand, fields, .. } => self.eval_chain(dot, first, operand, fields, args),
            Expr::Identifier { function, .. } => {
                self.at = At::Expr(first);
                self.eval_call(dot, *function, At::Command(command), args)
            }
            Expr::Pipe(pipe) => {
                self.refuse_args(first, args)?;
                self.eval_nested(dot, pipe)
            }
            Expr::Variable(variable) => self.eval_variable(dot, variable, args),
            Expr::Dot { .. }
            | Expr::Nil { .. }
            | Expr::Bool { .. }
            | Expr::Number { .. }
            | Expr::String { .. } => {
                self.at = At::Expr(first);
                self.refuse_args(first, args)?;
                match first {
                    Expr::Dot { .. } => Ok(dot.clone()),
                    Expr::Nil { .. } => self.fail("nil is not a command"),
                    literal => self.eval_literal(literal),
                }
            }
        }
    }

    /// A pipeline in parentheses.
    fn eval_nested(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<Value, Fault> {
        self.descend()?;
        let value = self.eval_pipeline(dot, pipe)?;
        self.machine.depth -= 1;
        Ok(value)
    }

    fn refuse_args(&self, expr: &Expr, args: Args<'_, '_>) -> Result<(), Fault> {
        if args.is_empty() {
            return Ok(());
        }
        self.fail(format!("can't give argument to non-function {expr}"))
    }

    fn eval_variable(
        &mut self,
        dot: &Value,
        variable: &'t Variable,
        args: Args<'_, 't>,
    ) -> Result<Value, Fault> {
        self.at = At::Variable(variable);
        let found = self.vars.iter().rev().find(|(name, _)| **name == *variable.name);
        let Some(value) = found.map(|(_, value)| value.clone()) else {
            return self.fail(format!("undefined variable: {}", variable.name));
        };
        if !variable.fields.is_empty() {
            return self.eval_fields(dot, &value, At::Variable(variable), &variable.fields, args);
        }
        if !args.is_empty() {
            return self.fail(format!("can't give argument to non-function {variable}"));
        }
        Ok(value)
    }

    fn eval_chain(
        &mut self,
        dot: &Value,
        chain: &'t Expr,
        operand: &'t Expr,
        fields: &'t [Text],
        args: Args<'_, 't>,
    ) -> Result<Value, Fault> {
        self.at = At::Expr(chain);
        let value = self.eval_arg(dot, Param::Any, operand)?;
        self.eval_fields(dot, &value, At::Expr(chain), fields, args)
    }

    fn eval_fields(
        &mut self,
        dot: &Value,
        receiver: &Value,
        node: At<'t>,
        fields: &'t [Text],
        args: Args<'_, 't>,
    ) -> Result<Value, Fault> {
        let (first, between, last) = match fields {
            [] => return Ok(receiver.clone()),
            [only] => return self.eval_field(dot, receiver, only, node, args),
            [first, between @ .., last] => (first, between, last),
        };
        let mut value = self.eval_field(dot, receiver, first, node, Args::NONE)?;
        for field in between {
            value = self.eval_field(dot, &value, field, node, Args::NONE)?;
        }
        self.eval_field(dot, &value, last, node, args)
    }

    fn eval_field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        name: &Text,
        node: At<'t>,
        args: Args<'_, 't>,
    ) -> Result<Value, Fault> {
        let type_name = match receiver {
            Value::Nil => return Ok(Value::Nil),
            Value::NilElement => {
                return self.fail(format!("nil pointer evaluating interface {{}}.{name}"));
            }
            receiver => receiver.type_name().unwrap_or_default(),
        };
        match methods::member(receiver, name) {
            Some(Member::Method(method)) => self.eval_method(dot, receiver, method, node, args),
            Some(Member::Field(_)) if !args.is_empty() => {
                self.fail(format!("{name} has arguments but cannot be invoked as function"))
            }
            Some(Member::Field(value)) => Ok(value),
            Some(Member::Entry(_)) if !args.is_empty() => {
                self.fail(format!("{name} is not a method but has arguments"))
            }
            Some(Member::Entry(value)) => Ok(value),
            Some(Member::Unexported) => {
                self.fail(format!("{name} is an unexported field of struct type {type_name}"))
            }
            None => self.fail(format!("can't evaluate field {name} in type {type_name}")),
        }
    }

    /// Evaluates an operand for a parameter, and checks that the parameter takes it.
    pub(super) fn eval_arg(&mut self, dot: &Value, param: Param, expr: &'t Expr) -> Result<Value, Fault> {
        self.at = At::Expr(expr);
        let value = match expr {
            Expr::Dot { .. } => dot.clone(),
            Expr::Nil { .. } => {
                return match param.nil() {
                    Some(nil) => Ok(nil),
                    None => self.fail(format!("cannot assign nil to {}", param.type_name())),
                };
            }
            Expr::Field { fields, .. } => self.eval_fields(dot, dot, At::Expr(expr), fields, Args::NONE)?,
            Expr::Variable(variable) => self.eval_variable(dot, variable, Args::NONE)?,
            Expr::Pipe(pipe) => self.eval_nested(dot, pipe)?,
            Expr::Identifier { function, .. } => {
                self.eval_call(dot, *function, At::Expr(expr), Args::NONE)?
            }
            Expr::Chain { operand, fields, .. } => self.eval_chain(dot, expr, operand, fields, Args::NONE)?,
            Expr::Bool { .. } | Expr::Number { .. } | Expr::String { .. } => {
                return self.eval_constant(param, expr);
            }
        };
        self.validate(value, param)
    }

    /// A literal takes the type of the parameter where it can.
    fn eval_constant(&self, param: Param, expr: &'t Expr) -> Result<Value, Fault> {
        match (param, expr) {
            (Param::Value | Param::Any, expr) => self.eval_literal(expr),
            (Param::String, Expr::String { text, .. }) => Ok(Value::Str(StrType::String, text.clone())),
            (Param::String, expr) => self.fail(format!("expected string; found {expr}")),
            (Param::Int | Param::Duration, expr) => {
                let int = match expr {
                    Expr::Number { number, .. } => number.int,
                    _ => None,
                };
                let kind = if param == Param::Int { IntType::Int } else { IntType::Duration };
                match int {
                    Some(int) => Ok(Value::Int(kind, int)),
                    None => self.fail(format!("expected integer; found {expr}")),
                }
            }
            (param, expr) => self.fail(format!("can't handle {expr} for arg of type {}", param.type_name())),
        }
    }

    fn eval_literal(&self, expr: &Expr) -> Result<Value, Fault> {
        match expr {
            Expr::Bool { value, .. } => Ok(Value::Bool(*value)),
            Expr::String { text, .. } => Ok(Value::Str(StrType::String, text.clone())),
            Expr::Number { number, .. } => self.ideal(number),
            expr => self.fail(format!("can't evaluate command {expr}")),
        }
    }

    fn ideal(&self, number: &Number) -> Result<Value, Fault> {
        match number.ideal() {
            Ideal::Int(int) => Ok(Value::Int(IntType::Int, int)),
            Ideal::Float(float) => Ok(Value::Float(float)),
            Ideal::Overflow => self.fail(format!("{} overflows int", number.text)),
        }
    }

    /// Checks that a parameter takes a value.
    pub(super) fn validate(&self, value: Value, param: Param) -> Result<Value, Fault> {
        match &value {
            Value::Nil => match param.nil() {
                Some(nil) => Ok(nil),
                None => self.fail(format!("invalid value; expected {}", param.type_name())),
            },
            value_ref if param.accepts(value_ref) => Ok(value),
            value_ref => {
                let got = value_ref.type_name().unwrap_or("interface {}");
                self.fail(format!("wrong type for value; expected {}; got {got}", param.type_name()))
            }
        }
    }
}
