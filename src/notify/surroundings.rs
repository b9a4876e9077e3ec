//! What all integrations of a configuration share.

use std::fmt;
use std::sync::Arc;

use super::data::time;
use crate::model::Timestamp;
use crate::template::{Environment, TemplateSet, Zone};

/// What all integrations of a configuration share.
#[derive(Clone)]
pub struct Surroundings {
    /// The default templates with those of the configuration's files over them.
    pub templates: TemplateSet,
    /// `--web.external-url`, without a slash at its end.
    pub external_url: Arc<str>,
    /// What templates call `Local`; the dates of mails are in it too.
    pub zone: Zone,
    /// The wall clock, for templates, dates of mails, and the time that is left until a deadline.
    pub clock: fn() -> Timestamp,
    /// Whether `exec` may run programs: `--notify.allow-exec`. If not, a configuration with one fails to load.
    pub may_execute: bool,
}

impl Surroundings {
    /// What a template learns of the outside now.
    pub(super) fn environment(&self) -> Environment {
        Environment::new(time((self.clock)()), self.zone.clone())
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("external_url", &self.external_url).finish_non_exhaustive()
    }
}
