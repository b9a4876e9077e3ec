//! Printing YAML as go-yaml v2 does: two blanks a level, lists not indented under their key, quotes where needed, long
//! texts folded at blanks beyond column 80.

use serde::Serialize;

use super::scalar::Scalar;
use super::shown::{Shown, shown};

/// The column after which a text goes on in the next line.
const WIDTH: usize = 80;

/// Prints a resolved value as YAML. What its `Serialize` refuses is printed as a comment that says why.
pub fn to_yaml<T: Serialize + ?Sized>(value: &T) -> String {
    match shown(value) {
        Ok(tree) => {
            let mut text = String::new();
            match &tree {
                Shown::Map(pairs) if !pairs.is_empty() => print_map(&mut text, pairs, 0),
                other => {
                    print_inline(&mut text, other, 0);
                    text.push('\n');
                }
            }
            text
        }
        Err(error) => format!("# cannot be printed: {error}\n"),
    }
}

/// The pairs of a mapping, the first where the text stands now, the others on lines of their own.
fn print_map(text: &mut String, pairs: &[(String, Shown)], indent: usize) {
    for (place, (key, value)) in pairs.iter().enumerate() {
        if place > 0 {
            push_indent(text, indent);
        }
        text.push_str(&quoted_key(key));
        text.push(':');
        print_value(text, value, indent);
    }
}

/// The value of a key whose mapping is indented by `indent`, with the line's end.
fn print_value(text: &mut String, value: &Shown, indent: usize) {
    match value {
        Shown::Map(pairs) if !pairs.is_empty() => {
            text.push('\n');
            push_indent(text, indent + 2);
            print_map(text, pairs, indent + 2);
        }
        Shown::List { items, flow: false } if !items.is_empty() => {
            for item in items {
                text.push('\n');
                push_indent(text, indent);
                print_item(text, item, indent);
            }
            end_line(text);
        }
        other => {
            text.push(' ');
            print_inline(text, other, indent);
            end_line(text);
        }
    }
}

/// An element of a list whose dash is indented by `indent`, without the line's end where that is possible.
fn print_item(text: &mut String, item: &Shown, indent: usize) {
    text.push_str("- ");
    match item {
        Shown::Map(pairs) if !pairs.is_empty() => print_map(text, pairs, indent + 2),
        Shown::List { items, flow: false } if !items.is_empty() => {
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    end_line(text);
                    push_indent(text, indent + 2);
                }
                print_item(text, item, indent + 2);
            }
        }
        other => print_inline(text, other, indent),
    }
    if text.ends_with('\n') {
        text.pop();
    }
}

fn end_line(text: &mut String) {
    if !text.ends_with('\n') {
        text.push('\n');
    }
}

fn push_indent(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}

/// A scalar, a list in brackets, or an empty collection.
fn print_inline(text: &mut String, value: &Shown, indent: usize) {
    match value {
        Shown::Null => text.push_str("null"),
        Shown::Plain(plain, _) => text.push_str(plain),
        Shown::Text(value) => print_text(text, value, indent),
        Shown::List { items, .. } => {
            let items: Vec<String> = items
                .iter()
                .map(|item| match item {
                    Shown::Text(value) => quoted(value, true),
                    other => {
                        let mut inner = String::new();
                        print_inline(&mut inner, other, indent);
                        inner
                    }
                })
                .collect();
            text.push('[');
            text.push_str(&items.join(", "));
            text.push(']');
        }
        Shown::Map(_) => text.push_str("{}"),
        Shown::Always(value) | Shown::Source { value, .. } => print_inline(text, value, indent),
    }
}

fn print_text(text: &mut String, value: &str, indent: usize) {
    if value.contains('\n') && can_be_block(value) {
        return print_block(text, value, indent + 2);
    }
    let column = text.len() - text.rfind('\n').map_or(0, |line| line + 1);
    fold(text, &quoted(value, false), column, indent + 2);
}

/// A text of several lines in a literal block.
fn print_block(text: &mut String, value: &str, indent: usize) {
    text.push('|');
    if value.starts_with([' ', '\n']) {
        text.push('2');
    }
    let body = value.trim_end_matches('\n');
    match value.len() - body.len() {
        0 => text.push('-'),
        1 if !body.is_empty() => {}
        _ => text.push('+'),
    }
    for line in value.strip_suffix('\n').unwrap_or(value).split('\n') {
        text.push('\n');
        if !line.is_empty() {
            push_indent(text, indent);
            text.push_str(line);
        }
    }
}

