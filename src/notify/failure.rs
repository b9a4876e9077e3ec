//! How an attempt failed: whether it may succeed later, and what the metrics call it.

use std::time::Duration;

use ::http::StatusCode;

use crate::model::{DeliveryOutcome, FailureReason};
use crate::net::Response;

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whether it is worth another attempt.
    pub retry: bool,
    /// The kind, for the metrics.
    pub reason: FailureReason,
    /// Whether the service may have taken the message all the same: it was sent, and the answer never came.
    pub in_doubt: bool,
    /// What went wrong, for people, with all that the service said: `Attempt::told`
    /// takes the secrets out and cuts it before anybody sees it.
    pub error: String,
    /// How long the service asks to wait (`Retry-After`).
    pub after: Option<Duration>,
}

impl Failure {
    /// A failure that another attempt may mend, such as a refused connection.
    pub(super) fn retry(error: impl Into<String>) -> Self {
        Self { retry: true, reason: FailureReason::Other, in_doubt: false, error: error.into(), after: None }
    }

    /// A failure that stays one until the configuration changes.
    pub(super) fn lasting(error: impl Into<String>) -> Self {
        Self { retry: false, ..Self::retry(error) }
    }

    /// The failure under another reason.
    pub(super) fn because(self, reason: FailureReason) -> Self {
        Self { reason, ..self }
    }

    /// The failure of a request that the service may have taken all the same.
    pub(super) fn doubtful(self) -> Self {
        Self { in_doubt: true, ..self }
    }

    /// The failure with `prefix` before its text.
    pub(super) fn prefixed(self, prefix: &str) -> Self {
        Self { error: format!("{prefix}{}", self.error), ..self }
    }
}

impl From<Failure> for DeliveryOutcome {
    fn from(failure: Failure) -> Self {
        let Failure { retry, reason, in_doubt, error, after } = failure;
        if retry {
            Self::Retry { error, reason, in_doubt, after }
        } else {
            Self::Failed { error, reason, in_doubt }
        }
    }
}

/// How an integration judges the status of an answer. 2xx is success and 5xx is tried again everywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    /// Other codes that are tried again.
    pub(super) retried: &'static [u16],
    /// What of an answer stands in the error.
    pub(super) details: fn(&Response) -> String,
}

impl Default for Verdict {
    /// Retries only 5xx; the error holds the whole body.
    fn default() -> Self {
        Self { retried: &[], details: body_text }
    }
}

impl Verdict {
    /// Retries `retried` beside 5xx.
    pub(super) fn retrying(retried: &'static [u16]) -> Self {
        Self { retried, ..Self::default() }
    }

    /// Judges an answer.
    pub(super) fn check(&self, answer: &Response) -> Result<(), Failure> {
        if answer.status.is_success() {
            return Ok(());
        }
        let code = answer.status.as_u16();
        let mut error = format!("unexpected status code {code}");
        let details = (self.details)(answer);
        if !details.is_empty() {
            error.push_str(": ");
            error.push_str(&details);
        }
        let retry = answer.status.is_server_error() || self.retried.contains(&code);
        // The proxy that answered has passed the request on.
        let in_doubt = answer.status == StatusCode::GATEWAY_TIMEOUT;
        Err(Failure { retry, reason: reason_of(answer.status), in_doubt, error, after: None })
    }
}

/// The body of an answer as a text.
pub(super) fn body_text(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// What the metrics call a failure with this status.
pub(super) fn reason_of(status: StatusCode) -> FailureReason {
    match status.as_u16() {
        401 | 403 => FailureReason::AuthError,
        429 => FailureReason::RateLimited,
        400..=499 => FailureReason::ClientError,
        500..=599 => FailureReason::ServerError,
        _ => FailureReason::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_verdicts() {
        let verdict = |status: u16, retried: &'static [u16]| {
            let answer = Response {
                status: StatusCode::from_u16(status).unwrap(),
                headers: ::http::HeaderMap::new(),
                body: "why".into(),
                truncated: false,
            };
            let result = Verdict::retrying(retried).check(&answer);
            result.map_err(|failure| (failure.retry, failure.reason, failure.error))
        };
        use FailureReason::{AuthError, ClientError, Other, RateLimited, ServerError};
        assert_eq!(verdict(200, &[]), Ok(()));
        assert_eq!(verdict(299, &[]), Ok(()));
        for (status, retried, retry, reason) in [
            (301, &[][..], false, Other),
            (400, &[], false, ClientError),
            (401, &[], false, AuthError),
            (403, &[403], true, AuthError),
            (429, &[], false, RateLimited),
            (429, &[429], true, RateLimited),
            (500, &[], true, ServerError),
            (599, &[], true, ServerError),
        ] {
            let error = format!("unexpected status code {status}: why");
            assert_eq!(verdict(status, retried), Err((retry, reason, error)));
        }
    }
}
