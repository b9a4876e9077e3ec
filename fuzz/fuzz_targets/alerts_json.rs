//! Bodies of `POST /api/v2/alerts`: reading fails in the documented ways only, and what was read comes back when it
//! is written and read again.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tocsin::model::{Alert, MatcherMode, Timestamp, decode_alerts, push_alerts};

fuzz_target!(|body: &[u8]| {
    let posted = match decode_alerts(body) {
        Ok(posted) => posted,
        Err(error) => {
            assert!(matches!(error.status, 400 | 422), "{error}");
            return;
        }
    };
    let now = Timestamp::from_unix(1_766_000_000, 0);
    let alerts: Vec<Alert> = posted
        .into_iter()
        .filter_map(|alert| alert.validate(now, Duration::from_secs(300), MatcherMode::Fallback).ok())
        .collect();
    let mut json = Vec::new();
    push_alerts(&alerts, &mut json);
    let again = decode_alerts(&json).expect("what we write can be read");
    assert_eq!(again.len(), alerts.len());
    for (before, after) in alerts.iter().zip(&again) {
        assert_eq!(before.labels, after.labels);
        assert_eq!(before.annotations, after.annotations);
        assert_eq!(before.generator_url, after.generator_url);
    }
});
