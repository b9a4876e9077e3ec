//! `victorops_configs`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Context, named, required};
use crate::config::alertmanager::global::{http_url, pair};
use crate::config::http::Source;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::{Fields, always};

/// Notifications by VictorOps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VictorOpsConfig {
    /// `api_key` or its file. The integration's own comes before that of `global`, whichever form it has.
    pub api_key: Source<Secret>,
    /// `api_url`, with a slash at its end.
    pub api_url: Url,
    /// `routing_key`, a template.
    #[serde(serialize_with = "always")]
    pub routing_key: String,
    /// `message_type`, a template.
    #[serde(serialize_with = "always")]
    pub message_type: String,
    /// `state_message`, a template.
    #[serde(serialize_with = "always")]
    pub state_message: String,
    /// `entity_display_name`, a template.
    #[serde(serialize_with = "always")]
    pub entity_display_name: String,
    /// `monitoring_tool`, a template.
    #[serde(serialize_with = "always")]
    pub monitoring_tool: String,
    /// `custom_fields`, templates.
    pub custom_fields: BTreeMap<String, String>,
}

/// The fields that every notification has.
const RESERVED: [&str; 7] = [
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
];

impl VictorOpsConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let global = context.global;
        let routing_key = fields.text("routing_key");
        let routing_key = required(fields, routing_key, "missing Routing key in VictorOps config");
        let api_key = pair(fields, "api_key", "api_key_file").or_else(|| global.victorops_api_key.clone());
        let api_url = http_url(fields, "api_url", None).or_else(|| global.victorops_api_url.clone());
        for (name, value) in fields.value_of("custom_fields").map(|value| value.entries()).unwrap_or_default()
        {
            if RESERVED.contains(&name) {
                value.key_fault(format!(
                    "victorOps config contains custom field {name} which cannot be used as it conflicts with the \
                     fixed/static fields"
                ));
            }
        }
        let [state_message, entity_display_name, monitoring_tool] =
            ["state_message", "entity_display_name", "monitoring_tool"]
                .map(|key| fields.get_or(key, named(&format!("victorops.default.{key}"))));
        let message_type = fields.get_or("message_type", "CRITICAL".to_owned());
        let custom_fields = fields.get_or_default("custom_fields");
        let api_url = required(fields, api_url, "no global VictorOps URL set");
        let api_key = required(fields, api_key, "no global VictorOps API Key set");
        Some(Self {
            api_key: api_key?,
            api_url: api_url?.with_trailing_slash(),
            routing_key: routing_key?,
            message_type,
            state_message,
            entity_display_name,
            monitoring_tool,
            custom_fields,
        })
    }
}
