use super::*;

const CLASSIC: MatcherMode = MatcherMode::Classic;
const UTF8: MatcherMode = MatcherMode::Utf8Strict;
const FALLBACK: MatcherMode = MatcherMode::Fallback;

/// The list as text, with values as Rust prints them, or the error.
fn list(mode: MatcherMode, input: &str) -> String {
    match mode.parse_list(input) {
        Ok(parsed) => {
            let texts: Vec<String> = parsed
                .value
                .iter()
                .map(|matcher| format!("{}{}{:?}", matcher.name(), matcher.kind(), matcher.value()))
                .collect();
            texts.join(" ")
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn grammars_differ_as_documented() {
    // Input, classic reading, UTF-8 reading.
    let cases = [
        ("", "", ""),
        ("{}", "", ""),
        ("foo=bar", "foo=\"bar\"", "foo=\"bar\""),
        ("{foo=bar,}", "foo=\"bar\"", "foo=\"bar\""),
        (" foo != \"b,r\" , b=~x.* ", "foo!=\"b,r\" b=~\"x.*\"", "foo!=\"b,r\" b=~\"x.*\""),
        ("a:b=x", "a:b=\"x\"", "a:b=\"x\""),
        ("foo=", "foo=\"\"", "error: end of input: expected label value"),
        ("foo=bar baz", "foo=\"bar baz\"", "error: 8:11: unexpected baz: expected a comma or close brace"),
        ("foo=a=b", "foo=\"a=b\"", "error: 5:6: unexpected =: expected a comma or close brace"),
        ("foo=~~~", "foo=~\"~~\"", "error: 5:6: ~: invalid input: expected label value"),
        ("foo=!bar", "foo=\"!bar\"", "error: 4:5: !: expected one of '=~': expected label value"),
        (
            "foo!",
            "error: bad matcher format: foo!",
            "error: 3:4: unexpected end of input, expected one of '=~': expected an operator such as '=', '!=', '=~' or '!~'",
        ),
        ("foo='x'", "foo=\"'x'\"", "error: 4:5: ': invalid input: expected label value"),
        ("foo=`", "foo=\"`\"", "error: 4:5: `: invalid input: expected label value"),
        ("foo=bar\\n", "foo=\"bar\\n\"", "error: 7:8: \\: invalid input: expected a comma or close brace"),
        ("foo=\"\\t\"", "foo=\"\\\\t\"", "foo=\"\\t\""),
        ("foo=\"\\x41\"", "foo=\"\\\\x41\"", "foo=\"A\""),
        ("foo=~\"\\d+\"", "foo=~\"\\\\d+\"", "error: 5:10: \"\\d+\": invalid input"),
        ("foo=\"a\nb\"", "foo=\"a\\nb\"", "error: 4:9: \"a\nb\": invalid input"),
        ("{foo=bar", "foo=\"bar\"", "error: 0:8: end of input: expected close brace"),
        ("foo=bar}", "foo=\"bar\"", "error: 0:8: }: expected opening brace"),
        ("{foo=bar}}", "foo=\"bar}\"", "error: 9:10: }: expected end of input"),
        ("foo🙂=bar", "error: bad matcher format: foo🙂=bar", "foo🙂=\"bar\""),
        ("\"foo bar\"=x", "error: bad matcher format: \"foo bar\"=x", "foo bar=\"x\""),
        ("a.b=x", "error: bad matcher format: a.b=x", "a.b=\"x\""),
        ("00=b", "error: bad matcher format: 00=b", "00=\"b\""),
        (",", "error: bad matcher format: ", "error: 0:1: unexpected ,: expected label name"),
        ("{,}", "error: bad matcher format: ", "error: 1:2: unexpected ,: expected label name"),
        (
            "a=b,,",
            "error: bad matcher format: ",
            "error: 4:5: unexpected ,: expected a matcher or close brace after comma",
        ),
        ("{", "", "error: 0:1: end of input: expected close brace"),
        ("}", "", "error: 0:1: }: expected opening brace"),
        (
            "foo",
            "error: bad matcher format: foo",
            "error: end of input: expected an operator such as '=', '!=', '=~' or '!~'",
        ),
        (
            "foo!bar",
            "error: bad matcher format: foo!bar",
            "error: 3:4: !: expected one of '=~': expected an operator such as '=', '!=', '=~' or '!~'",
        ),
        (
            "foo=\"x",
            "error: matcher value contains unescaped double quote: \"x",
            "error: 4:6: \"x: missing end \": expected label value",
        ),
        (
            "foo=x\"",
            "error: matcher value contains unescaped double quote: x\"",
            "error: 5:6: \": missing end \": expected a comma or close brace",
        ),
        (
            "foo=\"x\"y",
            "error: matcher value contains unescaped double quote: \"x\"y",
            "error: 7:8: unexpected y: expected a comma or close brace",
        ),
        ("foo=\"a\\\"b\\\\c\"", "foo=\"a\\\"b\\\\c\"", "foo=\"a\\\"b\\\\c\""),
        ("foo=bar\\", "foo=\"bar\\\\\"", "error: 7:8: \\: invalid input: expected a comma or close brace"),
        (
            "{foo=:\"bar\"}",
            "error: matcher value contains unescaped double quote: :\"bar\"",
            "error: 6:11: unexpected \"bar\": expected a comma or close brace",
        ),
        ("foo=\"\\xf0\\x9f\"", "foo=\"\\\\xf0\\\\x9f\"", "error: 4:14: \"\\xf0\\x9f\": invalid input"),
        (
            "foo=~\"(\"",
            "error: error parsing regexp: missing closing ): `^(?:()$`",
            "error: failed to create matcher: error parsing regexp: missing closing ): `^(?:()$`",
        ),
        ("foo\u{a0}=bar\u{a0}", "error: bad matcher format: foo\u{a0}=bar", "foo=\"bar\""),
        (
            "foo=\"🙂\"bar",
            "error: matcher value contains unescaped double quote: \"🙂\"bar",
            "error: 7:10: unexpected bar: expected a comma or close brace",
        ),
        ("{foo=bar} x", "foo=\"bar} x\"", "error: 10:11: x: expected end of input"),
    ];
    for (input, classic, utf8) in cases {
        assert_eq!(list(CLASSIC, input), classic, "classic: {input:?}");
        assert_eq!(list(UTF8, input), utf8, "UTF-8: {input:?}");
        let only_utf8 = classic.starts_with("error") && !utf8.starts_with("error");
        assert_eq!(list(FALLBACK, input), if only_utf8 { utf8 } else { classic }, "fallback: {input:?}");
    }
}

#[test]
fn falling_back_tells_why() {
    let notice = |input| FALLBACK.parse_list(input).unwrap().notice;
    assert_eq!(notice("{}"), None);
    assert_eq!(notice("foo=bar"), None);
    assert_eq!(notice("foo🙂=bar"), None);
    assert_eq!(notice("foo=\"\\t\""), Some(MatcherNotice::Disagreement));
    assert_eq!(
        notice("foo=bar baz,a=~\"\\d\""),
        Some(MatcherNotice::Incompatible {
            error: MatcherError("8:11: unexpected baz: expected a comma or close brace".to_owned()),
            suggestion: "foo=\"bar baz\",a=~\"\\\\d\"".to_owned(),
        })
    );
}

#[test]
fn single_matchers_have_no_braces_but_in_classic_mode() {
    let one = |mode: MatcherMode, input: &str| match mode.parse_one(input) {
        Ok(parsed) => parsed.value.to_string(),
        Err(error) => format!("error: {error}"),
    };
    for mode in [UTF8, FALLBACK] {
        assert_eq!(one(mode, "{foo=bar}"), "error: unexpected open or close brace: {foo=bar}");
        assert_eq!(one(mode, "foo=bar}"), "error: unexpected open or close brace: foo=bar}");
        assert_eq!(one(mode, "foo=bar,"), if mode == UTF8 { "foo=\"bar\"" } else { "foo=\"bar,\"" });
    }
    assert_eq!(one(CLASSIC, "{foo=bar}"), "error: bad matcher format: {foo=bar}");
    assert_eq!(one(CLASSIC, "foo=bar}"), "foo=\"bar}\"");
    assert_eq!(one(UTF8, ""), "error: no matchers");
    assert_eq!(one(UTF8, "a=b,c=d"), "error: expected 1 matcher, found 2");
    assert_eq!(one(FALLBACK, ""), "error: bad matcher format: ");
}

#[test]
fn prints_what_it_reads() {
    let cases = [
        (MatchType::Equal, "foo", "bar", r#"foo="bar""#),
        (MatchType::NotRegex, "foo", "a\\d\"\n\t", "foo!~\"a\\\\d\\\"\\n\t\""),
        (MatchType::NotEqual, "foo bar", "x\ty", r#""foo bar"!="x\ty""#),
        (MatchType::Regex, "a.b", "", r#"a.b=~"""#),
        (MatchType::Equal, "\u{2003}", "é", "\"\\u2003\"=\"é\""),
    ];
    for (kind, name, value, text) in cases {
        let matcher = Matcher::new(kind, name, value).unwrap();
        assert_eq!(matcher.to_string(), text);
    }
    let mut matchers: Matchers = ["b=2", "a=~3", "a=2", "a!=2", "a!~2"]
        .iter()
        .map(|text| CLASSIC.parse_one(text).unwrap().value)
        .collect();
    matchers.sort();
    assert_eq!(matchers.to_string(), r#"{a="2",a!="2",a!~"2",a=~"3",b="2"}"#);
}

#[test]
fn a_missing_label_is_the_empty_text() {
    let labels = LabelSet::from_iter([("job", "api"), ("empty", "")]);
    // Matcher, matches, passes as a filter.
    let cases = [
        ("job=api", true, true),
        ("job!=api", false, false),
        ("job=~a.*", true, true),
        ("job=~p", false, false),
        ("job!~p", true, true),
        ("job=", false, false),
        ("job!=", true, true),
        ("nope=", true, true),
        ("nope=~", true, true),
        ("nope=~.*", true, true),
        ("nope=~.+", false, false),
        ("nope!=", false, false),
        ("nope!=x", true, true),
        ("empty=", true, true),
        ("empty!=", false, true),
    ];
    for (text, matches, passes) in cases {
        let matchers = CLASSIC.parse_list(text).unwrap().value;
        assert_eq!(matchers.matches(&labels), matches, "{text}");
        assert_eq!(matchers.passes_filter(&labels), passes, "{text}");
    }
    assert!(Matchers::default().matches(&labels));
}

#[test]
fn modes_say_which_names_are_valid() {
    for (name, classic, utf8) in
        [("a_1", true, true), ("1a", false, true), ("a.b", false, true), ("", false, false)]
    {
        assert_eq!(CLASSIC.is_label_name(name), classic, "{name}");
        assert_eq!(UTF8.is_label_name(name), utf8, "{name}");
        assert_eq!(FALLBACK.is_label_name(name), utf8, "{name}");
    }
}
