//! Times as API v2 carries them: with the zone in which they were sent.

use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{TimeError, Timestamp};

/// A point in time and its zone. Alertmanager keeps the zone that a client sent and uses its own for the times
/// that it sets; amtool shows them so. Compares by zone too: compare [`Self::at`] to know what is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiTime {
    /// The point in time.
    pub at: Timestamp,
    /// Seconds east of UTC; `None` for a time written with `Z` or without any zone.
    pub offset: Option<i32>,
}

impl ApiTime {
    /// A time in UTC.
    #[must_use]
    pub fn utc(at: Timestamp) -> Self {
        Self { at, offset: None }
    }

    /// Reads the forms that the API accepts ([`Timestamp::parse`]).
    ///
    /// # Errors
    ///
    /// The text is no time.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let at = Timestamp::parse(text)?;
        // The date has hyphens of its own.
        let time_of_day = text.get(10..).unwrap_or_default();
        let sign = time_of_day.rfind(['+', '-']);
        Ok(Self { at, offset: sign.and_then(|place| offset(time_of_day.get(place..)?)) })
    }

    /// Reads RFC 3339 as Go's `time.Parse` does: date, `T`, time with seconds, and `Z` or an offset with a colon.
    ///
    /// # Errors
    ///
    /// The text is no such time.
    pub fn parse_rfc3339(text: &str) -> Result<Self, Rfc3339Error> {
        let bytes = text.as_bytes();
        let has_seconds = bytes.get(10) == Some(&b'T') && bytes.get(16) == Some(&b':');
        let zone = text.get(19..).unwrap_or_default().trim_start_matches(['.', ',']);
        let zone = zone.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let has_zone = zone == "Z" || (zone.len() == 6 && zone.as_bytes().get(3) == Some(&b':'));
        let parsed = if has_seconds && has_zone { Self::parse(text).ok() } else { None };
        parsed.ok_or_else(|| Rfc3339Error(text.chars().take(64).collect()))
    }

    /// The date and time of day that a clock in this zone shows, as `2006-01-02T15:04:05.999999999` with as many
    /// decimals as are needed.
    #[must_use]
    pub fn local(self) -> String {
        let mut text = self.shifted().to_string();
        text.pop();
        text
    }

    fn shifted(self) -> Timestamp {
        let offset = self.offset.unwrap_or_default();
        let shift = Duration::from_secs(offset.unsigned_abs().into());
        if offset < 0 { self.at - shift } else { self.at + shift }
    }
}

/// `+02:00` or `+0200` in seconds.
fn offset(text: &str) -> Option<i32> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4)?.parse().ok()?;
    let seconds = hours * 3600 + minutes * 60;
    Some(if text.starts_with('-') { -seconds } else { seconds })
}

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time: expected RFC 3339, such as 2006-01-02T15:04:05-07:00")]
pub struct Rfc3339Error(String);

impl fmt::Display for ApiTime {
    /// `2006-01-02T15:04:05.000Z07:00`: three decimals, truncated, in its zone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.shifted().to_rfc3339_millis();
        match self.offset {
            None | Some(0) => f.write_str(&text),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs() / 60;
                let local = text.trim_end_matches('Z');
                write!(f, "{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl Serialize for ApiTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApiTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_zone_and_truncates_to_milliseconds() {
        let cases = [
            ("2026-11-21T10:00:00.123456Z", "2026-11-21T10:00:00.123Z", "2026-11-21T10:00:00.123456"),
            ("2026-11-21T10:00:00+02:00", "2026-11-21T10:00:00.000+02:00", "2026-11-21T10:00:00"),
            ("2026-01-01T00:30:00-0330", "2026-01-01T00:30:00.000-03:30", "2026-01-01T00:30:00"),
            ("2026-11-21T10:00:00+00:00", "2026-11-21T10:00:00.000Z", "2026-11-21T10:00:00"),
            ("2026-11-21", "2026-11-21T00:00:00.000Z", "2026-11-21T00:00:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z", "9999-12-31T23:59:59"),
        ];
        for (text, printed, local) in cases {
            let time = ApiTime::parse(text).unwrap();
            assert_eq!((time.to_string().as_str(), time.local().as_str()), (printed, local), "{text}");
        }
        assert_eq!(ApiTime::parse("2026-11-21T10:00:00+00:00").unwrap().offset, Some(0));
        assert_eq!(ApiTime::parse("2026-11-21T10:00:00Z").unwrap().offset, None);
    }

    #[test]
    fn reads_only_rfc_3339_where_go_does() {
        for good in ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.5+02:00", "2026-11-21T10:00:00-00:30"] {
            assert_eq!(ApiTime::parse_rfc3339(good), Ok(ApiTime::parse(good).unwrap()), "{good}");
        }
        let bad = [
            "",
            "foo",
            "2026-11-21",
            "2026-11-21 10:00:00Z",
            "2026-11-21T10:00Z",
            "2026-11-21T10:00:00",
            "2026-11-21T10:00:00+0200",
            "2026-11-21T10:00:00z",
            "2026-02-30T10:00:00Z",
        ];
        for bad in bad {
            assert!(ApiTime::parse_rfc3339(bad).is_err(), "{bad}");
        }
    }
}
