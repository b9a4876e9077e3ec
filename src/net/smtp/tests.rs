//! The dialogue against a server of ours.

use std::sync::Arc;

use super::mock::{Behaviour, MailServer};
use super::*;
use crate::config::Source;
use crate::net::pem;
use crate::net::testing::Authority;

fn server(mail: &MailServer) -> SmtpServer {
    SmtpServer {
        host: "127.0.0.1".to_owned(),
        port: mail.address.port().to_string(),
        hello: "us.example".to_owned(),
        implicit_tls: false,
        require_tls: false,
        tls: TlsConfig::default(),
    }
}

fn certified() -> (Arc<rustls::ServerConfig>, TlsConfig) {
    let authority = Authority::new("mail");
    let pair = authority.issue(&["127.0.0.1"]);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            pem::certificates(pair.cert.as_bytes()).unwrap(),
            pem::private_key(pair.key.as_bytes()).unwrap(),
        )
        .unwrap();
    (Arc::new(config), TlsConfig { ca: Some(Source::Inline(authority.pem)), ..TlsConfig::default() })
}

fn credentials() -> Credentials {
    Credentials {
        username: "tim".to_owned(),
        password: Some(Secret::new("hunter2")),
        secret: Some(Secret::new("tanstaaftanstaaf")),
        identity: String::new(),
    }
}

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.dots\r\n..\r\nend";

async fn send(server: &SmtpServer, credentials: Option<&Credentials>) -> Result<String, SmtpError> {
    let to = ["a@example.org".to_owned(), "b@example.org".to_owned()];
    deliver(server, credentials, Envelope { from: "us@example.org", to: &to, message: MESSAGE }).await
}

#[tokio::test]
async fn a_mail_without_anything() {
    let mail = MailServer::start(Behaviour::default()).await;
    assert_eq!(send(&server(&mail), Some(&credentials())).await.unwrap(), "250 taken");
    assert_eq!(
        mail.heard(),
        [
            "EHLO us.example",
            "MAIL FROM:<us@example.org>",
            "RCPT TO:<a@example.org>",
            "RCPT TO:<b@example.org>",
            "DATA",
            "Subject: x",
            "",
            "..dots",
            "...",
            "end",
            ".",
            "QUIT",
        ]
    );
}

#[tokio::test]
async fn an_old_server_is_greeted_in_the_old_way() {
    let behaviour = Behaviour { answers: [("EHLO", "502 what?")].into(), ..Behaviour::default() };
    let mail = MailServer::start(behaviour).await;
    let server = SmtpServer { hello: String::new(), ..server(&mail) };
    send(&server, None).await.unwrap();
    assert_eq!(&mail.heard()[..3], ["EHLO localhost", "HELO localhost", "MAIL FROM:<us@example.org>"]);
}

#[tokio::test]
async fn tls_is_begun_where_it_is_required_and_only_there() {
    let (tls, trust) = certified();
    let behaviour = Behaviour {
        extensions: vec!["STARTTLS", "8BITMIME", "SMTPUTF8"],
        tls: Some(tls),
        ..Behaviour::default()
    };
    let mail = MailServer::start(behaviour.clone()).await;
    let required = SmtpServer { require_tls: true, tls: trust.clone(), ..server(&mail) };
    send(&required, None).await.unwrap();
    assert_eq!(
        &mail.heard()[..5],
        [
            "EHLO us.example",
            "STARTTLS",
            "[TLS]",
            "EHLO us.example",
            "MAIL FROM:<us@example.org> BODY=8BITMIME SMTPUTF8"
        ]
    );
    let mail = MailServer::start(behaviour.clone()).await;
    send(&server(&mail), None).await.unwrap();
    assert!(!mail.heard().contains(&"STARTTLS".to_owned()));
    // Whom nobody certified is not spoken to.
    let mail = MailServer::start(behaviour).await;
    let untrusted =
        TlsConfig { ca: Some(Source::Inline(Authority::new("other").pem)), ..TlsConfig::default() };
    let error =
        send(&SmtpServer { require_tls: true, tls: untrusted, ..server(&mail) }, None).await.unwrap_err();
    assert!(matches!(error, SmtpError::Handshake { .. }), "{error}");
    assert!(!error.is_lasting());
}

#[tokio::test]
async fn without_starttls_a_required_mail_waits() {
    let mail = MailServer::start(Behaviour::default()).await;
    let error = send(&SmtpServer { require_tls: true, ..server(&mail) }, None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "'require_tls' is true (default) but \"127.0.0.1\" does not advertise the STARTTLS extension"
    );
    assert_eq!(mail.heard(), ["EHLO us.example", "QUIT"]);
}

#[tokio::test]
async fn implicit_tls_needs_no_starttls() {
    let (tls, trust) = certified();
    let behaviour = Behaviour { tls: Some(tls), implicit_tls: true, ..Behaviour::default() };
    let mail = MailServer::start(behaviour).await;
    let server = SmtpServer { implicit_tls: true, require_tls: true, tls: trust, ..server(&mail) };
    send(&server, None).await.unwrap();
    assert_eq!(&mail.heard()[..3], ["[TLS]", "EHLO us.example", "MAIL FROM:<us@example.org>"]);
    let no_ca = TlsConfig { ca: Some(Source::File("/nowhere/ca.pem".into())), ..TlsConfig::default() };
    let error = send(&SmtpServer { tls: no_ca, ..server }, None).await.unwrap_err();
    assert!(error.is_lasting() && error.to_string().contains("/nowhere/ca.pem"), "{error}");
}

