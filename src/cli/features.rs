//! `--enable-feature`, as Alertmanager has it.

use crate::model::MatcherMode;

/// Features of Alertmanager that have nothing to do with matchers.
const OTHERS: [&str; 5] = [
    "alert-names-in-metrics",
    "receiver-name-in-metrics",
    "group-key-in-metrics",
    "auto-gomemlimit",
    "event-recorder",
];

/// The way matchers and label names are read, of a list of features separated by commas.
pub(super) fn matcher_mode(features: &str) -> Result<MatcherMode, String> {
    let mut mode = MatcherMode::Fallback;
    for feature in features.split(',').filter(|feature| !feature.is_empty()) {
        let chosen = match feature {
            "classic-mode" => MatcherMode::Classic,
            "utf8-strict-mode" => MatcherMode::Utf8Strict,
            other if OTHERS.contains(&other) => continue,
            other => return Err(format!("unknown option '{other}' for --enable-feature")),
        };
        if mode != MatcherMode::Fallback && mode != chosen {
            return Err("cannot have both classic and UTF-8 modes enabled".to_owned());
        }
        mode = chosen;
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_choose_how_matchers_are_read() {
        assert_eq!(matcher_mode(""), Ok(MatcherMode::Fallback));
        assert_eq!(matcher_mode("classic-mode"), Ok(MatcherMode::Classic));
        assert_eq!(matcher_mode("event-recorder,utf8-strict-mode"), Ok(MatcherMode::Utf8Strict));
        assert!(matcher_mode("classic-mode,utf8-strict-mode").is_err());
        assert_eq!(matcher_mode("x").unwrap_err(), "unknown option 'x' for --enable-feature");
    }
}
