//! How a configuration reaches the parts: each subscribes to the coordinator, prepares what can fail, and commits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::clock;
use crate::api::IntakeRules;
use crate::config::{AlertmanagerConfig, Config, Coordinator};
use crate::discovery::{self, DiscoverySet};
use crate::forward::{self, HttpPost, Post, SetConfig};
use crate::model::MatcherMode;
use crate::net::NetError;

/// How long an alert without `endsAt` fires if nobody says otherwise: Alertmanager's `resolve_timeout`.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(300);

/// Intake reads names of labels by `names`. It takes external labels and relabelling from the configuration, unless they are applied in front.
pub(super) fn subscribe_intake(
    coordinator: &mut Coordinator,
    relabels: bool,
    names: MatcherMode,
) -> watch::Receiver<Arc<IntakeRules>> {
    let (publish, rules) = watch::channel(Arc::default());
    coordinator.subscribe("intake", move |config: &Arc<Config>| {
        let mut rules = IntakeRules {
            resolve_timeout: config
                .alertmanager
                .as_ref()
                .map_or(RESOLVE_TIMEOUT, |file| file.global.resolve_timeout),
            names,
            ..IntakeRules::default()
        };
        if relabels && let Some(prometheus) = &config.prometheus {
            rules.external_labels = prometheus.external_labels.clone();
            rules.relabel = prometheus.alerting.alert_relabel_configs.rules().to_vec();
        }
        let publish = publish.clone();
        Ok(Box::new(move || {
            publish.send_replace(Arc::new(rules));
        }))
    });
    rules
}

/// Forwarding and discovery take the `alerting` part. Clients and providers are built before anything changes.
pub(super) fn subscribe_forwarding(
    coordinator: &mut Coordinator,
    manager: &forward::Manager,
    discovery: &discovery::Manager,
) {
    let notifier = manager.clone();
    coordinator.subscribe("notifier", move |config: &Arc<Config>| {
        let sets = alertmanagers(config).iter().map(set).collect::<Result<Vec<_>, NetError>>()?;
        let notifier = notifier.clone();
        Ok(Box::new(move || notifier.apply_config(forward::Prepared { sets })))
    });
    let discovery = discovery.clone();
    coordinator.subscribe("discovery", move |config: &Arc<Config>| {
        let sets = alertmanagers(config).iter().enumerate().map(|(place, alertmanager)| DiscoverySet {
            id: alertmanager.hash().to_string(),
            config: format!("config-{place}"),
            service_discovery: alertmanager.service_discovery.clone(),
        });
        let prepared = discovery.prepare(sets.collect())?;
        let discovery = discovery.clone();
        Ok(Box::new(move || discovery.commit(prepared)))
    });
}

fn alertmanagers(config: &Config) -> &[AlertmanagerConfig] {
    config.prometheus.as_ref().map_or(&[], |prometheus| &prometheus.alerting.alertmanagers)
}

fn set(config: &AlertmanagerConfig) -> Result<(SetConfig, Arc<dyn Post>), NetError> {
    Ok((SetConfig::from(config), Arc::new(HttpPost::new(config, clock::now)?)))
}

/// What `GET /api/v2/status` shows of the configuration: no secret can be in it.
pub(super) fn subscribe_status(coordinator: &mut Coordinator) -> watch::Receiver<Arc<str>> {
    let (publish, text) = watch::channel(Arc::from(""));
    coordinator.subscribe("status", move |config: &Arc<Config>| {
        let shown: Arc<str> = match (&config.alertmanager, &config.prometheus) {
            (Some(alertmanager), _) => Arc::from(alertmanager.to_yaml()),
            (None, None) => Arc::from(""),
            (None, Some(prometheus)) => {
                let alerting = &prometheus.alerting;
                Arc::from(format!(
                    "# prometheus.yml: {} external labels, {} alert relabelling rules, {} Alertmanager entries\n",
                    prometheus.external_labels.len(),
                    alerting.alert_relabel_configs.rules().len(),
                    alerting.alertmanagers.len()
                ))
            }
        };
        let publish = publish.clone();
        Ok(Box::new(move || {
            publish.send_replace(shown);
        }))
    });
    text
}
