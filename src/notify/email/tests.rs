//! Mails to a server of ours, and to a real one where there is one.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::model::FailureReason;
use crate::net::smtp_mock::{Behaviour, MailServer};
use crate::net::testing::Authority;
use crate::notify::testing::{attempt, firing, integration, mixed};

fn yaml(smarthost: impl std::fmt::Display, more: &str) -> String {
    format!(
        "email_configs:\n- smarthost: '{smarthost}'\n  from: Alerts <alertmanager@example.org>\n  require_tls: false\n\
         {}",
        more.lines().map(|line| format!("  {line}\n")).collect::<String>()
    )
}

const EVERYTHING: &str = r#"to: 'a@example.org, "B Ö" <b@example.org>'
hello: us.example
text: '{{ template "__subject" . }} ümlaut'
html: '<b>{{ .CommonAnnotations.summary }}</b>'
headers: {x-foo: 'bär {{ .Status }}', message-id: '<fixed@example.org>'}
threading: {enabled: true, thread_by_date: daily}
"#;

/// As Alertmanager 0.33.1 wrote it.
#[tokio::test]
async fn a_mail_with_everything() {
    let mail = MailServer::start(Behaviour::default()).await;
    let delivered = attempt(&integration(&yaml(mail.address, EVERYTHING)), firing()).await.unwrap();
    assert_eq!(delivered.answer, "250 taken");
    let heard = mail.heard();
    assert_eq!(
        &heard[..5],
        [
            "EHLO us.example",
            "MAIL FROM:<alertmanager@example.org>",
            "RCPT TO:<a@example.org>",
            "RCPT TO:<b@example.org>",
            "DATA"
        ]
    );
    let lines = mail.mails().remove(0);
    let boundary =
        lines.iter().find_map(|line| line.strip_prefix("Content-Type: multipart/alternative;  boundary="));
    let boundary = boundary.unwrap();
    assert_eq!((boundary.len(), boundary.bytes().all(|byte| byte.is_ascii_hexdigit())), (60, true));
    let text = lines.join("\n").replace(boundary, "BOUNDARY");
    assert_eq!(
        text,
        "Message-Id: <fixed@example.org>\nX-Foo: =?utf-8?q?b=C3=A4r_firing?=\n\
         Subject: [FIRING:1] HighCPU (<eu> critical)\n\
         To: =?utf-8?q?a@example.org,_\"B_=C3=96\"_<b@example.org>?=\n\
         From: Alerts <alertmanager@example.org>\n\
         References: <alert-9f2a099adf99adbf-2026-11-21@alertmanager>\n\
         In-Reply-To: <alert-9f2a099adf99adbf-2026-11-21@alertmanager>\n\
         Date: Sat, 21 Nov 2026 14:00:10 +0000\n\
         Content-Type: multipart/alternative;  boundary=BOUNDARY\nMIME-Version: 1.0\n\n\
         --BOUNDARY\nContent-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=UTF-8\n\n\
         [FIRING:1] HighCPU (<eu> critical) =C3=BCmlaut\n\
         --BOUNDARY\nContent-Transfer-Encoding: quoted-printable\nContent-Type: text/html; charset=UTF-8\n\n\
         <b>CPU =E2=98=83 is &#34;hot&#34;</b>\n--BOUNDARY--"
    );
}

