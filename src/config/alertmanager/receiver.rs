//! `receivers`: who is notified, and by what.

use std::collections::{BTreeMap, HashSet};

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::global::GlobalConfig;
use super::integration::{Context, Integration, KINDS, Kind};
use crate::config::http::HttpClientConfig;
use crate::config::position::Position;
use crate::config::yaml::{Always, Fields, Value};

/// A receiver with its integrations. One without integrations is notified successfully and nobody hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// `name`, unique.
    pub name: String,
    /// `labels`, with the label `name` added.
    pub labels: BTreeMap<String, String>,
    /// All integrations in the order in which Alertmanager builds them: by kind, then as in the file.
    pub integrations: Vec<IntegrationConfig>,
    /// Where the receiver begins.
    pub position: Position,
}

/// One integration of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationConfig {
    /// The kind as metrics and the notification log have it, such as `webhook`.
    pub kind: &'static str,
    /// The place among the receiver's integrations of this kind, from 0.
    pub index: u32,
    /// `send_resolved`: whether it is told of ends.
    pub send_resolved: bool,
    /// `http_config`, or else that of `global`; `None` for e-mail.
    pub http_config: Option<HttpClientConfig>,
    /// The keys of the kind.
    pub settings: Integration,
    /// Where the integration begins.
    pub position: Position,
}

impl ReceiverConfig {
    /// What the receiver has that Alertmanager would refuse, one line each.
    pub(super) fn extensions(&self) -> impl Iterator<Item = String> {
        self.integrations.iter().filter_map(|config| match &config.settings {
            Integration::Webhook(webhook) => {
                let keys = webhook.request.keys();
                (!keys.is_empty())
                    .then(|| format!("webhook_configs[{}] has {}", config.index, keys.join(", ")))
            }
            Integration::HipChat(_) | Integration::Exec(_) => {
                Some(format!("{}_configs[{}] is read too", config.kind, config.index))
            }
            _ => None,
        })
    }

    pub(super) fn decode_all(fields: &mut Fields<'_>, global: &GlobalConfig) -> Vec<Self> {
        let mut names: HashSet<String> = HashSet::new();
        let receivers = fields.items("receivers").into_iter().filter_map(|item| {
            let receiver = item.fields(|fields| Self::decode(fields, global))?;
            if !receiver.name.is_empty() && !names.insert(receiver.name.clone()) {
                item.fault(format!("notification config name {:?} is not unique", receiver.name));
            }
            Some(receiver)
        });
        receivers.collect()
    }

    fn decode(fields: &mut Fields<'_>, global: &GlobalConfig) -> Self {
        let name: String = fields.get_or_default("name");
        if name.is_empty() {
            fields.value().fault("missing name in receiver");
        }
        let mut labels: BTreeMap<String, String> = fields.get_or_default("labels");
        let label = labels.insert("name".to_owned(), name.clone());
        if let Some(label) = label.filter(|label| *label != name) {
            let message = format!("receiver label \"name\" must match receiver name {name:?}, got {label:?}");
            fields.fault_at(&["labels"], &message);
        }
        let integrations = KINDS.iter().flat_map(|kind| {
            let items = fields.items(kind.key).into_iter().enumerate();
            items
                .filter_map(|(index, item)| IntegrationConfig::decode(&item, kind, index, global))
                .collect::<Vec<_>>()
        });
        Self { name, labels, integrations: integrations.collect(), position: fields.position() }
    }
}

impl IntegrationConfig {
    fn decode(item: &Value<'_>, kind: &Kind, index: usize, global: &GlobalConfig) -> Option<Self> {
        if item.is_null() {
            item.fault(format!("missing {} config", kind.name));
            return None;
        }
        item.fields(|fields| {
            let local = if kind.has_http { fields.value_of("http_config") } else { None };
            let local = local.filter(|value| !value.is_null());
            let http =
                local.as_ref().and_then(|value| value.joining_paths(true).fields(HttpClientConfig::decode));
            let send_resolved = fields.get_or("send_resolved", kind.send_resolved);
            let http = http.unwrap_or_else(|| global.http_config.clone());
            let mut context = Context { global, has_local_http: local.is_some(), http };
            let settings = (kind.decode)(fields, &mut context)?;
            Some(Self {
                kind: kind.name,
                index: u32::try_from(index).unwrap_or(u32::MAX),
                send_resolved,
                http_config: kind.has_http.then_some(context.http),
                settings,
                position: fields.position(),
            })
        })?
    }
}

impl Serialize for ReceiverConfig {
    /// As Alertmanager prints it: the lists of its kinds in the order of their keys there.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ReceiverConfig", KINDS.len() + 2)?;
        fields.serialize_field("name", &Always(&self.name))?;
        fields.serialize_field("labels", &self.labels)?;
        for name in PRINT_ORDER {
            let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else { continue };
            let list: Vec<_> = self.integrations.iter().filter(|config| config.kind == name).collect();
            fields.serialize_field(kind.key, &list)?;
        }
        fields.end()
    }
}

/// The order in which Alertmanager prints the kinds, which is not the order in which it builds them. Others it would
/// refuse, and so would its `amtool` the answer of `/api/v2/status`.
const PRINT_ORDER: [&str; 18] = [
    "discord",
    "email",
    "incidentio",
    "pagerduty",
    "slack",
    "webhook",
    "opsgenie",
    "wechat",
    "pushover",
    "victorops",
    "sns",
    "telegram",
    "webex",
    "msteams",
    "msteamsv2",
    "jira",
    "rocketchat",
    "mattermost",
];

impl Serialize for IntegrationConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("IntegrationConfig", 3)?;
        fields.serialize_field("send_resolved", &Always(self.send_resolved))?;
        fields.serialize_field("http_config", &self.http_config)?;
        // A field without a name is a mapping whose keys stand here.
        fields.serialize_field("", &self.settings)?;
        fields.end()
    }
}
