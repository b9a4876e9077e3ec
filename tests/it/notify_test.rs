//! `tocsin notify test`: what the services answer, and the exit code.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use crate::harness::{Peer, Sink, ok};

/// Runs it; gives the exit code and what was printed on both outputs.
pub(crate) async fn notify_test(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tocsin"));
    command.args(["notify", "test"]).args(arguments).current_dir(directory).kill_on_drop(true);
    let Output { status, stdout, stderr } = command.output().await.expect("the binary");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn every_integration_says_what_its_service_answers() {
    let good = Sink::start().await;
    let bad = Peer::start(|seen| match seen.uri.path() {
        "/refuses" => (400, Vec::new(), format!("no: {}\n{:?}", seen.uri, seen.header("authorization"))),
        "/fails" => (503, Vec::new(), "busy".to_owned()),
        _ => ok("taken"),
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let yaml = format!(
        "route: {{receiver: team}}\n\
         receivers:\n- name: empty\n- name: team\n  webhook_configs:\n  - {{url: 'http://{0}/good'}}\n  \
         - {{url: 'http://{1}/refuses?key=hunter2', http_config: {{basic_auth: {{username: a, password: hunter3}}}}}}\n  \
         - {{url: 'http://{1}/fails'}}\n  - {{url: 'http://{1}/only-firing', send_resolved: false}}\n\
         - name: unrouted\n  webhook_configs: [{{url: 'http://{1}/works', payload: {{a: '{{{{ .Nope }}}}'}}}}]\n",
        good.address(),
        bad.address()
    );
    std::fs::write(directory.path().join("alertmanager.yml"), yaml).expect("a file");
    let here = directory.path();

    let (code, printed, errors) = notify_test(here, &["--receiver", "team"]).await;
    assert_eq!((code, errors.as_str()), (Some(1), ""), "{printed}");
    assert_eq!(
        printed,
        "team/webhook/0: delivered: 200 OK\n\
         team/webhook/1: FAILED (for good): unexpected status code 400: no: <redacted>\n  \"Basic <redacted>\"\n\
         team/webhook/2: FAILED (would be tried again): unexpected status code 503: busy\n\
         team/webhook/3: delivered: 200 OK: taken\n"
    );
    let body = &good.bodies()[0];
    assert_eq!(body["status"], "firing");
    assert_eq!(body["groupLabels"]["alertname"], "TocsinTestNotification");
    assert!(body["alerts"][0]["annotations"]["summary"].as_str().unwrap_or_default().contains("test"));

    let (_, printed, _) = notify_test(here, &["--receiver=team", "--state=resolved"]).await;
    assert!(printed.ends_with("team/webhook/3: not told of ends (send_resolved: false)\n"), "{printed}");
    assert_eq!(good.bodies()[1]["status"], "resolved");

    // It need not be routed; what is wrong with its templates is told, and it is notified all the same.
    let (code, printed, _) = notify_test(here, &["--receiver=unrouted", "--state=mixed"]).await;
    assert_eq!(code, Some(0), "{printed}");
    let mut lines = printed.lines();
    assert_eq!(lines.next(), Some("unrouted/webhook/0: delivered: 200 OK: taken"));
    let fault = lines.next().unwrap_or_default();
    assert!(fault.starts_with("  the template of payload.a fails: template: "), "{fault}");
}

#[tokio::test]
async fn without_anybody_to_tell_it_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("a file");
    write("alertmanager.yml", "route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n");
    write("prometheus.yml", "alerting: {}\n");
    for (arguments, told) in [
        (&["--receiver=c"][..], "there is no receiver \"c\"; there are: a, b"),
        (&["--receiver=a"], "receiver \"a\" has no integrations"),
        (&["--receiver=a", "--config.file=prometheus.yml"], "none was given (--config.file)"),
        (&["--receiver=a", "--config.file=missing.yml"], "missing.yml"),
    ] {
        let (code, printed, errors) = notify_test(directory.path(), arguments).await;
        assert_eq!((code, printed.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(errors.contains(told), "{arguments:?}: {errors}");
    }
    assert_eq!(notify_test(directory.path(), &[]).await.0, Some(2));
}
