use super::*;

fn is_match(pattern: &str, text: &str) -> Result<bool, String> {
    compile(&Text::from(pattern)).map(|regex| regex.is_match(text.as_bytes()))
}

#[test]
fn re2_syntax_is_understood() {
    for (pattern, text) in [
        (r"^\d+$", "123"),
        ("a{,5}", "a{,5}"),
        ("^[[a]$", "["),
        (r"^\Qa.b\E$", "a.b"),
        ("^[a&&b]+$", "a&b"),
        ("^[]a]$", "]"),
        (r"^[\w-]+$", "a-b"),
        (r"(?i)HELLO", "hello"),
        (r"^\<\_$", "<_"),
        (r"^\101$", "A"),
        (r"^[[:alpha:]]$", "x"),
        ("(?P<n>x)", "x"),
        (r"\bfoo\b", "a foo b"),
    ] {
        assert_eq!(is_match(pattern, text), Ok(true), "{pattern}");
    }
    assert_eq!(is_match(r"^\d$", "٣"), Ok(false));
    assert_eq!(is_match(r"^\w$", "é"), Ok(false));
}

#[test]
fn what_re2_refuses_is_refused() {
    for pattern in ["(", "a**", "x{1001}", r"\8", "(?x)a", "(?=a)", "[z-a]", r"\pX", "*"] {
        assert!(is_match(pattern, "").is_err(), "{pattern}");
    }
}

#[test]
fn replacements_expand_as_in_go() {
    let regex = compile(&Text::from("(?P<a>x)(y)?")).unwrap();
    let replaced =
        |template: &str| String::from_utf8(replace_all(&regex, b"-xy-x", template.as_bytes(), 1000)).unwrap();
    assert_eq!(replaced("[$1]"), "-[x]-[x]");
    assert_eq!(replaced("${1}W$2"), "-xWy-xW");
    assert_eq!(replaced("$1W"), "--");
    assert_eq!(replaced("$a$$${a"), "-x$${a-x$${a");
}
