//! The integrations: what each kind of notification needs to know, one file a kind.
//!
//! A text documented as a template is rendered for each notification. A key that a file leaves out has
//! Alertmanager's default here, and what it inherits from `global`.

mod chat;
mod email;
mod exec;
mod hipchat;
mod incidentio;
mod jira;
mod mattermost;
mod opsgenie;
mod pagerduty;
mod pushover;
mod rocketchat;
mod slack;
mod sns;
mod victorops;
mod webhook;
mod wechat;

use serde::Serialize;

pub use chat::{DiscordConfig, MsTeamsConfig, MsTeamsV2Config, TelegramConfig, WebexConfig};
pub use email::{EmailConfig, ThreadByDate};
pub use exec::ExecConfig;
pub use hipchat::HipChatConfig;
pub use incidentio::IncidentioConfig;
pub use jira::{JiraConfig, JiraField};
pub use mattermost::{MattermostAttachment, MattermostConfig, MattermostPriority};
pub use opsgenie::{OpsGenieConfig, OpsGenieResponder};
pub use pagerduty::{PagerdutyConfig, PagerdutyImage, PagerdutyKey, PagerdutyLink};
pub use pushover::PushoverConfig;
pub use rocketchat::{RocketchatAction, RocketchatConfig, RocketchatField};
pub use slack::{SlackAction, SlackConfig, SlackConfirmation, SlackField};
pub use sns::SnsConfig;
pub use victorops::VictorOpsConfig;
pub use webhook::{WebhookBody, WebhookConfig, WebhookPreset, WebhookRequest};
pub use wechat::WechatConfig;

use super::global::GlobalConfig;
use crate::config::http::HttpClientConfig;
use crate::config::yaml::Fields;

/// What the keys of one integration say, by kind. Kinds that no Alertmanager of today reads are not printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Integration {
    /// `webhook_configs`.
    Webhook(WebhookConfig),
    /// `email_configs`.
    Email(Box<EmailConfig>),
    /// `pagerduty_configs`.
    Pagerduty(Box<PagerdutyConfig>),
    /// `opsgenie_configs`.
    OpsGenie(Box<OpsGenieConfig>),
    /// `wechat_configs`.
    Wechat(Box<WechatConfig>),
    /// `slack_configs`.
    Slack(Box<SlackConfig>),
    /// `victorops_configs`.
    VictorOps(Box<VictorOpsConfig>),
    /// `pushover_configs`.
    Pushover(Box<PushoverConfig>),
    /// `sns_configs`.
    Sns(Box<SnsConfig>),
    /// `telegram_configs`.
    Telegram(Box<TelegramConfig>),
    /// `discord_configs`.
    Discord(DiscordConfig),
    /// `webex_configs`.
    Webex(WebexConfig),
    /// `msteams_configs`.
    MsTeams(MsTeamsConfig),
    /// `msteamsv2_configs`.
    MsTeamsV2(MsTeamsV2Config),
    /// `jira_configs`.
    Jira(Box<JiraConfig>),
    /// `incidentio_configs`.
    Incidentio(IncidentioConfig),
    /// `rocketchat_configs`.
    Rocketchat(Box<RocketchatConfig>),
    /// `mattermost_configs`.
    Mattermost(Box<MattermostConfig>),
    /// `hipchat_configs`, which Alertmanager has given up in 0.21.
    #[serde(skip)]
    HipChat(Box<HipChatConfig>),
    /// `exec_configs`, which Alertmanager does not have.
    #[serde(skip)]
    Exec(Box<ExecConfig>),
}

/// What an integration inherits.
pub(super) struct Context<'g> {
    pub(super) global: &'g GlobalConfig,
    /// Whether the integration has an `http_config` of its own.
    pub(super) has_local_http: bool,
    /// Its own `http_config`, or else that of `global`; the integration may add to it.
    pub(super) http: HttpClientConfig,
}

/// A kind of integration.
pub(super) struct Kind {
    /// The name in metrics and in the notification log.
    pub(super) name: &'static str,
    /// The key of a receiver that lists integrations of this kind.
    pub(super) key: &'static str,
    /// What `send_resolved` is if left out.
    pub(super) send_resolved: bool,
    /// Whether there is an `http_config`.
    pub(super) has_http: bool,
    pub(super) decode: fn(&mut Fields<'_>, &mut Context<'_>) -> Option<Integration>,
}

