//! `pushover`: a push message; everything stands in the query of the URL.

use std::collections::BTreeMap;

use ::http::{HeaderValue, Method, header};

use super::attempt::Attempt;
use super::failure::{Failure, Verdict};
use super::field::{Field, SecretField};
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::service::{Service, query_escape, request};
use super::truncate;
use crate::config::alertmanager::PushoverConfig;

const URL: &str = "https://api.pushover.net/1/messages.json";
/// The most characters of a title, a message and a URL.
const MOST_TITLE: usize = 250;
const MOST_MESSAGE: usize = 1024;
const MOST_URL: usize = 512;
/// Pushover refuses a message without a text.
const NO_TEXT: &str = "(no details)";

#[derive(Debug)]
pub(super) struct Pushover {
    service: Service,
    url: String,
    user_key: SecretField,
    token: SecretField,
    title: Field,
    message: Field,
    link: Field,
    /// `url_title`, `device`, `sound`, `priority`.
    others: [Field; 4],
    /// What does not depend on the notification.
    fixed: Vec<(&'static str, String)>,
}

impl Pushover {
    pub(super) fn new(config: &PushoverConfig, build: &mut Build<'_>) -> Result<Self, BuildError> {
        let mut fixed = vec![
            ("retry", config.retry.as_secs().to_string()),
            ("expire", config.expire.as_secs().to_string()),
        ];
        if config.ttl.as_secs() > 0 {
            fixed.push(("ttl", config.ttl.as_secs().to_string()));
        }
        for (name, _) in
            [("html", config.html), ("monospace", config.monospace)].iter().filter(|(_, set)| *set)
        {
            fixed.push((name, "1".to_owned()));
        }
        let message = if config.html {
            build.html("message", &config.message)
        } else {
            build.text("message", &config.message)
        };
        Ok(Self {
            service: build.service(Verdict::default())?,
            url: URL.to_owned(),
            user_key: build.secret_template("user_key", &config.user_key),
            token: build.secret_template("token", &config.token),
            title: build.text("title", &config.title),
            message,
            link: build.text("url", &config.url),
            others: [
                build.text("url_title", &config.url_title),
                build.text("device", &config.device),
                build.text("sound", &config.sound),
                build.text("priority", &config.priority),
            ],
            fixed,
        })
    }
}

impl Notifier for Pushover {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let (token, user) = (attempt.secret(&self.token).await?, attempt.secret(&self.user_key).await?);
            let [url_title, device, sound, priority] =
                self.others.each_ref().map(|field| attempt.field(field));
            let mut parameters: BTreeMap<&str, String> = self.fixed.iter().cloned().collect();
            parameters.extend([
                ("token", token.expose().to_owned()),
                ("user", user.expose().to_owned()),
                ("title", truncate::runes(&attempt.headline(&self.title), MOST_TITLE)),
                ("url", truncate::runes(&attempt.field(&self.link), MOST_URL)),
                ("url_title", url_title),
                ("device", device),
                ("sound", sound),
                ("priority", priority),
            ]);
            let message = truncate::runes(&attempt.message(&self.message), MOST_MESSAGE);
            let message = Some(message.trim()).filter(|text| !text.is_empty()).unwrap_or(NO_TEXT);
            parameters.insert("message", message.to_owned());
            let query = parameters.iter().map(|(name, value)| format!("{name}={}", query_escape(value)));
            let url = format!("{}?{}", self.url, query.collect::<Vec<_>>().join("&"));
            let mut post = request(Method::POST, &url, Vec::new())?;
            post.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            Ok(self.service.send(attempt, post).await?.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::alertmanager::Integration as Settings;
    use crate::notify::Integration;
    use crate::notify::testing::{self, Bench, firing, resolved, wordy};

    fn integration(yaml: &str, url: &str) -> Integration {
        testing::integration_of(yaml, |settings, build| {
            let Settings::Pushover(config) = settings else { panic!("Pushover") };
            let made = Pushover::new(config, build).unwrap();
            assert_eq!(made.url, "https://api.pushover.net/1/messages.json");
            Box::new(Pushover { url: format!("{url}/1/messages.json"), ..made })
        })
    }

    #[tokio::test]
    async fn messages() {
        let bench = Bench::start().await;
        let plain = integration("pushover_configs: [{user_key: USER-KEY, token: TOKEN}]", &bench.url());
        testing::attempt(&plain, firing()).await.unwrap();
        testing::attempt(&plain, resolved()).await.unwrap();
        let every = "pushover_configs:\n- {user_key: 'u-{{ .Status }}', token: TOKEN, title: '{{ .CommonAnnotations.text }}', \
                     message: '<b>{{ .CommonLabels.cluster }}</b>{{ .CommonAnnotations.text }}', url: 'http://x/~*', \
                     url_title: ut, device: d, sound: s, priority: '1', retry: 90s, expire: 2h, ttl: 10m, html: true}";
        testing::attempt(&integration(every, &bench.url()), wordy(1100)).await.unwrap();
        let empty =
            "pushover_configs: [{user_key: USER-KEY, token: TOKEN, message: '{{ \" \" }}', monospace: true}]";
        testing::attempt(&integration(empty, &bench.url()), firing()).await.unwrap();
        let seen = bench.seen();
        assert_eq!((seen[0].method.as_str(), seen[0].header("content-type")), ("POST", Some("text/plain")));
        assert_eq!((seen[0].header("user-agent"), seen[0].body.len()), (Some("Alertmanager/0.34.0"), 0));
        assert_eq!(
            seen[0].uri.to_string(),
            "/1/messages.json?device=&expire=3600&message=CPU+%E2%98%83+is+%22hot%22%0A%0AAlerts+Firing%3A%0ALabels%3A\
             %0A+-+alertname+%3D+HighCPU%0A+-+cluster+%3D+%3Ceu%3E%0A+-+severity+%3D+critical%0AAnnotations%3A%0A+-+\
             summary+%3D+CPU+%E2%98%83+is+%22hot%22%0ASource%3A+http%3A%2F%2Fprom%2Fgraph%3Fg0.expr%3Da%26b&priority=2\
             &retry=60&sound=&title=%5BFIRING%3A1%5D+HighCPU+%28%3Ceu%3E+critical%29&token=TOKEN&url=http%3A%2F%2F\
             am.example%2F%23%2Falerts%3Freceiver%3Dteam&url_title=&user=USER-KEY"
        );
        assert!(seen[1].uri.query().unwrap().contains("&priority=0&"));
        let character = "%E6%B1%89";
        assert_eq!(
            seen[2].uri.query().unwrap(),
            format!(
                "device=d&expire=7200&html=1&message=%3Cb%3E%26lt%3Beu%26gt%3B%3C%2Fb%3E{}%E2%80%A6&priority=1&retry=90&\
                 sound=s&title={}%E2%80%A6&token=TOKEN&ttl=600&url=http%3A%2F%2Fx%2F~%2A&url_title=ut&user=u-firing",
                character.repeat(1023 - 17),
                character.repeat(249)
            )
        );
        let query = seen[3].uri.query().unwrap();
        assert!(query.contains("message=%28no+details%29&monospace=1&"), "{query}");
    }

    #[tokio::test]
    async fn verdicts_and_secrets() {
        for (status, retry) in [(400, false), (429, false), (500, true)] {
            let bench = Bench::answering(move |seen| (status, Vec::new(), seen.uri.to_string())).await;
            let yaml = "pushover_configs: [{user_key: us3r-hunter2, token: tok3n-hunter2}]";
            let failure = testing::attempt(&integration(yaml, &bench.url()), firing()).await.unwrap_err();
            assert_eq!(failure.retry, retry);
            assert!(!failure.error.contains("hunter2"), "{failure:?}");
        }
    }
}
