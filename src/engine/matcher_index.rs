//! Which of many lists of matchers can match a label set at all.
//!
//! Every list is filed under one of its matchers, the one that the fewest others are filed under: by label and value
//! for `=` and for a regular expression that is a choice of texts, by label and beginning or end for a regular
//! expression that has one, by label alone for a matcher that needs the label to be there. A look-up gives those filed
//! under what the label set has, and those that could not be filed. It may give too many, never too few; whoever asks
//! evaluates the matchers of what it gives. So routes, silences and inhibition rules cost what matches, not
//! how many there are.

use std::collections::{BTreeMap, HashMap};

use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use smol_str::SmolStr;

use crate::model::{LabelSet, MatchType, Matcher};

/// Lists of matchers, each known by a number.
#[derive(Debug, Clone, Default)]
pub(crate) struct MatcherIndex {
    names: HashMap<SmolStr, NameIndex>,
    /// Lists that match label sets without any particular label.
    unfiled: Vec<u32>,
    /// Where each list is filed, for taking it out.
    places: HashMap<u32, Vec<Place>>,
}

#[derive(Debug, Clone, Default)]
struct NameIndex {
    equal: HashMap<SmolStr, Vec<u32>>,
    prefix: Affixes,
    suffix: Affixes,
    present: Vec<u32>,
}

/// Beginnings or ends of values, and how many there are of each length.
#[derive(Debug, Clone, Default)]
struct Affixes {
    lists: HashMap<SmolStr, Vec<u32>>,
    lengths: BTreeMap<usize, usize>,
}

#[derive(Debug, Clone)]
struct Place {
    name: SmolStr,
    keys: Keys,
}

/// What a value must be like for a matcher to match.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Keys {
    Equal(Vec<SmolStr>),
    Prefix(Vec<SmolStr>),
    Suffix(Vec<SmolStr>),
    Present,
}

/// A regular expression with more alternatives than this is not taken apart.
const MOST_ALTERNATIVES: usize = 64;
/// What a look-up by beginning or end, or by presence, costs in lists filed under a value.
const AFFIX_COST: usize = 4;
const PRESENT_COST: usize = 16;
const UNFILED_COST: usize = 32;

impl MatcherIndex {
    /// Adds the list `number`, of which every matcher must match. A number may be added several times, with
    /// several lists.
    pub(crate) fn insert(&mut self, number: u32, matchers: &[Matcher]) {
        let best = matchers
            .iter()
            .filter_map(|matcher| Some((matcher.name(), keys(matcher)?)))
            .map(|(name, keys)| (self.cost(name, &keys), name, keys))
            .min_by_key(|(cost, ..)| *cost);
        match best {
            Some((cost, name, keys)) if cost < UNFILED_COST + self.unfiled.len() => {
                let name = SmolStr::new(name);
                self.names.entry(name.clone()).or_default().insert(&keys, number);
                self.places.entry(number).or_default().push(Place { name, keys });
            }
            _ => self.unfiled.push(number),
        }
    }

    /// Takes out all lists of this number.
    pub(crate) fn remove(&mut self, number: u32) {
        for place in self.places.remove(&number).unwrap_or_default() {
            if let Some(index) = self.names.get_mut(&place.name) {
                index.remove(&place.keys, number);
                if index.is_empty() {
                    self.names.remove(&place.name);
                }
            }
        }
        self.unfiled.retain(|other| *other != number);
    }

