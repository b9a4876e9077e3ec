//! What the engine has to tell the operator, as lines of the log with Alertmanager's words and fields.

use std::sync::Arc;

use crate::engine::Notice;
use crate::model::Silence;

/// Writes a notice of the pipeline.
pub(super) fn log(notice: &Notice) {
    match notice {
        Notice::GroupLimitReached { groups, limit, alert } => tracing::error!(
            component = "dispatcher",
            groups,
            limit,
            alert,
            "Too many aggregation groups, cannot create new group for alert"
        ),
        Notice::NotifyFailed { group_key, alerts, errors } => tracing::error!(
            component = "dispatcher",
            num_alerts = alerts,
            aggrGroup = %group_key,
            err = errors.join("; "),
            "Notify for alerts failed"
        ),
        Notice::NotifyRetry { group_key, integration, attempts, error } => tracing::warn!(
            component = "dispatcher",
            receiver = %integration.receiver,
            integration = format!("{}[{}]", integration.kind, integration.index),
            aggrGroup = %group_key,
            attempts,
            err = error,
            "Notify attempt failed, will retry later"
        ),
        Notice::NotifyRecovered { group_key, integration, attempts } => tracing::info!(
            component = "dispatcher",
            receiver = %integration.receiver,
            integration = format!("{}[{}]", integration.kind, integration.index),
            aggrGroup = %group_key,
            attempts,
            "Notify success"
        ),
    }
}

/// Writes a line for each new version of a silence (`--log.silences`). A version that only ends the old one, because
/// another takes its place, is told as such.
pub(super) fn log_silences(word: &str, changed: &[Arc<Silence>]) {
    let last = changed.len().saturating_sub(1);
    for (place, silence) in changed.iter().enumerate() {
        let word = if place == last { word } else { "expire silence" };
        let matchers = silence.matcher_sets.iter().flatten();
        let matchers: Vec<String> =
            matchers.map(|matcher| format!("{} {} {}", matcher.name, matcher.kind, matcher.value)).collect();
        tracing::info!(
            component = "silences",
            Id = %silence.id,
            CreatedBy = silence.created_by,
            Comment = silence.comment,
            StartsAt = %silence.starts_at.to_rfc3339_millis(),
            EndsAt = %silence.ends_at.to_rfc3339_millis(),
            Matchers = matchers.join(","),
            "{word}"
        );
    }
}
