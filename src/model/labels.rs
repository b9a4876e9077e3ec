//! Label sets, packed into one allocation.
//!
//! A set is one text: for every label, sorted by name, the length of the name, the length of the value, the name
//! and the value. A length is written in ASCII characters of six bits each, lowest first; bit 6 says that another
//! character follows. Comparing, cloning and scanning need no second allocation, and equal sets are equal texts.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

/// Labels with distinct names in ascending byte order, shared cheaply.
///
/// Serves alert labels, annotations and target labels. An empty value is kept here (annotations may have one);
/// whoever accepts alerts removes labels with empty values, since Prometheus takes them for absent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LabelSet(Arc<str>);

impl LabelSet {
    /// The value of `name`, or `None` when the set has no such label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        for (candidate, value) in self {
            match candidate.cmp(name) {
                Ordering::Less => {}
                Ordering::Equal => return Some(value),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// The labels, sorted by name.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.0 }
    }

    /// How many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The packed form, for storing; [`Self::from_packed`] reads it.
    #[must_use]
    pub fn as_packed(&self) -> &str {
        &self.0
    }

    /// Reads a packed form; `None` if it is not one, with sorted and distinct names.
    #[must_use]
    pub fn from_packed(packed: &str) -> Option<Self> {
        let mut rest = packed;
        let mut last_name: Option<&str> = None;
        while !rest.is_empty() {
            let (name, _, after) = split_label(rest)?;
            if last_name.is_some_and(|last| last >= name) {
                return None;
            }
            last_name = Some(name);
            rest = after;
        }
        Some(Self(Arc::from(packed)))
    }

    /// Builds a set from labels in any order; of two with one name the later wins, as in a Go map.
    #[must_use]
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: &mut [(N, V)]) -> Self {
        let size = pairs.iter().map(|(name, value)| name.as_ref().len() + value.as_ref().len() + 4).sum();
        Self::from_pairs_with(pairs, &mut String::with_capacity(size))
    }

    /// [`Self::from_pairs`] with a buffer to pack in, for whoever builds many.
    #[must_use]
    pub fn from_pairs_with<N: AsRef<str>, V: AsRef<str>>(pairs: &mut [(N, V)], packed: &mut String) -> Self {
        let sorted = pairs.windows(2).all(|pair| pair[0].0.as_ref() < pair[1].0.as_ref());
        if !sorted {
            pairs.sort_by(|left, right| left.0.as_ref().cmp(right.0.as_ref()));
        }
        packed.clear();
        for (place, (name, value)) in pairs.iter().enumerate() {
            let replaced = pairs.get(place + 1).is_some_and(|next| next.0.as_ref() == name.as_ref());
            if !replaced {
                push_label(packed, name.as_ref(), value.as_ref());
            }
        }
        Self(Arc::from(packed.as_str()))
    }

    /// Alertmanager's order of label sets (its `LabelSet.Before`): fewer labels first; then, over the sorted
    /// union of names, a set that lacks a name comes before one that has it, and values are compared bytewise.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        self.len().cmp(&other.len()).then_with(|| {
            let (mut left, mut right) = (self.iter(), other.iter());
            loop {
                match (left.next(), right.next()) {
                    (Some((left_name, left_value)), Some((right_name, right_value))) => {
                        // The smaller name is the one that the other side lacks.
                        let order = right_name.cmp(left_name).then_with(|| left_value.cmp(right_value));
                        if order != Ordering::Equal {
                            return order;
                        }
                    }
                    (None, None) => return Ordering::Equal,
                    (None, Some(_)) => return Ordering::Less,
                    (Some(_), None) => return Ordering::Greater,
                }
            }
        })
    }
}

impl Default for LabelSet {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for LabelSet {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self::from_pairs(&mut pairs.into_iter().collect::<Vec<_>>())
    }
}

impl<'a> IntoIterator for &'a LabelSet {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

/// The labels of a set, sorted by name.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = split_label(self.rest)?;
        self.rest = rest;
        Some((name, value))
    }
}

fn push_label(packed: &mut String, name: &str, value: &str) {
    push_length(packed, name.len());
    push_length(packed, value.len());
    packed.push_str(name);
    packed.push_str(value);
}

fn push_length(packed: &mut String, mut length: usize) {
    while length >= 0x40 {
        packed.push(char::from(0x40 | (length & 0x3f) as u8));
        length >>= 6;
    }
    packed.push(char::from(length as u8));
}

fn split_length(packed: &str) -> Option<(usize, &str)> {
    let mut length = 0_usize;
    for (place, byte) in packed.bytes().enumerate().take(8) {
        if !byte.is_ascii() {
            return None;
        }
        length |= usize::from(byte & 0x3f) << (6 * place);
        if byte & 0x40 == 0 {
            return Some((length, &packed[place + 1..]));
        }
    }
    None
}

