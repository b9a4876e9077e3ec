//! How an `alertmanager.yml` reaches local delivery: plan, templates and integrations are made ready first, and then
//! take effect together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::clock;
use super::template_files::load_templates;
use crate::config::{AlertmanagerFile, Config, ConfigError, Coordinator, Refusal};
use crate::engine::{self, Plan, PlanDefinition};
use crate::notify::{Integration, Surroundings, build_receiver_integrations};
use crate::template::Zone;

/// What a configuration says to the engine's task.
#[derive(Debug, Default)]
pub(super) struct PreparedDelivery {
    /// The plan; `None` without an `alertmanager.yml`.
    pub(super) plan: Option<Arc<Plan>>,
    /// The integrations of the receivers that routes lead to.
    pub(super) integrations: Vec<Arc<Integration>>,
    /// The file.
    pub(super) file: Option<Arc<AlertmanagerFile>>,
    /// Templates and what they see of the outside.
    pub(super) surroundings: Option<Arc<Surroundings>>,
}

/// Local delivery takes the `alertmanager.yml`. Everything that can fail has been built before anything changes.
pub(super) fn subscribe(
    coordinator: &mut Coordinator,
    options: engine::Options,
    fallback_after: Option<Duration>,
    external_url: Arc<str>,
    may_execute: bool,
) -> watch::Receiver<Arc<PreparedDelivery>> {
    let (publish, prepared) = watch::channel(Arc::default());
    coordinator.subscribe("delivery", move |config: &Arc<Config>| {
        let prepared = match &config.alertmanager {
            None => PreparedDelivery::default(),
            Some(file) => {
                // Without anybody to forward to there is nothing to fall back from.
                let fallback_after = fallback_after.filter(|_after| forwards(config));
                let options = engine::Options { fallback_after, ..options.clone() };
                prepare(file, &options, &external_url, may_execute)?
            }
        };
        let (prepared, publish) = (Arc::new(prepared), publish.clone());
        let both = forwards(config) && prepared.plan.is_some();
        Ok(Box::new(move || {
            if both {
                say_who_notifies(fallback_after);
            }
            prepared.file.iter().for_each(|file| warn(file, &prepared.integrations));
            publish.send_replace(prepared);
        }))
    });
    prepared
}

fn prepare(
    file: &Arc<AlertmanagerFile>,
    options: &engine::Options,
    external_url: &Arc<str>,
    may_execute: bool,
) -> Result<PreparedDelivery, Refusal> {
    let plan = Plan::new(PlanDefinition::from_config(file, options.clone()))?;
    let surroundings = Arc::new(Surroundings {
        templates: load_templates(&file.templates)
            .map_err(|error| format!("failed to parse templates: {error}"))?,
        external_url: Arc::clone(external_url),
        zone: Zone::local("Local", jiff::tz::TimeZone::system()),
        clock: clock::now,
        may_execute,
    });
    let mut integrations = Vec::new();
    for receiver in file.receivers.iter().filter(|receiver| file.is_routed(&receiver.name)) {
        integrations.extend(build_receiver_integrations(receiver, &surroundings)?);
    }
    Ok(PreparedDelivery {
        plan: Some(Arc::new(plan)),
        integrations,
        file: Some(Arc::clone(file)),
        surroundings: Some(surroundings),
    })
}

fn forwards(config: &Config) -> bool {
    config.prometheus.as_ref().is_some_and(|prometheus| !prometheus.alerting.alertmanagers.is_empty())
}

/// With both kinds of configuration people may be told twice: they should know.
fn say_who_notifies(fallback_after: Option<Duration>) {
    match fallback_after {
        None => tracing::warn!(
            component = "delivery",
            "Alerts are forwarded and notified from here as well (--delivery.local=always): whoever both the \
             Alertmanagers and this alertmanager.yml notify is told twice"
        ),
        Some(after) => tracing::info!(
            component = "delivery",
            ?after,
            "Alerts are notified from here only when no Alertmanager has taken them (--delivery.local=fallback)"
        ),
    }
}

/// What is not wrong and yet worth telling.
fn warn(file: &AlertmanagerFile, integrations: &[Arc<Integration>]) {
    if !file.notices.is_empty() {
        let notices = ConfigError::Faults(file.notices.clone());
        tracing::warn!(component = "configuration", notices = %notices, "The configuration can be read in another way");
    }
    for receiver in file.receivers.iter().filter(|receiver| !file.is_routed(&receiver.name)) {
        tracing::info!(
            component = "configuration",
            receiver = receiver.name,
            "skipping creation of receiver not referenced by any route"
        );
    }
    for integration in integrations {
        for fault in integration.broken_templates() {
            tracing::warn!(
                component = "configuration",
                integration = %integration.id(),
                field = %fault.field,
                err = fault.error,
                "Not a template: notifications will say so"
            );
        }
    }
}
