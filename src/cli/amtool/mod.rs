//! What the commands share that do what `amtool` does: its flags and configuration file, its way of reading labels,
//! and its tables.

mod arguments;
mod labels;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use tokio::time::Instant;
use url::Url;

pub(super) use arguments::{is_command, normalise};
pub(super) use labels::{imply_alert_name, pairs};
pub(super) use print::{Table, json_line};

use super::features::matcher_mode;
use crate::api::ALERTMANAGER_VERSION;
use crate::client::{ApiTime, ApiV2};
use crate::config::{Authentication, BasicAuth, HttpClientConfig, Position, Secret, Source};
use crate::model::{MatcherMode, parse_duration};
use crate::net::{ClientOptions, Endpoint, HttpClient};
use crate::template::{Time, Zone};

/// The switches among the flags, which take `true` or `false` and may be negated as `--no-…`.
pub(super) const SWITCHES: [&str; 3] = ["verbose", "version-check", "require-comment"];

/// How much is printed, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// A table of what matters most.
    Simple,
    /// A table of all.
    Extended,
    /// What the API answers.
    Json,
}

/// The flags that all these commands have.
#[derive(Debug, Args)]
pub(super) struct Amtool {
    /// How times are printed, as Go's layouts say it.
    #[arg(long = "date.format", value_name = "LAYOUT", default_value = "2006-01-02 15:04:05 MST")]
    date_format: String,
    /// Say more.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    verbose: bool,
    /// Where the tocsin or the Alertmanager is: http://HOST:PORT or unix:PATH.
    #[arg(long = "alertmanager.url", value_name = "URL")]
    pub(super) url: Option<String>,
    /// What is printed.
    #[arg(short, long, value_enum, default_value = "simple")]
    pub(super) output: Output,
    /// How long the whole command may take.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    timeout: Duration,
    /// A file with the keys of an http_config: how to talk to the server.
    #[arg(long = "http.config.file", value_name = "FILE")]
    http_config: Option<PathBuf>,
    /// Say when the server is of another version.
    #[arg(long = "version-check", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    version_check: bool,
    /// How matchers and label names are read: classic-mode or utf8-strict-mode.
    #[arg(long = "enable-feature", value_name = "FEATURES", default_value = "", value_parser = matcher_mode)]
    pub(super) mode: MatcherMode,
}

impl Amtool {
    /// Runs a command that asks the server.
    pub(super) fn run<F>(&self, command: impl FnOnce(ApiV2) -> F) -> anyhow::Result<ExitCode>
    where
        F: Future<Output = anyhow::Result<ExitCode>>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = self.client()?;
            self.check_version(&client).await;
            command(client).await
        })
    }

    fn client(&self) -> anyhow::Result<ApiV2> {
        let Some(text) = &self.url else { bail!("required flag --alertmanager.url not provided") };
        let mut config = match &self.http_config {
            Some(path) => HttpClientConfig::load(path)?,
            None => HttpClientConfig::default(),
        };
        let (text, login) = without_login(text)?;
        if let Some(login) = login {
            if self.http_config.is_some() {
                bail!("basic authentication and http.config.file are mutually exclusive");
            }
            config.authentication = Some(Authentication::BasicAuth(login));
        }
        if self.verbose {
            println!("using Alertmanager at {text}");
        }
        let endpoint = Endpoint::parse(&text).context("--alertmanager.url")?;
        let options =
            ClientOptions { unix_socket: endpoint.unix_socket().map(Into::into), ..ClientOptions::default() };
        let http = HttpClient::new(&config, options)?;
        Ok(ApiV2::new(http, endpoint, Instant::now() + self.timeout))
    }

    /// Says when the server may know more or less than we do. That it cannot be asked is told by what comes after.
    async fn check_version(&self, client: &ApiV2) {
        if !self.version_check {
            return;
        }
        let Ok(status) = client.status().await else { return };
        let version = status.version_info.version;
        let minor = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
        if minor(&version) != minor(ALERTMANAGER_VERSION) {
            eprintln!(
                "Warning: amtool version ({ALERTMANAGER_VERSION}) and alertmanager version ({version}) are different."
            );
        }
    }

    /// A time as it is printed, in the zone in which the server sent it.
    pub(super) fn date(&self, time: ApiTime) -> String {
        let zone = match time.offset {
            None | Some(0) => Zone::Utc,
            Some(offset) => Zone::Fixed { name: "".into(), offset },
        };
        let time = Time::new(time.at.unix_seconds(), time.at.subsec_nanos(), zone);
        String::from_utf8_lossy(&time.format(self.date_format.as_bytes())).into_owned()
    }
}

/// A URL's user and password, and the URL without them; `localhost:9093` where it names no host.
fn without_login(text: &str) -> anyhow::Result<(String, Option<BasicAuth>)> {
    if text.starts_with("unix:") {
        return Ok((text.to_owned(), None));
    }
    let text = match text {
        "" => "http://localhost:9093",
        text => text,
    };
    let mut url = Url::parse(text).with_context(|| format!("--alertmanager.url {text:?}"))?;
    let user = decoded(url.username());
    if user.is_empty() && url.password().is_none() {
        return Ok((text.to_owned(), None));
    }
    let password = Secret::new(&decoded(url.password().unwrap_or_default()));
    let login = BasicAuth {
        username: Source::Inline(user),
        password: Source::Inline(password),
        position: Position::default(),
    };
    // They fail for URLs without a host only, which have no credentials.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    Ok((url.to_string(), Some(login)))
}

/// A part of a URL without its percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let byte = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_the_url_becomes_basic_authentication() {
        let (url, login) = without_login("http://me:p%40ss@am:9093/x").unwrap();
        assert_eq!(url, "http://am:9093/x");
        let login = login.unwrap();
        assert_eq!(login.username, Source::Inline("me".to_owned()));
        assert!(matches!(login.password, Source::Inline(secret) if secret.expose() == "p@ss"));
        assert_eq!(without_login("http://am").unwrap().0, "http://am");
        assert_eq!(without_login("unix:/x").unwrap().0, "unix:/x");
        assert_eq!(without_login("").unwrap().0, "http://localhost:9093");
    }
}
