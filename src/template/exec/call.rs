//! Calls functions and methods: counts and evaluates the arguments, and turns faults into errors with a place.

use super::{At, Exec, Fault, eval::Args};
use crate::template::{
    function::{Action, Function, Param, Signature},
    machine::Machine,
    methods::{Method, Receive},
    value::Value,
    view::{Operand, View},
};

impl<'t> Exec<'_, '_, 't> {
    pub(super) fn eval_call(
        &mut self,
        dot: &Value,
        function: Function,
        node: At<'t>,
        args: Args<'_, 't>,
    ) -> Result<Value, Fault> {
        let (name, signature) = (function.name(), function.signature());
        self.check_count(name, signature, args)?;
        match function.action() {
            Action::ShortCircuit(deciding) => self.short_circuit(dot, deciding, args),
            Action::Plain(body) => {
                let result = self.with_args(dot, signature, args, body)?;
                self.finish(name, node, result)
            }
            Action::Call => {
                let values = self.eval_args(dot, signature, args)?;
                let callee = match (args.written.first(), values.first()) {
                    (Some(expr), _) => expr.to_string(),
                    (None, Some(value)) => crate::template::fmt::sprint(value),
                    (None, None) => String::new(),
                };
                let fault = match values.first().and_then(Value::type_name) {
                    Some(type_name) => format!("non-function {callee} of type {type_name}"),
                    None => "call of nil".to_owned(),
                };
                self.finish(name, node, Err(fault))
            }
        }
    }

    pub(super) fn eval_method(
        &mut self,
        dot: &Value,
        receiver: View<'_>,
        method: &'static Method,
        node: At<'t>,
        args: Args<'_, 't>,
    ) -> Result<Value, Fault> {
        self.check_count(method.name, method.signature, args)?;
        let receive = match method.receive {
            Receive::Body(body) => body,
            Receive::Unusable(reason) => return self.fail(reason),
        };
        let call = |machine: &mut Machine<'_>, values: &[Value]| receive(machine, receiver, values);
        let result = self.with_args(dot, method.signature, args, call)?;
        self.finish(method.name, node, result)
    }

    /// Evaluates the arguments and hands them to `call`; most calls have at most two, which need no list.
    fn with_args<R>(
        &mut self,
        dot: &Value,
        signature: Signature,
        args: Args<'_, 't>,
        call: impl FnOnce(&mut Machine<'_>, &[Value]) -> R,
    ) -> Result<R, Fault> {
        let one = match (args.written, args.last) {
            ([], None) => return Ok(call(self.machine, &[])),
            ([], Some(Operand::Own(last))) if signature.param(0).accepts(last) => {
                return Ok(call(self.machine, std::slice::from_ref(last)));
            }
            ([], Some(last)) => self.validate(last.view().to_value(), signature.param(0))?,
            ([expr], None) => self.eval_arg(dot, signature.param(0), expr)?,
            ([one, two], None) => {
                let one = self.eval_arg(dot, signature.param(0), one)?;
                let two = self.eval_arg(dot, signature.param(1), two)?;
                return Ok(call(self.machine, &[one, two]));
            }
            _ => {
                let values = self.eval_args(dot, signature, args)?;
                return Ok(call(self.machine, &values));
            }
        };
        Ok(call(self.machine, &[one]))
    }

    #[inline(always)]
    fn finish(&mut self, name: &str, node: At<'t>, result: Result<Value, String>) -> Result<Value, Fault> {
        match result {
            Ok(value) => Ok(value),
            Err(fault) => Err(self.failed_call(name, node, &fault)),
        }
    }

    #[cold]
    fn failed_call(&mut self, name: &str, node: At<'t>, fault: &str) -> Fault {
        self.at = node;
        self.error(format!("error calling {name}: {fault}"))
    }

    #[inline]
    fn check_count(&self, name: &str, signature: Signature, args: Args<'_, '_>) -> Result<(), Fault> {
        let got = args.written.len() + usize::from(args.last.is_some());
        let want = signature.fixed.len();
        match signature.variadic {
            Some(_) if got < want => self.fail(format!(
                "wrong number of args for {name}: want at least {want} got {}",
                args.written.len()
            )),
            None if got != want => {
                self.fail(format!("wrong number of args for {name}: want {want} got {got}"))
            }
            _ => Ok(()),
        }
    }

    fn short_circuit(&mut self, dot: &Value, deciding: bool, args: Args<'_, 't>) -> Result<Value, Fault> {
        let mut value = Value::Nil;
        for expr in args.written {
            value = self.eval_arg(dot, Param::Value, expr)?;
            if value.truth() == deciding {
                return Ok(value);
            }
        }
        Ok(args.last.map_or(value, |last| last.view().to_value()))
    }

    fn eval_args(
        &mut self,
        dot: &Value,
        signature: Signature,
        args: Args<'_, 't>,
    ) -> Result<Vec<Value>, Fault> {
        let mut values = Vec::with_capacity(args.written.len() + 1);
        for (index, expr) in args.written.iter().enumerate() {
            values.push(self.eval_arg(dot, signature.param(index), expr)?);
        }
        if let Some(last) = args.last {
            values.push(self.validate(last.view().to_value(), signature.param(args.written.len()))?);
        }
        Ok(values)
    }
}