#[tokio::test]
async fn authentication() {
    // "Username:", "Password:" and a challenge.
    let (username, password, challenge) = ("VXNlcm5hbWU6", "UGFzc3dvcmQ6", "PDFAbWFpbD4=");
    for (extension, challenges, said) in [
        ("AUTH PLAIN", vec![], vec!["AUTH PLAIN AHRpbQBodW50ZXIy"]),
        ("AUTH LOGIN", vec![username, password], vec!["AUTH LOGIN", "dGlt", "aHVudGVyMg=="]),
        (
            "AUTH CRAM-MD5 PLAIN",
            vec![challenge],
            vec!["AUTH CRAM-MD5", "dGltIDgwNjE5OGZhODFlOWY0NDFlYTQ4MzBkMDU3NGJhN2Fj"],
        ),
    ] {
        let behaviour = Behaviour { extensions: vec![extension], challenges, ..Behaviour::default() };
        let mail = MailServer::start(behaviour).await;
        send(&server(&mail), Some(&credentials())).await.unwrap();
        assert_eq!(&mail.heard()[1..=said.len()], said, "{extension}");
        assert_eq!(mail.heard()[1 + said.len()], "MAIL FROM:<us@example.org>");
    }
    let behaviour = Behaviour { extensions: vec!["AUTH XOAUTH2"], ..Behaviour::default() };
    let mail = MailServer::start(behaviour).await;
    let error = send(&server(&mail), Some(&credentials())).await.unwrap_err();
    assert_eq!(error.to_string(), "find auth mechanism: unknown auth mechanism: XOAUTH2");
    // A challenge that LOGIN does not know.
    let behaviour =
        Behaviour { extensions: vec!["AUTH LOGIN"], challenges: vec![challenge], ..Behaviour::default() };
    let mail = MailServer::start(behaviour).await;
    let error = send(&server(&mail), Some(&credentials())).await.unwrap_err();
    assert_eq!(error.to_string(), "LOGIN auth: unexpected server challenge");
    assert_eq!(&mail.heard()[1..], ["AUTH LOGIN", "*", "QUIT"]);
}

/// A refusal at each step, for a while and for good: each ends the dialogue with the server's words.
#[tokio::test]
async fn refusals_at_each_step() {
    for (step, command) in [
        ("greeting", "create SMTP client"),
        ("AUTH", "authentication failed"),
        ("MAIL", "send MAIL command"),
        ("RCPT", "send RCPT command"),
        ("DATA", "send DATA command"),
        (".", "delivery failure"),
    ] {
        for (code, answer) in [(421, "421 later"), (550, "550-never\r\n550 ever")] {
            let behaviour = Behaviour {
                extensions: vec!["AUTH PLAIN"],
                answers: [(step, answer)].into(),
                ..Behaviour::default()
            };
            let mail = MailServer::start(behaviour).await;
            let error = send(&server(&mail), Some(&credentials())).await.unwrap_err();
            let text = if code == 421 { "later" } else { "never\never" };
            assert_eq!(error.to_string(), format!("{command}: {code} {text}"));
            assert!(!error.is_lasting());
        }
    }
    // EHLO and STARTTLS, and a server that hangs up.
    for (step, answer, wanted) in [
        ("EHLO", "421 later", ""),
        ("STARTTLS", "454 later", "send STARTTLS command: 454 later"),
        ("MAIL", "nonsense", "send MAIL command: the answer has no code"),
    ] {
        let mut answers = std::collections::BTreeMap::from([(step, answer)]);
        if step == "EHLO" {
            answers.insert("HELO", "550 never");
        }
        let behaviour = Behaviour { extensions: vec!["STARTTLS"], answers, ..Behaviour::default() };
        let mail = MailServer::start(behaviour).await;
        let server = SmtpServer { require_tls: step == "STARTTLS", ..server(&mail) };
        let error = send(&server, None).await.unwrap_err();
        let wanted = if wanted.is_empty() { "send EHLO command: 550 never" } else { wanted };
        assert_eq!(error.to_string(), wanted);
    }
    // That it says goodbye badly does not undo that it took the mail.
    let behaviour = Behaviour { answers: [("QUIT", "500 what?")].into(), ..Behaviour::default() };
    let mail = MailServer::start(behaviour).await;
    send(&server(&mail), None).await.unwrap();
}

proptest::proptest! {
    /// Whatever a server says, the dialogue ends.
    #[test]
    fn any_server(said in "(((220|250|334|235|354|221|4[0-9]{2})[ -]?)?(AUTH LOGIN|STARTTLS|VXNlcm5hbWU6|[ -~]{0,9})\r?\n){0,12}[ -~]{0,9}") {
        let server = SmtpServer {
            host: "localhost".to_owned(),
            port: "25".to_owned(),
            hello: String::new(),
            implicit_tls: false,
            require_tls: said.len().is_multiple_of(3),
            tls: TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() },
        };
        let connection = tokio::io::join(std::io::Cursor::new(said.into_bytes()), tokio::io::sink());
        let to = ["a@example.org".to_owned()];
        let envelope = Envelope { from: "us@example.org", to: &to, message: MESSAGE };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if let Err(error) = runtime.block_on(deliver_over(connection, &server, Some(&credentials()), envelope)) {
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
