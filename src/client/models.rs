//! What API v2 sends and takes, by the names of its document; members in the order in which Alertmanager writes
//! them. Reading ignores members that it does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ApiTime;

/// Labels or annotations.
pub type ApiLabelSet = BTreeMap<String, String>;

/// An alert that the server shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableAlert {
    /// What describes it.
    #[serde(default)]
    pub annotations: ApiLabelSet,
    /// When it ends or ended.
    pub ends_at: ApiTime,
    /// The fingerprint of its labels, in hexadecimal digits.
    pub fingerprint: String,
    /// Who is told.
    #[serde(default)]
    pub receivers: Vec<ReceiverReference>,
    /// When it began.
    pub starts_at: ApiTime,
    /// Whether somebody is told, and if not why.
    pub status: AlertStatus,
    /// When the server heard of it last.
    pub updated_at: ApiTime,
    /// Where it comes from.
    #[serde(rename = "generatorURL", default, skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
    /// What identifies it.
    pub labels: ApiLabelSet,
}

/// A receiver's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverReference {
    /// The name.
    pub name: String,
}

/// Whether somebody is told of an alert. Lists that an old server does not know are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// The fingerprints of the alerts that inhibit it.
    pub inhibited_by: Option<Vec<String>>,
    /// The time intervals that mute it.
    pub muted_by: Option<Vec<String>>,
    /// The ids of the silences that silence it.
    pub silenced_by: Option<Vec<String>>,
    /// `unprocessed`, `active` or `suppressed`.
    pub state: String,
}

/// An alert to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    /// What describes it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: ApiLabelSet,
    /// When it ends; by itself after the server's `resolve_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<ApiTime>,
    /// When it began; now if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<ApiTime>,
    /// Where it comes from.
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
    /// What identifies it.
    pub labels: ApiLabelSet,
}

/// A silence that the server shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableSilence {
    /// Its id, a UUID.
    pub id: String,
    /// Whether it is in force.
    pub status: SilenceStatus,
    /// When it was last changed.
    pub updated_at: ApiTime,
    /// Whatever its creator noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: ApiLabelSet,
    /// Why it was made.
    pub comment: String,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    pub ends_at: ApiTime,
    /// Which alerts it silences.
    pub matchers: Vec<ApiMatcher>,
    /// When it begins.
    pub starts_at: ApiTime,
}

/// Whether a silence is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceStatus {
    /// `pending`, `active` or `expired`.
    pub state: String,
}

/// A condition of a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiMatcher {
    /// Whether a match is wanted, not its absence; servers before 0.22 do not say and mean yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_equal: Option<bool>,
    /// Whether the value is a regular expression.
    pub is_regex: bool,
    /// The label's name.
    pub name: String,
    /// The value or the regular expression.
    pub value: String,
}

/// A silence to create or change. What is missing is left to the server to refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableSilence {
    /// The silence to change; a new one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whatever its creator noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<ApiLabelSet>,
    /// Why it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Who makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<ApiTime>,
    /// Which alerts it silences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matchers: Option<Vec<PostableMatcher>>,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<ApiTime>,
}

/// A condition of a silence to create. What is missing is left to the server to refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableMatcher {
    /// Whether a match is wanted, not its absence; yes if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_equal: Option<bool>,
    /// Whether the value is a regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_regex: Option<bool>,
    /// The label's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The value or the regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl From<&GettableSilence> for PostableSilence {
    fn from(silence: &GettableSilence) -> Self {
        let matchers = silence.matchers.iter().map(|matcher| PostableMatcher {
            is_equal: matcher.is_equal,
            is_regex: Some(matcher.is_regex),
            name: Some(matcher.name.clone()),
            value: Some(matcher.value.clone()),
        });
        Self {
            id: Some(silence.id.clone()),
            annotations: Some(silence.annotations.clone()).filter(|annotations| !annotations.is_empty()),
            comment: Some(silence.comment.clone()),
            created_by: Some(silence.created_by.clone()),
            ends_at: Some(silence.ends_at),
            matchers: Some(matchers.collect()),
            starts_at: Some(silence.starts_at),
        }
    }
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertmanagerStatus {
    /// The cluster as it sees it.
    pub cluster: ClusterStatus,
    /// Its configuration.
    pub config: AlertmanagerConfig,
    /// Since when it runs.
    pub uptime: ApiTime,
    /// Which program it is.
    pub version_info: VersionInfo,
}

/// A cluster as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// The member's own name; empty without clustering.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// All members. `None` where an old server without clustering does not say.
    pub peers: Option<Vec<PeerStatus>>,
    /// `ready`, `settling` or `disabled`.
    pub status: String,
}

/// A member of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// `IP:PORT`
    pub address: String,
    /// Its name.
    pub name: String,
}

/// A server's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertmanagerConfig {
    /// The text, without its secrets.
    pub original: String,
}

/// Which program a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// The branch it was built from.
    pub branch: String,
    /// When it was built.
    pub build_date: String,
    /// Who built it.
    pub build_user: String,
    /// With which version of Go.
    pub go_version: String,
    /// The commit it was built from.
    pub revision: String,
    /// Its version, such as `0.34.0`.
    pub version: String,
}
