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

/// The years 0 to 9999, in seconds since 1970.
const YEARS: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

fuzz_target!(|text: &str| {
    if let Ok(duration) = parse_duration(text) {
        assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }
    if let Some(duration) = parse_go_duration(text) {
        assert!(duration <= Duration::from_nanos(i64::MAX as u64));
    }
    // An offset leads out of the years that have four digits; Go prints such times too, and does not read them.
    if let Some(time) = Timestamp::parse(text).ok().filter(|time| YEARS.contains(&time.unix_seconds())) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
    for time in [ApiTime::parse(text).ok(), ApiTime::parse_rfc3339(text).ok()].into_iter().flatten() {
        assert!(!time.local().is_empty());
    }
    if let Some(time) = Time::parse_rfc3339(text) {
        assert_eq!(time.with_zone(Zone::Utc).unix(), time.unix());
    }
    // Two slashes before a path are part of a URL.
    let no_slashes = text.replace("//", "/");
    if let Some(address) = no_slashes.parse::<ListenAddress>().ok().filter(|_| !no_slashes.contains("//")) {
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