    /// The numbers whose lists may match `labels`, ascending, each once, into `found`.
    pub(crate) fn candidates(&self, labels: &LabelSet, found: &mut Vec<u32>) {
        found.clear();
        found.extend_from_slice(&self.unfiled);
        if !self.names.is_empty() {
            for (name, value) in labels {
                if !value.is_empty()
                    && let Some(index) = self.names.get(name)
                {
                    index.candidates(value, found);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
    }

    fn cost(&self, name: &str, keys: &Keys) -> usize {
        let Some(index) = self.names.get(name) else {
            return if matches!(keys, Keys::Present) { PRESENT_COST } else { 0 };
        };
        let filed = |lists: &HashMap<SmolStr, Vec<u32>>, keys: &[SmolStr]| -> usize {
            keys.iter().map(|key| lists.get(key).map_or(0, Vec::len)).sum()
        };
        match keys {
            Keys::Equal(values) => filed(&index.equal, values),
            Keys::Prefix(affixes) => AFFIX_COST + filed(&index.prefix.lists, affixes),
            Keys::Suffix(affixes) => AFFIX_COST + filed(&index.suffix.lists, affixes),
            Keys::Present => PRESENT_COST + index.present.len(),
        }
    }
}

impl NameIndex {
    fn insert(&mut self, keys: &Keys, number: u32) {
        match keys {
            Keys::Equal(values) => {
                for value in values {
                    self.equal.entry(value.clone()).or_default().push(number);
                }
            }
            Keys::Prefix(affixes) => self.prefix.insert(affixes, number),
            Keys::Suffix(affixes) => self.suffix.insert(affixes, number),
            Keys::Present => self.present.push(number),
        }
    }

    fn remove(&mut self, keys: &Keys, number: u32) {
        match keys {
            Keys::Equal(values) => values.iter().for_each(|value| {
                take_out(&mut self.equal, value, number);
            }),
            Keys::Prefix(affixes) => self.prefix.remove(affixes, number),
            Keys::Suffix(affixes) => self.suffix.remove(affixes, number),
            Keys::Present => self.present.retain(|other| *other != number),
        }
    }

    fn is_empty(&self) -> bool {
        self.equal.is_empty()
            && self.prefix.lists.is_empty()
            && self.suffix.lists.is_empty()
            && self.present.is_empty()
    }

    fn candidates(&self, value: &str, found: &mut Vec<u32>) {
        found.extend_from_slice(&self.present);
        if let Some(numbers) = self.equal.get(value) {
            found.extend_from_slice(numbers);
        }
        for length in self.prefix.lengths.keys().take_while(|length| **length <= value.len()) {
            if let Some(numbers) = value.get(..*length).and_then(|prefix| self.prefix.lists.get(prefix)) {
                found.extend_from_slice(numbers);
            }
        }
        for length in self.suffix.lengths.keys().take_while(|length| **length <= value.len()) {
            let suffix = value.get(value.len() - length..);
            if let Some(numbers) = suffix.and_then(|suffix| self.suffix.lists.get(suffix)) {
                found.extend_from_slice(numbers);
            }
        }
    }
}

impl Affixes {
    fn insert(&mut self, affixes: &[SmolStr], number: u32) {
        for affix in affixes {
            let numbers = self.lists.entry(affix.clone()).or_default();
            if numbers.is_empty() {
                *self.lengths.entry(affix.len()).or_default() += 1;
            }
            numbers.push(number);
        }
    }

    fn remove(&mut self, affixes: &[SmolStr], number: u32) {
        for affix in affixes {
            if take_out(&mut self.lists, affix, number)
                && let Some(count) = self.lengths.get_mut(&affix.len())
            {
                *count -= 1;
                if *count == 0 {
                    self.lengths.remove(&affix.len());
                }
            }
        }
    }
}

/// Takes `number` out of the list of `key`; whether that list is gone by it.
fn take_out(lists: &mut HashMap<SmolStr, Vec<u32>>, key: &SmolStr, number: u32) -> bool {
    let Some(numbers) = lists.get_mut(key) else { return false };
    numbers.retain(|other| *other != number);
    let gone = numbers.is_empty();
    if gone {
        lists.remove(key);
    }
    gone
}

/// What a value must be like, or `None` when the matcher also matches label sets without the label.
fn keys(matcher: &Matcher) -> Option<Keys> {
    if matcher.matches_value("") {
        return None;
    }
    match matcher.kind() {
        MatchType::Equal => Some(Keys::Equal(vec![SmolStr::new(matcher.value())])),
        MatchType::Regex => Some(regex_keys(matcher).unwrap_or(Keys::Present)),
        MatchType::NotEqual | MatchType::NotRegex => Some(Keys::Present),
    }
}

fn regex_keys(matcher: &Matcher) -> Option<Keys> {
    let regex = matcher.regex()?;
    if let Some(texts) = regex.texts()
        && (1..=MOST_ALTERNATIVES).contains(&texts.len())
    {
        return Some(Keys::Equal(texts.iter().map(SmolStr::new).collect()));
    }
    let hir = regex_syntax::parse(regex.pattern()).ok()?;
    let prefixes = Extractor::new().kind(ExtractKind::Prefix).limit_total(MOST_ALTERNATIVES).extract(&hir);
    if prefixes.is_exact() {
        return texts(&prefixes).map(Keys::Equal);
    }
    if let Some(prefixes) = texts(&prefixes) {
        return Some(Keys::Prefix(prefixes));
    }
    let suffixes = Extractor::new().kind(ExtractKind::Suffix).limit_total(MOST_ALTERNATIVES).extract(&hir);
    texts(&suffixes).map(Keys::Suffix)
}

/// The literals as texts, each once; `None` if there are none, too many, or one that says nothing.
fn texts(literals: &Seq) -> Option<Vec<SmolStr>> {
    let literals = literals.literals()?;
    let mut texts = Vec::with_capacity(literals.len());
    for literal in literals {
        // A literal may be cut within a character.
        let text = std::str::from_utf8(literal.as_bytes()).ok().filter(|text| !text.is_empty())?;
        texts.push(SmolStr::new(text));
    }
    texts.sort_unstable();
    texts.dedup();
    (!texts.is_empty() && texts.len() <= MOST_ALTERNATIVES).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(name: &str, kind: MatchType, value: &str) -> Matcher {
        Matcher::new(kind, name, value).unwrap()
    }

    fn found(index: &MatcherIndex, labels: &[(&str, &str)]) -> Vec<u32> {
        let mut found = Vec::new();
        index.candidates(&labels.iter().copied().collect(), &mut found);
        found
    }

    #[test]
    fn takes_regular_expressions_apart() {
        let cases = [
            ("a|bc|d", Some(Keys::Equal(vec!["a".into(), "bc".into(), "d".into()]))),
            ("host-1.*", Some(Keys::Prefix(vec!["host-1".into()]))),
            (".*-db", Some(Keys::Suffix(vec!["-db".into()]))),
            (".+", Some(Keys::Present)),
            (".*", None),
            ("|a", None),
        ];
        for (pattern, expected) in cases {
            assert_eq!(keys(&matcher("x", MatchType::Regex, pattern)), expected, "{pattern}");
        }
        assert_eq!(keys(&matcher("x", MatchType::NotEqual, "")), Some(Keys::Present));
        assert_eq!(keys(&matcher("x", MatchType::NotEqual, "a")), None);
        assert_eq!(keys(&matcher("x", MatchType::Equal, "")), None);
    }

    #[test]
    fn files_under_what_the_fewest_share() {
        let mut index = MatcherIndex::default();
        for number in 0..100 {
            let own = number.to_string();
            index.insert(
                number,
                &[matcher("job", MatchType::Equal, "node"), matcher("host", MatchType::Equal, &own)],
            );
        }
        index.insert(
            100,
            &[matcher("job", MatchType::Equal, "node"), matcher("host", MatchType::Regex, "7[0-9]+")],
        );
        let few = found(&index, &[("host", "77"), ("job", "node")]);
        assert!(few.contains(&77) && few.contains(&100) && few.len() <= 4, "{few:?}");
    }

    #[test]
    fn finds_what_cannot_be_filed_and_forgets_what_is_removed() {
        let mut index = MatcherIndex::default();
        index.insert(1, &[matcher("a", MatchType::NotEqual, "x")]);
        index.insert(2, &[matcher("a", MatchType::Regex, "x|y")]);
        index.insert(3, &[matcher("a", MatchType::Regex, "ab.*")]);
        index.insert(4, &[matcher("a", MatchType::Regex, ".*bc")]);
        index.insert(5, &[matcher("a", MatchType::Regex, ".+")]);
        assert_eq!(found(&index, &[("a", "x")]), [1, 2, 5]);
        assert_eq!(found(&index, &[("a", "abc")]), [1, 3, 4, 5]);
        assert_eq!(found(&index, &[("a", "")]), [1]);
        assert_eq!(found(&index, &[]), [1]);
        for number in 1..=5 {
            index.remove(number);
        }
        assert_eq!(found(&index, &[("a", "abc")]), Vec::<u32>::new());
        assert!(index.names.is_empty() && index.places.is_empty());
    }
}
