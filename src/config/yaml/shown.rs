//! From a resolved value to the tree that is printed.
//!
//! A struct's fields that are zero are left out, as with `omitempty` in Go: null, false, 0, the empty text, an empty list
//! or mapping. [`Always`] keeps a field whatever its value; so does an `Option` that is `Some`. A [`Source`] prints under
//! its key, or with `_file` added to it. A field without a name is a mapping whose keys stand in its place.
//!
//! [`Source`]: crate::config::Source

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

/// A value to print.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    Null,
    /// A number or a boolean, and whether it is the zero value.
    Plain(String, bool),
    Text(String),
    List {
        items: Vec<Self>,
        flow: bool,
    },
    Map(Vec<(String, Self)>),
    /// A value that is printed although it may be zero.
    Always(Box<Self>),
    /// A value that stands in the file itself or, by name, in another one.
    Source {
        is_file: bool,
        value: Box<Self>,
    },
}

impl Shown {
    fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Plain(_, zero) => *zero,
            Self::Text(text) => text.is_empty(),
            Self::List { items, .. } => items.is_empty(),
            Self::Map(pairs) => pairs.is_empty(),
            Self::Always(_) => false,
            Self::Source { value, .. } => value.is_zero(),
        }
    }
}

/// A field that is printed whatever its value.
pub struct Always<T>(pub T);

const ALWAYS: &str = "Always";
const FLOW: &str = "Flow";

impl<T: Serialize> Serialize for Always<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ALWAYS, &self.0)
    }
}

/// For `serialize_with`: the field is printed whatever its value.
pub fn always<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(ALWAYS, value)
}

/// For `serialize_with`: a list is printed on one line, in brackets.
pub fn flow<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(FLOW, value)
}

/// Why a value cannot be printed: its `Serialize` says so, or a mapping has a key that is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct PrintError(String);

