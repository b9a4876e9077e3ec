//! `global`: defaults for what receivers leave out.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::config::http::{HttpClientConfig, Source, TlsConfig};
use crate::config::secret::Secret;
use crate::config::url::{HttpUrl, SecretUrl, Url};
use crate::config::yaml::{Decode, Fields, Value};

/// The `global` block with its defaults. A URL that is `None` was set to null in the file, and an integration that
/// needs it is at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GlobalConfig {
    /// How long after its last repeat an alert without an end is resolved; 5 minutes by default.
    #[serde(serialize_with = "crate::config::discovery::serialize_duration")]
    pub resolve_timeout: Duration,
    /// The HTTP client of integrations that have none of their own.
    pub http_config: HttpClientConfig,
    /// Jira's API.
    pub jira_api_url: Option<Url>,
    /// The sender of mails.
    pub smtp_from: Option<String>,
    /// The name for EHLO; `localhost` by default.
    pub smtp_hello: String,
    /// The mail server.
    pub smtp_smarthost: Option<HostPort>,
    /// The user for SMTP's AUTH.
    pub smtp_auth_username: String,
    /// The password for PLAIN and LOGIN.
    pub smtp_auth_password: Option<Source<Secret>>,
    /// The secret for CRAM-MD5.
    pub smtp_auth_secret: Option<Source<Secret>>,
    /// The identity for PLAIN.
    pub smtp_auth_identity: String,
    /// Whether mails go out over TLS only, true by default.
    #[serde(serialize_with = "crate::config::yaml::always")]
    pub smtp_require_tls: bool,
    /// TLS to the mail server. Paths in it are not joined to the directory of the file.
    pub smtp_tls_config: TlsConfig,
    /// Whether TLS begins with the connection; unset: on port 465.
    pub smtp_force_implicit_tls: Option<bool>,
    /// Slack's webhook.
    pub slack_api_url: Option<Source<SecretUrl>>,
    /// The token of a Slack app.
    pub slack_app_token: Option<Source<Secret>>,
    /// Slack's API for apps.
    pub slack_app_url: Option<Url>,
    /// PagerDuty's events API v2.
    pub pagerduty_url: Option<Url>,
    /// OpsGenie's API.
    pub opsgenie_api_url: Option<Url>,
    /// OpsGenie's key.
    pub opsgenie_api_key: Option<Source<Secret>>,
    /// WeChat's API.
    pub wechat_api_url: Option<Url>,
    /// WeChat's secret.
    pub wechat_api_secret: Option<Source<Secret>>,
    /// WeChat's corporation.
    pub wechat_api_corp_id: String,
    /// VictorOps's API.
    pub victorops_api_url: Option<Url>,
    /// VictorOps's key.
    pub victorops_api_key: Option<Source<Secret>>,
    /// Telegram's API.
    pub telegram_api_url: Option<Url>,
    /// The token of a Telegram bot.
    pub telegram_bot_token: Option<Source<Secret>>,
    /// Webex's API.
    pub webex_api_url: Option<Url>,
    /// Rocket.Chat's server.
    pub rocketchat_api_url: Option<Url>,
    /// Rocket.Chat's token.
    pub rocketchat_token: Option<Source<Secret>>,
    /// The id of Rocket.Chat's token.
    pub rocketchat_token_id: Option<Source<Secret>>,
    /// Mattermost's webhook.
    pub mattermost_webhook_url: Option<Source<SecretUrl>>,
    /// HipChat's API (`hipchat_api_url`, before 0.11 `hipchat_url`). Not printed: no Alertmanager of today reads it.
    #[serde(skip)]
    pub hipchat_api_url: Option<Url>,
    /// HipChat's token. Not printed either.
    #[serde(skip)]
    pub hipchat_auth_token: Option<Secret>,
}

/// A URL known to be one.
fn default_url(text: &str) -> Option<Url> {
    Url::parse(text).ok()
}

/// The URL at `key`; `default` if the key is not there, none if it is null.
pub(super) fn http_url(fields: &mut Fields<'_>, key: &'static str, default: Option<Url>) -> Option<Url> {
    fields.pointer(key, default.map(HttpUrl)).map(|HttpUrl(url)| url)
}

/// A value from one of two keys, of which at most one may be there.
pub(super) fn pair<T: Decode>(
    fields: &mut Fields<'_>,
    inline: &'static str,
    file: &'static str,
) -> Option<Source<T>> {
    let value: Option<T> = fields.get_if_set(inline);
    let path = fields.get_if_set(file);
    fields.at_most_one(&[inline, file], &format!("at most one of {inline} & {file} must be configured"));
    value.map(Source::Inline).or_else(|| path.map(Source::File))
}

/// A pair whose file is joined to the directory of the configuration: the token becomes part of the HTTP client, where
/// Alertmanager joins all paths.
pub(super) fn joined_pair<T: Decode>(
    fields: &mut Fields<'_>,
    inline: &'static str,
    file: &'static str,
) -> Option<Source<T>> {
    let unjoined = pair(fields, inline, file)?;
    let path = fields.value_of(file).filter(|_| matches!(unjoined, Source::File(_)));
    match path {
        Some(path) => Decode::decode(&path.joining_paths(true)).map(Source::File),
        None => Some(unjoined),
    }
}

