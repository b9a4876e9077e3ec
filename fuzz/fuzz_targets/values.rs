//! Small texts that people and programs write: durations, times, addresses, quoted texts. Reading never panics, and what
//! was read prints as something that reads the same.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tocsin::client::ApiTime;
use tocsin::config::{Url, parse_go_duration};
use tocsin::model::{Timestamp, format_duration, parse_duration, quote, unquote};
use tocsin::net::{Endpoint, ListenAddress};
use tocsin::template::{Time, Zone};

fuzz_target!(|text: &str| {
    if let Ok(duration) = parse_duration(text) {
        assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }
    if let Some(duration) = parse_go_duration(text) {
        assert!(duration <= Duration::from_nanos(i64::MAX as u64));
    }
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
    for time in [ApiTime::parse(text).ok(), ApiTime::parse_rfc3339(text).ok()].into_iter().flatten() {
        assert!(!time.local().is_empty());
    }
    if let Some(time) = Time::parse_rfc3339(text) {
        assert_eq!(time.with_zone(Zone::Utc).unix(), time.unix());
    }
    if let Ok(address) = text.parse::<ListenAddress>() {
        assert_eq!(address.to_string().parse().ok(), Some(address));
    }
    if let Ok(endpoint) = Endpoint::parse(text) {
        assert!(endpoint.url("/api/v2/alerts").path().ends_with("/api/v2/alerts"));
    }
    if let Ok(url) = Url::parse(text) {
        assert_eq!(Url::parse(&url.to_string()).map(|url| url.to_string()), Ok(url.to_string()));
    }
    let _unquoted = unquote(text);
    assert_eq!(unquote(&quote(text)).as_deref(), Some(text));
});
