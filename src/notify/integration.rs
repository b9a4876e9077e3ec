//! One integration of one receiver, built from its configuration.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::attempt::{self, Attempt, TemplateFault};
use super::credentials::Credentials;
use super::data::data;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::kind::KINDS;
use super::metrics::Metrics;
use super::sample::Sample;
use super::service::{Service, USER_AGENT};
use super::surroundings::Surroundings;
#[cfg(test)]
use crate::config::alertmanager::Integration as Settings;
use crate::config::alertmanager::{IntegrationConfig, ReceiverConfig};
use crate::config::{HttpClientConfig, Position, Secret, Source};
use crate::model::{DeliveryOutcome, FailureReason, IntegrationId, Notification, ReceiverData};
use crate::net::{ClientOptions, HttpClient, NetError, Response};

/// How many attempts of one integration run at the same time; the others wait. A slow service holds up nobody else.
const MOST_CONCURRENT: usize = 128;

/// What a trait's async method gives back.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Writes and sends the message of one integration.
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Makes one attempt. It is cut off at `Attempt::deadline`.
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>>;

    /// How many alerts a message shows; 0 for all. The others are not part of its data.
    fn max_alerts(&self) -> usize {
        0
    }
}

/// A notification that was taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delivered {
    /// What the integration wants to find in the next notification of the group; `None` keeps what there was.
    pub receiver_data: Option<ReceiverData>,
    /// What the service answered, for people.
    pub answer: String,
}

impl From<Response> for Delivered {
    fn from(response: Response) -> Self {
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let status = response.status_text();
        let answer = if body.is_empty() { status } else { format!("{status}: {body}") };
        Self { receiver_data: None, answer }
    }
}

/// Why an integration cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Its HTTP client or TLS cannot be set up.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A value that only building it finds to be wrong.
    #[error("{position}: {kind}: {message}")]
    Setup {
        /// Where the integration stands.
        position: Position,
        /// Its kind.
        kind: &'static str,
        /// What is wrong.
        message: String,
    },
    /// No integration of this kind exists here.
    #[error("{position}: notifications by {kind} are not supported")]
    Unsupported {
        /// Where the integration stands.
        position: Position,
        /// Its kind.
        kind: &'static str,
    },
}

/// An integration that is ready to notify.
#[derive(Debug)]
pub struct Integration {
    id: IntegrationId,
    send_resolved: bool,
    position: Position,
    surroundings: Arc<Surroundings>,
    notifier: Box<dyn Notifier>,
    fields: Vec<Field>,
    credentials: Credentials,
    permits: Semaphore,
}

impl Integration {
    /// Builds an integration of the receiver `receiver`. A text that is not a template does not fail it:
    /// [`Self::broken_templates`] tells of it.
    pub fn new(
        receiver: &str,
        config: &IntegrationConfig,
        surroundings: &Arc<Surroundings>,
    ) -> Result<Self, BuildError> {
        let mut build = Build { config, surroundings, fields: Vec::new() };
        let notifier = KINDS.iter().find_map(|kind| (kind.build)(&config.settings, &mut build));
        let notifier = notifier.ok_or_else(|| BuildError::Unsupported {
            position: config.position.clone(),
            kind: config.kind,
        })??;
        Ok(build.finish(receiver, notifier))
    }

