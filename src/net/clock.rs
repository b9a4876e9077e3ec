use crate::model::Timestamp;

/// The wall clock, for signatures and tokens that must carry the time at which they are made.
#[expect(clippy::disallowed_methods, reason = "a request is signed with the time at which it is sent")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::UNIX_EPOCH + since
}
