//! `webhook`: POST of Alertmanager's JSON, or of a `payload` of one's own. Beyond Alertmanager any method, headers,
//! query and kind of body, and presets for services that take no other than their own.

use std::collections::BTreeMap;

use ::http::{HeaderName, HeaderValue, Method, header};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::json;
use super::message::Message;
use super::preset::{self, Draft, Preset};
use super::service::{self, Service};
use super::structured::Structured;
use crate::config::alertmanager::{WebhookBody, WebhookConfig, WebhookRequest};
use crate::config::{Secret, Source};
use crate::net::Request;

/// The version of the JSON that receivers know.
const VERSION: &str = "4";

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const TEXT: &str = "text/plain; charset=utf-8";

#[derive(Debug)]
pub(super) struct Webhook {
    service: Service,
    url: SecretField,
    max_alerts: usize,
    method: Method,
    query: Vec<(String, SecretField)>,
    headers: Vec<(HeaderName, SecretField)>,
    content_type: Option<HeaderValue>,
    body: Body,
    preset: Option<&'static dyn Preset>,
    secret: Option<SecretField>,
}

/// What is sent.
#[derive(Debug)]
enum Body {
    /// Alertmanager's JSON.
    Message,
    /// JSON of the configuration or of a preset.
    Payload(Structured),
    /// A text.
    Text(Field),
    /// A form: what a preset has, and what the configuration says.
    Form(Vec<(String, Field)>, Vec<(String, SecretField)>),
    /// Nothing.
    None,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let request = &config.request;
        let preset = request.preset.map(preset::of);
        let method = request.method.as_deref().and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        let method = method.unwrap_or_else(|| preset.map_or(Method::POST, |preset| preset.method()));
        let headers = secrets(build, "headers", &request.headers).into_iter();
        let headers = headers.filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, value)));
        let content_type = request.content_type.as_deref().map(HeaderValue::from_str).transpose();
        let content_type =
            content_type.map_err(|_error| setup(build, "content_type is not one line of text"))?;
        let verdict = preset.map_or_else(Verdict::default, |preset| preset.verdict());
        Ok(Self {
            service: build.service_with(verdict, config.timeout)?,
            url: build.secret_template("url", &config.url),
            max_alerts: usize::try_from(config.max_alerts).unwrap_or(usize::MAX),
            headers: headers.collect(),
            query: secrets(build, "query", &request.query),
            content_type,
            body: Body::new(config, &method, preset, build)?,
            method,
            preset,
            secret: request.secret.as_ref().map(|secret| SecretField::literal("secret", secret)),
        })
    }

    async fn url(&self, attempt: &mut Attempt) -> Result<Url, Failure> {
        let url = attempt.secret_url(&self.url).await?;
        if url.is_empty() {
            return Err(Failure::lasting("webhook url is empty"));
        }
        let mut url = service::parse(&self.method, url.expose())?;
        for (name, value) in &self.query {
            let value = attempt.secret(value).await?;
            url.query_pairs_mut().append_pair(name, value.expose());
        }
        Ok(url)
    }

    async fn request(&self, attempt: &mut Attempt) -> Result<Request, Failure> {
        let mut draft = Draft { url: self.url(attempt).await?, body: Value::Null };
        let content = match &self.body {
            Body::Message => {
                let body = json::encode_body(&Message::new(attempt, VERSION));
                Some((JSON, body.map_err(|error| Failure::lasting(format!("json: {error}")))?))
            }
            Body::Payload(payload) => {
                draft.body = payload.render(attempt);
                None
            }
            Body::Text(text) => Some((TEXT, attempt.message(text).into_bytes())),
            Body::Form(defaults, given) => Some((FORM, self.form(defaults, given, attempt).await)),
            Body::None => Some(("", Vec::new())),
        };
        if let Some(preset) = self.preset {
            let secret = match &self.secret {
                Some(secret) => Some(attempt.secret(secret).await?),
                None => None,
            };
            preset::complete(preset, attempt, secret.as_ref(), &mut draft);
        }
        let (content_type, body) = match content {
            Some(content) => content,
            None => {
                let body = json::encode_body(&draft.body);
                (JSON, body.map_err(|error| Failure::lasting(format!("json: {error}")))?)
            }
        };
        let mut request = service::request(self.method.clone(), draft.url.as_str(), body)?;
        if !content_type.is_empty() {
            request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(content_type) = &self.content_type {
            request.headers.insert(header::CONTENT_TYPE, content_type.clone());
        }
        for (name, value) in &self.headers {
            let value = attempt.secret(value).await?;
            // A header has one line.
            let line = Secret::new(&value.expose().replace(char::is_control, " "));
            request.headers.insert(name, service::secret_header(&line, name.as_str())?);
        }
        Ok(request)
    }

    /// The fields of a form; one whose template fails is the message in plain words.
    async fn form(
        &self,
        defaults: &[(String, Field)],
        given: &[(String, SecretField)],
        attempt: &mut Attempt,
    ) -> Vec<u8> {
        let mut fields = Vec::new();
        for (name, field) in given {
            let value = match attempt.secret(field).await {
                Ok(value) => value.expose().to_owned(),
                Err(failure) => {
                    attempt.note(&format!("form.{name}"), failure.error);
                    attempt.plain()
                }
            };
            fields.push((name, value));
        }
        for (name, field) in defaults {
            fields.push((name, attempt.message(field)));
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            let limit = self.preset.and_then(|preset| preset::limit(preset, &format!("/{name}")));
            let value = limit.map_or_else(|| value.clone(), |limit| limit.cut(&value));
            form.append_pair(name, &value);
        }
        form.finish().into_bytes()
    }
}

