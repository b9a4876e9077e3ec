//! Notifications: one message for one integration about one aggregation group, and how sending it ended.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use super::{Alert, IntegrationId, LabelSet, ReceiverData, Timestamp};

/// Names one delivery: all attempts to bring one notification to one integration. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why a group notifies, or that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotificationReason {
    /// Nothing new, and the repeat interval has not passed.
    None,
    /// The integration knows of no firing alert of the group.
    FirstNotification,
    /// It knows of some, not of all.
    NewAlertsAdded,
    /// Some that it may know have ended.
    SomeAlertsResolved,
    /// All that it knows have ended.
    AllAlertsResolved,
    /// Nothing new, but it was told long ago.
    RepeatIntervalElapsed,
}

impl NotificationReason {
    /// The text that templates and payloads show.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FirstNotification => "first notification",
            Self::NewAlertsAdded => "new alerts added",
            Self::SomeAlertsResolved => "some alerts resolved",
            Self::AllAlertsResolved => "all alerts resolved",
            Self::RepeatIntervalElapsed => "repeat interval elapsed",
        }
    }
}

/// What an integration needs to write and send its message. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// Who is told.
    pub integration: IntegrationId,
    /// The group's key, by which receivers recognise an incident.
    pub group_key: Arc<str>,
    /// The labels that the alerts share by the route's `group_by`.
    pub group_labels: LabelSet,
    /// The id of the group's route.
    pub route_id: Arc<str>,
    /// The route's labels as configured: templates, rendered when the message is written.
    pub route_labels: Arc<BTreeMap<SmolStr, String>>,
    /// Why the group notifies.
    pub reason: NotificationReason,
    /// The moment of the group's flush. An alert of [`Self::alerts`] is firing if it had not ended then.
    pub at: Timestamp,
    /// The alerts to tell, sorted by `job`, `instance` and labels.
    pub alerts: Arc<[Arc<Alert>]>,
    /// What the integration kept from the last notification of the incident.
    pub receiver_data: Option<Arc<ReceiverData>>,
    /// When the attempt must be over.
    pub deadline: Timestamp,
}

impl Notification {
    /// Whether `alert` is told as ended.
    #[must_use]
    pub fn is_resolved(&self, alert: &Alert) -> bool {
        alert.is_resolved_at(self.at)
    }

    /// The end that the message shows for `alert`: Go's zero time while it fires.
    #[must_use]
    pub fn shown_end(&self, alert: &Alert) -> Timestamp {
        if self.is_resolved(alert) { alert.ends_at } else { Timestamp::ZERO }
    }
}

/// Why a delivery failed: the label `reason` of `alertmanager_notifications_failed_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// Anything else, such as a refused connection.
    Other,
    /// A 4xx answer other than those below.
    ClientError,
    /// A 5xx answer.
    ServerError,
    /// We stopped or reloaded.
    ContextCanceled,
    /// The flush's time ran out before any attempt failed.
    ContextDeadlineExceeded,
    /// 401 or 403.
    AuthError,
    /// 429.
    RateLimited,
}

impl FailureReason {
    /// All of them, for creating metrics.
    pub const ALL: [Self; 7] = [
        Self::Other,
        Self::ClientError,
        Self::ServerError,
        Self::ContextCanceled,
        Self::ContextDeadlineExceeded,
        Self::AuthError,
        Self::RateLimited,
    ];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::ClientError => "clientError",
            Self::ServerError => "serverError",
            Self::ContextCanceled => "contextCanceled",
            Self::ContextDeadlineExceeded => "contextDeadlineExceeded",
            Self::AuthError => "authError",
            Self::RateLimited => "rateLimited",
        }
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum DeliveryOutcome {
    /// The receiver took it. What the integration wants to keep; `None` keeps what there was.
    Delivered(Option<Arc<ReceiverData>>),
    /// It failed and may succeed later.
    Retry {
        /// What went wrong.
        error: String,
        /// Its kind.
        reason: FailureReason,
        /// Whether the request may have been taken all the same: it was sent, and the answer never came.
        in_doubt: bool,
        /// How long the receiver asks to wait, if it does.
        after: Option<Duration>,
    },
    /// It failed for good.
    Failed {
        /// What went wrong.
        error: String,
        /// Its kind.
        reason: FailureReason,
        /// As above.
        in_doubt: bool,
    },
}