    /// Builds an integration with a notifier made by a test.
    #[cfg(test)]
    pub(super) fn made(
        receiver: &str,
        config: &IntegrationConfig,
        surroundings: &Arc<Surroundings>,
        make: impl FnOnce(&Settings, &mut Build<'_>) -> Box<dyn Notifier>,
    ) -> Self {
        let mut build = Build { config, surroundings, fields: Vec::new() };
        let notifier = make(&config.settings, &mut build);
        build.finish(receiver, notifier)
    }

    /// Which integration it is.
    #[must_use]
    pub fn id(&self) -> &IntegrationId {
        &self.id
    }

    /// Whether it is told of ends.
    #[must_use]
    pub fn send_resolved(&self) -> bool {
        self.send_resolved
    }

    /// Where it stands in the configuration.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The texts that are no templates: a notification says so in place of them.
    #[must_use]
    pub fn broken_templates(&self) -> Vec<TemplateFault> {
        let broken = self.fields.iter().filter_map(|field| Some((field, field.broken()?)));
        broken.map(|(field, error)| fault(field, error)).collect()
    }

    /// The texts whose templates fail on any [`Sample`], those that are none included; each once.
    #[must_use]
    pub fn failing_templates(&self) -> Vec<TemplateFault> {
        let environment = self.surroundings.environment();
        let samples = Sample::ALL.map(|sample| {
            let notification = sample.notification(self.id.clone(), (self.surroundings.clock)());
            data(&notification, 0, &self.surroundings, &environment)
        });
        let fails = |field: &Field| {
            samples
                .iter()
                .find_map(|sample| field.render(sample, &environment).err())
                .map(|error| fault(field, &error))
        };
        self.fields.iter().filter_map(fails).collect()
    }

    /// Makes one attempt, once fewer than 128 others of this integration run. It always ends by the notification's
    /// deadline, and what it says holds no secret.
    pub async fn attempt(&self, notification: Notification, metrics: &Metrics) -> Result<Delivered, Failure> {
        let deadline = attempt::deadline(&notification, &self.surroundings);
        let Ok(Ok(_permit)) = tokio::time::timeout_at(deadline, self.permits.acquire()).await else {
            return Err(Failure::retry(format!("{MOST_CONCURRENT} other notifications were in the way"))
                .because(FailureReason::ContextDeadlineExceeded));
        };
        // Not before: tens of thousands may wait, and what templates see is much larger than the notification.
        let most = self.notifier.max_alerts();
        let mut attempt = Attempt::new(notification, most, deadline, &self.surroundings);
        // Before, for what is sent now; and after, for files that are written anew meanwhile.
        self.credentials.hide(&mut attempt).await;
        let timer = metrics.latency(&self.id.kind).start_timer();
        let notified = tokio::time::timeout_at(attempt.deadline(), self.notifier.notify(&mut attempt)).await;
        timer.observe_duration();
        self.credentials.hide(&mut attempt).await;
        self.report(&attempt, metrics);
        match notified {
            Ok(Ok(delivered)) => Ok(Delivered { answer: attempt.redact(delivered.answer), ..delivered }),
            Ok(Err(failure)) => Err(Failure { error: attempt.told(failure.error), ..failure }),
            Err(_elapsed) => {
                Err(Failure::retry("out of time").because(FailureReason::ContextDeadlineExceeded).doubtful())
            }
        }
    }

    /// [`Self::attempt`] for the engine.
    pub async fn notify(&self, notification: Notification, metrics: &Metrics) -> DeliveryOutcome {
        match self.attempt(notification, metrics).await {
            Ok(delivered) => DeliveryOutcome::Delivered(delivered.receiver_data.map(Arc::new)),
            Err(failure) => failure.into(),
        }
    }

    fn report(&self, attempt: &Attempt, metrics: &Metrics) {
        for TemplateFault { field, error } in attempt.faults() {
            metrics.template_failed(&self.id.kind);
            let err = attempt.redact(error.clone());
            tracing::error!(
                component = "notify",
                receiver = %self.id.receiver,
                integration = format!("{}[{}]", self.id.kind, self.id.index),
                aggr_group = %attempt.notification().group_key,
                field = %field,
                err,
                "a template failed: notified in plain words"
            );
        }
    }
}

fn fault(field: &Field, error: &crate::template::Error) -> TemplateFault {
    TemplateFault { field: Arc::clone(&field.key), error: error.to_string() }
}

/// Builds the integrations of a receiver, in the order of the configuration.
pub fn build_receiver_integrations(
    receiver: &ReceiverConfig,
    surroundings: &Arc<Surroundings>,
) -> Result<Vec<Arc<Integration>>, BuildError> {
    let configs = receiver.integrations.iter();
    configs.map(|config| Integration::new(&receiver.name, config, surroundings).map(Arc::new)).collect()
}

/// What a [`Notifier`] is built with.
#[derive(Debug)]
pub struct Build<'a> {
    pub(super) config: &'a IntegrationConfig,
    pub(super) surroundings: &'a Arc<Surroundings>,
    fields: Vec<Field>,
}

impl Build<'_> {
    /// The text at `key`, a template.
    pub(super) fn text(&mut self, key: &str, source: &str) -> Field {
        self.keep(Field::text(&self.surroundings.templates, key, source))
    }

    /// The text at `key`, a template with HTML escaping.
    pub(super) fn html(&mut self, key: &str, source: &str) -> Field {
        self.keep(Field::html(&self.surroundings.templates, key, source))
    }

    /// The secret at `key` or in the file at `key_file`, a template. Its faults are not listed: they could show it.
    pub(super) fn secret_template(&self, key: &str, source: &Source<Secret>) -> SecretField {
        SecretField::template(&self.surroundings.templates, key, source)
    }

    /// The service with the client of the integration's `http_config`.
    pub(super) fn service(&self, verdict: Verdict) -> Result<Service, NetError> {
        self.service_with(verdict, Duration::ZERO)
    }

    /// The service whose requests take at most `timeout`; zero for as long as an attempt may.
    pub(super) fn service_with(&self, verdict: Verdict, timeout: Duration) -> Result<Service, NetError> {
        let client =
            self.client(ClientOptions { user_agent: USER_AGENT.to_owned(), ..ClientOptions::default() })?;
        Ok(Service { client, verdict, timeout: (self.config.kind, timeout) })
    }

    /// The client of the integration's `http_config`.
    pub(super) fn client(&self, options: ClientOptions) -> Result<HttpClient, NetError> {
        match &self.config.http_config {
            Some(config) => HttpClient::new(config, options),
            None => HttpClient::new(&HttpClientConfig::default(), options),
        }
    }

    fn finish(self, receiver: &str, notifier: Box<dyn Notifier>) -> Integration {
        let Self { config, surroundings, fields } = self;
        Integration {
            id: IntegrationId { receiver: receiver.into(), kind: config.kind.into(), index: config.index },
            send_resolved: config.send_resolved,
            position: config.position.clone(),
            surroundings: Arc::clone(surroundings),
            notifier,
            fields,
            credentials: config.http_config.as_ref().map(Credentials::new).unwrap_or_default(),
            permits: Semaphore::new(MOST_CONCURRENT),
        }
    }

    fn keep(&mut self, field: Field) -> Field {
        self.fields.push(field.clone());
        field
    }
}