impl ser::Error for PrintError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The texts in a value, each with the keys to it, such as `fields[0].title`. Of a secret the text is what stands in its
/// place. A value that cannot be printed has none.
pub fn texts<T: Serialize + ?Sized>(value: &T) -> Vec<(String, String)> {
    fn collect(path: &str, shown: Shown, found: &mut Vec<(String, String)>) {
        match shown {
            Shown::Text(text) => found.push((path.to_owned(), text)),
            Shown::List { items, .. } => {
                for (place, item) in items.into_iter().enumerate() {
                    collect(&format!("{path}[{place}]"), item, found);
                }
            }
            Shown::Map(pairs) => {
                for (key, value) in pairs {
                    let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                    collect(&path, value, found);
                }
            }
            Shown::Always(value) | Shown::Source { value, .. } => collect(path, *value, found),
            Shown::Null | Shown::Plain(..) => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(shown) = shown(value) {
        collect("", shown, &mut found);
    }
    found
}

/// Makes the tree of a value.
pub(super) fn shown<T: Serialize + ?Sized>(value: &T) -> Result<Shown, PrintError> {
    value.serialize(Printer)
}

struct Printer;

fn number<N: fmt::Display + PartialEq + Default>(number: N) -> Result<Shown, PrintError> {
    Ok(Shown::Plain(number.to_string(), number == N::default()))
}

/// Adds a field of a struct to those before it.
fn add_field(pairs: &mut Vec<(String, Shown)>, key: &str, value: Shown) {
    let with_suffix = |is_file: bool| if is_file { format!("{key}_file") } else { key.to_owned() };
    match value {
        Shown::Map(inner) if key.is_empty() => pairs.extend(inner),
        Shown::Always(inner) if key.is_empty() => add_field(pairs, key, *inner),
        value if value.is_zero() => {}
        Shown::Source { is_file, value } => pairs.push((with_suffix(is_file), *value)),
        Shown::Always(value) => match *value {
            // Alertmanager prints both keys of such a pair.
            Shown::Source { is_file, value } => {
                if !is_file {
                    pairs.push((with_suffix(false), *value));
                    pairs.push((with_suffix(true), Shown::Text(String::new())));
                } else {
                    pairs.push((with_suffix(true), *value));
                }
            }
            value => pairs.push((key.to_owned(), value)),
        },
        value => pairs.push((key.to_owned(), value)),
    }
}

impl Serializer for Printer {
    type Ok = Shown;
    type Error = PrintError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Pairs;
    type SerializeStruct = Pairs;
    type SerializeStructVariant = Pairs;

    fn serialize_bool(self, value: bool) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_i8(self, value: i8) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_i16(self, value: i16) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_i32(self, value: i32) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_i64(self, value: i64) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_u8(self, value: u8) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_u16(self, value: u16) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_u32(self, value: u32) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_u64(self, value: u64) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_f32(self, value: f32) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_f64(self, value: f64) -> Result<Shown, PrintError> {
        number(value)
    }

    fn serialize_char(self, value: char) -> Result<Shown, PrintError> {
        Ok(Shown::Text(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Shown, PrintError> {
        Ok(Shown::Text(value.to_owned()))
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<Shown, PrintError> {
        Err(PrintError("bytes cannot be printed".to_owned()))
    }

    fn serialize_none(self) -> Result<Shown, PrintError> {
        Ok(Shown::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Shown, PrintError> {
        Ok(match shown(value)? {
            // A list that is there and empty is left out, as in Go; a source decides by what it holds.
            value @ (Shown::List { .. } | Shown::Source { .. } | Shown::Always(_)) => value,
            value => Shown::Always(Box::new(value)),
        })
    }

    fn serialize_unit(self) -> Result<Shown, PrintError> {
        Ok(Shown::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Shown, PrintError> {
        Ok(Shown::Null)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Shown, PrintError> {
        Ok(Shown::Text(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Shown, PrintError> {
        Ok(match (name, shown(value)?) {
            (ALWAYS, value) => Shown::Always(Box::new(value)),
            (FLOW, Shown::List { items, .. }) => Shown::List { items, flow: true },
            (_, value) => value,
        })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Shown, PrintError> {
        let value = shown(value)?;
        if name == "Source" {
            return Ok(Shown::Source { is_file: variant == "file", value: Box::new(value) });
        }
        let mut pairs = Vec::new();
        add_field(&mut pairs, variant, Shown::Always(Box::new(value)).without_source());
        Ok(Shown::Map(pairs))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List, PrintError> {
        Ok(List(Vec::with_capacity(length.unwrap_or(0))))
    }

    fn serialize_tuple(self, length: usize) -> Result<List, PrintError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<List, PrintError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        length: usize,
    ) -> Result<List, PrintError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Pairs, PrintError> {
        Ok(Pairs::default())
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Pairs, PrintError> {
        Ok(Pairs::default())
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Pairs, PrintError> {
        Ok(Pairs::default())
    }
}

impl Shown {
    /// A source under the name of a variant prints like one under the name of a field.
    fn without_source(self) -> Self {
        match self {
            Self::Always(value) if matches!(*value, Self::Source { .. }) => *value,
            other => other,
        }
    }
}

struct List(Vec<Shown>);

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PrintError> {
        let value = match shown(value)? {
            Shown::Always(value) => *value,
            value => value,
        };
        self.0.push(value);
        Ok(())
    }

    fn list(self) -> Shown {
        Shown::List { items: self.0, flow: false }
    }
}

impl ser::SerializeSeq for List {
    type Ok = Shown;
    type Error = PrintError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PrintError> {
        self.push(value)
    }

    fn end(self) -> Result<Shown, PrintError> {
        Ok(self.list())
    }
}

impl ser::SerializeTuple for List {
    type Ok = Shown;
    type Error = PrintError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PrintError> {
        self.push(value)
    }

    fn end(self) -> Result<Shown, PrintError> {
        Ok(self.list())
    }
}

impl ser::SerializeTupleStruct for List {
    type Ok = Shown;
    type Error = PrintError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PrintError> {
        self.push(value)
    }

    fn end(self) -> Result<Shown, PrintError> {
        Ok(self.list())
    }
}

impl ser::SerializeTupleVariant for List {
    type Ok = Shown;
    type Error = PrintError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PrintError> {
        self.push(value)
    }

    fn end(self) -> Result<Shown, PrintError> {
        Ok(self.list())
    }
}

/// The pairs of a mapping or the fields of a struct, and the key whose value comes next.
#[derive(Default)]
struct Pairs {
    pairs: Vec<(String, Shown)>,
    key: Option<String>,
}

impl ser::SerializeMap for Pairs {
    type Ok = Shown;
    type Error = PrintError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), PrintError> {
        match shown(key)? {
            Shown::Text(key) | Shown::Plain(key, _) => self.key = Some(key),
            _ => return Err(PrintError("a key must be a text".to_owned())),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PrintError> {
        let value = match shown(value)? {
            Shown::Always(value) => *value,
            value => value,
        };
        self.pairs.push((self.key.take().unwrap_or_default(), value));
        Ok(())
    }

    fn end(self) -> Result<Shown, PrintError> {
        Ok(Shown::Map(self.pairs))
    }
}

impl ser::SerializeStruct for Pairs {
    type Ok = Shown;
    type Error = PrintError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), PrintError> {
        add_field(&mut self.pairs, key, shown(value)?);
        Ok(())
    }

    fn end(self) -> Result<Shown, PrintError> {
        Ok(Shown::Map(self.pairs))
    }
}

impl ser::SerializeStructVariant for Pairs {
    type Ok = Shown;
    type Error = PrintError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), PrintError> {
        add_field(&mut self.pairs, key, shown(value)?);
        Ok(())
    }

    fn end(self) -> Result<Shown, PrintError> {
        Ok(Shown::Map(self.pairs))
    }
}
