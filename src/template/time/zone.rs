//! Where a time is shown: UTC, a fixed offset, or a zone of the IANA database.

use std::sync::Arc;

use jiff::{
    Timestamp,
    tz::{Dst, TimeZone},
};

use crate::template::text::Text;

/// A zone, as Go's `*time.Location`.
#[derive(Debug, Clone)]
pub enum Zone {
    /// UTC.
    Utc,
    /// So many seconds east of UTC; the name may be empty.
    Fixed {
        /// The abbreviation shown by `MST` in a layout.
        name: Text,
        /// Seconds east of UTC.
        offset: i32,
    },
    /// A zone with rules.
    Named(Arc<NamedZone>),
}

/// A zone of the database.
#[derive(Debug)]
pub struct NamedZone {
    name: String,
    rules: TimeZone,
    is_local: bool,
}

impl Zone {
    /// The zone that templates call `Local`, with the machine's rules. Go shows it as `Local` where it comes from
    /// `/etc/localtime`, and under its own name where it comes from the variable `TZ`.
    #[must_use]
    pub fn local(name: &str, rules: TimeZone) -> Self {
        Self::Named(Arc::new(NamedZone { name: name.to_owned(), rules, is_local: true }))
    }

    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Named(zone) if zone.is_local)
    }

    /// Finds a zone by its IANA name; the empty name and `UTC` are UTC, `Local` is `local`.
    pub(in crate::template) fn load(name: &str, local: &Self) -> Result<Self, String> {
        match name {
            "" | "UTC" => return Ok(Self::Utc),
            "Local" => return Ok(local.clone()),
            // Go reads a zone's name as that of a file, and minds its case.
            _ if name.contains("..") || name.starts_with(['/', '\\']) => {
                return Err("time: invalid location name".to_owned());
            }
            _ => {}
        }
        let rules = TimeZone::get(name).ok();
        match rules.filter(|rules| rules.iana_name() == Some(name)) {
            Some(rules) => {
                Ok(Self::Named(Arc::new(NamedZone { name: name.to_owned(), rules, is_local: false })))
            }
            None => Err(format!("unknown time zone {name}")),
        }
    }

    /// Seconds east of UTC at an instant.
    pub(super) fn offset_at(&self, unix: i64) -> i32 {
        match self {
            Self::Utc => 0,
            Self::Fixed { offset, .. } => *offset,
            Self::Named(zone) => zone.rules.to_offset_info(instant(unix)).offset().seconds(),
        }
    }

    pub(in crate::template) fn is_dst_at(&self, unix: i64) -> bool {
        match self {
            Self::Named(zone) => zone.rules.to_offset_info(instant(unix)).dst() == Dst::Yes,
            _ => false,
        }
    }

    /// What `MST` in a layout shows at an instant; may be empty.
    pub(super) fn abbreviation_at(&self, unix: i64) -> Text {
        match self {
            Self::Utc => Text::from_static("UTC"),
            Self::Fixed { name, .. } => name.clone(),
            Self::Named(zone) => Text::from(zone.rules.to_offset_info(instant(unix)).abbreviation()),
        }
    }

    /// The zone's name (`*time.Location`'s `String`).
    pub(in crate::template) fn name(&self) -> Text {
        match self {
            Self::Utc => Text::from_static("UTC"),
            Self::Fixed { name, .. } => name.clone(),
            Self::Named(zone) => Text::from(zone.name.as_str()),
        }
    }

    /// Whether both are one location: Go compares pointers, so two look-ups of one zone differ.
    pub(in crate::template) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Utc, Self::Utc) => true,
            (Self::Named(one), Self::Named(two)) => Arc::ptr_eq(one, two),
            (Self::Fixed { name, offset }, Self::Fixed { name: name2, offset: offset2 }) => {
                // Go keeps one location for each whole hour without a name.
                name.is_empty() && name2.is_empty() && offset == offset2 && offset % 3600 == 0
            }
            _ => false,
        }
    }
}

fn instant(unix: i64) -> Timestamp {
    let bounded = unix.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(bounded).unwrap_or(Timestamp::UNIX_EPOCH)
}
