//! Presets of the webhook: services that Alertmanager has no integration for, and that take no other request than
//! their own. One file each; `docs/presets/` has a page for each.
//!
//! A preset has a body. Members of the configuration's `payload` (fields of its `form`) are laid over it, mappings into
//! mappings; all texts are templates. Unlike those of a plain `payload` they stay texts, whatever they render to.

mod codes;
mod dingtalk;
mod feishu;
mod google_chat;
mod gotify;
mod matrix;
mod ntfy;
mod signal;
mod twilio;
mod wecom;

use std::fmt;

use ::http::Method;
use serde_json::Value;
use url::Url;

pub(super) use self::codes::Codes;
use super::attempt::Attempt;
use super::failure::{Verdict, body_text};
use super::truncate;
use crate::config::Secret;
use crate::config::alertmanager::WebhookPreset;
use crate::net::Response;

/// The subject of all of Alertmanager's defaults.
const TITLE: &str = "{{ template \"__subject\" . }}";
/// A line for each alert, one for each of its annotations.
const TEXT: &str = "{{ range .Alerts }}{{ .Status | toUpper }} {{ .Labels.SortedPairs.Values | join \" \" }}\n\
    {{ range .Annotations.SortedPairs }}{{ .Name }}: {{ .Value }}\n{{ end }}{{ end }}";
/// The same in Markdown, with a link to the source.
const MARKDOWN: &str = "{{ range .Alerts }}**{{ .Status | toUpper }}** {{ .Labels.SortedPairs.Values | join \" \" }}\n\n\
    {{ range .Annotations.SortedPairs }}> {{ .Name }}: {{ .Value }}\n\n{{ end }}\
    {{ with .GeneratorURL }}[Source]({{ . }})\n\n{{ end }}{{ end }}";

/// One of two texts, by whether any alert fires.
fn by_status(firing: &str, resolved: &str) -> String {
    format!("{{{{ if eq .Status \"firing\" }}}}{firing}{{{{ else }}}}{resolved}{{{{ end }}}}")
}

/// How long a text may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    Bytes(usize),
    Characters(usize),
}

impl Limit {
    pub(super) fn cut(self, text: &str) -> String {
        match self {
            Self::Bytes(most) => truncate::bytes(text, most),
            Self::Characters(most) => truncate::runes(text, most),
        }
    }
}

/// A request that is being made.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) url: Url,
    /// The JSON; null if something else is sent.
    pub(super) body: Value,
}

/// What the requests to a service are like.
pub(super) trait Preset: fmt::Debug + Send + Sync {
    /// The body: JSON, or the fields of a form.
    fn body(&self) -> Value;

    fn method(&self) -> Method {
        Method::POST
    }

    fn is_form(&self) -> bool {
        false
    }

    /// The members that the configuration has to give.
    fn demanded(&self) -> &'static [&'static str] {
        &[]
    }

    /// The members that are HTML.
    fn html(&self) -> &'static [&'static str] {
        &[]
    }

    /// The members that are numbers. One that renders to none is left out.
    fn numbers(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where texts stand (as JSON pointers), and how long they may be.
    fn limits(&self) -> &'static [(&'static str, Limit)] {
        &[]
    }

    /// What each attempt has of its own, such as a signature.
    fn finish(&self, _attempt: &Attempt, _secret: Option<&Secret>, _draft: &mut Draft) {}

    /// How the service refuses with status 200, if it does.
    fn codes(&self) -> Option<Codes> {
        None
    }

    /// What of a refusal people are told.
    fn details(&self) -> fn(&Response) -> String {
        body_text
    }

    fn verdict(&self) -> Verdict {
        Verdict { details: self.details(), ..Verdict::retrying(&[429]) }
    }
}

/// The preset of this name.
pub(super) fn of(preset: WebhookPreset) -> &'static dyn Preset {
    match preset {
        WebhookPreset::DingTalk => &dingtalk::DingTalk,
        WebhookPreset::Feishu => &feishu::Feishu,
        WebhookPreset::WeCom => &wecom::WeCom,
        WebhookPreset::GoogleChat => &google_chat::GoogleChat,
        WebhookPreset::Matrix => &matrix::Matrix,
        WebhookPreset::Ntfy => &ntfy::Ntfy,
        WebhookPreset::Gotify => &gotify::Gotify,
        WebhookPreset::Signal => &signal::Signal,
        WebhookPreset::Twilio => &twilio::Twilio,
    }
}

