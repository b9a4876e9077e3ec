//! `incidentio_configs`.

use std::path::Path;
use std::time::Duration;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::{Context, required_pair};
use crate::config::alertmanager::global::pair;
use crate::config::go_duration::{GoDuration, serialize_go_duration};
use crate::config::http::{Authentication, Source};
use crate::config::secret::Secret;
use crate::config::url::{HttpUrl, Url};
use crate::config::yaml::{Always, Fields, always};

/// Notifications by incident.io.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentioConfig {
    /// `url` or its file, never rendered.
    #[serde(rename = "", serialize_with = "serialize_url")]
    pub url: Source<Url>,
    /// `alert_source_token` or its file; unset: the HTTP client's authorization is used.
    pub alert_source_token: Option<Source<Secret>>,
    /// `max_alerts`: how many alerts a notification holds; 0 for all.
    #[serde(serialize_with = "always")]
    pub max_alerts: u64,
    /// `timeout` of one attempt; zero for none.
    #[serde(serialize_with = "serialize_go_duration")]
    pub timeout: Duration,
}

/// Both keys, one of them null or empty.
fn serialize_url<S: Serializer>(url: &Source<Url>, serializer: S) -> Result<S::Ok, S::Error> {
    let (url, file) = match url {
        Source::Inline(url) => (Some(url), Path::new("")),
        Source::File(file) => (None, file.as_path()),
    };
    let mut fields = serializer.serialize_struct("Url", 2)?;
    fields.serialize_field("url", &Always(url))?;
    fields.serialize_field("url_file", &Always(file))?;
    fields.end()
}

impl IncidentioConfig {
    pub(super) fn decode(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Self> {
        let url = required_pair(fields, "url", "url_file");
        let token = pair(fields, "alert_source_token", "alert_source_token_file");
        let max_alerts = fields.get_or_default("max_alerts");
        let GoDuration(timeout) = fields.get_or_default("timeout");
        let is_authorized = matches!(context.http.authentication, Some(Authentication::Authorization(_)));
        if context.has_local_http && is_authorized && token.is_some() {
            fields.fault_at(
                &["alert_source_token", "alert_source_token_file"],
                "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization",
            );
        }
        if !is_authorized && token.is_none() {
            fields.value().fault(
                "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be \
                 configured",
            );
        }
        let url = match url? {
            Source::Inline(HttpUrl(url)) => Source::Inline(url),
            Source::File(file) => Source::File(file),
        };
        Some(Self { url, alert_source_token: token, max_alerts, timeout })
    }
}
