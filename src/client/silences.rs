//! The silences of an Alertmanager as the engine takes them: what `GET /api/v2/silences` lists.

use std::collections::BTreeMap;

use serde::Deserialize;
use smol_str::SmolStr;

use crate::model::{MatchType, Silence, SilenceMatcher, TimeError, Timestamp};

/// Why an answer is no list of silences.
#[derive(Debug, thiserror::Error)]
pub enum SilencesError {
    /// It is not JSON, or has another form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A time in it is none.
    #[error(transparent)]
    Time(#[from] TimeError),
}

/// Reads the answer to `GET /api/v2/silences` of an Alertmanager of any version, whole or not at all.
///
/// # Errors
///
/// It is not JSON of this form, or a time in it is none.
pub fn decode_silences(body: &[u8]) -> Result<Vec<Silence>, SilencesError> {
    let listed: Vec<Listed> = serde_json::from_slice(body)?;
    Ok(listed.into_iter().map(silence).collect::<Result<_, _>>()?)
}

/// A silence as `GET /api/v2/silences` lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: SmolStr,
    #[serde(default)]
    matchers: Vec<ListedMatcher>,
    starts_at: String,
    ends_at: String,
    updated_at: String,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedMatcher {
    name: SmolStr,
    value: SmolStr,
    #[serde(default)]
    is_regex: bool,
    /// Missing before 0.22: positive.
    is_equal: Option<bool>,
}

fn silence(listed: Listed) -> Result<Silence, TimeError> {
    let matchers = listed.matchers.into_iter().map(|matcher| {
        let kind = match (matcher.is_regex, matcher.is_equal.unwrap_or(true)) {
            (false, true) => MatchType::Equal,
            (false, false) => MatchType::NotEqual,
            (true, true) => MatchType::Regex,
            (true, false) => MatchType::NotRegex,
        };
        SilenceMatcher { kind, name: matcher.name, value: matcher.value }
    });
    Ok(Silence {
        matcher_sets: vec![matchers.collect()],
        starts_at: Timestamp::parse(&listed.starts_at)?,
        ends_at: Timestamp::parse(&listed.ends_at)?,
        updated_at: Timestamp::parse(&listed.updated_at)?,
        id: listed.id,
        created_by: listed.created_by,
        comment: listed.comment,
        annotations: listed.annotations,
        wire: None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn reads_what_alertmanagers_list() {
        let body = br#"[{"id":"3f0a6f0e-6a0b-4f5c-9d3c-3a1f2b7c8d9e","status":{"state":"active"},
            "updatedAt":"2026-11-21T14:00:00.500Z","comment":"why","createdBy":"alice",
            "startsAt":"2026-11-21T14:00:00.000Z","endsAt":"2026-11-21T15:00:00.000Z","matchers":[
            {"isEqual":true,"isRegex":false,"name":"a","value":"b"},
            {"isEqual":false,"isRegex":true,"name":"c","value":"d|e"},{"isRegex":true,"name":"f","value":".+"}]}]"#;
        let read = decode_silences(body).unwrap().remove(0);
        let kinds: Vec<_> = read.matcher_sets[0].iter().map(|matcher| matcher.kind.as_str()).collect();
        assert_eq!(kinds, ["=", "!~", "=~"]);
        assert_eq!(read.ends_at.since(read.starts_at), Duration::from_hours(1));
        assert_eq!((read.created_by.as_str(), read.updated_at.subsec_nanos()), ("alice", 500_000_000));
        assert!(decode_silences(b"[{}]").is_err());
    }
}
