//! What a silence must be to be set, in Alertmanager's words, and how large it is.

use super::plan::Options;
use super::silence::SilenceError;
use crate::model::{MatchType, Regex, Silence, SilenceMatcher, Timestamp, is_legacy_label_name, quote};

/// The two checks that come before all others, and before a missing start is set to now.
pub fn check_times(silence: &Silence, now: Timestamp) -> Result<(), SilenceError> {
    if silence.starts_at >= silence.ends_at {
        return Err(SilenceError::StartAfterEnd);
    }
    if silence.ends_at < now {
        return Err(SilenceError::EndInPast);
    }
    Ok(())
}

/// What is wrong with a silence, in Alertmanager's words.
pub fn validate(silence: &Silence, classic_mode: bool) -> Result<(), String> {
    if silence.matcher_sets.is_empty() {
        return Err("at least one matcher set required".to_owned());
    }
    for (place, set) in silence.matcher_sets.iter().enumerate() {
        if set.is_empty() {
            return Err(format!("matcher set {place} is empty"));
        }
        for (number, matcher) in set.iter().enumerate() {
            validate_matcher(matcher, classic_mode)
                .map_err(|error| format!("invalid label matcher {number} in set {place}: {error}"))?;
        }
        if set.iter().all(matches_empty) {
            return Err(format!("matcher set {place}: at least one matcher must not match the empty string"));
        }
    }
    if silence.starts_at.is_zero() {
        return Err("invalid zero start timestamp".to_owned());
    }
    if silence.ends_at.is_zero() {
        return Err("invalid zero end timestamp".to_owned());
    }
    if silence.ends_at < silence.starts_at {
        return Err("end time must not be before start time".to_owned());
    }
    Ok(())
}

fn validate_matcher(matcher: &SilenceMatcher, classic_mode: bool) -> Result<(), String> {
    let name = matcher.name.as_str();
    let valid = if classic_mode { is_legacy_label_name(name) } else { !name.is_empty() };
    if !valid {
        return Err(format!("invalid label name {}", quote(name)));
    }
    if matcher.kind.is_regex() {
        // Alertmanager compiles it without the anchors here, so they must not show in the error.
        Regex::matcher(&matcher.value).map_err(|error| {
            let error = error.to_string().replace(&format!("^(?:{})$", matcher.value), &matcher.value);
            let error = error.strip_suffix(")$`").map(|rest| format!("{rest}`")).unwrap_or(error);
            format!("invalid regular expression {}: {error}", quote(&matcher.value))
        })?;
    }
    Ok(())
}

/// Whether the matcher matches the empty text. A negative one never counts.
fn matches_empty(matcher: &SilenceMatcher) -> bool {
    match matcher.kind {
        MatchType::Equal => matcher.value.is_empty(),
        MatchType::Regex => Regex::matcher(&matcher.value).is_ok_and(|regex| regex.is_match("")),
        MatchType::NotEqual | MatchType::NotRegex => false,
    }
}

/// Whether it is as small as `--silences.max-silence-size-bytes` asks for.
pub(super) fn check_size(silence: &Silence, options: &Options) -> Result<(), SilenceError> {
    let limit = options.max_silence_size_bytes;
    let size = if limit > 0 { encoded_len(silence, silence.ends_at + options.retention) } else { 0 };
    if size > limit { Err(SilenceError::TooLarge { size, limit }) } else { Ok(()) }
}

/// The bytes of `silencepb.MeshSilence` without the copy of the matchers in field 2.
fn encoded_len(silence: &Silence, expires_at: Timestamp) -> usize {
    let sets = silence.matcher_sets.iter().map(|set| {
        let matchers = set.iter().map(|matcher| {
            let kind = if matcher.kind == MatchType::Equal { 0 } else { 2 };
            delimited(kind + text(&matcher.name) + text(&matcher.value))
        });
        delimited(matchers.sum())
    });
    let annotations = silence.annotations.iter().map(|(key, value)| delimited(text(key) + text(value)));
    let inner = text(&silence.id)
        + time(silence.starts_at)
        + time(silence.ends_at)
        + time(silence.updated_at)
        + text(&silence.created_by)
        + text(&silence.comment)
        + annotations.sum::<usize>()
        + sets.sum::<usize>();
    delimited(inner) + time(expires_at)
}

fn text(text: &str) -> usize {
    if text.is_empty() { 0 } else { delimited(text.len()) }
}

fn time(time: Timestamp) -> usize {
    let number = |number: i64| if number == 0 { 0 } else { 1 + varint(number.cast_unsigned()) };
    delimited(number(time.unix_seconds()) + number(i64::from(time.subsec_nanos())))
}

/// A field with a number below 16 whose content has `length` bytes.
fn delimited(length: usize) -> usize {
    1 + varint(length as u64) + length
}

fn varint(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}
