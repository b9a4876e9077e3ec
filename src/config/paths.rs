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

#[cfg(test)]
mod tests {
    use super::*;

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
