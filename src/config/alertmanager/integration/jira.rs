//! `jira_configs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Context, named, required};
use crate::config::alertmanager::global::http_url;
use crate::config::url::Url;
use crate::config::yaml::{Fields, NodeKind};

/// Notifications as issues in Jira.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JiraConfig {
    /// `api_url`, with the API's path.
    pub api_url: Url,
    /// `api_type`: `auto`, the default, `cloud` or `datacenter`.
    pub api_type: String,
    /// `project`, a template.
    pub project: String,
    /// `summary`.
    pub summary: JiraField,
    /// `description`.
    pub description: JiraField,
    /// `labels`, templates.
    pub labels: Vec<String>,
    /// `priority`, a template.
    pub priority: String,
    /// `issue_type`, a template.
    pub issue_type: String,
    /// `reopen_transition`: the name of the transition that reopens an issue; empty: none.
    pub reopen_transition: String,
    /// `resolve_transition`: the name of the transition that resolves an issue; empty: none.
    pub resolve_transition: String,
    /// `wont_fix_resolution`: issues resolved so are left alone.
    pub wont_fix_resolution: String,
    /// `reopen_duration`: for how long a resolved issue is reopened.
    #[serde(serialize_with = "serialize_if_set")]
    pub reopen_duration: Duration,
    /// `fields`: others of the issue; their texts are templates.
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// A field of the issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JiraField {
    /// A template.
    pub template: String,
    /// Whether a known issue is updated too; unset: yes.
    pub enable_update: Option<bool>,
}

fn serialize_if_set<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = (!duration.is_zero()).then(|| crate::model::format_duration(*duration));
    shown.serialize(serializer)
}

impl JiraConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let api_url = http_url(fields, "api_url", None).or_else(|| context.global.jira_api_url.clone());
        let api_type = fields.get_or("api_type", "auto".to_owned());
        if !matches!(api_type.as_str(), "auto" | "cloud" | "datacenter") {
            let message = "unknown api_type on jira_config, must be auto, cloud or datacenter";
            fields.fault_at_key("api_type", message);
        }
        let project = fields.text("project");
        let project = required(fields, project, "missing project in jira_config");
        let issue_type = fields.text("issue_type");
        let issue_type = required(fields, issue_type, "missing issue_type in jira_config");
        let summary = JiraField::decode(fields, "summary");
        let description = JiraField::decode(fields, "description");
        let labels = fields.get_or_default("labels");
        let priority = fields.get_or("priority", named("jira.default.priority"));
        let [reopen_transition, resolve_transition, wont_fix_resolution] =
            ["reopen_transition", "resolve_transition", "wont_fix_resolution"]
                .map(|key| fields.get_or_default(key));
        let reopen_duration = fields.get_or_default("reopen_duration");
        let others = fields.get_or_default("fields");
        let api_url = required(fields, api_url, "no global Jira Cloud URL set");
        Some(Self {
            api_url: api_url?,
            api_type,
            project: project?,
            summary,
            description,
            labels,
            priority,
            issue_type: issue_type?,
            reopen_transition,
            resolve_transition,
            wont_fix_resolution,
            reopen_duration,
            fields: others,
        })
    }
}

impl JiraField {
    /// Reads a text or a mapping.
    fn decode(fields: &mut Fields<'_>, key: &'static str) -> Self {
        let default = named(&format!("jira.default.{key}"));
        let value = fields.value_of(key);
        match &value {
            Some(value) if matches!(value.kind(), NodeKind::Mapping(_)) => {
                let field = value.fields(|fields| Self {
                    template: fields.get_or("template", default.clone()),
                    enable_update: fields.pointer("enable_update", None),
                });
                field.unwrap_or(Self { template: default, enable_update: None })
            }
            _ => Self { template: fields.get_or(key, default), enable_update: None },
        }
    }
}
