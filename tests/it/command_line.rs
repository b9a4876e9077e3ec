//! The command line: what it says of itself, what it refuses and with which exit code, and its commands.

use std::path::Path;
use std::process::Output;

use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{Reply, Sink, TocsinBuilder, eventually, firing, free_port};

/// Runs the program to its end; gives its exit code and what it printed on both outputs.
async fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tocsin"));
    let Output { status, stdout, stderr } =
        command.args(arguments).current_dir(directory).kill_on_drop(true).output().await.expect("the binary");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn directory_with(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

#[tokio::test]
async fn the_help_tells_every_flag_and_command() {
    let here = Path::new(".");
    let mut pages = Vec::new();
    for arguments in [&["--help"][..], &["check-config", "--help"], &["queues", "--help"]] {
        let (code, page, errors) = run(here, arguments).await;
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        pages.push(format!("$ tocsin {}\n{page}\n", arguments.join(" ")));
    }
    insta::assert_snapshot!("help", pages.concat());
    let (code, version, _) = run(here, &["--version"]).await;
    assert_eq!((code, version), (Some(0), format!("tocsin {}\n", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_wrong_command_line_is_2() {
    let cases: [(&[&str], &str); 9] = [
        (&["--no-such-flag"], "--no-such-flag"),
        (&["no-such-command"], "no-such-command"),
        (&["--web.listen-address=unix:"], "--web.listen-address"),
        (&["--web.listen-address=localhost"], "--web.listen-address"),
        (&["--web.socket-mode=999"], "octal"),
        (&["--log.level=loud"], "--log.level"),
        (&["--alertmanager.drain-deadline=soon"], "--alertmanager.drain-deadline"),
        (&["--alertmanager.notification-queue-capacity=many"], "--alertmanager.notification-queue-capacity"),
        (&["queues", "--timeout=soon"], "--timeout"),
    ];
    let nowhere = directory_with(&[]);
    for (arguments, told) in cases {
        let (code, output, errors) = run(nowhere.path(), arguments).await;
        assert_eq!((code, output.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(errors.contains(told), "{arguments:?}: {errors}");
    }
    assert_eq!(std::fs::read_dir(nowhere.path()).expect("the directory").count(), 0, "nothing was made");
}

#[tokio::test]
async fn a_start_that_fails_is_1_and_says_why() {
    let directory = directory_with(&[
        ("bad.yml", "alerting:\n  alertmanagers:\n    - tiemout: 3s\n"),
        ("v1.yml", "alerting:\n  alertmanagers:\n    - api_version: v1\n"),
        ("consul.yml", "alerting:\n  alertmanagers:\n    - consul_sd_configs: [{ server: x }]\n"),
        ("good.yml", "alerting: {}\n"),
        ("file", ""),
    ]);
    let listen = format!("--web.listen-address=127.0.0.1:{}", free_port());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let busy = format!("--web.listen-address={}", taken.local_addr().expect("its address"));
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--config.file=missing.yml", &listen], &["missing.yml"]),
        (&["--config.file=bad.yml", &listen], &["bad.yml:3:7", "tiemout", "timeout"]),
        (&["--config.file=v1.yml", &listen], &["v1.yml:3:", "v2"]),
        (&["--config.file=consul.yml", &listen], &["consul.yml:3:", "consul_sd_configs"]),
        (&["--config.file=good.yml", "--config.file=bad.yml", &listen], &["good.yml", "bad.yml"]),
        (&["--config.file=good.yml", "--storage.path=file", &listen], &["file"]),
        (&["--config.file=good.yml", &busy], &["cannot listen on"]),
    ];
    for (arguments, told) in cases {
        let (code, output, errors) = run(directory.path(), arguments).await;
        assert_eq!((code, output.as_str()), (Some(1), ""), "{arguments:?}: {errors}");
        for part in told {
            assert!(errors.contains(part), "{arguments:?}: {part:?} is not in {errors}");
        }
    }
}

#[tokio::test]
async fn check_config_finds_what_a_start_would_find() {
    let directory = directory_with(&[
        (
            "good.yml",
            "global: { external_labels: { a: b } }\nscrape_configs: [{ job_name: x }]\nalerting:\n  alertmanagers:\n    - static_configs: [{ targets: ['am:9093'] }]\n",
        ),
        ("bad.yml", "alerting:\n  alertmanagers:\n    - tiemout: 3s\n"),
        ("no-ca.yml", "alerting:\n  alertmanagers:\n    - tls_config: { ca_file: missing.pem }\n"),
    ]);
    let (code, output, errors) = run(directory.path(), &["check-config", "good.yml"]).await;
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(
        output,
        "Checking 'good.yml'  SUCCESS\nFound:\n - 1 external labels\n - 0 alert relabelling rules\n - 1 Alertmanager entries\n\n"
    );
    let all = ["check-config", "good.yml", "bad.yml", "no-ca.yml"];
    let (code, output, errors) = run(directory.path(), &all).await;
    assert_eq!(code, Some(1));
    for verdict in ["'good.yml'  SUCCESS\n", "'bad.yml'  FAILED", "'no-ca.yml'  FAILED"] {
        assert!(output.contains(&format!("Checking {verdict}")), "{verdict:?} is not in {output}");
    }
    assert!(errors.contains("failed to validate 2 file(s)"), "{errors}");
    for part in ["bad.yml:3:7", "tiemout", "timeout", "no-ca.yml:3:", "missing.pem"] {
        assert!(output.contains(part), "{part:?} is not in {output}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, _, errors) = run(root, &["check-config", "prometheus.yml.example"]).await;
    assert_eq!(code, Some(0), "{errors}");
}

#[tokio::test]
async fn queues_shows_what_waits_and_why() {
    let sink = Sink::start().await;
    sink.set_reply(Reply::Status(503));
    let tocsin = TocsinBuilder::forwarding_to(&[sink.address().to_string()]).start().await;
    assert_eq!(tocsin.push(&firing(0..3)).await, Ok(200));
    eventually("a failed request", || async { (!sink.received().is_empty()).then_some(()) }).await;

    let here = tocsin.directory().to_owned();
    let by_tcp = format!("--tocsin.url=http://{}", tocsin.address());
    let by_socket = format!("--tocsin.url=unix:{}", tocsin.socket().display());
    for url in [&by_tcp, &by_socket] {
        let page = eventually("the failure is shown", || async {
            let (code, page, errors) = run(&here, &["queues", url]).await;
            assert_eq!((code, errors.as_str()), (Some(0), ""));
            page.contains("503").then_some(page)
        })
        .await;
        let lines: Vec<_> = page.lines().map(str::trim).collect();
        assert_eq!(lines[0], format!("http://{}/api/v2/alerts", sink.address()));
        assert!(lines[1].starts_with("queued     3 of 10000, "), "{page}");
        assert!(
            page.contains("answer     failed at 2") && page.contains("503 Service Unavailable"),
            "{page}"
        );
        assert!(page.contains("oldest     2"), "{page}");
    }
    let (code, json, _) = run(&here, &["queues", &by_tcp, "--json"]).await;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, &json["alertmanagers"][0]["length"]), (Some(0), &Value::from(3)));

    sink.set_reply(Reply::Ok);
    sink.wait_for(3).await;
    eventually("the delivery is shown", || async {
        let (_, page, _) = run(&here, &["queues", &by_tcp]).await;
        (page.contains("queued     0 of 10000, 0 in flight") && page.contains("answer     delivered at 2"))
            .then_some(())
    })
    .await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn queues_of_nobody_is_1() {
    let (code, output, errors) =
        run(Path::new("."), &["queues", &format!("--tocsin.url=http://127.0.0.1:{}", free_port())]).await;
    assert_eq!((code, output.as_str()), (Some(1), ""));
    assert!(errors.starts_with("tocsin: no answer from http://127.0.0.1:"), "{errors}");
    let sink = Sink::start().await;
    sink.set_reply(Reply::Status(404));
    let (code, _, errors) =
        run(Path::new("."), &["queues", &format!("--tocsin.url=http://{}", sink.address())]).await;
    assert_eq!(code, Some(1));
    assert!(errors.contains("answered 404"), "{errors}");
}

#[tokio::test]
async fn logs_are_logfmt_or_json() {
    let logfmt = TocsinBuilder::forwarding_to(&[]).start().await;
    let line = logfmt.wait_for_log(&["Server is ready to receive alerts."]).await;
    assert!(line.starts_with("time=2") && line.contains(" level=INFO "), "{line}");
    assert!(line.contains(r#" msg="Server is ready to receive alerts.""#), "{line}");
    let json = TocsinBuilder::forwarding_to(&[]).flag("--log.format=json").start().await;
    let line = json.wait_for_log(&["Server is ready to receive alerts."]).await;
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["msg"], "Server is ready to receive alerts.");
    let quiet = TocsinBuilder::forwarding_to(&[]).flag("--log.level=error").start().await;
    assert_eq!(quiet.request(Method::GET, "/-/healthy").send().await.expect("an answer").status(), 200);
    assert_eq!(quiet.log(), "");
}
