//! A routing file as people have had it for years: its alerts arrive as mails and as PagerDuty's events, and its HipChat
//! receiver, to which no route leads, can be tried out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{
    Authority, Behaviour, LOOPBACK, MailServer, Peer, TocsinBuilder, ago, eventually, ok, server_config,
};
use crate::notify_test::notify_test;
use crate::transport::tunnel;

/// The file, its services filled in: a mail server, and a proxy that leads to a server that is whatever is asked for.
fn teams_yml(mail: &MailServer, proxy: &str) -> String {
    let yaml = include_str!("../fixtures/teams.yml");
    let services = format!(
        "smtp_smarthost: '{}'\n  smtp_tls_config: {{ca_file: ca.pem}}\n  \
         http_config: {{proxy_url: 'http://{proxy}', tls_config: {{ca_file: ca.pem, server_name: localhost}}}}",
        mail.address
    );
    let filled = yaml.replace("smtp_smarthost: 'localhost:25'", &services);
    assert_ne!(filled, yaml);
    filled
}

/// Of every mail to whom it is and of what, in order.
fn mails(mail: &MailServer) -> Vec<(String, String)> {
    let header = |lines: &[String], name: &str| {
        lines.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
    };
    mail.mails().iter().map(|lines| (header(lines, "To: "), header(lines, "Subject: "))).collect()
}

/// Of every event its host, path, key, kind and description, in order.
fn events(services: &Peer) -> Vec<[String; 5]> {
    let event = |seen: &crate::harness::Seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let (host, path) = (seen.header("host").to_owned(), seen.uri.path().to_owned());
        [host, path, text("service_key"), text("event_type"), text("description")]
    };
    services.seen().iter().map(event).collect()
}

#[tokio::test]
async fn five_receivers_are_told_and_the_sixth_can_be_tried() {
    let authority = Authority::new("services");
    let mail = MailServer::start(Behaviour {
        extensions: vec!["STARTTLS", "AUTH PLAIN"],
        tls: Some(std::sync::Arc::new(server_config(&authority.issue(LOOPBACK), None))),
        ..Behaviour::default()
    })
    .await;
    let services = Peer::start(|_| ok("taken")).await;
    services.set_tls(&authority.issue(LOOPBACK), None);
    let (proxy, _) = tunnel(services.address()).await;
    let tocsin = TocsinBuilder::new(&teams_yml(&mail, &proxy)).file("ca.pem", &authority.pem).start().await;

    // Whom each alert reaches: by mail, and by PagerDuty's key.
    for (name, labels, to, key) in [
        ("CartSlow", &[("service", "cart"), ("severity", "warning")][..], "web@shop.example", ""),
        (
            "CartDown",
            &[("service", "cart"), ("severity", "critical")],
            "web-critical@shop.example",
            "web-key",
        ),
        ("FilesSlow", &[("service", "files"), ("severity", "warning")], "files@shop.example", ""),
        ("FilesDown", &[("service", "files"), ("severity", "critical")], "", "files-key"),
        ("Locks", &[("service", "database"), ("owner", "nobody")], "", "db-key"),
        ("Other", &[("service", "other")], "web@shop.example", ""),
    ] {
        let (mails_before, events_before) = (mails(&mail).len(), events(&services).len());
        let mut all: BTreeMap<&str, &str> = labels.iter().copied().collect();
        all.insert("alertname", name);
        // Older than its group waits, so that it is told at once.
        assert_eq!(tocsin.push(&json!([{ "labels": all, "startsAt": ago(60) }])).await, Ok(200));
        let (wanted_mails, wanted_events) =
            (mails_before + usize::from(!to.is_empty()), events_before + usize::from(!key.is_empty()));
        eventually(name, || async {
            let told = (mails(&mail).len(), events(&services).len());
            (told == (wanted_mails, wanted_events)).then_some(())
        })
        .await;
        if !to.is_empty() {
            let (told, subject) = mails(&mail).remove(mails_before);
            assert_eq!(told, to);
            assert!(subject.starts_with(&format!("[FIRING:1] {name}")), "{subject}");
        }
        if !key.is_empty() {
            let [host, path, told, kind, description] = events(&services).remove(events_before);
            assert_eq!((host.as_str(), kind.as_str()), ("events.pagerduty.com", "trigger"));
            assert_eq!((path.as_str(), told.as_str()), ("/generic/2010-04-15/create_event.json", key));
            assert!(description.starts_with(&format!("[FIRING:1] {name}")), "{description}");
        }
    }
    assert!(mail.heard().iter().any(|line| line.starts_with("AUTH PLAIN ")), "{:?}", mail.heard());
    assert!(mail.heard().contains(&"[TLS]".to_owned()));
    eventually("every change is told", || async {
        (tocsin.metric("tocsin_changes_pending", &[]).await? == 0.0).then_some(())
    })
    .await;
    tocsin.assert_balance().await;

    let arguments = ["--config.file=prometheus.yml", "--receiver=web-hipchat"];
    let (code, printed, errors) = notify_test(tocsin.directory(), &arguments).await;
    let expected = "web-hipchat/hipchat/0: delivered: 200 OK: taken\n";
    assert_eq!((code, printed.as_str(), errors.as_str()), (Some(0), expected, ""));
    let seen = services.seen();
    let room = seen.last().expect("a message");
    assert_eq!(room.header("host"), "chat.shop.example");
    assert_eq!(
        room.uri.path_and_query().map(|path| path.as_str()),
        Some("/v2/room/85/notification?auth_token=room-token")
    );
    let body: Value = serde_json::from_slice(&room.body).expect("JSON");
    assert_eq!((&body["message_format"], &body["notify"]), (&"html".into(), &true.into()));
    assert!(
        body["message"].as_str().is_some_and(|message| message.contains("TocsinTestNotification")),
        "{body}"
    );
}
