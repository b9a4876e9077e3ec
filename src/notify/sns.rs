//! `sns`: Amazon's Simple Notification Service, to a topic, a phone or another target.

use std::path::PathBuf;

use ::http::{HeaderValue, Method, header};

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::Field;
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::{self, Service, USER_AGENT};
use crate::config::alertmanager::SnsConfig;
use crate::config::{HttpClientConfig, SigV4Config, Source};
use crate::net::{ClientOptions, HttpClient, Response, xml_element};

/// How many bytes a message may have.
const MOST_BYTES: usize = 256 * 1024;
/// How many bytes a text message to a phone may have.
const MOST_SMS_BYTES: usize = 1600;

#[derive(Debug)]
pub(super) struct Sns {
    service: Service,
    api_url: Field,
    topic_arn: Field,
    phone_number: Field,
    target_arn: Field,
    subject: Field,
    message: Field,
    attributes: Vec<(Field, Field)>,
}

impl Sns {
    pub(super) fn new(config: &SnsConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let sigv4 = SigV4Config { service_name: "sns".to_owned(), ..config.sigv4.clone() };
        let options = ClientOptions {
            user_agent: USER_AGENT.to_owned(),
            sigv4: Some(sigv4),
            ..ClientOptions::default()
        };
        let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from);
        let http = build.config.http_config.clone().unwrap_or_default();
        let client = if config.use_aws_http_client || bundle.is_some() {
            HttpClient::new(&as_aws_does(http, bundle), options)?
        } else {
            HttpClient::new(&http, options)?
        };
        let attributes = config.attributes.iter().map(|(name, value)| {
            let key = format!("attributes.{name}");
            (build.text(&key, name), build.text(&key, value))
        });
        let attributes = attributes.collect();
        let verdict = Verdict { details: message_of, ..Verdict::default() };
        Ok(Self {
            service: Service { client, verdict, timeout: (build.config.kind, std::time::Duration::ZERO) },
            api_url: build.text("api_url", &config.api_url),
            topic_arn: build.text("topic_arn", &config.topic_arn),
            phone_number: build.text("phone_number", &config.phone_number),
            target_arn: build.text("target_arn", &config.target_arn),
            subject: build.text("subject", &config.subject),
            message: build.text("message", &config.message),
            attributes,
        })
    }

    fn url(&self, attempt: &Attempt) -> Result<String, Failure> {
        let url = attempt.needed(&self.api_url)?;
        if !url.is_empty() {
            return Ok(url);
        }
        let endpoint = self.service.client.aws_endpoint();
        Ok(endpoint.map(ToString::to_string).unwrap_or_default())
    }

    /// The call `Publish` (AWS query protocol), parameters sorted by name.
    fn call(&self, attempt: &mut Attempt) -> Result<String, Failure> {
        let mut parameters = vec![
            ("Action".to_owned(), "Publish".to_owned()),
            ("Version".to_owned(), "2010-03-31".to_owned()),
        ];
        let mut set = |name: &str, value: &str| parameters.push((name.to_owned(), value.to_owned()));
        for (name, field) in [
            ("TopicArn", &self.topic_arn),
            ("PhoneNumber", &self.phone_number),
            ("TargetArn", &self.target_arn),
        ] {
            if field.is_empty() {
                continue;
            }
            let target = attempt.needed(field)?;
            if name == "TopicArn" && target.ends_with(".fifo") {
                let hash = attempt.key_hash();
                set("MessageDeduplicationId", &hash);
                set("MessageGroupId", &hash);
            }
            set(name, &target);
        }
        if !self.subject.is_empty() {
            set("Subject", &attempt.headline(&self.subject));
        }
        let mut attributes: Vec<(String, String)> = self
            .attributes
            .iter()
            .filter_map(|(name, value)| attempt.try_field(name).zip(attempt.try_field(value)))
            .collect();
        let message = attempt.message(&self.message);
        let most = if self.phone_number.is_empty() { MOST_BYTES } else { MOST_SMS_BYTES };
        if message.len() > most {
            attributes.retain(|(name, _)| name != "truncated");
            attributes.push(("truncated".to_owned(), "true".to_owned()));
        }
        set("Message", message.get(..message.floor_char_boundary(most)).unwrap_or(&message));
        attributes.sort_unstable();
        for (at, (name, value)) in (1..).zip(&attributes) {
            let entry = format!("MessageAttributes.entry.{at}");
            set(&format!("{entry}.Name"), name);
            set(&format!("{entry}.Value.DataType"), "String");
            set(&format!("{entry}.Value.StringValue"), value);
        }
        parameters.sort_unstable();
        let pairs = parameters.iter();
        let pairs = pairs
            .map(|(name, value)| format!("{}={}", service::query_escape(name), service::query_escape(value)));
        Ok(pairs.collect::<Vec<_>>().join("&"))
    }
}

impl Notifier for Sns {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let url = self.url(attempt)?;
            let mut request = service::request(Method::POST, &url, self.call(attempt)?)?;
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers.insert(header::CONTENT_TYPE, form);
            let answer = self.service.exchange(attempt, request).await?;
            let judged = self.service.judge(attempt, &answer);
            judged.map_err(|failure| Failure { retry: failure.retry || is_throttled(&answer), ..failure })?;
            Ok(answer.into())
        })
    }
}

/// With `use_aws_http_client` of an `http_config` only TLS and the proxy apply, and AWS's own bundle of certificates.
fn as_aws_does(http: HttpClientConfig, bundle: Option<PathBuf>) -> HttpClientConfig {
    let HttpClientConfig { mut tls_config, proxy, position, .. } = http;
    if tls_config.ca.is_none() {
        tls_config.ca = bundle.map(Source::File);
    }
    HttpClientConfig { tls_config, proxy, position, ..HttpClientConfig::default() }
}

/// What AWS says is wrong.
fn message_of(answer: &Response) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    xml_element(&body, "Message").unwrap_or_default()
}

/// AWS says with status 400 too that there were too many requests; its SDK tries those again.
fn is_throttled(answer: &Response) -> bool {
    let code = xml_element(&String::from_utf8_lossy(&answer.body), "Code").unwrap_or_default();
    code.contains("Throttl") || code == "RequestLimitExceeded"
}

#[cfg(test)]
mod tests;
