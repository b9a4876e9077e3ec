//! `opsgenie_configs`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Context, named, required};
use crate::config::alertmanager::global::{http_url, pair};
use crate::config::http::Source;
use crate::config::secret::Secret;
use crate::config::url::Url;
use crate::config::yaml::Fields;

/// Notifications by OpsGenie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpsGenieConfig {
    /// `api_key`, a template, or its file. The integration's own comes before that of `global`, whichever form it has.
    pub api_key: Source<Secret>,
    /// `api_url`, with a slash at its end.
    pub api_url: Url,
    /// `message`, a template.
    pub message: String,
    /// `description`, a template.
    pub description: String,
    /// `source`, a template.
    pub source: String,
    /// `details`, templates.
    pub details: BTreeMap<String, String>,
    /// `entity`, a template.
    pub entity: String,
    /// `responders`.
    pub responders: Vec<OpsGenieResponder>,
    /// `actions`, a template: a list separated by commas.
    pub actions: String,
    /// `tags`, a template: a list separated by commas.
    pub tags: String,
    /// `note`, a template.
    pub note: String,
    /// `priority`, a template.
    pub priority: String,
    /// `update_alerts`: message and description of a known alert are updated.
    pub update_alerts: bool,
}

/// Who responds; all are templates, and at least one of the first three is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpsGenieResponder {
    /// By id.
    pub id: String,
    /// By name.
    pub name: String,
    /// By user name.
    pub username: String,
    /// `type`: team, teams, user, escalation or schedule in any case, or a template; sent as it is.
    #[serde(rename = "type")]
    pub kind: String,
}

impl OpsGenieConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let global = context.global;
        let api_key = pair(fields, "api_key", "api_key_file").or_else(|| global.opsgenie_api_key.clone());
        let api_url = http_url(fields, "api_url", None).or_else(|| global.opsgenie_api_url.clone());
        let responders = fields.blocks("responders", OpsGenieResponder::decode);
        let [message, description, source] = ["message", "description", "source"]
            .map(|key| fields.get_or(key, named(&format!("opsgenie.default.{key}"))));
        let [entity, actions, tags, note, priority] =
            ["entity", "actions", "tags", "note", "priority"].map(|key| fields.get_or_default(key));
        let details = fields.get_or_default("details");
        let update_alerts = fields.get_or_default("update_alerts");
        let api_url = required(fields, api_url, "no global OpsGenie URL set");
        let api_key = required(fields, api_key, "no global OpsGenie API Key set either inline or in a file");
        Some(Self {
            api_key: api_key?,
            api_url: api_url?.with_trailing_slash(),
            message,
            description,
            source,
            details,
            entity,
            responders,
            actions,
            tags,
            note,
            priority,
            update_alerts,
        })
    }
}

impl OpsGenieResponder {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let [id, name, username] = ["id", "name", "username"].map(|key| fields.get_or_default::<String>(key));
        let kind: String = fields.get_or_default("type");
        if id.is_empty() && name.is_empty() && username.is_empty() {
            fields.value().fault("a responder has to have at least one of id, username or name specified");
        }
        let known = ["team", "teams", "user", "escalation", "schedule"];
        if !kind.contains("{{") && !known.contains(&kind.to_lowercase().as_str()) {
            let message = "type does not match valid options ^(team|teams|user|escalation|schedule)$";
            fields.fault_at_key("type", message);
        }
        Some(Self { id, name, username, kind })
    }
}
