//! One attempt to bring one notification to one integration: what it is about, its texts as they are rendered, and
//! the secrets that must not leave it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::credentials::basic;
use super::data::{self, key_hash};
use super::failure::Failure;
use super::field::{Field, SecretField};
use super::plain;
use super::surroundings::Surroundings;
use super::truncate;
use crate::config::Secret;
use crate::model::{Notification, Timestamp};
use crate::template::{Data, Environment};

/// How many characters of an error are told.
const MOST_ERROR: usize = 1024;

/// The shortest secret that is looked for in errors: what is shorter would hide half of the text.
const LEAST_SECRET: usize = 4;

/// The shortest parameter of a secret URL that is looked for by itself.
const LEAST_TOKEN: usize = 8;

/// A template that failed on a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// The key in the integration's configuration.
    pub field: Arc<str>,
    /// What the template engine says.
    pub error: String,
}

/// When the attempts of a notification must be over.
pub(super) fn deadline(notification: &Notification, surroundings: &Surroundings) -> Instant {
    let left = notification.deadline.since((surroundings.clock)());
    // A deadline that cannot be told is far away.
    Instant::now() + left.min(Duration::from_hours(24 * 365))
}

/// An attempt.
#[derive(Debug)]
pub struct Attempt {
    notification: Notification,
    data: Arc<Data>,
    environment: Environment,
    deadline: Instant,
    faults: Vec<TemplateFault>,
    hidden: Vec<Secret>,
}

impl Attempt {
    /// Prepares an attempt that shows at most `most` alerts (0: all) and ends by `deadline`.
    pub(super) fn new(
        notification: Notification,
        most: usize,
        deadline: Instant,
        surroundings: &Surroundings,
    ) -> Self {
        let environment = surroundings.environment();
        let data = data::data(&notification, most, surroundings, &environment);
        Self { notification, data, environment, deadline, faults: Vec::new(), hidden: Vec::new() }
    }

    /// What is told.
    pub(super) fn notification(&self) -> &Notification {
        &self.notification
    }

    /// What templates see of it.
    pub(super) fn data(&self) -> &Arc<Data> {
        &self.data
    }

    /// How many alerts are told of but not shown.
    pub(super) fn truncated_alerts(&self) -> usize {
        self.notification.alerts.len().saturating_sub(self.data.alerts.len())
    }

    /// Whether any of the alerts shown fires.
    pub(super) fn is_firing(&self) -> bool {
        self.data.status.as_ref() == b"firing"
    }

    /// The group's key, hashed: see [`key_hash`].
    pub(super) fn key_hash(&self) -> String {
        key_hash(&self.notification.group_key)
    }

    /// The time at which the attempt began.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.environment.now.unix(), self.environment.now.nanosecond())
    }

    /// What templates learn of the outside.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// When the attempt must be over.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How much time is left.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The templates that have failed so far.
    pub(super) fn faults(&self) -> &[TemplateFault] {
        &self.faults
    }

    /// Renders a text that the message can do without: empty if its template fails.
    pub(super) fn field(&mut self, field: &Field) -> String {
        self.try_field(field).unwrap_or_default()
    }

    /// Renders a text; `None`, and the fault is noted, if its template fails.
    pub(super) fn try_field(&mut self, field: &Field) -> Option<String> {
        let error = match field.render(&self.data, &self.environment) {
            Ok(text) => return Some(text),
            Err(error) => error.to_string(),
        };
        self.faults.push(TemplateFault { field: Arc::clone(&field.key), error });
        None
    }

    /// Renders a title: if its template fails, how many alerts fire and by what they are grouped.
    pub(super) fn headline(&mut self, field: &Field) -> String {
        let text = self.try_field(field);
        text.unwrap_or_else(|| self.markup(field, plain::headline(&self.data)))
    }

    /// Renders the text that carries the message, to be called after all others: if its template fails, the alerts
    /// in plain words, and what failed. If only another failed, that is told below.
    pub(super) fn message(&mut self, field: &Field) -> String {
        let text = self.try_field(field);
        if self.faults.is_empty() {
            return text.unwrap_or_default();
        }
        match text.filter(|text| !text.trim().is_empty()) {
            Some(text) => format!("{text}\n\n{}", self.markup(field, plain::faults(&self.faults))),
            None => self.markup(field, self.plain()),
        }
    }

    /// The alerts in plain words, and which templates failed.
    pub(super) fn plain(&self) -> String {
        plain::message(&self.data, &self.faults)
    }

    /// Notes that the template of a secret at `key` failed; `error` holds no part of it.
    pub(super) fn note(&mut self, key: &str, error: String) {
        self.faults.push(TemplateFault { field: Arc::from(key), error });
    }

    /// Renders a text without which there is nothing to send, such as a room.
    pub(super) fn needed(&self, field: &Field) -> Result<String, Failure> {
        let fault = match field.render(&self.data, &self.environment) {
            Ok(text) => return Ok(text),
            Err(error) => error,
        };
        Err(Failure::lasting(format!("{}: {fault}", field.key)))
    }

    /// Reveals a secret for a request, and keeps it out of whatever this attempt says from now on.
    pub(super) async fn secret(&mut self, field: &SecretField) -> Result<Secret, Failure> {
        let secret = field.reveal(&self.data, &self.environment).await?;
        self.hide(&secret);
        Ok(secret)
    }

    /// Reveals a URL that is a secret; its path alone is kept out as well.
    pub(super) async fn secret_url(&mut self, field: &SecretField) -> Result<Secret, Failure> {
        let secret = self.secret(field).await?;
        if let Ok(url) = Url::parse(secret.expose()) {
            self.hide(&Secret::new(url.as_str()));
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            self.hide(&Secret::new(&format!("{}{query}", url.path())));
            if let Some(password) = url.password() {
                // A login keeps its plus signs.
                let decoded = |text: &str| -> String {
                    let text = text.replace('+', "%2B");
                    form_urlencoded::parse(text.as_bytes()).map(|(text, _)| text.into_owned()).collect()
                };
                let (user, clear) = (decoded(url.username()), decoded(password));
                self.hide(&Secret::new(password));
                self.hide(&basic(&user, &clear));
                self.hide(&Secret::new(&clear));
            }
            // A service may repeat a token alone. What is short may be a word that the answer needs.
            let values = url.query_pairs().filter(|(_, value)| value.len() >= LEAST_TOKEN);
            for (_, value) in values {
                self.hide(&Secret::new(&value));
            }
        }
        Ok(secret)
    }

    /// Keeps a text out of whatever this attempt says from now on, as it is and as it stands in a query.
    pub(super) fn hide(&mut self, secret: &Secret) {
        if secret.expose().len() < LEAST_SECRET {
            return;
        }
        self.hidden.push(secret.clone());
        let encoded: String = form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
        if encoded != secret.expose() {
            self.hidden.push(Secret::new(&encoded));
        }
    }

    /// A text for people, without secrets.
    pub(super) fn redact(&self, text: String) -> String {
        // The longest first: one that begins with another would leave its end behind.
        let mut hidden: Vec<_> = self.hidden.iter().map(Secret::expose).collect();
        hidden.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        hidden.into_iter().fold(text, |text, secret| text.replace(secret, "<redacted>"))
    }

    /// An error for people: without secrets, and only then cut, so that no half of one is left.
    pub(super) fn told(&self, error: String) -> String {
        truncate::runes(&self.redact(error), MOST_ERROR)
    }

    fn markup(&self, field: &Field, text: String) -> String {
        if field.is_html { plain::escape_html(&text) } else { text }
    }
}
