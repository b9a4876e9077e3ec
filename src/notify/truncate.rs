//! Cutting texts to what a service takes, as Alertmanager cuts them.

/// What stands for the part that was cut off.
const ELLIPSIS: &str = "…";

/// At most `limit` characters; the last of a text that is cut is `…`, unless there is no room for it.
pub(super) fn runes(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    if limit <= 3 {
        return text.chars().take(limit).collect();
    }
    let mut cut: String = text.chars().take(limit - 1).collect();
    cut.push_str(ELLIPSIS);
    cut
}

/// At most `limit` bytes, never a part of a character; a text that is cut ends with `…`, or where there is no room
/// for that with dots.
pub(super) fn bytes(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let Some(room) = limit.checked_sub(ELLIPSIS.len()) else { return ".".repeat(limit) };
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{ELLIPSIS}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_as_alertmanager_does() {
        for (text, limit, by_runes, by_bytes) in [
            ("abcde", 2, "ab", ".."),
            ("abcde", 3, "abc", "…"),
            ("abcde", 4, "abc…", "a…"),
            ("abcde", 5, "abcde", "abcde"),
            ("a⌘cdef", 5, "a⌘cd…", "a…"),
            ("a⌘cdef", 7, "a⌘cdef", "a⌘…"),
            ("", 0, "", ""),
            ("x", 0, "", ""),
        ] {
            assert_eq!(runes(text, limit), by_runes, "{text} {limit}");
            assert_eq!(bytes(text, limit), by_bytes, "{text} {limit}");
        }
        // Fewer characters than the limit has bytes.
        assert_eq!(bytes(&"汉".repeat(3000), 7439).len(), 7437);
    }
}
