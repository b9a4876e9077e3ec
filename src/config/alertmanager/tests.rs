use std::path::Path;

use super::*;
use crate::config::ConfigError;
use crate::config::tests::{cases, tell_faults};
use crate::model::MatcherMode;

fn parse_as(text: &str, mode: MatcherMode) -> Result<AlertmanagerFile, ConfigError> {
    AlertmanagerFile::parse(Path::new("/etc/alertmanager/alertmanager.yml"), text, mode)
}

fn parse(text: &str) -> Result<AlertmanagerFile, ConfigError> {
    parse_as(text, MatcherMode::Fallback)
}

fn read(text: &str) -> AlertmanagerFile {
    parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn files_that_people_have_are_read_and_printed() {
    let files = [
        ("teams", include_str!("testdata/teams.yml")),
        ("databases", include_str!("testdata/databases.yml")),
        ("mail_and_inhibition", include_str!("testdata/mail-and-inhibition.yml")),
        ("null_receiver", include_str!("testdata/null-receiver.yml")),
    ];
    for (name, text) in files {
        let file = read(text);
        let printed = file.to_yaml();
        insta::assert_snapshot!(name, printed);
        let again = read(&printed);
        assert_eq!(again.to_yaml().split("# receiver").next(), printed.split("# receiver").next(), "{name}");
    }
}

#[test]
fn every_key_is_read_and_printed_as_alertmanager_does() {
    let file = read(include_str!("testdata/whole.yml"));
    let printed = file.to_yaml();
    insta::assert_snapshot!("whole", printed);
    assert!(!format!("{file:?} {printed}").contains("hunter2"));
}

#[test]
fn bad_files_are_told_what_is_wrong() {
    let cases = cases(include_str!("testdata/bad.txt"));
    let told = tell_faults(&cases, |text| parse(text).expect_err(text));
    insta::assert_snapshot!("bad", told);
}

const ONE_RECEIVER: &str = "receivers: [{name: a}]\n";

/// The integrations of the receiver `a`, the only one.
fn integrations(global: &str, receiver: &str) -> Vec<IntegrationConfig> {
    let text = format!("global: {{{global}}}\nroute: {{receiver: a}}\nreceivers: [{{name: a, {receiver}}}]");
    read(&text).receivers.remove(0).integrations
}

#[test]
fn matchers_are_read_as_the_mode_says() {
    let text = |matchers: &str| {
        format!("route: {{receiver: a, routes: [{{matchers: [{matchers}]}}]}}\n{ONE_RECEIVER}")
    };
    let told = |matchers: &str, mode| {
        parse_as(&text(matchers), mode).map(|file| {
            let notices: Vec<_> = file.notices.iter().map(ToString::to_string).collect();
            (file.route.routes[0].matchers.to_string(), notices.join("\n"))
        })
    };
    let quiet = |matchers: &str| (matchers.to_owned(), String::new());
    assert_eq!(told("'a = b'", MatcherMode::Fallback).unwrap(), quiet(r#"{a="b"}"#));
    assert_eq!(told("'a🙂=b'", MatcherMode::Fallback).unwrap(), quiet(r#"{a🙂="b"}"#));
    assert!(told("'a🙂=b'", MatcherMode::Classic).is_err());
    assert!(told("'a=b c'", MatcherMode::Utf8Strict).is_err());
    let (matchers, notice) = told("'a=b c'", MatcherMode::Fallback).unwrap();
    assert_eq!(matchers, r#"{a="b c"}"#);
    assert!(notice.starts_with("/etc/alertmanager/alertmanager.yml:1:43: "), "{notice}");
    assert!(notice.contains(r#"write "a=\"b c\"" instead"#), "{notice}");
    let (matchers, notice) = told(r#"'a="\t"'"#, MatcherMode::Fallback).unwrap();
    assert_eq!(matchers, r#"{a="\\t"}"#);
    assert!(notice.contains("means something else"), "{notice}");

    let group_by = format!("route: {{receiver: a, group_by: ['a b']}}\n{ONE_RECEIVER}");
    assert!(parse_as(&group_by, MatcherMode::Utf8Strict).is_ok());
    assert!(parse_as(&group_by, MatcherMode::Classic).is_err());
}

#[test]
fn old_matchers_and_new_ones_are_sorted_together() {
    let route = "{match: {b: x}, match_re: {a: y|z}, matchers: [c!=w]}";
    let file = read(&format!("route: {{receiver: a, routes: [{route}]}}\n{ONE_RECEIVER}"));
    assert_eq!(file.route.routes[0].matchers.to_string(), r#"{a=~"^(?:y|z)$",b="x",c!="w"}"#);
}

#[test]
fn some_paths_stand_beside_the_file_and_others_do_not() {
    let http = "http_config: {tls_config: {ca_file: ca}}";
    let mail = "smtp_tls_config: {ca_file: ca}, smtp_smarthost: 'h:1', smtp_from: a";
    let receiver = "webhook_configs: [{url_file: u, http_config: {basic_auth: {password_file: p}}}], \
                    slack_configs: [{app_token_file: t}], email_configs: [{to: b}], \
                    incidentio_configs: [{url_file: u, http_config: {authorization: {credentials_file: c}}}], \
                    exec_configs: [{command: [bin/page, bin/x]}, {command: [page]}]";
    let shown = format!("{:?}", integrations(&format!("{http}, {mail}"), receiver));
    for joined in ["p", "t", "c", "bin/page"] {
        assert!(shown.contains(&format!("\"/etc/alertmanager/{joined}\"")), "{joined}: {shown}");
    }
    for unjoined in ["File(\"u\")", "\"ca\"", "\"bin/x\"", "[\"page\"]"] {
        assert!(shown.contains(unjoined), "{unjoined}: {shown}");
    }
}

#[test]
fn what_is_more_local_counts() {
    let inherited = |global: &str, receiver: &str| {
        let integrations = integrations(global, receiver);
        crate::config::yaml::to_yaml(&integrations[0].settings)
    };
    let key = |yaml: &str, key: &str| yaml.lines().any(|line| line.starts_with(&format!("{key}: ")));
    let own = inherited("opsgenie_api_key: x", "opsgenie_configs: [{api_key_file: f}]");
    assert!(key(&own, "api_key_file") && !key(&own, "api_key"), "{own}");
    let own =
        inherited("rocketchat_token_file: f, rocketchat_token_id: i", "rocketchat_configs: [{token: x}]");
    assert!(key(&own, "token") && !key(&own, "token_file"), "{own}");
    let own = inherited("slack_app_token: x", "slack_configs: [{api_url_file: f}]");
    assert!(key(&own, "api_url_file") && !key(&own, "app_token"), "{own}");
    let inherits = inherited("slack_app_token: x", "slack_configs: [{channel: c}]");
    assert!(key(&inherits, "app_token"), "{inherits}");
    let authorized = "slack_configs: [{http_config: {authorization: {credentials: y}}}]";
    let workaround = inherited("slack_api_url: 'https://slack.com/api/chat.postMessage'", authorized);
    assert!(!key(&workaround, "app_token"), "{workaround}");
}

#[test]
fn integrations_are_numbered_by_kind_in_the_order_of_their_building() {
    let receiver = "exec_configs: [{command: [x]}], discord_configs: [{webhook_url: 'http://x'}], \
                    webhook_configs: [{url: 'http://x/'}, {url: 'http://x/'}], slack_configs: [{api_url: 'http://x'}]";
    let built = integrations("", receiver);
    let built: Vec<_> = built.iter().map(|one| (one.kind, one.index, one.send_resolved)).collect();
    let expected = [
        ("webhook", 0, true),
        ("webhook", 1, true),
        ("slack", 0, false),
        ("discord", 0, true),
        ("exec", 0, true),
    ];
    assert_eq!(built, expected);
}

#[test]
fn keys_of_ours_are_told_apart_from_alertmanagers() {
    let webhook = "{url: 'http://x/', preset: feishu, secret: hunter2, method: put, query: {token: hunter2}, \
                   headers: {X-Key: hunter2}, form: {Body: '{{ .Status }}'}, content_type: text/x}";
    let receiver = format!(
        "{{name: a, webhook_configs: [{{url: 'http://x/'}}, {webhook}], hipchat_configs: [{{room_id: 1}}]}}"
    );
    let text =
        format!("global: {{hipchat_auth_token: hunter2}}\nroute: {{receiver: a}}\nreceivers: [{receiver}]");
    let file = read(&text);
    let [plain, ours, hipchat] = &file.receivers[0].integrations[..] else { panic!("{file:?}") };
    let Integration::Webhook(WebhookConfig { request, .. }) = &plain.settings else { panic!("{plain:?}") };
    assert_eq!(request, &WebhookRequest::default());
    let Integration::Webhook(WebhookConfig { request, .. }) = &ours.settings else { panic!("{ours:?}") };
    assert_eq!(request.method.as_deref(), Some("PUT"));
    assert_eq!(request.preset, Some(WebhookPreset::Feishu));
    assert_eq!(request.headers["X-Key"].expose(), "hunter2");
    assert!(matches!(&hipchat.settings, Integration::HipChat(_)));
    let printed = file.to_yaml();
    let comments: Vec<_> = printed.lines().filter(|line| line.starts_with('#')).collect();
    let expected = [
        "# receiver \"a\": webhook_configs[1] has preset, method, query, headers, form, content_type, secret",
        "# receiver \"a\": hipchat_configs[0] is read too",
    ];
    assert_eq!(comments, expected);
    assert!(!format!("{file:?}{printed}").contains("hunter2"));
    assert!(file.is_routed("a") && !file.is_routed("b"));
}

#[test]
fn a_location_may_be_empty_or_local() {
    let location = |name: &str| {
        let interval = format!("time_intervals: [{{name: t, time_intervals: [{{location: {name}}}]}}]");
        read(&format!("route: {{receiver: a}}\n{ONE_RECEIVER}{interval}")).time_intervals[0].time_intervals[0]
            .clone()
    };
    assert_eq!(location("''").location.as_deref(), Some("UTC"));
    assert_eq!(location("Local").location.as_deref(), Some("Local"));
    assert_eq!(location("").location, None);
}
