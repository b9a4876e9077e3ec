//! Patterns of file names, as Go has them.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The files that match a pattern, sorted: `*`, `?` and `[a-z]` within a path segment, as Go's `filepath.Glob`.
/// A directory that cannot be read has none.
pub(crate) fn files(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let segment = component.as_os_str();
        match (component, segment.to_str()) {
            (Component::Normal(_), Some(text)) if has_meta(text) => {
                found = found.iter().flat_map(|directory| matching(directory, text)).collect();
            }
            _ => found.iter_mut().for_each(|path| path.push(segment)),
        }
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    found.sort();
    found.dedup();
    found
}

fn has_meta(segment: &str) -> bool {
    segment.contains(['*', '?', '[', '\\'])
}

fn matching(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let read = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = fs::read_dir(read) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| matches(pattern, name)).map(|name| directory.join(name)).collect()
}

/// Whether a pattern is whole: one that is not matches nothing.
pub(crate) fn is_valid(pattern: &Path) -> bool {
    let Some(pattern) = pattern.to_str() else { return true };
    let pattern: Vec<char> = pattern.chars().collect();
    let mut rest = pattern.as_slice();
    while !rest.is_empty() {
        match one(rest, ' ').and_then(|(_, width)| rest.get(width..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// Whether a name matches (Go's `filepath.Match`). A broken pattern matches nothing.
#[must_use]
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Where to go on when the text after the last star does not fit: one character further.
    let mut retry: Option<(usize, usize)> = None;
    let (mut p, mut n) = (0, 0);
    while n < name.len() || p < pattern.len() {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, n));
            p += 1;
            continue;
        }
        if let (Some(&c), Some(width)) = (name.get(n), pattern.get(p..)) {
            match one(width, c) {
                Some((true, width)) => {
                    p += width;
                    n += 1;
                    continue;
                }
                Some((false, _)) => {}
                None => return false,
            }
        }
        match retry {
            Some((after_star, at)) if at < name.len() => {
                retry = Some((after_star, at + 1));
                p = after_star;
                n = at + 1;
            }
            _ => return false,
        }
    }
    true
}

/// Whether the first element of a pattern takes a character, and how long the element is; `None` if it is broken.
fn one(pattern: &[char], c: char) -> Option<(bool, usize)> {
    match pattern {
        [] => Some((false, 0)),
        ['?', ..] => Some((true, 1)),
        ['\\', escaped, ..] => Some((*escaped == c, 2)),
        ['\\'] => None,
        ['[', rest @ ..] => class(rest, c).map(|(hit, width)| (hit, width + 1)),
        [literal, ..] => Some((*literal == c, 1)),
    }
}

/// The same for what follows `[`.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = pattern.first() == Some(&'^');
    let mut at = usize::from(negated);
    let mut hit = false;
    let mut first = true;
    loop {
        if pattern.get(at) == Some(&']') && !first {
            return Some((hit != negated, at + 1));
        }
        let (low, next) = member(pattern, at)?;
        let (high, next) =
            if pattern.get(next) == Some(&'-') { member(pattern, next + 1)? } else { (low, next) };
        hit = hit || (low..=high).contains(&c);
        at = next;
        first = false;
    }
}

fn member(pattern: &[char], at: usize) -> Option<(char, usize)> {
    match *pattern.get(at)? {
        '-' | ']' => None,
        '\\' => Some((*pattern.get(at + 1)?, at + 2)),
        c => Some((c, at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_patterns_are_known() {
        for (pattern, valid) in
            [("a/*.t[a-z]", true), ("", true), ("[", false), ("a/[]x", false), ("a\\", false)]
        {
            assert_eq!(is_valid(Path::new(pattern)), valid, "{pattern:?}");
        }
    }

    #[test]
    fn names_match_as_in_go() {
        for (pattern, name, expected) in [
            ("*.yml", "a.yml", true),
            ("*.yml", ".yml", true),
            ("*.yml", "a.yaml", false),
            ("a*b*c.json", "aXbYc.json", true),
            ("a*b*c.json", "aXcYb.json", false),
            ("?.json", "ü.json", true),
            ("?.json", ".json", false),
            ("[a-c]x.json", "bx.json", true),
            ("[^a-c]x.json", "bx.json", false),
            ("[^a-c]x.json", "dx.json", true),
            ("[a.json", "a.json", false),
            ("\\*.json", "*.json", true),
            ("\\*.json", "a.json", false),
            ("**", "anything", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern:?} {name:?}");
        }
    }
}
