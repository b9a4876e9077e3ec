//! `email`: a mail with a text and an HTML part.

mod address;
mod mime;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::attempt::Attempt;
use super::data::hex;
use super::failure::Failure;
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::plain;
use crate::config::Secret;
use crate::config::alertmanager::{EmailConfig, ThreadByDate};
use crate::net::{Credentials, Envelope, SmtpServer, deliver};

#[derive(Debug)]
pub(super) struct Email {
    server: SmtpServer,
    username: String,
    password: Option<SecretField>,
    secret: Option<SecretField>,
    identity: String,
    from: Field,
    to: Field,
    /// By canonical name; `Subject`, `To` and `From` come last where the configuration leaves them out.
    headers: Vec<(String, Field)>,
    text: Field,
    html: Field,
    threading: Option<ThreadByDate>,
    /// The machine's name, for Message-Id.
    hostname: String,
}

/// What stands in Message-Id where the machine has no name.
const NO_HOSTNAME: &str = "localhost.localdomain";

impl Email {
    pub(super) fn new(config: &EmailConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let implicit_tls = config.force_implicit_tls.unwrap_or(config.smarthost.port == "465");
        let server = SmtpServer {
            host: config.smarthost.host.clone(),
            port: config.smarthost.port.clone(),
            hello: config.hello.clone(),
            implicit_tls,
            require_tls: config.require_tls,
            tls: config.tls_config.clone(),
        };
        let configured = config.headers.iter();
        let mut headers: Vec<(String, Field)> = configured
            .map(|(name, value)| (name.clone(), build.text(&format!("headers.{name}"), value)))
            .collect();
        let subject = "{{ template \"email.default.subject\" . }}";
        for (name, value) in [("Subject", subject), ("To", &config.to), ("From", &config.from)] {
            if !config.headers.contains_key(name) {
                headers.push((name.to_owned(), build.text(name, value)));
            }
        }
        let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let hostname = Some(hostname.trim()).filter(|name| !name.is_empty()).unwrap_or(NO_HOSTNAME);
        Ok(Self {
            server,
            username: config.auth_username.clone(),
            password: config
                .auth_password
                .as_ref()
                .map(|source| SecretField::literal("auth_password", source)),
            secret: config.auth_secret.as_ref().map(|source| SecretField::literal("auth_secret", source)),
            identity: config.auth_identity.clone(),
            from: build.text("from", &config.from),
            to: build.text("to", &config.to),
            headers,
            text: build.text("text", &config.text),
            html: build.html("html", &config.html),
            threading: config.threading,
            hostname: hostname.to_owned(),
        })
    }

    /// Who we are, if the configuration says so.
    async fn credentials(&self, attempt: &mut Attempt) -> Result<Option<Credentials>, Failure> {
        if self.username.is_empty() {
            return Ok(None);
        }
        let mut credentials = Credentials {
            username: self.username.clone(),
            identity: self.identity.clone(),
            ..Credentials::default()
        };
        if let Some(password) = &self.password {
            let password = attempt.secret(password).await?;
            // As PLAIN and LOGIN send it.
            let plain = format!("{}\0{}\0{}", self.identity, self.username, password.expose());
            for sent in [plain.as_str(), password.expose()] {
                attempt.hide(&Secret::new(&STANDARD.encode(sent)));
            }
            credentials.password = Some(password);
        }
        if let Some(secret) = &self.secret {
            credentials.secret = Some(attempt.secret(secret).await?);
        }
        Ok(Some(credentials))
    }

