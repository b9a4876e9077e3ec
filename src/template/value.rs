//! The values a template computes with. Each is of a Go type that Alertmanager's templates can meet, because the type
//! decides what a value prints as, which methods it has and which parameters take it.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use super::{
    data::{Alert, Data, Kv, Pair},
    text::Text,
    time::{Time, Zone},
};

/// Lists, dictionaries and what they hold may be nested this deeply.
pub(super) const MAX_VALUE_DEPTH: usize = 50;

/// A shared list, or a part of one.
#[derive(Debug, Clone)]
pub struct Items<T> {
    all: Arc<[T]>,
    start: usize,
    end: usize,
}

impl<T> Items<T> {
    /// The items from `start` to before `end`, sharing storage; empty where the bounds do not fit.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Self {
        let fits = start <= end && end <= self.len();
        let (start, end) = if fits { (start, end) } else { (0, 0) };
        Self { all: Arc::clone(&self.all), start: self.start + start, end: self.start + end }
    }
}

impl<T> Items<T> {
    /// Whether both are the same part of the same list.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.all, &other.all) && (self.start, self.end) == (other.start, other.end)
    }

    /// Turns a part of `whole` into the list of just the item at `index`, without a new share of the storage.
    pub(super) fn turn_to(&mut self, whole: &Self, index: usize) {
        self.start = whole.start + index;
        self.end = self.start + 1;
    }

    /// The list of just the item at `index`.
    pub(super) fn only(&self, index: usize) -> Option<Self> {
        (index < self.len()).then(|| self.slice(index, index + 1))
    }
}

impl<T> Deref for Items<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.all.get(self.start..self.end).unwrap_or_default()
    }
}

impl<T: PartialEq> PartialEq for Items<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Items<T> {}

impl<T> From<Vec<T>> for Items<T> {
    fn from(items: Vec<T>) -> Self {
        let end = items.len();
        Self { all: items.into(), start: 0, end }
    }
}

impl<T> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let all: Arc<[T]> = items.into_iter().collect();
        let end = all.len();
        Self { all, start: 0, end }
    }
}

/// The types whose kind is a signed integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntType {
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `time.Duration`, in nanoseconds.
    Duration,
    /// `time.Month`, from 1.
    Month,
    /// `time.Weekday`, from 0, Sunday.
    Weekday,
}

/// The types whose kind is a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StrType {
    /// `string`.
    String,
    /// `template.HTML`: markup that HTML rendering takes as it is.
    Html,
    /// `template.URL`: a URL that HTML rendering does not filter.
    Url,
}

/// A list of `any`, or a string-keyed map of `any`, with the depth to which values are nested in it.
#[derive(Debug, Clone)]
pub(super) struct Nested<T> {
    pub(super) items: T,
    pub(super) depth: usize,
}

/// A value. The tag is a whole word so that values are moved in whole words, which is measurably faster.
#[derive(Debug, Clone)]
#[repr(u64)]
pub(super) enum Value {
    /// No value at all: what `nil` and absent things are. Prints as `<no value>`.
    Nil,
    /// An `any` that holds nothing, as an element of a list or dictionary.
    NilElement,
    /// `bool`.
    Bool(bool),
    /// An integer of one of the types.
    Int(IntType, i64),
    /// `uint8`, an element of text or bytes.
    Byte(u8),
    /// `float64`.
    Float(f64),
    /// Text of one of the types.
    Str(StrType, Text),
    /// `[]byte`.
    Bytes(Text),
    /// `time.Time`.
    Time(Box<Time>),
    /// `*time.Location`.
    Location(Zone),
    /// `[]string`, or `template.Strings` (with methods).
    Strings {
        /// Whether it is `template.Strings`.
        named: bool,
        /// The strings.
        items: Items<Text>,
    },
    /// `[]interface {}`.
    List(Arc<Nested<Items<Self>>>),
    /// `map[string]interface {}`.
    Dict(Arc<Nested<BTreeMap<Text, Self>>>),
    /// `template.KV`.
    Kv(Kv),
    /// `template.Pairs`.
    Pairs(Items<Pair>),
    /// `template.Pair`: a list of one, so that it shares the storage of the list it comes from.
    Pair(Items<Pair>),
    /// `template.Alerts` (with methods), or `[]template.Alert`.
    Alerts {
        /// Whether it is `template.Alerts`.
        named: bool,
        /// The alerts.
        items: Items<Arc<Alert>>,
    },
    /// `template.Alert`.
    Alert(Arc<Alert>),
    /// `*template.Data`.
    Data(Arc<Data>),
}

