//! Values that stand in the configuration or in a file of their own.

use std::path::PathBuf;

use serde::Serialize;

use crate::config::yaml::{Decode, Fields};

/// A value that stands in the configuration, or in a file that is read each time the value is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source<T> {
    /// The value itself.
    Inline(T),
    /// The file to read. For passwords, tokens and headers white space at both ends is cut off.
    File(PathBuf),
}

impl<T: Default> Default for Source<T> {
    /// The empty value: what is configured by leaving it out.
    fn default() -> Self {
        Self::Inline(T::default())
    }
}

impl<T: Decode + Default + PartialEq> Source<T> {
    /// Reads `inline` or `file`; `None` if both are left out. `reference` is the key that names a secret of a secret
    /// manager, which no program but a library user of Prometheus has.
    pub(crate) fn decode(
        fields: &mut Fields<'_>,
        inline: &'static str,
        file: &'static str,
        reference: &'static str,
        message: &str,
    ) -> Option<Self> {
        let help = format!("use {inline} or {file}");
        fields.refuse(&[reference], "cannot use secret ref without manager", &help);
        Self::decode_pair(fields, inline, file, message)
    }

    /// Reads `inline` or `file`; `None` if both are left out, a fault with `message` if both are there.
    pub(crate) fn decode_pair(
        fields: &mut Fields<'_>,
        inline: &'static str,
        file: &'static str,
        message: &str,
    ) -> Option<Self> {
        let value: T = fields.get_or_default(inline);
        let path: PathBuf = fields.get_or_default(file);
        fields.at_most_one(&[inline, file], message);
        if !path.as_os_str().is_empty() {
            return Some(Self::File(path));
        }
        (value != T::default()).then_some(Self::Inline(value))
    }
}
