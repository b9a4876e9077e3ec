//! `pagerduty_configs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Context, named, required};
use crate::config::alertmanager::global::{http_url, pair};
use crate::config::go_duration::{GoDuration, serialize_go_duration};
use crate::config::http::Source;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::Fields;

/// Notifications by PagerDuty's events API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PagerdutyConfig {
    /// The key, which says which version of the API is used.
    #[serde(rename = "")]
    pub key: PagerdutyKey,
    /// `url` of the API, version 2 only.
    pub url: Url,
    /// `client`, a template.
    pub client: String,
    /// `client_url`, a template.
    pub client_url: String,
    /// `description`, a template.
    pub description: String,
    /// `details`, their texts templates, Alertmanager's own four added.
    pub details: BTreeMap<String, serde_json::Value>,
    /// `images`.
    pub images: Vec<PagerdutyImage>,
    /// `links`.
    pub links: Vec<PagerdutyLink>,
    /// `source`, a template; by default what `client` says.
    pub source: String,
    /// `severity`, a template; empty: `error`.
    pub severity: String,
    /// `class`, a template.
    pub class: String,
    /// `component`, a template.
    pub component: String,
    /// `group`, a template.
    pub group: String,
    /// `timeout` of one attempt; zero for none.
    #[serde(serialize_with = "serialize_go_duration")]
    pub timeout: Duration,
}

/// The key of an integration, a template, and with it the version of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PagerdutyKey {
    /// `service_key`: version 1. It counts if both are given.
    ServiceKey(Source<Secret>),
    /// `routing_key`: version 2.
    RoutingKey(Source<Secret>),
}

/// An image with the notification; all are templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PagerdutyImage {
    /// Where it is; an image for which this renders empty is left out.
    pub src: String,
    /// What it shows.
    pub alt: String,
    /// Where it leads.
    pub href: String,
}

/// A link with the notification; all are templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PagerdutyLink {
    /// Where it leads; a link for which this renders empty is left out.
    pub href: String,
    /// What it says.
    pub text: String,
}

/// The details that every notification has.
const DETAILS: [(&str, &str); 4] = [
    ("firing", "{{ .Alerts.Firing | toJson }}"),
    ("num_firing", "{{ .Alerts.Firing | len }}"),
    ("num_resolved", "{{ .Alerts.Resolved | len }}"),
    ("resolved", "{{ .Alerts.Resolved | toJson }}"),
];

impl PagerdutyConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let service_key = pair(fields, "service_key", "service_key_file").map(PagerdutyKey::ServiceKey);
        let routing_key = pair(fields, "routing_key", "routing_key_file").map(PagerdutyKey::RoutingKey);
        let url = http_url(fields, "url", None).or_else(|| context.global.pagerduty_url.clone());
        let client = fields.get_or("client", named("pagerduty.default.client"));
        let mut details: BTreeMap<String, serde_json::Value> = fields.get_or_default("details");
        for (name, template) in DETAILS {
            details.entry(name.to_owned()).or_insert_with(|| template.into());
        }
        let images = fields.blocks("images", |fields| {
            Some(PagerdutyImage {
                src: fields.get_or_default("src"),
                alt: fields.get_or_default("alt"),
                href: fields.get_or_default("href"),
            })
        });
        let links = fields.blocks("links", |fields| {
            Some(PagerdutyLink { href: fields.get_or_default("href"), text: fields.get_or_default("text") })
        });
        let source = fields.text("source").unwrap_or_else(|| client.clone());
        let client_url = fields.get_or("client_url", named("pagerduty.default.clientURL"));
        // Without the blank that the others have, as Alertmanager has it and prints it.
        let description = "{{ template \"pagerduty.default.description\" .}}";
        let description = fields.get_or("description", description.to_owned());
        let [severity, class, component, group] =
            ["severity", "class", "component", "group"].map(|key| fields.get_or_default(key));
        let GoDuration(timeout) = fields.get_or_default("timeout");
        let key = required(
            fields,
            service_key.or(routing_key),
            "missing service or routing key in PagerDuty config",
        );
        let url = required(fields, url, "no global PagerDuty URL set");
        Some(Self {
            key: key?,
            url: url?,
            client,
            client_url,
            description,
            details,
            images,
            links,
            source,
            severity,
            class,
            component,
            group,
            timeout,
        })
    }
}
