//! Matchers and the regular expressions in them: reading never panics, and what was read prints as something that
//! reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tocsin::model::{LabelSet, MatcherMode, Regex, Template};

fuzz_target!(|input: &str| {
    for mode in [MatcherMode::Classic, MatcherMode::Fallback, MatcherMode::Utf8Strict] {
        let Ok(parsed) = mode.parse_list(input) else { continue };
        let labels = LabelSet::from_iter([("a", input)]);
        let _matched = parsed.value.matches(&labels);
        // A matcher without a name prints as something that nobody reads.
        if parsed.value.iter().any(|matcher| matcher.name().is_empty()) {
            continue;
        }
        let printed = parsed.value.to_string();
        let again = mode.parse_list(&printed);
        assert_eq!(again.map(|parsed| parsed.value), Ok(parsed.value), "{printed}");
    }
    if let Ok(regex) = Regex::relabel(input) {
        let template = Template::new(input, &regex);
        let _replaced = regex.replace_all(input, &template);
        assert_eq!(regex.source(), input);
    }
});
