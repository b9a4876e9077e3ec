//! Go's `time.Time` and `time.Duration` as templates see them: an instant with a zone, its methods' arithmetic, and
//! Go's layouts both ways. Zones come from the system's database or the bundled copy.

mod calendar;
mod duration;
mod format;
mod layout;
mod parse;
mod rfc3339;
mod scan;
mod zone;

pub(super) use calendar::{Civil, MONTHS, WEEKDAYS};
pub(super) use duration::{format_duration, round_duration, saturating_abs, truncate_duration};
pub(super) use parse::parse_in_utc;
pub use zone::Zone;

/// Seconds from the first day of year 1 to 1970.
const EPOCH_FROM_YEAR_ONE: i64 = 62_135_596_800;

/// Instants are kept this many seconds around 1970, so that no sum overflows; Go wraps around far outside.
const BOUND: i64 = 1 << 55;

/// An instant and the zone it is shown in.
#[derive(Debug, Clone)]
pub struct Time {
    seconds: i64,
    nanos: u32,
    zone: Zone,
}

impl Time {
    /// Go's zero time, 0001-01-01 00:00:00 UTC.
    pub const ZERO: Self = Self { seconds: -EPOCH_FROM_YEAR_ONE, nanos: 0, zone: Zone::Utc };

    /// An instant given by seconds and nanoseconds since 1970, shown in `zone`.
    #[must_use]
    pub fn new(seconds: i64, nanos: u32, zone: Zone) -> Self {
        Self {
            seconds: seconds.clamp(-BOUND, BOUND).saturating_add(i64::from(nanos / 1_000_000_000)),
            nanos: nanos % 1_000_000_000,
            zone,
        }
    }

    /// Reads RFC 3339, as the JSON of an alert has it: `Z` is UTC, another offset becomes a zone without a name.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        rfc3339::parse_rfc3339(text.as_bytes())
    }

    /// Seconds since 1970, rounded down.
    #[must_use]
    pub fn unix(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second.
    #[must_use]
    pub fn nanosecond(&self) -> u32 {
        self.nanos
    }

    /// The zone the instant is shown in.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The same instant, shown in another zone.
    #[must_use]
    pub fn with_zone(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// The instant of a date and time of day on the clocks of `zone`; fields outside their range carry over.
    pub(super) fn from_civil(civil: Civil, zone: Zone) -> Self {
        let mut local = civil;
        local.normalise();
        let wall = local.unix_seconds();
        let offset = i64::from(zone.offset_at(wall));
        let guess = wall - offset;
        let actual = i64::from(zone.offset_at(guess));
        Self::new(wall - if actual == offset { offset } else { actual }, local.nanos, zone)
    }

    /// What the clock and the calendar of the zone show.
    pub(super) fn civil(&self) -> Civil {
        Civil::from_unix(self.seconds + i64::from(self.offset()), self.nanos)
    }

    /// Seconds east of UTC.
    pub(super) fn offset(&self) -> i32 {
        self.zone.offset_at(self.seconds)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.seconds == -EPOCH_FROM_YEAR_ONE && self.nanos == 0
    }

    /// The instant as nanoseconds since 1970, without overflow.
    pub(super) fn total_nanos(&self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// Nanoseconds since 1970 as Go gives them: wrapped around outside the years 1678 to 2262.
    pub(super) fn unix_nanos(&self) -> i64 {
        self.seconds.wrapping_mul(1_000_000_000).wrapping_add(i64::from(self.nanos))
    }

    fn from_total_nanos(total: i128, zone: Zone) -> Self {
        let seconds = i64::try_from(total.div_euclid(1_000_000_000)).unwrap_or(BOUND);
        let nanos = u32::try_from(total.rem_euclid(1_000_000_000)).unwrap_or_default();
        Self::new(seconds, nanos, zone)
    }

    /// The instant `nanos` later.
    pub(super) fn add(&self, nanos: i64) -> Self {
        Self::from_total_nanos(self.total_nanos() + i128::from(nanos), self.zone.clone())
    }

    /// The time from `earlier` to this instant, saturating.
    pub(super) fn since(&self, earlier: &Self) -> i64 {
        let nanos = self.total_nanos() - earlier.total_nanos();
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// Rounded down to a multiple of `unit` since year 1.
    pub(super) fn truncate(&self, unit: i64) -> Self {
        if unit <= 0 {
            return self.clone();
        }
        Self::from_total_nanos(self.total_nanos() - self.remainder(unit), self.zone.clone())
    }

    /// Rounded to the nearest multiple of `unit` since year 1, halves up.
    pub(super) fn round(&self, unit: i64) -> Self {
        if unit <= 0 {
            return self.clone();
        }
        let remainder = self.remainder(unit);
        let up = if remainder * 2 < i128::from(unit) { 0 } else { i128::from(unit) };
        Self::from_total_nanos(self.total_nanos() - remainder + up, self.zone.clone())
    }

    fn remainder(&self, unit: i64) -> i128 {
        (self.total_nanos() + i128::from(EPOCH_FROM_YEAR_ONE) * 1_000_000_000).rem_euclid(i128::from(unit))
    }
}

/// Go compares the representation: the instant and the very zone, not only what it shows.
impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        (self.seconds, self.nanos) == (other.seconds, other.nanos) && self.zone.is_same(&other.zone)
    }
}
