//! Set-notifies: writes into the notification log what an integration has been told.

use std::sync::Arc;

use crate::engine::flush::Flush;
use crate::engine::nflog::{Nflog, Told};
use crate::model::{IntegrationId, LogEntry, LogKey, ReceiverData, Timestamp};

/// Logs all that the stages kept, ends too if they were not sent. The entry lives for two repeat intervals, but no
/// longer than `retention`.
pub(crate) fn set_notifies(
    nflog: &mut Nflog,
    group_key: &Arc<str>,
    integration: &IntegrationId,
    flush: &Flush,
    receiver_data: Option<Arc<ReceiverData>>,
    now: Timestamp,
    retention: std::time::Duration,
) -> (LogKey, LogEntry) {
    let (firing, resolved) = flush.hashes();
    let told = Told {
        firing: firing.into(),
        resolved: resolved.into(),
        receiver_data,
        expiry: flush.options.repeat_interval.saturating_mul(2),
    };
    let key = LogKey { group_key: Arc::clone(group_key), integration: integration.clone() };
    let entry = nflog.log(key.clone(), told, now, retention);
    (key, entry)
}