    fn message(&self, attempt: &mut Attempt) -> String {
        let boundary = hex(&std::array::from_fn::<u8, 30, _>(|_| fastrand::u8(..)));
        let head = self.head(attempt, &boundary);
        let text = attempt.try_field(&self.text);
        let html = attempt.try_field(&self.html);
        let has_text = !self.text.is_empty();
        let text = match text.filter(|_| attempt.faults().is_empty()) {
            Some(text) => text,
            None if has_text || self.html.is_empty() => attempt.plain(),
            None => String::new(),
        };
        let html = match html {
            None => format!("<pre>{}</pre>", plain::escape_html(&attempt.plain())),
            Some(html) if attempt.faults().is_empty() || html.is_empty() => html,
            Some(html) => {
                format!("{html}\n<pre>{}</pre>", plain::escape_html(&plain::faults(attempt.faults())))
            }
        };
        let mut message = head;
        for (kind, part) in [("text/plain", text), ("text/html", html)] {
            if !part.is_empty() {
                message.push_str("--");
                message.push_str(&boundary);
                message.push_str("\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: ");
                message.push_str(kind);
                message.push_str("; charset=UTF-8\r\n\r\n");
                message.push_str(&mime::quoted_printable(&part));
                message.push_str("\r\n");
            }
        }
        message.push_str("--");
        message.push_str(&boundary);
        message.push_str("--\r\n");
        message
    }

    /// The headers and the empty line after them.
    fn head(&self, attempt: &mut Attempt, boundary: &str) -> String {
        let mut head = String::new();
        let mut push = |name: &str, value: &str| {
            // Neither a name nor a value can begin another line.
            head.extend(name.chars().filter(|c| !c.is_control()));
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        };
        for (name, field) in &self.headers {
            let value = if name == "Subject" { attempt.headline(field) } else { attempt.field(field) };
            push(name, &mime::header_value(&value));
        }
        if !self.headers.iter().any(|(name, _)| name == "Message-Id") {
            let now = attempt.now();
            let nanos = i128::from(now.unix_seconds()) * 1_000_000_000 + i128::from(now.subsec_nanos());
            push("Message-Id", &format!("<{nanos}.{}@{}>", fastrand::u64(..), self.hostname));
        }
        let now = attempt.environment().now.with_zone(attempt.environment().local.clone());
        let written = |layout: &str| String::from_utf8_lossy(&now.format(layout.as_bytes())).into_owned();
        if let Some(by_date) = self.threading {
            let date = match by_date {
                ThreadByDate::None => String::new(),
                ThreadByDate::Daily => written("2006-01-02"),
            };
            let key = attempt.key_hash();
            let thread = format!("<alert-{}-{date}@alertmanager>", key.get(..16).unwrap_or(&key));
            push("References", &thread);
            push("In-Reply-To", &thread);
        }
        push("Date", &written("Mon, 02 Jan 2006 15:04:05 -0700"));
        push("Content-Type", &format!("multipart/alternative;  boundary={boundary}"));
        push("MIME-Version", "1.0");
        head.push_str("\r\n");
        head
    }
}

/// The addresses in a rendered field.
fn addresses(name: &str, text: &str) -> Result<Vec<String>, Failure> {
    address::parse_list(text)
        .map_err(|problem| Failure::lasting(format!("parse '{name}' addresses {text:?}: {problem}")))
}

impl Notifier for Email {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let from = attempt.needed(&self.from)?;
            let from = match &addresses("from", &from)?[..] {
                [one] => one.clone(),
                several => {
                    let error = format!("must be exactly one 'from' address (got: {})", several.len());
                    return Err(Failure::lasting(error));
                }
            };
            let to = addresses("to", &attempt.needed(&self.to)?)?;
            let credentials = self.credentials(attempt).await?;
            let message = self.message(attempt);
            let envelope = Envelope { from: &from, to: &to, message: message.as_bytes() };
            match deliver(&self.server, credentials.as_ref(), envelope).await {
                Ok(answer) => Ok(Delivered { receiver_data: None, answer }),
                Err(error) if error.is_lasting() => Err(Failure::lasting(error.to_string())),
                Err(error) if error.is_in_doubt() => Err(Failure::retry(error.to_string()).doubtful()),
                Err(error) => Err(Failure::retry(error.to_string())),
            }
        })
    }
}