fn split_label(packed: &str) -> Option<(&str, &str, &str)> {
    let (name_length, rest) = split_length(packed)?;
    let (value_length, rest) = split_length(rest)?;
    let (name, rest) = rest.split_at_checked(name_length)?;
    let (value, rest) = rest.split_at_checked(value_length)?;
    Some((name, value, rest))
}

/// Changes to a label set, applied when it is built. Setting a label to the empty text deletes it.
///
/// Iteration gives the labels of the base in order, then those added, in the order first added (Prometheus's
/// `labels.Builder`, whose order `labelmap` shows).
#[derive(Debug, Clone)]
pub struct LabelSetBuilder {
    base: LabelSet,
    added: Vec<(SmolStr, SmolStr)>,
    deleted: Vec<SmolStr>,
}

impl LabelSetBuilder {
    /// Starts from `base`; labels of it with an empty value count as deleted.
    #[must_use]
    pub fn new(base: &LabelSet) -> Self {
        let deleted =
            base.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| SmolStr::new(name)).collect();
        Self { base: base.clone(), added: Vec::new(), deleted }
    }

    /// The value of `name` with all changes so far.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        if let Some((_, value)) = self.added.iter().find(|(added, _)| added == name) {
            return Some(value);
        }
        if self.deleted.iter().any(|deleted| deleted == name) {
            return None;
        }
        self.base.get(name)
    }

    /// Sets a label; an empty value deletes it.
    pub fn set(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.remove(name);
        } else if let Some((_, old)) = self.added.iter_mut().find(|(added, _)| added == name) {
            *old = SmolStr::new(value);
        } else {
            self.added.push((SmolStr::new(name), SmolStr::new(value)));
        }
    }

    /// Deletes a label.
    pub fn remove(&mut self, name: &str) {
        self.added.retain(|(added, _)| added != name);
        if self.base.get(name).is_some() && !self.deleted.iter().any(|deleted| deleted == name) {
            self.deleted.push(SmolStr::new(name));
        }
    }

    /// The labels as they stand: those of the base that were neither deleted nor set, then those set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let base = self.base.iter().filter(|(name, _)| {
            !self.deleted.iter().any(|deleted| deleted == name)
                && !self.added.iter().any(|(added, _)| added == name)
        });
        base.chain(self.added.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The changed set; the base itself, not a copy, when nothing changed.
    #[must_use]
    pub fn build(&self) -> LabelSet {
        let unchanged =
            self.added.is_empty() && !self.deleted.iter().any(|deleted| self.base.get(deleted).is_some());
        if unchanged { self.base.clone() } else { self.iter().collect() }
    }
}

/// Whether `name` is a label name of the classic kind: `[a-zA-Z_][a-zA-Z0-9_]*`.
#[must_use]
pub fn is_legacy_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_keeps_the_later_of_two() {
        let labels = LabelSet::from_iter([("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.get("c"), None);
        assert_eq!(labels.len(), 2);
    }

    #[test]
    fn packs_long_and_odd_texts() {
        let long = "ü".repeat(5000);
        let labels = LabelSet::from_iter([("n", long.as_str()), ("🙂", ""), ("", "x")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("", "x"), ("n", long.as_str()), ("🙂", "")]);
        assert_eq!(LabelSet::from_packed(labels.as_packed()), Some(labels));
    }

    #[test]
    fn refuses_what_is_not_packed() {
        for packed in ["\u{1}", "\u{1}\u{1}a", "é", "\u{1}\u{1}bx\u{1}\u{1}ax", "\u{7f}\u{7f}\u{7f}"] {
            assert_eq!(LabelSet::from_packed(packed), None, "{packed:?}");
        }
    }

    #[test]
    fn compares_as_alertmanager_does() {
        let set = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<LabelSet>();
        let ordered = [
            set(&[]),
            set(&[("b", "1")]),
            set(&[("a", "1")]),
            set(&[("a", "2")]),
            set(&[("a", "1"), ("b", "1")]),
        ];
        for (place, left) in ordered.iter().enumerate() {
            for (other, right) in ordered.iter().enumerate() {
                assert_eq!(left.compare(right), place.cmp(&other), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn builder_deletes_sets_and_keeps_the_base_when_unchanged() {
        let base = LabelSet::from_iter([("a", "1"), ("b", "2"), ("e", "")]);
        let mut builder = LabelSetBuilder::new(&base);
        builder.set("c", "3");
        builder.set("a", "");
        builder.set("b", "4");
        assert_eq!(builder.get("a"), None);
        assert_eq!(builder.get("b"), Some("4"));
        assert_eq!(builder.build(), LabelSet::from_iter([("b", "4"), ("c", "3")]));

        let plain = LabelSet::from_iter([("a", "1")]);
        let unchanged = LabelSetBuilder::new(&plain).build();
        assert!(Arc::ptr_eq(&unchanged.0, &plain.0));
    }
}
