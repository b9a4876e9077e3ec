//! An `alertmanager.yml`: whatever the text, reading ends, in an error with places or in a configuration that can be
//! printed as YAML. The first byte chooses how matchers are read.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tocsin::config::{AlertmanagerFile, yaml};
use tocsin::model::MatcherMode;

fuzz_target!(|text: &str| {
    let mode = match text.bytes().next() {
        Some(b'1') => MatcherMode::Classic,
        Some(b'2') => MatcherMode::Utf8Strict,
        _ => MatcherMode::Fallback,
    };
    let text = text.strip_prefix(['1', '2']).unwrap_or(text);
    match AlertmanagerFile::parse(Path::new("fuzz.yml"), text, mode) {
        Ok(file) => {
            let printed = file.to_yaml();
            assert!(!printed.starts_with("# cannot"), "{printed}");
            yaml::parse(&printed).unwrap_or_else(|error| panic!("{error:?}\n{printed}"));
            assert!(file.route.receiver.is_some());
        }
        Err(error) => {
            assert!(!error.faults().is_empty());
            assert!(error.to_string().starts_with("fuzz.yml:"));
            assert!(!error.render(false).is_empty());
        }
    }
});
