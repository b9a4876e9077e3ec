//! Pushing alerts: what is due, batches, and what to do when nobody answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use super::Alert;
use crate::model::{self, Timestamp, push_alerts};
use crate::net::{ClientOptions, Endpoint, HttpClient, NetError};

/// How a [`Client`] pushes.
#[derive(Debug, Clone)]
pub struct PushOptions {
    /// How long a firing alert is not sent again (Prometheus's `--rules.alert.resend-delay`).
    pub resend_delay: Duration,
    /// How many alerts go into one request.
    pub batch_size: usize,
    /// How long to wait for one answer.
    pub timeout: Duration,
    /// How long a push is tried again while there is no answer or one that says "later". Should be shorter than
    /// the rule's interval: whatever is not delivered by then is due again at the next evaluation.
    pub give_up_after: Duration,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            resend_delay: Duration::from_secs(60),
            batch_size: 256,
            timeout: Duration::from_secs(10),
            give_up_after: Duration::from_secs(30),
        }
    }
}

/// The first pause before a push is tried again; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why alerts were not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No answer, or none but "later", until it was time to give up.
    #[error("{url}: gave up after {attempts} attempts: {reason}")]
    Unavailable {
        /// Where the alerts were to go.
        url: Url,
        /// How often it was tried.
        attempts: u32,
        /// What went wrong the last time.
        reason: String,
    },
    /// The receiver refuses alerts for what they are. It keeps the valid ones of a batch and names the others.
    #[error("{url}: refused with status {status}: {message}")]
    Refused {
        /// Where the alerts went.
        url: Url,
        /// The status of the answer.
        status: u16,
        /// The body of the answer.
        message: String,
    },
}

/// A client of one tocsin or Alertmanager. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: HttpClient,
    url: Url,
    options: PushOptions,
}

impl Client {
    /// A client for `endpoint`, such as `unix:/run/tocsin/tocsin.sock` or `http://127.0.0.1:9095`.
    ///
    /// # Errors
    ///
    /// The HTTP client cannot be built.
    pub fn new(endpoint: &Endpoint, options: PushOptions) -> Result<Self, NetError> {
        let http = HttpClient::plain(ClientOptions {
            unix_socket: endpoint.unix_socket().map(Into::into),
            ..ClientOptions::default()
        })?;
        Ok(Self { http, url: endpoint.url("/api/v2/alerts"), options })
    }

    /// Sends those alerts of a rule that are due after its evaluation `at`, and returns how many these were; without
    /// any there is no request. `interval` is that of the rule's group, `generator_url` where its alerts lead.
    ///
    /// # Errors
    ///
    /// With [`PushError::Unavailable`] the alerts that did not arrive stay due. With [`PushError::Refused`] those
    /// of the batch count as sent, for they would be refused again; the batches after it were sent.
    pub async fn send_alerts(
        &self,
        at: Timestamp,
        interval: Duration,
        generator_url: &str,
        alerts: &mut [Alert],
    ) -> Result<usize, PushError> {
        let resend_delay = self.options.resend_delay;
        let generator_url = Arc::from(generator_url);
        let mut due: Vec<&mut Alert> =
            alerts.iter_mut().filter(|alert| alert.is_due(at, resend_delay)).collect();
        let mut refused = None;
        for batch in due.chunks_mut(self.options.batch_size.max(1)) {
            let before: Vec<Timestamp> = batch.iter().map(|alert| alert.last_sent_at).collect();
            let sent: Vec<model::Alert> = batch
                .iter_mut()
                .map(|alert| alert.send(at, interval, resend_delay, &generator_url))
                .collect();
            match self.push(&sent).await {
                Ok(()) => {}
                Err(error @ PushError::Refused { .. }) => {
                    refused.get_or_insert(error);
                }
                Err(error @ PushError::Unavailable { .. }) => {
                    for (alert, last_sent_at) in batch.iter_mut().zip(before) {
                        alert.last_sent_at = last_sent_at;
                    }
                    return Err(error);
                }
            }
        }
        refused.map_or(Ok(due.len()), Err)
    }

    /// Posts alerts as they are, in one request, until they are accepted, refused, or it is time to give up.
    ///
    /// # Errors
    ///
    /// As of [`Self::send_alerts`].
    pub async fn push(&self, alerts: &[model::Alert]) -> Result<(), PushError> {
        let mut body = Vec::with_capacity(alerts.len() * 1024);
        push_alerts(alerts, &mut body);
        let body = Bytes::from(body);
        let deadline = Instant::now() + self.options.give_up_after;
        let mut pause = FIRST_PAUSE;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Some(reason) = self.attempt(body.clone()).await? else {
                return Ok(());
            };
            // Half of the pause is random, so that many rules do not come back at the same moment.
            let pause_now = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            if Instant::now() + pause_now >= deadline {
                return Err(PushError::Unavailable { url: self.url.clone(), attempts, reason });
            }
            tokio::time::sleep(pause_now).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One request: `None` if it was accepted, else why it should be tried again.
    async fn attempt(&self, body: Bytes) -> Result<Option<String>, PushError> {
        let answer = match self.http.post(&self.url, body, "application/json", self.options.timeout).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Some(error.to_string())),
        };
        if answer.status.is_success() {
            return Ok(None);
        }
        let message = String::from_utf8_lossy(&answer.body).trim().to_owned();
        let status = answer.status.as_u16();
        if matches!(status, 400 | 413 | 422) {
            return Err(PushError::Refused { url: self.url.clone(), status, message });
        }
        Ok(Some(format!("status {}: {message}", answer.status_text())))
    }
}
