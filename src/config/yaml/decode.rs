//! How the plain types of a configuration are read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::value::Value;
use crate::config::paths::join_directory;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::model::parse_duration;

/// A type that is read from a value.
pub trait Decode: Sized {
    /// Reads a value that is not null; `None` after recording why it cannot be.
    fn decode(value: &Value<'_>) -> Option<Self>;

    /// What null stands for: Go's zero value, or `None` for a type whose zero value means "not there".
    fn null() -> Option<Self> {
        None
    }
}

impl Decode for String {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let scalar = value.scalar();
        if scalar.is_none() {
            value.expected("a text");
        }
        scalar.map(|scalar| scalar.text.clone())
    }

    fn null() -> Option<Self> {
        Some(Self::new())
    }
}

impl Decode for Secret {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let scalar = value.scalar();
        if scalar.is_none() {
            value.secret_fault("must be a text, not a list or mapping");
        }
        scalar.map(|scalar| Self::new(&scalar.text))
    }

    fn null() -> Option<Self> {
        Some(Self::default())
    }
}

impl Decode for bool {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let decoded = value.scalar().and_then(super::Scalar::as_bool);
        if decoded.is_none() {
            value.expected("true or false");
        }
        decoded
    }

    fn null() -> Option<Self> {
        Some(false)
    }
}

/// Reads an integer of a range.
fn integer<T: TryFrom<i128>>(value: &Value<'_>, least: i128, most: i128) -> Option<T> {
    let integer = value.scalar().and_then(super::Scalar::as_integer);
    let decoded = integer.and_then(|integer| T::try_from(integer).ok());
    if decoded.is_none() {
        value.expected(&format!("a whole number from {least} to {most}"));
    }
    decoded
}

impl Decode for u64 {
    fn decode(value: &Value<'_>) -> Option<Self> {
        integer(value, Self::MIN.into(), Self::MAX.into())
    }

    fn null() -> Option<Self> {
        Some(0)
    }
}

impl Decode for i64 {
    fn decode(value: &Value<'_>) -> Option<Self> {
        integer(value, Self::MIN.into(), Self::MAX.into())
    }

    fn null() -> Option<Self> {
        Some(0)
    }
}

impl Decode for u16 {
    fn decode(value: &Value<'_>) -> Option<Self> {
        integer(value, Self::MIN.into(), Self::MAX.into())
    }

    fn null() -> Option<Self> {
        Some(0)
    }
}

impl Decode for Duration {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let text = String::decode(value)?;
        match parse_duration(&text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                value.fault_with_help(
                    error.to_string(),
                    "write a number with its unit, such as 30s, 5m or 1h30m",
                );
                None
            }
        }
    }

    fn null() -> Option<Self> {
        Some(Self::ZERO)
    }
}

impl Decode for PathBuf {
    /// A path, joined to the directory of the file if it is relative and paths are joined here; empty stays empty.
    fn decode(value: &Value<'_>) -> Option<Self> {
        let text = String::decode(value)?;
        Some(
            value.directory().map_or_else(|| Self::from(&text), |directory| join_directory(directory, &text)),
        )
    }

    fn null() -> Option<Self> {
        Some(Self::new())
    }
}

impl Decode for f64 {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let decoded = value.scalar().and_then(super::Scalar::as_float);
        if decoded.is_none() {
            value.expected("a number");
        }
        decoded
    }

    fn null() -> Option<Self> {
        Some(0.0)
    }
}

impl Decode for Url {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let text = String::decode(value)?;
        match Self::parse(&text) {
            Ok(url) => Some(url),
            Err(error) => {
                // The text is not repeated: a URL may hold a password.
                value.secret_fault(format!("not a URL: {error}"));
                None
            }
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    /// A list; null in it stands for the zero value, or is a fault if there is none.
    fn decode(value: &Value<'_>) -> Option<Self> {
        // An element at fault is left out here: its fault is recorded, and the others may have some too.
        let decoded = value.items().into_iter().filter_map(|item| {
            if !item.is_null() {
                return T::decode(&item);
            }
            let null = T::null();
            if null.is_none() {
                item.fault("empty or null element");
            }
            null
        });
        Some(decoded.collect())
    }

    fn null() -> Option<Self> {
        Some(Self::new())
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let decoded = value.entries().into_iter().filter_map(|(key, value)| {
            let decoded = if value.is_null() { T::null() } else { T::decode(&value) };
            decoded.map(|decoded| (key.to_owned(), decoded))
        });
        Some(decoded.collect())
    }

    fn null() -> Option<Self> {
        Some(Self::new())
    }
}

impl Decode for serde_json::Value {
    /// Anything, as JSON.
    fn decode(value: &Value<'_>) -> Option<Self> {
        use super::NodeKind;
        Some(match &value.node.kind {
            NodeKind::Scalar(scalar) => {
                let integer = scalar.as_integer().and_then(serde_json::Number::from_i128);
                let number = integer.or_else(|| scalar.as_float().and_then(serde_json::Number::from_f64));
                match scalar.as_bool() {
                    _ if scalar.is_null() => Self::Null,
                    Some(boolean) => Self::Bool(boolean),
                    None => number.map_or_else(|| Self::String(scalar.text.clone()), Self::Number),
                }
            }
            NodeKind::Sequence(_) => Self::Array(value.items().iter().filter_map(Self::decode).collect()),
            NodeKind::Mapping(_) => {
                let entries = value.entries().into_iter();
                let decoded =
                    entries.filter_map(|(key, value)| Some((key.to_owned(), Self::decode(&value)?)));
                Self::Object(decoded.collect())
            }
        })
    }

    fn null() -> Option<Self> {
        Some(Self::Null)
    }
}