impl GlobalConfig {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Self {
        let http_config = fields.value_of("http_config").filter(|value| !value.is_null());
        let http_config =
            http_config.and_then(|value| value.joining_paths(true).fields(HttpClientConfig::decode));
        let old_hipchat_url = http_url(fields, "hipchat_url", default_url("https://api.hipchat.com/"));
        let config = Self {
            resolve_timeout: fields.get_or("resolve_timeout", Duration::from_secs(300)),
            http_config: http_config
                .unwrap_or_else(|| HttpClientConfig { position: fields.position(), ..Default::default() }),
            jira_api_url: http_url(fields, "jira_api_url", None),
            smtp_from: fields.text("smtp_from"),
            smtp_hello: fields.get_or("smtp_hello", "localhost".to_owned()),
            smtp_smarthost: fields.get_if_set("smtp_smarthost"),
            smtp_auth_username: fields.get_or_default("smtp_auth_username"),
            smtp_auth_password: pair(fields, "smtp_auth_password", "smtp_auth_password_file"),
            smtp_auth_secret: pair(fields, "smtp_auth_secret", "smtp_auth_secret_file"),
            smtp_auth_identity: fields.get_or_default("smtp_auth_identity"),
            smtp_require_tls: fields.get_or("smtp_require_tls", true),
            smtp_tls_config: TlsConfig::decode_at(fields, "smtp_tls_config"),
            smtp_force_implicit_tls: fields.pointer("smtp_force_implicit_tls", None),
            slack_api_url: pair(fields, "slack_api_url", "slack_api_url_file"),
            slack_app_token: joined_pair(fields, "slack_app_token", "slack_app_token_file"),
            slack_app_url: http_url(
                fields,
                "slack_app_url",
                default_url("https://slack.com/api/chat.postMessage"),
            ),
            pagerduty_url: http_url(
                fields,
                "pagerduty_url",
                default_url("https://events.pagerduty.com/v2/enqueue"),
            ),
            opsgenie_api_url: http_url(fields, "opsgenie_api_url", default_url("https://api.opsgenie.com/")),
            opsgenie_api_key: pair(fields, "opsgenie_api_key", "opsgenie_api_key_file"),
            wechat_api_url: http_url(
                fields,
                "wechat_api_url",
                default_url("https://qyapi.weixin.qq.com/cgi-bin/"),
            ),
            wechat_api_secret: pair(fields, "wechat_api_secret", "wechat_api_secret_file"),
            wechat_api_corp_id: fields.get_or_default("wechat_api_corp_id"),
            victorops_api_url: http_url(
                fields,
                "victorops_api_url",
                default_url("https://alert.victorops.com/integrations/generic/20131114/alert/"),
            ),
            victorops_api_key: pair(fields, "victorops_api_key", "victorops_api_key_file"),
            telegram_api_url: http_url(fields, "telegram_api_url", default_url("https://api.telegram.org")),
            telegram_bot_token: pair(fields, "telegram_bot_token", "telegram_bot_token_file"),
            webex_api_url: http_url(
                fields,
                "webex_api_url",
                default_url("https://webexapis.com/v1/messages"),
            ),
            rocketchat_api_url: http_url(
                fields,
                "rocketchat_api_url",
                default_url("https://open.rocket.chat/"),
            ),
            rocketchat_token: pair(fields, "rocketchat_token", "rocketchat_token_file"),
            rocketchat_token_id: pair(fields, "rocketchat_token_id", "rocketchat_token_id_file"),
            mattermost_webhook_url: pair(fields, "mattermost_webhook_url", "mattermost_webhook_url_file"),
            hipchat_api_url: http_url(fields, "hipchat_api_url", old_hipchat_url),
            hipchat_auth_token: fields.get_if_set("hipchat_auth_token"),
        };
        config.check_slack(fields);
        config
    }

    /// A token and a webhook exclude each other, unless the webhook is the very API that takes the token: so people
    /// wrote it before there was a key for the token.
    fn check_slack(&self, fields: &Fields<'_>) {
        let app_url = self.slack_app_url.as_ref().map(Url::as_written);
        let is_app_url = match &self.slack_api_url {
            Some(Source::Inline(url)) => Some(url.expose()) == app_url,
            _ => false,
        };
        if self.slack_app_token.is_some() && self.slack_api_url.is_some() && !is_app_url {
            fields.fault_at(
                &["slack_api_url", "slack_api_url_file"],
                "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be \
                 configured",
            );
        }
    }
}

/// The address of a server, as Go's `net.SplitHostPort` reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address, without brackets; may be empty.
    pub host: String,
    /// The port, a number or the name of a service.
    pub port: String,
}

impl HostPort {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("missing ']' in address")?;
                (host, rest.strip_prefix(':').ok_or("missing port in address")?)
            }
            None => text.rsplit_once(':').ok_or("missing port in address")?,
        };
        if (!text.starts_with('[') && host.contains(':')) || port.contains(':') {
            return Err("too many colons in address");
        }
        if port.is_empty() {
            return Err("port cannot be empty");
        }
        Ok(Self { host: host.to_owned(), port: port.to_owned() })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Serialize for HostPort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Decode for HostPort {
    fn decode(value: &Value<'_>) -> Option<Self> {
        let text = String::decode(value)?;
        let address = Self::parse(&text);
        address
            .map_err(|problem| {
                value.fault_with_help(format!("address {text:?}: {problem}"), "write host:port")
            })
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_in_go() {
        let shown = |text: &str| HostPort::parse(text).map(|address| address.to_string());
        for text in ["mail:25", "[::1]:465", ":25", "mail:smtp"] {
            assert_eq!(shown(text).as_deref(), Ok(text));
        }
        for (text, problem) in [
            ("mail", "missing port in address"),
            ("mail:", "port cannot be empty"),
            ("::1:25", "too many colons in address"),
            ("[::1]", "missing port in address"),
            ("[::1", "missing ']' in address"),
            ("[::1]:2:3", "too many colons in address"),
        ] {
            assert_eq!(shown(text), Err(problem), "{text}");
        }
    }
}
