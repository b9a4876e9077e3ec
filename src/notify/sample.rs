//! Notifications that nobody's rules caused: to try out templates, and whether a receiver works.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Alert, DeliveryId, IntegrationId, LabelSet, Notification, NotificationReason, Timestamp, format_label_set,
};

/// The name of the alert.
const NAME: &str = "TocsinTestNotification";
/// What it says, so that nobody is alarmed.
const SUMMARY: &str = "This is a test. Somebody tries out whether notifications arrive; nothing is wrong.";
/// How long an attempt may take.
const TIME: Duration = Duration::from_secs(60);

/// What a sample tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// One alert fires.
    Firing,
    /// It has ended.
    Resolved,
    /// One fires, another has ended.
    Mixed,
}

impl Sample {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Firing, Self::Resolved, Self::Mixed];

    /// The notification for an integration. It has a group of its own, so that it never changes an incident, and the end
    /// closes what the begin opened.
    #[must_use]
    pub fn notification(self, integration: IntegrationId, now: Timestamp) -> Notification {
        let (alerts, reason) = match self {
            Self::Firing => (vec![alert("one", now, false)], NotificationReason::FirstNotification),
            Self::Resolved => (vec![alert("one", now, true)], NotificationReason::AllAlertsResolved),
            Self::Mixed => {
                let alerts = vec![alert("one", now, false), alert("two", now, true)];
                (alerts, NotificationReason::SomeAlertsResolved)
            }
        };
        let group_labels = LabelSet::from_pairs(&mut [("alertname", NAME)]);
        Notification {
            delivery: DeliveryId(0),
            attempt: 1,
            integration,
            group_key: format!("{{}}:{}", format_label_set(&group_labels)).into(),
            group_labels,
            route_id: "{}".into(),
            route_labels: Arc::default(),
            reason,
            at: now,
            alerts: alerts.into(),
            receiver_data: None,
            deadline: now + TIME,
        }
    }
}

fn alert(instance: &str, now: Timestamp, ended: bool) -> Arc<Alert> {
    let labels = [("alertname", NAME), ("instance", instance), ("job", "tocsin"), ("severity", "info")];
    let annotations = [("summary", SUMMARY), ("description", SUMMARY)];
    Arc::new(Alert {
        labels: LabelSet::from_pairs(&mut labels.to_vec()),
        annotations: LabelSet::from_pairs(&mut annotations.to_vec()),
        starts_at: now - Duration::from_secs(60),
        ends_at: if ended { now } else { now + Duration::from_secs(300) },
        updated_at: now,
        generator_url: "https://example.org/graph?g0.expr=vector%281%29".into(),
        timeout: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{NOW, integration};

    #[test]
    fn faults_of_templates_show_before_any_alert_fires() {
        let yaml = "webhook_configs: [{url: 'http://x/', payload: {good: '{{ .Status }}', broken: '{{ .Status ', \
                    late: '{{ if eq .Status \"resolved\" }}{{ .Nope }}{{ end }}', always: '{{ .No }}'}}]";
        let integration = integration(yaml);
        let fields = |faults: Vec<crate::notify::TemplateFault>| -> Vec<String> {
            faults.into_iter().map(|fault| fault.field.to_string()).collect()
        };
        assert_eq!(fields(integration.broken_templates()), ["payload.broken"]);
        let failing = fields(integration.failing_templates());
        assert_eq!(failing, ["payload.always", "payload.broken", "payload.late"]);
        let sample = Sample::Resolved.notification(integration.id().clone(), NOW);
        assert_eq!(sample.group_key.as_ref(), "{}:{alertname=\"TocsinTestNotification\"}");
        assert!(sample.alerts.iter().all(|alert| sample.is_resolved(alert)));
    }
}