/// Checks that the configuration gives what it has to.
pub(super) fn demand(preset: &dyn Preset, is_given: impl Fn(&str) -> bool) -> Result<(), String> {
    let key = if preset.is_form() { "form" } else { "payload" };
    let missing: Vec<&str> = preset.demanded().iter().copied().filter(|name| !is_given(name)).collect();
    match missing[..] {
        [] => Ok(()),
        _ => Err(format!("the preset needs {} in {key}", missing.join(" and "))),
    }
}

/// The fields of a form.
pub(super) fn texts(preset: &dyn Preset) -> impl Iterator<Item = (String, String)> + use<> {
    let fields = match preset.body() {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    fields.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        _ => None,
    })
}

/// `over` laid over `base`: mappings into mappings, all else in place of what was there. Null is nothing.
pub(super) fn merged(base: Value, over: Value) -> Value {
    match (base, over) {
        (base, Value::Null) => base,
        (Value::Object(mut base), Value::Object(over)) => {
            for (name, value) in over {
                let below = base.remove(&name).unwrap_or_default();
                base.insert(name, merged(below, value));
            }
            Value::Object(base)
        }
        (_, over) => over,
    }
}

/// How long the text at `pointer` may be.
pub(super) fn limit(preset: &dyn Preset, pointer: &str) -> Option<Limit> {
    preset.limits().iter().find(|(at, _)| *at == pointer).map(|(_, limit)| *limit)
}

/// Makes of a rendered body what the service takes.
pub(super) fn complete(preset: &dyn Preset, attempt: &Attempt, secret: Option<&Secret>, draft: &mut Draft) {
    for (pointer, limit) in preset.limits() {
        if let Some(Value::String(text)) = draft.body.pointer_mut(pointer) {
            *text = limit.cut(text);
        }
    }
    if let Value::Object(members) = &mut draft.body {
        for name in preset.numbers() {
            let Some(Value::String(text)) = members.get(*name) else { continue };
            match text.trim().parse::<i64>() {
                Ok(number) => members.insert((*name).to_owned(), number.into()),
                Err(_) => members.remove(*name),
            };
        }
    }
    preset.finish(attempt, secret, draft);
}

/// `value` as a member of the body, if that is JSON of this preset.
fn set(draft: &mut Draft, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = &mut draft.body {
        members.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::notify::testing::{self, firing};

    #[test]
    fn mappings_are_laid_into_mappings() {
        let base = json!({"a": {"b": 1, "c": [1, 2]}, "d": "x"});
        let over = json!({"a": {"c": [3], "e": null}, "d": {"f": 1}, "g": true});
        let wanted = json!({"a": {"b": 1, "c": [3], "e": null}, "d": {"f": 1}, "g": true});
        assert_eq!(super::merged(base.clone(), over), wanted);
        assert_eq!(super::merged(base.clone(), json!(null)), base);
        assert_eq!(super::merged(base, json!([1])), json!([1]));
    }

    /// What the keys beside the preset say counts.
    #[tokio::test]
    async fn a_request_may_be_another() {
        let yaml = "webhook_configs: [{url: '$URL/x', preset: gotify, method: put, query: {token: t}, \
            headers: {X-A: '{{ .Status }}'}, content_type: text/x, body: 'hello'}]";
        let sent = testing::send(yaml, firing()).await;
        let seen = &sent.seen[0];
        assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("PUT", "/x?token=t"));
        assert_eq!((seen.header("x-a"), seen.header("content-type")), (Some("firing"), Some("text/x")));
        assert_eq!(sent.body(), "hello");
        let yaml = "webhook_configs: [{url: '$URL/x', preset: gotify, form: {a: b}}]";
        assert_eq!(testing::send(yaml, firing()).await.body(), "a=b");
    }

    /// A text that looks like YAML stays a text, unlike in a plain payload.
    #[tokio::test]
    async fn texts_stay_texts() {
        let yaml = "webhook_configs: [{url: '$URL/x', preset: gotify, payload: {message: 'a: b'}}]";
        assert_eq!(testing::send(yaml, firing()).await.json()["message"], "a: b");
    }

    #[tokio::test]
    async fn a_template_that_fails_still_notifies() {
        let yaml = "webhook_configs: [{url: '$URL/x', preset: gotify, payload: {message: '{{ .Nope }}'}}]";
        let text = testing::send(yaml, firing()).await.json()["message"].as_str().unwrap().to_owned();
        assert!(
            text.starts_with("[FIRING:1] HighCPU\n") && text.contains("payload.message failed"),
            "{text}"
        );
    }
}
