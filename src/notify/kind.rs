//! The static table of the integrations.

use super::email::Email;
use super::integration::{Build, BuildError, Notifier};
use super::webhook::Webhook;
use crate::config::alertmanager::Integration as Settings;

/// Builds a notifier, if the settings are those of its kind.
type BuildNotifier = fn(&Settings, &mut Build<'_>) -> Option<Result<Box<dyn Notifier>, BuildError>>;

/// A kind of integration.
#[derive(Debug)]
pub struct Kind {
    /// The name in metrics, logs and the notification log.
    pub name: &'static str,
    pub(super) build: BuildNotifier,
}

/// The row of a kind: its name, the variant of its settings, and the notifier with its `new`.
macro_rules! kind {
    ($name:literal, $settings:ident, $notifier:ty) => {
        Kind {
            name: $name,
            build: |settings, build| match settings {
                Settings::$settings(config) => Some(
                    <$notifier>::new(config, build).map(|notifier| Box::new(notifier) as Box<dyn Notifier>),
                ),
                _ => None,
            },
        }
    };
}

/// All kinds, in the order in which Alertmanager builds them; what it does not have stands last.
pub const KINDS: &[Kind] = &[kind!("webhook", Webhook, Webhook), kind!("email", Email, Email)];
