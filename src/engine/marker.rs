//! What the last flush found of an alert, and which time intervals mute a group.

use std::sync::Arc;

/// What the pipeline last did with an alert in a group: the label `state` of the metric `alertmanager_alerts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AlertState {
    /// No flush has looked at it.
    #[default]
    Unprocessed,
    /// It was not muted.
    Active,
    /// A silence or an inhibition rule muted it.
    Suppressed,
}

impl AlertState {
    /// The word that the metric uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unprocessed => "unprocessed",
            Self::Active => "active",
            Self::Suppressed => "suppressed",
        }
    }
}

/// The names of the time intervals by which a group was muted at its last flush; usually none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupMarker(Option<Arc<[Arc<str>]>>);

impl GroupMarker {
    /// Marks the group as muted by `names`; by none, as not muted.
    pub fn set_muted(&mut self, names: Vec<Arc<str>>) {
        self.0 = if names.is_empty() { None } else { Some(names.into()) };
    }

    /// The names; empty while the group is not muted.
    #[must_use]
    pub fn muted_by(&self) -> &[Arc<str>] {
        self.0.as_deref().unwrap_or_default()
    }
}
