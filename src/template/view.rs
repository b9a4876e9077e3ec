//! Values that are looked at where they lie: what is only printed, compared or asked for a field needs no share of its own.

use std::sync::Arc;

use super::{
    data::{Alert, Kv},
    text::Text,
    time::Time,
    value::{Items, StrType, Value},
};

/// A value that lies in another one, in the notification's data or in the template.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'v> {
    /// Of none of the types below, which have one form here.
    Value(&'v Value),
    /// `string`.
    Text(&'v Text),
    /// `template.KV`.
    Kv(&'v Kv),
    /// `time.Time`.
    Time(&'v Time),
    /// `template.Alerts`.
    Alerts(&'v Items<Arc<Alert>>),
}

/// No value.
static NIL: Value = Value::Nil;

impl<'v> View<'v> {
    pub(super) const NIL: View<'static> = View::Value(&NIL);

    pub(super) fn of(value: &'v Value) -> Self {
        match value {
            Value::Str(StrType::String, text) => Self::Text(text),
            Value::Kv(kv) => Self::Kv(kv),
            Value::Time(time) => Self::Time(time),
            Value::Alerts { named: true, items } => Self::Alerts(items),
            value => Self::Value(value),
        }
    }

    /// The value with a share of its own.
    pub(super) fn to_value(self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Text(text) => Value::Str(StrType::String, text.clone()),
            Self::Kv(kv) => Value::Kv(kv.clone()),
            Self::Time(time) => Value::Time(Box::new(time.clone())),
            Self::Alerts(items) => Value::Alerts { named: true, items: items.clone() },
        }
    }

    /// What the value is once it is no longer an element of something.
    pub(super) fn or_nil(self) -> Self {
        if matches!(self, Self::Value(Value::NilElement)) { Self::NIL } else { self }
    }

    /// Whether the value counts as true: not zero and not empty.
    pub(super) fn truth(self) -> bool {
        match self {
            Self::Value(value) => value.truth(),
            Self::Text(text) => !text.is_empty(),
            Self::Kv(kv) => !kv.is_empty(),
            Self::Time(_) => true,
            Self::Alerts(items) => !items.is_empty(),
        }
    }

    /// The Go type's name; `None` where there is no value.
    pub(super) fn type_name(self) -> Option<&'static str> {
        match self {
            Self::Value(value) => value.type_name(),
            Self::Text(_) => Some("string"),
            Self::Kv(_) => Some("template.KV"),
            Self::Time(_) => Some("time.Time"),
            Self::Alerts(_) => Some("template.Alerts"),
        }
    }
}

/// What an expression came to.
#[derive(Debug)]
pub(super) enum Operand<'v> {
    /// Something that lies elsewhere.
    Lent(View<'v>),
    /// Something that was made.
    Own(Value),
}

impl Operand<'_> {
    pub(super) const NIL: Operand<'static> = Operand::Lent(View::NIL);

    pub(super) fn view(&self) -> View<'_> {
        match self {
            Self::Lent(view) => *view,
            Self::Own(value) => View::of(value),
        }
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Lent(view) => view.to_value(),
            Self::Own(value) => value,
        }
    }
}
