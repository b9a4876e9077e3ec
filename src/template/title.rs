//! Title case as `golang.org/x/text/cases` makes it for American English: the first cased letter of each word in
//! title case, the others in lower case.

use super::unicode::{is_alphanumeric, is_mark};

/// Characters that end a word only where two of them follow each other.
fn is_mid(c: char) -> bool {
    matches!(
        c,
        '\'' | '.'
            | ':'
            | '\u{b7}'
            | '\u{387}'
            | '\u{55f}'
            | '\u{5f4}'
            | '\u{2018}'
            | '\u{2019}'
            | '\u{2024}'
            | '\u{2027}'
            | '\u{fe13}'
            | '\u{fe52}'
            | '\u{fe55}'
            | '\u{ff07}'
            | '\u{ff0e}'
            | '\u{ff1a}'
    )
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

/// The text in title case.
pub(super) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    let mut after_mid = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let mid = is_mid(c);
        if mid && after_mid {
            in_word = false;
        }
        after_mid = mid;
        if is_cased(c) {
            if in_word {
                push_lower(&mut out, c, chars.clone());
            } else {
                push_title(&mut out, c);
            }
            in_word = true;
        } else {
            out.push(c);
            if !mid && !is_alphanumeric(c) && !is_mark(c) {
                in_word = false;
            }
        }
    }
    out
}

fn push_title(out: &mut String, c: char) {
    let digraph = match c {
        'Ǆ' | 'ǅ' | 'ǆ' => Some('ǅ'),
        'Ǉ' | 'ǈ' | 'ǉ' => Some('ǈ'),
        'Ǌ' | 'ǋ' | 'ǌ' => Some('ǋ'),
        'Ǳ' | 'ǲ' | 'ǳ' => Some('ǲ'),
        _ => None,
    };
    if let Some(digraph) = digraph {
        return out.push(digraph);
    }
    // Of a letter that becomes several, the first is upper case: ß gives Ss.
    let mut upper = c.to_uppercase();
    out.extend(upper.next());
    let after_apostrophe = c == 'ŉ';
    for c in upper {
        if after_apostrophe { out.push(c) } else { out.extend(c.to_lowercase()) }
    }
}

/// Lower case, with the final form of sigma where no letter follows.
fn push_lower(out: &mut String, c: char, mut rest: impl Iterator<Item = char>) {
    if c != 'Σ' {
        return out.extend(c.to_lowercase());
    }
    let next = rest.find(|c| !is_mid(*c) && !is_mark(*c));
    out.push(if next.is_some_and(is_cased) { 'σ' } else { 'ς' });
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn words_are_those_of_the_go_library() {
        for (text, wanted) in [
            ("HTTP ERROR", "Http Error"),
            ("it's o'neil a.b 1.2x a_b x-y a/b ǆ ß ﬁ", "It's O'neil A.b 1.2X A_b X-Y A/B ǅ Ss Fi"),
            ("a:b a·b don’t 3rd 1,2a é́a ŉx", "A:b A·b Don’t 3Rd 1,2A É́a ʼNx"),
            ("ΌΣΟΣ ΣΑΣ", "Όσος Σας"),
        ] {
            assert_eq!(title(text), wanted);
        }
    }
}
