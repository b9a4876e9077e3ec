use ::http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::WebConfig;

/// The headers that a web configuration file adds to every answer. Names and values that no header can have are
/// left out: the file's reader has refused them.
#[must_use]
pub fn response_headers(config: &WebConfig) -> HeaderMap {
    let pairs = config.headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}
