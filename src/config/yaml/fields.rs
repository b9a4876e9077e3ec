//! The keys of a mapping, asked for one by one.

use super::decode::Decode;
use super::value::Value;
use crate::config::position::Position;
use crate::config::suggest::nearest;

/// A mapping while its keys are read. Whatever was not asked for when reading ends is unknown, so a decoder asks for
/// all its keys, in any order, whether or not they make sense together.
pub struct Fields<'a> {
    value: Value<'a>,
    entries: Vec<(&'a str, Value<'a>)>,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(value: Value<'a>, entries: Vec<(&'a str, Value<'a>)>) -> Self {
        Self { value, entries, asked: Vec::new() }
    }

    /// Where the mapping begins.
    #[must_use]
    pub fn position(&self) -> Position {
        self.value.position()
    }

    /// The mapping itself, for faults that concern it as a whole.
    #[must_use]
    pub fn value(&self) -> &Value<'a> {
        &self.value
    }

    /// The value at a key, null included; `None` if the key is not there.
    pub fn value_of(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    }

    /// The value at a key; `None` if the key is not there, or at fault, or null and `T` has no zero value.
    pub fn get<T: Decode>(&mut self, key: &'static str) -> Option<T> {
        let value = self.value_of(key)?;
        if value.is_null() { T::null() } else { T::decode(&value) }
    }

    /// The value at a key, or `default` if the key is not there; null gives the zero value, as in Go.
    pub fn get_or<T: Decode>(&mut self, key: &'static str, default: T) -> T {
        self.get(key).unwrap_or(default)
    }

    /// The value at a key, or its zero value.
    pub fn get_or_default<T: Decode + Default>(&mut self, key: &'static str) -> T {
        self.get(key).unwrap_or_default()
    }

    /// The value at a key; an empty text counts as left out.
    pub fn get_if_set<T: Decode>(&mut self, key: &'static str) -> Option<T> {
        self.asked.push(key);
        T::decode(self.present(&[key]).first()?)
    }

    /// The text at a key; an empty one counts as left out.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.get_if_set(key)
    }

    /// The elements of the list at a key; none if the key is not there or null.
    pub fn items(&mut self, key: &'static str) -> Vec<Value<'a>> {
        self.value_of(key).map(|value| value.items()).unwrap_or_default()
    }

    /// The mapping at a key, read with `decode`; `None` if it is not there, null or at fault.
    pub fn block<T, O: Into<Option<T>>>(
        &mut self,
        key: &'static str,
        decode: impl FnOnce(&mut Self) -> O,
    ) -> Option<T> {
        self.value_of(key).filter(|value| !value.is_null())?.fields(decode)?.into()
    }

    /// What `decode` makes of a mapping without keys, which stands where this mapping stands.
    pub fn empty_block<T>(&self, decode: impl FnOnce(&mut Self) -> T) -> Option<T> {
        Some(decode(&mut Self::new(self.value.clone(), Vec::new())))
    }

    /// The mappings in the list at a key, read with `decode`. A null element is a fault.
    pub fn blocks<T, O: Into<Option<T>>>(
        &mut self,
        key: &'static str,
        decode: impl Fn(&mut Self) -> O,
    ) -> Vec<T> {
        let blocks = self.items(key).into_iter().filter_map(|item| {
            if item.is_null() {
                item.fault("empty or null element");
                return None;
            }
            item.fields(&decode)?.into()
        });
        blocks.collect()
    }

    /// The value at a key; `default` if the key is not there, `None` if it is null (what Go makes of a pointer).
    pub fn pointer<T: Decode>(&mut self, key: &'static str, default: Option<T>) -> Option<T> {
        let value = self.value_of(key);
        value.map_or(default, |value| if value.is_null() { None } else { T::decode(&value) })
    }

    /// The keys of a list that are there, with a value other than null and the empty text (what Go sees as zero).
    #[must_use]
    pub fn present(&self, keys: &[&'static str]) -> Vec<Value<'a>> {
        let entries = self.entries.iter().filter(|(name, value)| {
            let zero = value.is_null() || value.scalar().is_some_and(|scalar| scalar.text.is_empty());
            keys.contains(name) && !zero
        });
        entries.map(|(_, value)| value.clone()).collect()
    }

    /// Records a fault at the second of `keys` if more than one of them is present.
    pub fn at_most_one(&self, keys: &[&'static str], message: &str) -> bool {
        let present = self.present(keys);
        if let [_, second, ..] = present.as_slice() {
            second.key_fault(message);
        }
        present.len() <= 1
    }

    /// Records a fault at each of `keys` that is present.
    pub fn fault_at(&self, keys: &[&'static str], message: &str) {
        for value in self.present(keys) {
            value.key_fault(message);
        }
    }

    /// Records a fault at a key, or at the mapping if it is not there.
    pub fn fault_at_key(&self, key: &'static str, message: &str) {
        match self.entries.iter().find(|(name, _)| *name == key) {
            Some((_, value)) => value.fault(message),
            None => self.value.fault(message),
        }
    }

    /// Names the keys that exist in Prometheus but not here: present ones are faults.
    pub fn refuse(&mut self, keys: &[&'static str], message: &str, help: &str) {
        self.asked.extend(keys);
        for value in self.present(keys) {
            value.key_fault_with_help(message, help);
        }
    }

    /// Accepts keys without looking at what they hold.
    pub fn ignore(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    /// All keys that were not asked for so far with their values, as when any key may stand here.
    pub fn rest(&mut self) -> Vec<(&'a str, Value<'a>)> {
        let asked = std::mem::take(&mut self.asked);
        let rest = self.entries.extract_if(.., |(name, _)| !asked.contains(name)).collect();
        self.asked = asked;
        rest
    }

    pub(super) fn finish(self) {
        for (name, value) in &self.entries {
            if !self.asked.contains(name) && !value.is_full_of_faults() {
                let message = format!("field {name} not found");
                match nearest(name, self.asked.iter().copied()) {
                    Some(near) => value.key_fault_with_help(message, format!("did you mean {near}?")),
                    None if self.asked.len() <= 12 => {
                        value.key_fault_with_help(message, format!("known are {}", self.asked.join(", ")));
                    }
                    None => value.key_fault(message),
                }
            }
        }
    }
}
