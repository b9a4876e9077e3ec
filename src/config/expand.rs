//! Environment variables in texts, as Go's `os.Expand` replaces them.

/// Replaces `$name` and `${name}` by what `variable` gives for the name. A bare name is the longest run of ASCII
/// letters, digits and underscores, or one of the shell's special characters; in braces any text up to `}` is a name.
/// A `$` that no name follows stays, `${}` and a `${` without its `}` vanish.
pub(super) fn expand(text: &str, mut variable: impl FnMut(&str) -> String) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        match name(rest) {
            Name::None => expanded.push('$'),
            Name::Broken { width } => rest = &rest[width..],
            Name::Known { name, width } => {
                expanded.push_str(&variable(name));
                rest = &rest[width..];
            }
        }
    }
    expanded.push_str(rest);
    expanded
}

/// What follows a `$`, and how many bytes of the text it takes.
enum Name<'a> {
    None,
    Broken { width: usize },
    Known { name: &'a str, width: usize },
}

fn name(text: &str) -> Name<'_> {
    if let Some(inner) = text.strip_prefix('{') {
        return match inner.find('}') {
            None => Name::Broken { width: 1 },
            Some(0) => Name::Broken { width: 2 },
            Some(end) => Name::Known { name: &inner[..end], width: end + 2 },
        };
    }
    let special = text.starts_with(|first: char| first.is_ascii_digit() || "*#$@!?-".contains(first));
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let width = if special { 1 } else { text.bytes().take_while(|byte| is_word(byte)).count() };
    if width == 0 { Name::None } else { Name::Known { name: &text[..width], width } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_as_go_does() {
        let variable = |name: &str| match name {
            "FOO" => "bar".to_owned(),
            "$" => "$".to_owned(),
            _ => String::new(),
        };
        let cases = [
            ("$FOO", "bar"),
            ("${FOO}", "bar"),
            ("x$FOO-y", "xbar-y"),
            ("$FOOD", ""),
            ("$$FOO", "$FOO"),
            ("${$}", "$"),
            ("$UNSET", ""),
            ("$1", ""),
            ("$10", "0"),
            ("a$*b$#c$@d$!e$?f$-g", "abcdefg"),
            ("a$", "a$"),
            ("a$ b", "a$ b"),
            ("$é", "$é"),
            ("${FOO", "FOO"),
            ("${}x", "x"),
            ("${a b}x", "x"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, variable), expected, "{text}");
        }
    }
}