impl Value {
    pub(super) fn string(text: impl Into<Text>) -> Self {
        Self::Str(StrType::String, text.into())
    }

    pub(super) fn int(value: impl TryInto<i64>) -> Self {
        Self::Int(IntType::Int, value.try_into().unwrap_or(i64::MAX))
    }

    pub(super) fn list(items: Items<Self>) -> Result<Self, String> {
        let depth = nested_depth(items.iter())?;
        Ok(Self::List(Arc::new(Nested { items, depth })))
    }

    pub(super) fn dict(items: BTreeMap<Text, Self>) -> Result<Self, String> {
        let depth = nested_depth(items.values())?;
        Ok(Self::Dict(Arc::new(Nested { items, depth })))
    }

    fn depth(&self) -> usize {
        match self {
            Self::List(list) => list.depth,
            Self::Dict(dict) => dict.depth,
            _ => 0,
        }
    }

    /// The Go type's name; `None` where there is no value.
    pub(super) fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Nil | Self::NilElement => return None,
            Self::Bool(_) => "bool",
            Self::Int(IntType::Int, _) => "int",
            Self::Int(IntType::Int64, _) => "int64",
            Self::Int(IntType::Duration, _) => "time.Duration",
            Self::Int(IntType::Month, _) => "time.Month",
            Self::Int(IntType::Weekday, _) => "time.Weekday",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Str(StrType::String, _) => "string",
            Self::Str(StrType::Html, _) => "template.HTML",
            Self::Str(StrType::Url, _) => "template.URL",
            Self::Bytes(_) => "[]uint8",
            Self::Time(_) => "time.Time",
            Self::Location(_) => "*time.Location",
            Self::Strings { named: false, .. } => "[]string",
            Self::Strings { named: true, .. } => "template.Strings",
            Self::List(_) => "[]interface {}",
            Self::Dict(_) => "map[string]interface {}",
            Self::Kv(_) => "template.KV",
            Self::Pairs(_) => "template.Pairs",
            Self::Pair(_) => "template.Pair",
            Self::Alerts { named: false, .. } => "[]template.Alert",
            Self::Alerts { named: true, .. } => "template.Alerts",
            Self::Alert(_) => "template.Alert",
            Self::Data(_) => "*template.Data",
        })
    }

    /// Whether the value counts as true: not zero and not empty.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nil | Self::NilElement => false,
            Self::Bool(value) => *value,
            Self::Int(_, value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Time(_) | Self::Location(_) | Self::Pair(_) | Self::Alert(_) | Self::Data(_) => true,
            _ => self.len().is_some_and(|len| len > 0),
        }
    }

    /// Bytes of text, items of a list or map; `None` for what has no length.
    pub(super) fn len(&self) -> Option<usize> {
        Some(match self {
            Self::Str(_, text) | Self::Bytes(text) => text.len(),
            Self::Strings { items, .. } => items.len(),
            Self::List(list) => list.items.len(),
            Self::Dict(dict) => dict.items.len(),
            Self::Kv(kv) => kv.len(),
            Self::Pairs(pairs) => pairs.len(),
            Self::Alerts { items, .. } => items.len(),
            _ => return None,
        })
    }

    /// The element at `index` of text, bytes or a list.
    pub(super) fn element(&self, index: usize) -> Option<Self> {
        Some(match self {
            Self::Str(_, text) | Self::Bytes(text) => Self::Byte(*text.get(index)?),
            Self::Strings { items, .. } => Self::string(items.get(index)?.clone()),
            Self::List(list) => list.items.get(index)?.clone().into_element(),
            Self::Pairs(pairs) => Self::Pair(pairs.only(index)?),
            Self::Alerts { items, .. } => Self::Alert(Arc::clone(items.get(index)?)),
            _ => return None,
        })
    }

    /// What the value is as an element of a list of `any`.
    pub(super) fn into_element(self) -> Self {
        if matches!(self, Self::Nil) { Self::NilElement } else { self }
    }
}

fn nested_depth<'a>(items: impl Iterator<Item = &'a Value>) -> Result<usize, String> {
    let depth = 1 + items.map(Value::depth).max().unwrap_or_default();
    if depth > MAX_VALUE_DEPTH {
        return Err(format!("values nested more than {MAX_VALUE_DEPTH} deep"));
    }
    Ok(depth)
}