impl Body {
    fn new(
        config: &WebhookConfig,
        method: &Method,
        preset: Option<&'static dyn Preset>,
        build: &mut Build<'_>,
    ) -> Result<Self, BuildError> {
        let WebhookRequest { body, .. } = &config.request;
        let form = match body {
            Some(WebhookBody::Text(text)) if text.is_empty() => return Ok(Self::None),
            Some(WebhookBody::Text(text)) => return Ok(Self::Text(build.text("body", text))),
            Some(WebhookBody::Form(form)) => Some(form),
            None => None,
        };
        let payload = config.payload.as_ref();
        let own = preset.filter(|preset| if preset.is_form() { payload.is_none() } else { form.is_none() });
        match own {
            Some(preset) if preset.is_form() => {
                let given = form.cloned().unwrap_or_default();
                preset::demand(preset, |name| given.contains_key(name))
                    .map_err(|text| setup(build, &text))?;
                let defaults = preset::texts(preset).filter(|(name, _)| !given.contains_key(name));
                let defaults = defaults.map(|(name, text)| {
                    let field = build.text(&format!("form.{name}"), &text);
                    (name, field)
                });
                Ok(Self::Form(defaults.collect(), secrets(build, "form", &given)))
            }
            Some(preset) => {
                let given = payload.cloned().unwrap_or_default();
                preset::demand(preset, |name| given.get(name).is_some())
                    .map_err(|text| setup(build, &text))?;
                let merged = preset::merged(preset.body(), given);
                Ok(Self::Payload(Structured::verbatim(build, "payload", &merged, preset.html())))
            }
            None => Ok(match (payload, form) {
                (Some(payload), _) => Self::Payload(Structured::new(build, "payload", payload)),
                (None, Some(form)) => Self::Form(Vec::new(), secrets(build, "form", form)),
                (None, None) if has_no_body(method) => Self::None,
                (None, None) => Self::Message,
            }),
        }
    }
}

fn has_no_body(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
}

fn setup(build: &Build<'_>, message: &str) -> BuildError {
    let position = build.config.position.clone();
    BuildError::Setup { position, kind: "webhook", message: message.to_owned() }
}

/// Templates whose results may be secrets.
fn secrets(build: &Build<'_>, key: &str, values: &BTreeMap<String, Secret>) -> Vec<(String, SecretField)> {
    let values = values.iter().map(|(name, value)| {
        let source = Source::Inline(value.clone());
        (name.clone(), build.secret_template(&format!("{key}.{name}"), &source))
    });
    values.collect()
}

impl Notifier for Webhook {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let request = self.request(attempt).await?;
            let answer = self.service.exchange(attempt, request).await?;
            let codes = self.preset.and_then(|preset| preset.codes());
            let judged = self.service.judge(attempt, &answer);
            judged.map_err(|failure| Failure {
                retry: failure.retry || codes.is_some_and(|codes| codes.is_retried(&answer)),
                ..failure
            })?;
            if let Some(codes) = codes {
                codes.check(&answer)?;
            }
            Ok(answer.into())
        })
    }

    fn max_alerts(&self) -> usize {
        self.max_alerts
    }
}

#[cfg(test)]
mod tests;
