//! Evaluates pipelines, commands and operands.

use super::{At, Exec, Fault};
use crate::template::{
    ast::{Command, Expr, Pipe, Variable},
    function::Param,
    methods::{self, Member},
    number::{Ideal, Number},
    text::Text,
    value::{IntType, StrType, Value},
    view::{Operand, View},
};

/// The arguments of a call: those written after the name, and the result of the stage before, if there is one.
#[derive(Clone, Copy)]
pub(super) struct Args<'a, 't> {
    pub(super) written: &'t [Expr],
    pub(super) last: Option<&'a Operand<'a>>,
}

impl Args<'_, '_> {
    pub(super) const NONE: Self = Self { written: &[], last: None };

    fn is_empty(&self) -> bool {
        self.written.is_empty() && self.last.is_none()
    }
}

/// What lies at the end of a path of fields, where no method is on the way and nothing amiss.
fn lying<'v>(dot: &'v Value, fields: &[Text]) -> Option<View<'v>> {
    fields.iter().try_fold(View::of(dot), |value, name| methods::lying(value, name))
}

impl<'t> Exec<'_, '_, 't> {
    pub(super) fn eval_pipeline<'v>(&mut self, dot: &'v Value, pipe: &'t Pipe) -> Result<Operand<'v>, Fault>
    where
        't: 'v,
    {
        let (lent, stages) = self.eval_lent(dot, pipe)?;
        self.eval_stages(dot, pipe, lent, stages)
    }

    /// Prints what an action comes to, or declares it.
    pub(super) fn walk_action(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<(), Fault> {
        let (lent, stages) = self.eval_lent(dot, pipe)?;
        match lent {
            Some(view) if stages.is_empty() && pipe.decl.is_empty() => self.print(view),
            lent => {
                let operand = self.eval_stages(dot, pipe, lent, stages)?;
                if pipe.decl.is_empty() { self.print(operand.view()) } else { Ok(()) }
            }
        }
    }

    /// Begins a pipeline: as long as the stages need not make anything, which most do not; and the stages that are left.
    #[inline]
    fn eval_lent<'v>(
        &mut self,
        dot: &'v Value,
        pipe: &'t Pipe,
    ) -> Result<(Option<View<'v>>, &'t [Command]), Fault>
    where
        't: 'v,
    {
        self.at = At::Pipe(pipe);
        let mut stages = pipe.commands.as_slice();
        let mut lent = None;
        while let Some((command, later)) = stages.split_first() {
            let [first] = command.args.as_slice() else { break };
            let next = match (first, lent) {
                (Expr::Field { fields, .. }, None) => lying(dot, fields),
                (Expr::String { text, .. }, None) => Some(View::Text(text)),
                (Expr::Dot { .. }, None) => Some(View::of(dot)),
                (Expr::Identifier { function, .. }, Some(View::Text(text))) if function.leaves(text) => lent,
                _ => None,
            };
            let Some(view) = next else { break };
            self.spend(1)?;
            self.at = At::Expr(first);
            lent = Some(view.or_nil());
            stages = later;
        }
        Ok((lent, stages))
    }

