//! Calls functions and methods: counts and evaluates the arguments, and turns faults into errors with a place.

use super::{At, Exec, eval::Args};
use crate::template::{
    error::Error,
    function::{Action, Function, Param, Signature},
    methods::{Method, Receive},
    value::Value,
};

impl<'t> Exec<'_, '_, 't> {
    pub(super) fn eval_call(
        &mut self,
        dot: &Value,
        function: Function,
        node: At<'t>,
        args: Args<'_, 't>,
    ) -> Result<Value, Error> {
        let (name, signature) = (function.name(), function.signature());
        self.check_count(name, signature, args)?;
        match function.action() {
            Action::ShortCircuit(deciding) => self.short_circuit(dot, deciding, args),
            Action::Plain(body) => {
                let values = self.eval_args(dot, signature, args)?;
                let result = body(self.machine, &values);
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
        receiver: &Value,
        method: &'static Method,
        node: At<'t>,
        args: Args<'_, 't>,
    ) -> Result<Value, Error> {
        self.check_count(method.name, method.signature, args)?;
        let receive = match method.receive {
            Receive::Body(body) => body,
            Receive::Unusable(reason) => return self.fail(reason),
        };
        let values = self.eval_args(dot, method.signature, args)?;
        let result = receive(self.machine, receiver, &values);
        self.finish(method.name, node, result)
    }

    fn finish(&mut self, name: &str, node: At<'t>, result: Result<Value, String>) -> Result<Value, Error> {
        result.map_err(|fault| {
            self.at = node;
            self.error(format!("error calling {name}: {fault}"))
        })
    }

    fn check_count(&self, name: &str, signature: Signature, args: Args<'_, '_>) -> Result<(), Error> {
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

    fn short_circuit(&mut self, dot: &Value, deciding: bool, args: Args<'_, 't>) -> Result<Value, Error> {
        let mut value = Value::Nil;
        for expr in args.written {
            value = self.eval_arg(dot, Param::Value, expr)?;
            if value.truth() == deciding {
                return Ok(value);
            }
        }
        Ok(args.last.cloned().unwrap_or(value))
    }

    fn eval_args(
        &mut self,
        dot: &Value,
        signature: Signature,
        args: Args<'_, 't>,
    ) -> Result<Vec<Value>, Error> {
        let param = |index: usize| signature.fixed.get(index).copied().or(signature.variadic);
        let mut values = Vec::with_capacity(args.written.len() + 1);
        for (index, expr) in args.written.iter().enumerate() {
            values.push(self.eval_arg(dot, param(index).unwrap_or(Param::Any), expr)?);
        }
        if let Some(last) = args.last {
            let param = param(args.written.len()).unwrap_or(Param::Any);
            values.push(self.validate(last.clone(), param)?);
        }
        Ok(values)
    }
}
