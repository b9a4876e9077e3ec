//! The static table of the integrations.

use super::discord::Discord;
use super::email::Email;
use super::exec::Exec;
use super::hipchat::HipChat;
use super::incidentio::Incidentio;
use super::integration::{Build, BuildError, Notifier};
use super::jira::Jira;
use super::mattermost::Mattermost;
use super::msteams::MsTeams;
use super::msteamsv2::MsTeamsV2;
use super::opsgenie::OpsGenie;
use super::pagerduty::Pagerduty;
use super::pushover::Pushover;
use super::rocketchat::Rocketchat;
use super::slack::Slack;
use super::sns::Sns;
use super::telegram::Telegram;
use super::victorops::VictorOps;
use super::webex::Webex;
use super::webhook::Webhook;
use super::wechat::Wechat;
use crate::config::alertmanager::Integration as Settings;

/// Builds a notifier, if the settings are those of its kind.
type BuildNotifier = fn(&Settings, &mut Build<'_>) -> Option<Result<Box<dyn Notifier>, BuildError>>;

/// A kind of integration.
#[derive(Debug)]
pub struct Kind {
    /// The name in metrics, logs and the notification log.
    pub name: &'static str,
    pub(super) build: BuildNotifier,
}

/// The row of a kind: its name, the variant of its settings, and the notifier with its `new`.
macro_rules! kind {
    ($name:literal, $settings:ident, $notifier:ty) => {
        Kind {
            name: $name,
            build: |settings, build| match settings {
                Settings::$settings(config) => Some(
                    <$notifier>::new(config, build).map(|notifier| Box::new(notifier) as Box<dyn Notifier>),
                ),
                _ => None,
            },
        }
    };
}

/// All kinds, in the order in which Alertmanager builds them; what it does not have stands last.
pub const KINDS: &[Kind] = &[
    kind!("webhook", Webhook, Webhook),
    kind!("email", Email, Email),
    kind!("pagerduty", Pagerduty, Pagerduty),
    kind!("opsgenie", OpsGenie, OpsGenie),
    kind!("wechat", Wechat, Wechat),
    kind!("slack", Slack, Slack),
    kind!("victorops", VictorOps, VictorOps),
    kind!("pushover", Pushover, Pushover),
    kind!("sns", Sns, Sns),
    kind!("telegram", Telegram, Telegram),
    kind!("discord", Discord, Discord),
    kind!("webex", Webex, Webex),
    kind!("msteams", MsTeams, MsTeams),
    kind!("msteamsv2", MsTeamsV2, MsTeamsV2),
    kind!("jira", Jira, Jira),
    kind!("incidentio", Incidentio, Incidentio),
    kind!("rocketchat", Rocketchat, Rocketchat),
    kind!("mattermost", Mattermost, Mattermost),
    kind!("hipchat", HipChat, HipChat),
    kind!("exec", Exec, Exec),
];