/// Appends a scalar, going on in the next line at a single blank beyond the width.
fn fold(text: &mut String, scalar: &str, column: usize, indent: usize) {
    let double_quoted = scalar.starts_with('"');
    let (mut column, mut previous) = (column, '\0');
    let mut characters = scalar.chars().peekable();
    let quotes = usize::from(scalar.starts_with(['"', '\'']));
    let mut place = 0;
    let last = scalar.chars().count().saturating_sub(1 + quotes);
    while let Some(character) = characters.next() {
        let single =
            character == ' ' && previous != ' ' && (double_quoted || characters.peek() != Some(&' '));
        if single && column > WIDTH && place > quotes && place < last {
            text.push('\n');
            push_indent(text, indent);
            column = indent;
            if double_quoted && characters.peek() == Some(&' ') {
                text.push('\\');
                column += 1;
            }
        } else {
            text.push(character);
            column += 1;
        }
        previous = character;
        place += 1;
    }
}

/// What an analysis of a text says about the forms it may be written in (libyaml's `analyze_scalar`).
struct Analysis {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

fn analyse(text: &str, in_flow: bool) -> Analysis {
    let characters: Vec<char> = text.chars().collect();
    let blank_at =
        |place: usize| characters.get(place).is_none_or(|next| matches!(next, ' ' | '\t' | '\n' | '\r'));
    let mut flow_indicators = text.starts_with("---") || text.starts_with("...");
    let mut block_indicators = flow_indicators;
    let (mut special, mut breaks, mut break_space, mut space_break) = (false, false, false, false);
    let mut previous = None;
    for (place, &character) in characters.iter().enumerate() {
        let followed_by_blank = blank_at(place + 1);
        match character {
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`'
                if place == 0 =>
            {
                (flow_indicators, block_indicators) = (true, true);
            }
            ':' => {
                flow_indicators = true;
                block_indicators |= followed_by_blank;
            }
            '?' if place > 0 || followed_by_blank => {
                flow_indicators = true;
                block_indicators |= place == 0;
            }
            '?' | ',' | '[' | ']' | '{' | '}' => flow_indicators = true,
            '-' if place == 0 && followed_by_blank => (flow_indicators, block_indicators) = (true, true),
            '#' if previous.is_some_and(|previous: char| previous.is_ascii_whitespace()) => {
                (flow_indicators, block_indicators) = (true, true);
            }
            _ => {}
        }
        let is_break = matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        breaks |= is_break;
        special |= !is_break && (character.is_control() || matches!(character, '\u{feff}' | '\u{fffe}'..));
        break_space |= character == ' ' && previous == Some('\n');
        space_break |= is_break && previous == Some(' ');
        previous = Some(character);
    }
    let ends = |character: Option<&char>| character.is_some_and(|end| matches!(end, ' ' | '\n' | '\r'));
    let loose_ends = ends(characters.first()) || ends(characters.last());
    let indicators = if in_flow { flow_indicators } else { block_indicators };
    Analysis {
        plain: !(loose_ends || breaks || special || indicators || break_space || text.is_empty()),
        single_quoted: !(break_space || space_break || special),
        block: !(characters.last() == Some(&' ') || space_break || special),
    }
}

fn can_be_block(text: &str) -> bool {
    analyse(text, false).block
}

/// A text as it stands in a list in brackets or after a key.
fn quoted(text: &str, in_flow: bool) -> String {
    let analysis = analyse(text, in_flow);
    let means_itself = is_string(text);
    if means_itself && !text.contains('\n') {
        if analysis.plain {
            return text.to_owned();
        }
        if analysis.single_quoted {
            return format!("'{}'", text.replace('\'', "''"));
        }
    }
    double_quoted(text)
}

fn quoted_key(key: &str) -> String {
    quoted(key, false)
}

/// Whether the text, written plain, is read as a text and not as something else.
fn is_string(text: &str) -> bool {
    let scalar = Scalar { text: text.to_owned(), plain: true };
    let means_other = scalar.is_null()
        || scalar.as_bool().is_some()
        || scalar.as_float().is_some()
        || text == "<<"
        || is_base_60(text)
        || is_date(text);
    !means_other
}

/// `09:00` was a number in base 60 in YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = digits.split(':');
    let first = parts.next().is_some_and(|part| {
        part.starts_with(|digit: char| digit.is_ascii_digit())
            && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    let rest: Vec<&str> = parts.collect();
    let is_sixtieth = |part: &&str| {
        let part = part.split_once('.').map_or(*part, |(whole, _)| whole);
        matches!(part.as_bytes(), [b'0'..=b'5', b'0'..=b'9'] | [b'0'..=b'9'])
    };
    first && !rest.is_empty() && rest.iter().all(is_sixtieth)
}

/// `2006-01-02`, alone or with a time after it.
fn is_date(text: &str) -> bool {
    let date = text.split(['T', 't', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split('-').collect();
    let all_digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.as_slice(), [year, month, day] if year.len() == 4 && month.len() <= 2 && day.len() <= 2)
        && parts.iter().all(all_digits)
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\0' => quoted.push_str("\\0"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            '\u{1b}' => quoted.push_str("\\e"),
            '\u{85}' => quoted.push_str("\\N"),
            '\u{2028}' => quoted.push_str("\\L"),
            '\u{2029}' => quoted.push_str("\\P"),
            control if control.is_control() => {
                quoted.extend(["\\x".to_owned(), format!("{:02X}", u32::from(control))]);
            }
            '\u{feff}' => quoted.push_str("\\uFEFF"),
            // go-yaml v2 takes what lies beyond the first plane for unprintable.
            '\u{10000}'.. => quoted.extend(["\\U".to_owned(), format!("{:08X}", u32::from(character))]),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn printed(text: &str) -> String {
        let yaml = to_yaml(&BTreeMap::from([("k", text)]));
        let root = super::super::parse(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error:?}"));
        match &root.kind {
            super::super::NodeKind::Mapping(pairs) => match &pairs[0].1.kind {
                super::super::NodeKind::Scalar(scalar) => assert_eq!(scalar.text, text, "{yaml}"),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
        yaml.strip_prefix("k: ").unwrap().trim_end_matches('\n').to_owned()
    }

    #[test]
    fn quotes_as_go_yaml_does() {
        let cases = [
            ("plain text", "plain text"),
            ("", "\"\""),
            ("yes", "\"yes\""),
            ("12", "\"12\""),
            ("null", "\"null\""),
            ("09:00", "\"09:00\""),
            ("2020-01-01", "\"2020-01-01\""),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("it's", "it's"),
            ("'q'", "'''q'''"),
            ("- x", "'- x'"),
            ("-x", "-x"),
            ("{{ .X }}", "'{{ .X }}'"),
            ("a #b", "'a #b'"),
            ("<secret>", "<secret>"),
            (" lead", "' lead'"),
            ("tab\there", "\"tab\\there\""),
            ("https://x/?a=b&c", "https://x/?a=b&c"),
            ("ü€", "ü€"),
            ("🙂", "\"\\U0001F642\""),
        ];
        for (text, expected) in cases {
            assert_eq!(printed(text), expected, "{text}");
        }
    }

    #[test]
    fn several_lines_are_blocks() {
        assert_eq!(printed("a\nb"), "|-\n  a\n  b");
        assert_eq!(printed("a\n\nb\n"), "|\n  a\n\n  b");
        assert_eq!(printed(" a\nb"), "|2-\n   a\n  b");
        assert_eq!(printed("a \nb"), "\"a \\nb\"");
    }

    #[test]
    fn long_texts_are_folded() {
        let words = "word ".repeat(40);
        let folded = printed(words.trim_end());
        assert!(folded.lines().count() > 1 && folded.lines().all(|line| line.len() < 90), "{folded}");
        printed(&format!("{{{{ {words}}}}}"));
        printed(&format!("\t{words} {words}  x"));
    }

    #[test]
    fn collections_print_as_go_yaml_does() {
        let value = serde_json::json!({
            "empty": {}, "list": ["a", {"k": 1, "l": [true, null]}, [1, 2], []], "none": [], "zero": 0
        });
        let expected = "empty: {}\nlist:\n- a\n- k: 1\n  l:\n  - true\n  - null\n- - 1\n  - 2\n- []\nnone: []\nzero: 0\n";
        assert_eq!(to_yaml(&value), expected);
    }
}
