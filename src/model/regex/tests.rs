use super::*;

fn error(source: &str) -> String {
    match Regex::matcher(source) {
        Ok(regex) => format!("compiled: {}", regex.0.program),
        Err(error) => error.to_string(),
    }
}

fn matches(source: &str, text: &str) -> bool {
    Regex::matcher(source).unwrap_or_else(|error| panic!("{source}: {error}")).is_match(text)
}

#[test]
fn errors_are_those_of_go() {
    let cases = [
        ("(", "missing closing ): `^(?:()$`"),
        (")", "unexpected ): `^(?:))$`"),
        ("[a", "missing closing ]: `[a)$`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a|*?", "missing argument to repetition operator: `*?`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{2}+", "invalid nested repetition operator: `{2}+`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("(a{100}){100}", "invalid repeat count: `{100}`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?P<a", "invalid named capture: `(?P<a)$`"),
        ("(?P<a b>c)", "invalid named capture: `(?P<a b>`"),
        ("[a--b]", "invalid character class range: `a--`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        (r"\p{Alphabetic}", r"invalid character class range: `\p{Alphabetic}`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"\h", r"invalid escape sequence: `\h`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        ("a\\", "missing closing ): `^(?:a\\)$`"),
    ];
    for (source, expected) in cases {
        assert_eq!(error(source), format!("error parsing regexp: {expected}"), "{source}");
    }
}

#[test]
fn matches_as_go_does() {
    let cases = [
        ("", "", true),
        ("", "a", false),
        ("a.c", "abc", true),
        ("a.c", "a\nc", false),
        ("(?s)a.c", "a\nc", true),
        ("foo$", "foo\n", false),
        (r"\d", "٣", false),
        (r"[\d]", "٣", false),
        (r"\D", "٣", true),
        (r"\w", "é", false),
        (r"\s", "\u{a0}", false),
        (r"\s", "\u{b}", false),
        ("[[:space:]]", "\u{b}", true),
        (r"a\b.b", "aéb", true),
        (r"é\B.", "éé", true),
        ("(?i)k", "\u{212a}", true),
        ("(?i)[^k]", "\u{212a}", false),
        (r"(?i)\W", "\u{212a}", false),
        (r"(?i)[\W]", "\u{212a}", false),
        ("(?i)straße", "STRAẞE", true),
        ("(?i)i", "İ", false),
        (r"\Qa.b*\E+", "a.b**", true),
        (r"\Q(\E?\Qx\E", "x", true),
        (r"\101\x42\x{43}\07", "ABC\u{7}", true),
        ("[a&&b]", "&", true),
        ("[a&&b]", "b", true),
        ("[[a]", "[", true),
        ("[~~]", "~", true),
        ("[]a]", "]", true),
        ("[^]a]", "b", true),
        ("[a-]", "-", true),
        ("[^a]", "\n", true),
        ("a{,5}", "a{,5}", true),
        ("a{1", "a{1", true),
        ("a{01}", "a{01}", true),
        ("a{2}", "aa", true),
        ("(?:a*)*", "aaa", true),
        ("a*(?i)*", "aaa", true),
        ("(?i:a)b", "Ab", true),
        ("(?i:a)b", "AB", false),
        ("(a(?i)b|c)d", "aBd", true),
        ("(a(?i)b|c)d", "Cd", true),
        ("(a(?i)b|c)d", "cD", false),
        ("(?m)a$\n^b", "a\nb", true),
        (r"\pN+", "٣4", true),
        (r"\p{^Greek}", "α", false),
        (r"\p{Greek}", "α", true),
        (r"[\p{Lu}\d]", "É", true),
        (r"\p{Cs}", "a", false),
        (r"[\x{D800}-\x{E000}]", "\u{e000}", true),
        (r"[^\x{D800}]", "a", true),
        (r"\x{D800}|a", "a", true),
        ("a)|(b", "axx", true),
        ("a)|(b", "xxb", true),
        ("^a$", "a", true),
        (" #x", " #x", true),
    ];
    for (source, text, expected) in cases {
        assert_eq!(matches(source, text), expected, "{source:?} {text:?}");
    }
}

#[test]
fn relabelling_lets_the_dot_match_everything() {
    let regex = Regex::relabel("a.*b").unwrap();
    assert!(regex.is_match("a\n\nb"));
    assert_eq!(regex.source(), "a.*b");
    assert_eq!(regex.to_string(), "a.*b");
    assert_ne!(regex, Regex::matcher("a.*b").unwrap());
    assert_eq!(regex, Regex::relabel("a.*b").unwrap());
}

#[test]
fn lists_the_texts_of_simple_expressions() {
    let texts = |source: &str| Regex::matcher(source).unwrap().texts().map(<[String]>::to_vec);
    assert_eq!(texts("a|b|c"), Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
    assert_eq!(texts("web(1|2)"), Some(vec!["web1".to_owned(), "web2".to_owned()]));
    assert_eq!(texts("^(?:bar)$"), Some(vec!["bar".to_owned()]));
    assert_eq!(texts(""), Some(vec![String::new()]));
    assert_eq!(texts(r"a\.b"), Some(vec!["a.b".to_owned()]));
    for general in ["a.*", "(?i)a", "a?", "[ab]", "a^b", "a(?:^b)", "a)|(b"] {
        assert_eq!(texts(general), None, "{general}");
    }
}

#[test]
fn expands_templates_as_go_does() {
    let regex = Regex::relabel("(a+)(b+)?(?P<end>c+)(?<end>d+)?").unwrap();
    let cases = [
        ("$1-$3", "aa-cc"),
        ("${1}x", "aax"),
        ("$1x", ""),
        ("$1é", ""),
        ("$1²", "aa²"),
        ("$0", "aacc"),
        ("$2|$9|$01", "||"),
        ("$end ${end}", "cc cc"),
        ("$$1", "$1"),
        ("$", "$"),
        ("${", "${"),
        ("${}", "${}"),
        ("$-", "$-"),
        ("${1", "${1"),
        ("${ 1}", "${ 1}"),
        ("plain", "plain"),
        ("", ""),
    ];
    let captures = regex.captures("aacc").unwrap();
    for (source, expected) in cases {
        let mut expanded = String::new();
        Template::new(source, &regex).expand(&captures, &mut expanded);
        assert_eq!(expanded, expected, "{source}");
    }
    assert!(regex.captures("x").is_none());
    assert_eq!(Template::new("a$$b", &regex).constant(), Some("a$b"));
    assert_eq!(Template::new("a$1", &regex).constant(), None);
}

#[test]
fn the_default_expression_has_one_group() {
    let regex = Regex::relabel("(.*)").unwrap();
    let mut expanded = String::new();
    Template::new("$0-$1-$2", &regex).expand(&regex.captures("x\ny").unwrap(), &mut expanded);
    assert_eq!(expanded, "x\ny-x\ny-");
}

#[test]
fn replaces_what_half_anchored_expressions_match() {
    let regex = Regex::relabel("a)|(b").unwrap();
    assert_eq!(regex.replace_all("axb", &Template::new("<$0>", &regex)), "<a>x<b>");
}

#[test]
fn size_and_depth_are_bounded() {
    assert!(error(r"\p{L}{100}").starts_with("compiled"));
    assert!(error(r"\p{L}{1000}").starts_with("error parsing regexp: expression too large: "));
    let deep = |depth: usize| error(&["(".repeat(depth), ")".repeat(depth)].concat());
    assert!(deep(240).starts_with("compiled"), "{}", deep(240));
    let alternating = ["(?:a|(?:b*(?:".repeat(45), "c".to_owned(), ")*)+)?".repeat(45)].concat();
    assert!(error(&alternating).starts_with("compiled"), "{}", error(&alternating));
    assert!(deep(1000).starts_with("error parsing regexp: expression nests too deeply: `^(?:((("));
    let large = "((((x{10}){10}){10}y{2}){1}){1}".repeat(4000);
    assert!(error(&large).starts_with("error parsing regexp: expression too large: "));
}
