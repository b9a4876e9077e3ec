//! Paths of a configuration file.

use std::path::{Component, Path, PathBuf};

/// Joins a path to the directory of the file that names it, unless it is absolute or empty. A joined path is cleaned
/// as Go's `filepath.Join` does: no `.`, no `name/..`, so that a file beside `prometheus.yml` keeps its bare name.
#[must_use]
pub(super) fn join_directory(directory: &Path, path: &str) -> PathBuf {
    if path.is_empty() || path.starts_with('/') {
        return PathBuf::from(path);
    }
    let mut cleaned = PathBuf::new();
    for component in directory.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match cleaned.components().next_back() {
                Some(Component::Normal(_)) => _ = cleaned.pop(),
                Some(Component::RootDir) => {}
                _ => cleaned.push(".."),
            },
            other => cleaned.push(other),
        }
    }
    if cleaned.as_os_str().is_empty() { PathBuf::from(".") } else { cleaned }
}

/// Whether Go's `filepath.Match` takes the text for a pattern: classes are closed and not empty, and a backslash stands
/// before a character.
#[must_use]
pub(super) fn is_pattern(text: &str) -> bool {
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let well_formed = match character {
            '\\' => rest.next().is_some(),
            '[' => skip_class(&mut rest).is_some(),
            _ => true,
        };
        if !well_formed {
            return false;
        }
    }
    true
}

/// Goes past a class whose `[` was read; `None` if it is not one.
fn skip_class(rest: &mut std::str::Chars<'_>) -> Option<()> {
    let member = |rest: &mut std::str::Chars<'_>| match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        other => Some(other),
    };
    if rest.as_str().starts_with('^') {
        rest.next();
    }
    loop {
        member(rest)?;
        if rest.as_str().starts_with('-') {
            rest.next();
            member(rest)?;
        }
        if rest.as_str().starts_with(']') {
            rest.next();
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_told_from_what_is_none() {
        for text in ["", "*.tmpl", "a?[b-d]", "[^a]", r"\[", r"[\-]", "]", "a-b", r"[\]-a]"] {
            assert!(is_pattern(text), "{text}");
        }
        for text in ["[", "[]", "[]a]", "[a", "[a-]", "[-a]", r"\", r"[\", "[^]"] {
            assert!(!is_pattern(text), "{text}");
        }
    }

    #[test]
    fn joins_as_go_does() {
        let cases = [
            ("", "foo.json", "foo.json"),
            (".", "foo.json", "foo.json"),
            ("/etc/prometheus", "foo.json", "/etc/prometheus/foo.json"),
            ("/etc/prometheus", "../x/./y", "/etc/x/y"),
            ("conf", "../../y", "../y"),
            ("/", "../y", "/y"),
            ("conf", "/abs/../y", "/abs/../y"),
            ("conf", "", ""),
            ("conf", "..", "."),
        ];
        for (directory, path, expected) in cases {
            assert_eq!(join_directory(Path::new(directory), path), Path::new(expected), "{directory} {path}");
        }
    }
}