    /// The stages of a pipeline after those that came to `lent`, and its declarations.
    fn eval_stages<'v>(
        &mut self,
        dot: &'v Value,
        pipe: &'t Pipe,
        lent: Option<View<'v>>,
        stages: &'t [Command],
    ) -> Result<Operand<'v>, Fault>
    where
        't: 'v,
    {
        let is_first = lent.is_none();
        let mut operand = Operand::Lent(lent.unwrap_or(View::NIL));
        for (index, command) in stages.iter().enumerate() {
            let last = (index > 0 || !is_first).then_some(&operand);
            operand = match self.eval_command(dot, command, last)? {
                Operand::Own(Value::NilElement) => Operand::NIL,
                Operand::Lent(view) => Operand::Lent(view.or_nil()),
                operand => operand,
            };
        }
        for variable in &pipe.decl {
            let value = operand.view().to_value();
            if pipe.is_assign {
                self.set_var(&variable.name, value)?;
            } else {
                self.vars.push((&variable.name, value));
            }
        }
        Ok(operand)
    }

    fn eval_command<'v>(
        &mut self,
        dot: &'v Value,
        command: &'t Command,
        last: Option<&Operand<'_>>,
    ) -> Result<Operand<'v>, Fault>
    where
        't: 'v,
    {
        self.spend(1)?;
        let Some((first, written)) = command.args.split_first() else { return Ok(Operand::NIL) };
        let args = Args { written, last };
        match first {
            Expr::Field { fields, .. } => {
                self.at = At::Expr(first);
                self.eval_fields(dot, View::of(dot), At::Expr(first), fields, args)
            }
            Expr::Chain { operand, fields, .. } => {
                self.eval_chain(dot, first, operand, fields, args).map(Operand::Own)
            }
            Expr::Identifier { function, .. } => {
                self.at = At::Expr(first);
                self.eval_call(dot, *function, At::Command(command), args).map(Operand::Own)
            }
            Expr::Pipe(pipe) => {
                self.refuse_args(first, args)?;
                self.eval_nested(dot, pipe)
            }
            Expr::Variable(variable) => self.eval_variable(dot, variable, args).map(Operand::Own),
            Expr::Dot { .. }
            | Expr::Nil { .. }
            | Expr::Bool { .. }
            | Expr::Number { .. }
            | Expr::String { .. } => {
                self.at = At::Expr(first);
                self.refuse_args(first, args)?;
                match first {
                    Expr::Dot { .. } => Ok(Operand::Lent(View::of(dot))),
                    Expr::Nil { .. } => self.fail("nil is not a command"),
                    Expr::String { text, .. } => Ok(Operand::Lent(View::Text(text))),
                    literal => self.eval_literal(literal).map(Operand::Own),
                }
            }
        }
    }

    /// A pipeline in parentheses.
    fn eval_nested<'v>(&mut self, dot: &'v Value, pipe: &'t Pipe) -> Result<Operand<'v>, Fault>
    where
        't: 'v,
    {
        self.descend()?;
        let operand = self.eval_pipeline(dot, pipe)?;
        self.machine.depth -= 1;
        Ok(operand)
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
        let Some(value) = self.var(&variable.name).cloned() else {
            return self.fail(format!("undefined variable: {}", variable.name));
        };
        if !variable.fields.is_empty() {
            let (receiver, node) = (View::of(&value), At::Variable(variable));
            return self.eval_fields(dot, receiver, node, &variable.fields, args).map(Operand::into_value);
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
        self.eval_fields(dot, View::of(&value), At::Expr(chain), fields, args).map(Operand::into_value)
    }

    fn eval_fields<'v>(
        &mut self,
        dot: &Value,
        receiver: View<'v>,
        node: At<'t>,
        fields: &'t [Text],
        args: Args<'_, 't>,
    ) -> Result<Operand<'v>, Fault> {
        let Some((last, between)) = fields.split_last() else { return Ok(Operand::Lent(receiver)) };
        let mut receiver = receiver;
        for (index, field) in between.iter().enumerate() {
            match self.eval_field(dot, receiver, field, node, Args::NONE)? {
                Operand::Lent(view) => receiver = view,
                // What a method made has nowhere to lie but here.
                Operand::Own(mut made) => {
                    for field in between.get(index + 1..).unwrap_or_default() {
                        let operand = self.eval_field(dot, View::of(&made), field, node, Args::NONE)?;
                        made = operand.into_value();
                    }
                    let operand = self.eval_field(dot, View::of(&made), last, node, args)?;
                    return Ok(Operand::Own(operand.into_value()));
                }
            }
        }
        self.eval_field(dot, receiver, last, node, args)
    }

    fn eval_field<'v>(
        &mut self,
        dot: &Value,
        receiver: View<'v>,
        name: &Text,
        node: At<'t>,
        args: Args<'_, 't>,
    ) -> Result<Operand<'v>, Fault> {
        match methods::member(receiver, name) {
            Some(Member::Field(view) | Member::Entry(view)) if args.is_empty() => Ok(Operand::Lent(view)),
            Some(Member::Method(method)) => {
                self.eval_method(dot, receiver, method, node, args).map(Operand::Own)
            }
            Some(Member::Field(_)) => {
                self.fail(format!("{name} has arguments but cannot be invoked as function"))
            }
            Some(Member::Entry(_)) => self.fail(format!("{name} is not a method but has arguments")),
            Some(Member::Unexported) => {
                let type_name = receiver.type_name().unwrap_or_default();
                self.fail(format!("{name} is an unexported field of struct type {type_name}"))
            }
            None => match receiver {
                View::Value(Value::Nil) => Ok(Operand::NIL),
                View::Value(Value::NilElement) => {
                    self.fail(format!("nil pointer evaluating interface {{}}.{name}"))
                }
                receiver => {
                    let type_name = receiver.type_name().unwrap_or_default();
                    self.fail(format!("can't evaluate field {name} in type {type_name}"))
                }
            },
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
            Expr::Field { fields, .. } => match lying(dot, fields) {
                Some(view) => return self.validate(view.to_value(), param),
                None => {
                    self.eval_fields(dot, View::of(dot), At::Expr(expr), fields, Args::NONE)?.into_value()
                }
            },
            Expr::Variable(variable) => self.eval_variable(dot, variable, Args::NONE)?,
            Expr::Pipe(pipe) => self.eval_nested(dot, pipe)?.into_value(),
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
    #[inline(always)]
    pub(super) fn validate(&self, value: Value, param: Param) -> Result<Value, Fault> {
        if param.accepts(&value) { Ok(value) } else { self.refuse(&value, param) }
    }

    /// What a parameter gets in place of a value that is not of its type: `nil` has a form in some types.
    #[cold]
    fn refuse(&self, value: &Value, param: Param) -> Result<Value, Fault> {
        if let Value::Nil = value {
            return match param.nil() {
                Some(nil) => Ok(nil),
                None => self.fail(format!("invalid value; expected {}", param.type_name())),
            };
        }
        let got = value.type_name().unwrap_or("interface {}");
        self.fail(format!("wrong type for value; expected {}; got {got}", param.type_name()))
    }
}