#[tokio::test]
async fn what_is_left_out_has_defaults() {
    let mail = MailServer::start(Behaviour::default()).await;
    let config = yaml(mail.address, "to: a@example.org\nthreading: {enabled: true, thread_by_date: none}");
    attempt(&integration(&config), mixed()).await.unwrap();
    let lines = mail.mails().remove(0);
    let header =
        |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    assert_eq!(header("Subject: "), "[FIRING:1] HighCPU ()".replace(" ()", " "));
    assert_eq!(header("References: "), "<alert-9f2a099adf99adbf-@alertmanager>");
    let id = header("Message-Id: ");
    assert!(id.starts_with("<1795269610000000000.") && id.contains('@') && id.ends_with('>'), "{id}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("Content-Type: text/")).count(), 1);
    assert!(lines.iter().all(|line| line.len() <= 76 || line.contains(": ")), "{lines:?}");
}

#[tokio::test]
async fn a_template_that_fails_still_notifies() {
    let mail = MailServer::start(Behaviour::default()).await;
    let config =
        yaml(mail.address, "to: a@example.org\nheaders: {subject: '{{ .Nope }}'}\nhtml: '{{ .No }}'");
    attempt(&integration(&config), firing()).await.unwrap();
    let lines = mail.mails().remove(0).join("\n").replace("=\n", "");
    assert!(lines.contains("Subject: [FIRING:1] HighCPU\n"), "{lines}");
    assert!(
        lines.contains("<pre>[FIRING:1] HighCPU\n\nfiring: alertname=3DHighCPU, cluster=3D&lt;eu&gt;"),
        "{lines}"
    );
    assert!(lines.contains("The template of headers.Subject failed: template: :1:3"), "{lines}");
    assert!(lines.contains("The template of html failed"), "{lines}");
}

#[tokio::test]
async fn addresses_that_are_none() {
    for (to, error) in [
        ("nobody", "parse 'to' addresses \"nobody\": missing '@' or angle-addr"),
        (
            "'{{ .Nope }}'",
            "to: template: :1:3: executing \"\" at <.Nope>: can't evaluate field Nope in type *template.Data",
        ),
    ] {
        let config = yaml("127.0.0.1:1", &format!("to: {to}"));
        let failure = attempt(&integration(&config), firing()).await.unwrap_err();
        assert_eq!((failure.retry, failure.error.as_str()), (false, error));
    }
}

/// 4xx and 5xx alike are tried again, at whatever step; the one at the end is none: the mail was taken.
#[tokio::test]
async fn refusals_are_tried_again() {
    let login = "to: a@example.org\nauth_username: tim\nauth_password: hunter2";
    for step in ["greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".", "QUIT"] {
        for answer in ["451 come again", "550 go away"] {
            let mut answers = BTreeMap::from([(step, answer)]);
            if step == "EHLO" {
                // Who knows no EHLO is greeted by HELO.
                answers.insert("HELO", answer);
            }
            let extensions = vec!["AUTH PLAIN", "STARTTLS"];
            let mail = MailServer::start(Behaviour { extensions, answers, ..Behaviour::default() }).await;
            let config = yaml(mail.address, login);
            let config = match step {
                "STARTTLS" => config.replace("require_tls: false", "require_tls: true"),
                _ => config,
            };
            let attempted = attempt(&integration(&config), firing()).await;
            if step == "QUIT" {
                assert_eq!(attempted.unwrap().answer, "250 taken");
                continue;
            }
            let failure = attempted.unwrap_err();
            assert_eq!((failure.retry, failure.reason), (true, FailureReason::Other), "{step}");
            assert!(failure.error.ends_with(answer), "{step}: {failure:?}");
            assert_eq!(mail.heard().iter().any(|line| line == "."), step == ".", "{step}");
        }
    }
    let failure =
        attempt(&integration(&yaml("127.0.0.1:1", "to: a@example.org")), firing()).await.unwrap_err();
    assert!(failure.retry && failure.error.starts_with("establish connection to server: "), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_out_of_time() {
    let silence = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = yaml(silence.local_addr().unwrap(), "to: a@example.org");
    let failure = attempt(&integration(&config), firing()).await.unwrap_err();
    assert_eq!((failure.retry, failure.reason), (true, FailureReason::ContextDeadlineExceeded));
}

/// The port decides where the key is left out; port 465 here would need privileges, so the key says it.
#[tokio::test]
async fn port_465_is_tls_from_the_start() {
    let server = |port: &str, more: &str| format!("{:?}", integration(&yaml(format!("mail:{port}"), more)));
    assert!(server("465", "to: a@x.org").contains("implicit_tls: true"));
    assert!(server("465", "to: a@x.org\nforce_implicit_tls: false").contains("implicit_tls: false"));
    assert!(server("587", "to: a@x.org").contains("implicit_tls: false"));
    assert!(server("587", "to: a@x.org\nforce_implicit_tls: true").contains("implicit_tls: true"));
    assert!(!server("587", "to: a@x.org\nauth_username: u\nauth_password: hunter2").contains("hunter2"));
}

/// A server that repeats what it heard brings no secret into an error, in base64 neither.
#[tokio::test]
async fn a_server_that_repeats_secrets() {
    for (mechanism, said) in [
        ("AUTH PLAIN", "535 hunter2, AUTH PLAIN AHRpbQBodW50ZXIy"),
        ("AUTH LOGIN", "535 hunter2, aHVudGVyMg=="),
    ] {
        let answers = BTreeMap::from([("AUTH", said)]);
        let mail =
            MailServer::start(Behaviour { extensions: vec![mechanism], answers, ..Behaviour::default() })
                .await;
        let config = yaml(mail.address, "to: a@example.org\nauth_username: tim\nauth_password: hunter2");
        let failure = attempt(&integration(&config), firing()).await.unwrap_err();
        let shown = said.replace("hunter2", "<redacted>");
        let shown = shown.replace("AHRpbQBodW50ZXIy", "<redacted>").replace("aHVudGVyMg==", "<redacted>");
        assert!(failure.error.ends_with(&shown), "{failure:?}");
    }
}

/// aiosmtpd, a mail server of others, if a Python has it (`PYTHONPATH` may say where): the first on the path, or
/// Debian's.
struct RealServer {
    _process: Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    port: String,
    _directory: tempfile::TempDir,
    ca: String,
}

impl RealServer {
    async fn start(mode: &str) -> Option<Self> {
        for python in ["python3", "/usr/bin/python3"] {
            if let Some(server) = Self::run_by(python, mode).await {
                return Some(server);
            }
        }
        eprintln!("LEFT OUT: mail to a real server needs aiosmtpd (Debian: python3-aiosmtpd)");
        None
    }

    async fn run_by(python: &str, mode: &str) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mail_server.py");
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new("mail");
        let pair = authority.issue(&["127.0.0.1"]);
        for (name, content) in [("cert.pem", &pair.cert), ("key.pem", &pair.key), ("ca.pem", &authority.pem)]
        {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        let mut process = Command::new(python)
            .args([script, mode])
            .arg(directory.path())
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(process.stdout.take()?).lines();
        let first = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.ok()?.ok()??;
        let port = first.strip_prefix("port ")?.to_owned();
        let ca = directory.path().join("ca.pem").display().to_string();
        Some(Self { _process: process, lines, port, _directory: directory, ca })
    }

    /// The next mail: who logged in, from whom, to whom, over TLS or not, and what.
    async fn mail(&mut self) -> serde_json::Value {
        let line = tokio::time::timeout(Duration::from_secs(60), self.lines.next_line()).await;
        serde_json::from_str(&line.expect("in time").unwrap().expect("a mail")).unwrap()
    }
}

#[tokio::test]
async fn a_real_server() {
    let login = "auth_username: tim\nauth_password: hunter2";
    for (mode, keys, tls, user) in [
        ("plain", "", false, None),
        ("starttls", "require_tls: true", true, None),
        ("starttls", "", false, None),
        ("implicit", "force_implicit_tls: true", true, None),
        ("auth-plain", login, false, Some("tim")),
        ("auth-login", login, false, Some("tim")),
        ("auth-cram", "auth_username: tim\nauth_secret: tanstaaf", false, Some("tim")),
    ] {
        let Some(mut server) = RealServer::start(mode).await else { return };
        let to = "to: 'a@example.org, B <b@example.org>'\ntext: '{{ .Status }}\n\n  .ümlaut'";
        let config = yaml(
            format!("127.0.0.1:{}", server.port),
            &format!("{to}\ntls_config: {{ca_file: '{}'}}\n{keys}", server.ca),
        );
        let config = match keys.contains("require_tls") {
            true => config.replace("  require_tls: false\n", ""),
            false => config,
        };
        let integration = integration(&config);
        let delivered = attempt(&integration, firing()).await;
        delivered.unwrap_or_else(|failure| panic!("{mode}: {failure:?}"));
        let mail = server.mail().await;
        assert_eq!(mail["user"], serde_json::json!(user), "{mode}");
        assert_eq!(
            (&mail["tls"], &mail["from"]),
            (&tls.into(), &"alertmanager@example.org".into()),
            "{mode}"
        );
        assert_eq!(mail["to"], serde_json::json!(["a@example.org", "b@example.org"]));
        assert_eq!(mail["subject"], "[FIRING:1] HighCPU (<eu> critical)");
        assert_eq!(mail["parts"][0], serde_json::json!(["text/plain", "firing\n.ümlaut"]));
        assert_eq!(mail["parts"][1][0], "text/html");
        assert!(mail["parts"][1][1].as_str().unwrap().contains("View in Alertmanager"), "{mode}");
    }
    // TLS required and not offered; a password that is wrong.
    for (mode, keys, error) in [
        ("plain", "require_tls: true", "does not advertise the STARTTLS extension"),
        ("auth-login", "auth_username: tim\nauth_password: wrong", "authentication failed: 535"),
    ] {
        let Some(server) = RealServer::start(mode).await else { return };
        let config = yaml(format!("127.0.0.1:{}", server.port), &format!("to: a@example.org\n{keys}"));
        let config = match keys.contains("require_tls") {
            true => config.replace("  require_tls: false\n", ""),
            false => config,
        };
        let failure = attempt(&integration(&config), firing()).await.unwrap_err();
        assert!(failure.retry && failure.error.contains(error), "{failure:?}");
    }
}