const fn kind(
    name: &'static str,
    key: &'static str,
    send_resolved: bool,
    decode: fn(&mut Fields<'_>, &mut Context<'_>) -> Option<Integration>,
) -> Kind {
    Kind { name, key, send_resolved, has_http: true, decode }
}

/// All kinds in the order in which Alertmanager builds them.
pub(super) const KINDS: [Kind; 20] = [
    kind("webhook", "webhook_configs", true, |fields, _| {
        WebhookConfig::decode(fields).map(Integration::Webhook)
    }),
    Kind {
        name: "email",
        key: "email_configs",
        send_resolved: false,
        has_http: false,
        decode: |fields, context| boxed(EmailConfig::decode(fields, context), Integration::Email),
    },
    kind("pagerduty", "pagerduty_configs", true, |fields, context| {
        boxed(PagerdutyConfig::decode(fields, context), Integration::Pagerduty)
    }),
    kind("opsgenie", "opsgenie_configs", true, |fields, context| {
        boxed(OpsGenieConfig::decode(fields, context), Integration::OpsGenie)
    }),
    kind("wechat", "wechat_configs", false, |fields, context| {
        boxed(WechatConfig::decode(fields, context), Integration::Wechat)
    }),
    kind("slack", "slack_configs", false, |fields, context| {
        boxed(SlackConfig::decode(fields, context), Integration::Slack)
    }),
    kind("victorops", "victorops_configs", true, |fields, context| {
        boxed(VictorOpsConfig::decode(fields, context), Integration::VictorOps)
    }),
    kind("pushover", "pushover_configs", true, |fields, _| {
        boxed(PushoverConfig::decode(fields), Integration::Pushover)
    }),
    kind("sns", "sns_configs", true, |fields, _| boxed(SnsConfig::decode(fields), Integration::Sns)),
    kind("telegram", "telegram_configs", true, |fields, context| {
        boxed(TelegramConfig::decode(fields, context), Integration::Telegram)
    }),
    kind("discord", "discord_configs", true, |fields, _| {
        DiscordConfig::decode(fields).map(Integration::Discord)
    }),
    kind("webex", "webex_configs", true, |fields, context| {
        WebexConfig::decode(fields, context).map(Integration::Webex)
    }),
    kind("msteams", "msteams_configs", true, |fields, _| {
        MsTeamsConfig::decode(fields).map(Integration::MsTeams)
    }),
    kind("msteamsv2", "msteamsv2_configs", true, |fields, context| {
        MsTeamsV2Config::decode(fields, context).map(Integration::MsTeamsV2)
    }),
    kind("jira", "jira_configs", true, |fields, context| {
        boxed(JiraConfig::decode(fields, context), Integration::Jira)
    }),
    kind("incidentio", "incidentio_configs", true, |fields, context| {
        IncidentioConfig::decode(fields, context).map(Integration::Incidentio)
    }),
    kind("rocketchat", "rocketchat_configs", false, |fields, context| {
        boxed(RocketchatConfig::decode(fields, context), Integration::Rocketchat)
    }),
    kind("mattermost", "mattermost_configs", true, |fields, context| {
        boxed(MattermostConfig::decode(fields, context), Integration::Mattermost)
    }),
    kind("hipchat", "hipchat_configs", false, |fields, context| {
        boxed(HipChatConfig::decode(fields, context), Integration::HipChat)
    }),
    Kind {
        name: "exec",
        key: "exec_configs",
        send_resolved: true,
        has_http: false,
        decode: |fields, _| boxed(ExecConfig::decode(fields), Integration::Exec),
    },
];

fn boxed<T>(settings: Option<T>, kind: fn(Box<T>) -> Integration) -> Option<Integration> {
    settings.map(|settings| kind(Box::new(settings)))
}

/// The template that calls the template `name`.
fn named(name: &str) -> String {
    format!("{{{{ template \"{name}\" . }}}}")
}

/// A value that must be there, with a fault at the integration if it is not.
fn required<T>(fields: &Fields<'_>, value: Option<T>, message: &str) -> Option<T> {
    if value.is_none() {
        fields.value().fault(message);
    }
    value
}

/// A value from one of two keys, of which exactly one must be there.
fn required_pair<T: crate::config::yaml::Decode>(
    fields: &mut Fields<'_>,
    inline: &'static str,
    file: &'static str,
) -> Option<crate::config::http::Source<T>> {
    let value = super::global::pair(fields, inline, file);
    if fields.present(&[inline, file]).is_empty() {
        fields.value().fault(format!("one of {inline} or {file} must be configured"));
    }
    value
}
