//! Alerts as a rule engine keeps them (Prometheus's `rules.Alert`).

use std::sync::Arc;
use std::time::Duration;

use crate::model::{self, LabelSet, Timestamp};

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// The condition holds, but not yet for as long as the rule's `for`. Never sent.
    Pending,
    /// The condition has held long enough.
    Firing,
    /// The condition holds no more.
    Inactive,
}

/// One alert of a rule, with what has been sent of it. Times are those of the evaluations, not of the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Where it is in its life.
    pub state: AlertState,
    /// What identifies it, `alertname` included.
    pub labels: LabelSet,
    /// What describes it.
    pub annotations: LabelSet,
    /// Since when the condition holds.
    pub active_at: Timestamp,
    /// Since when it fires; [`Timestamp::ZERO`] while it is pending.
    pub fired_at: Timestamp,
    /// When the condition ended; [`Timestamp::ZERO`] before.
    pub resolved_at: Timestamp,
    /// The evaluation that was last sent; [`Timestamp::ZERO`] if none was.
    pub last_sent_at: Timestamp,
    /// Until when the last sending said that it fires.
    pub valid_until: Timestamp,
}

impl Alert {
    /// A pending alert whose condition began to hold at `active_at`.
    #[must_use]
    pub fn pending(labels: LabelSet, annotations: LabelSet, active_at: Timestamp) -> Self {
        Self {
            state: AlertState::Pending,
            labels,
            annotations,
            active_at,
            fired_at: Timestamp::ZERO,
            resolved_at: Timestamp::ZERO,
            last_sent_at: Timestamp::ZERO,
            valid_until: Timestamp::ZERO,
        }
    }

    /// The condition has held long enough at the evaluation `at`.
    pub fn fire(&mut self, at: Timestamp) {
        self.state = AlertState::Firing;
        self.fired_at = at;
    }

    /// The condition holds no more at the evaluation `at`.
    pub fn resolve(&mut self, at: Timestamp) {
        self.state = AlertState::Inactive;
        self.resolved_at = at;
    }

    /// Whether it has to be sent after the evaluation `at`: an end that was not sent yet at once, anything else
    /// when more than `resend_delay` has gone by. The comparison is strict, as in Prometheus.
    #[must_use]
    pub fn is_due(&self, at: Timestamp, resend_delay: Duration) -> bool {
        match self.state {
            AlertState::Pending => false,
            _ => self.resolved_at > self.last_sent_at || self.last_sent_at + resend_delay < at,
        }
    }

    /// Notes that it is sent after the evaluation `at`, and gives what to send: it starts when it fired and ends
    /// when it was resolved or else after four times the longer of `interval` and `resend_delay`.
    pub(super) fn send(
        &mut self,
        at: Timestamp,
        interval: Duration,
        resend_delay: Duration,
        generator_url: &Arc<str>,
    ) -> model::Alert {
        self.last_sent_at = at;
        self.valid_until = at + interval.max(resend_delay).saturating_mul(4);
        model::Alert {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            starts_at: self.fired_at,
            ends_at: if self.resolved_at.is_zero() { self.valid_until } else { self.resolved_at },
            updated_at: at,
            generator_url: Arc::clone(generator_url),
            timeout: false,
        }
    }
}

/// The link to an expression in Prometheus's interface at `external_url`, as its own alerts carry it. The
/// expression is escaped as by Go's `url.QueryEscape`.
#[must_use]
pub fn generator_url(external_url: &str, expression: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut url = format!("{external_url}/graph?g0.expr=");
    for byte in expression.bytes() {
        match byte {
            b' ' => url.push('+'),
            b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => url.push(char::from(byte)),
            _ => {
                let digits = [byte >> 4, byte & 0xf].map(|digit| char::from(HEX[usize::from(digit)]));
                url.push('%');
                url.extend(digits);
            }
        }
    }
    url.push_str("&g0.tab=1");
    url
}
