//! Files as people have them: what the real programs make of them, ours makes of them too.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::harness::program;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/examples")
}

/// What `program` prints, and whether it succeeds.
async fn output(program: &Path, arguments: &[&str]) -> (String, bool) {
    let output = Command::new(program).args(arguments).current_dir(directory()).output().await;
    let output = output.expect("the program");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

async fn tocsin(arguments: &[&str]) -> (String, bool) {
    output(Path::new(env!("CARGO_BIN_EXE_tocsin")), arguments).await
}

fn amtool() -> Option<PathBuf> {
    program("prometheus-alertmanager", "0.33", "amtool")
}

/// What `check-config` prints: how many inhibition rules, receivers and templates it finds.
fn found(file: &str, rules: usize, receivers: usize, templates: usize) -> String {
    let success = if templates > 0 { "  SUCCESS\n" } else { "" };
    format!(
        "Checking '{file}'  SUCCESS\nFound:\n - global config\n - route\n - {rules} inhibit rules\n \
         - {receivers} receivers\n - {templates} templates\n{success}\n"
    )
}

#[tokio::test]
async fn every_file_passes_the_check() {
    let files = [
        ("teams.yml", 1, 6, 1),
        ("null-receiver.yml", 3, 1, 1),
        ("databases.yml", 0, 3, 0),
        ("mail-and-inhibition.yml", 1, 1, 0),
    ];
    for (file, rules, receivers, templates) in files {
        let expected = found(file, rules, receivers, templates);
        assert_eq!(tocsin(&["check-config", file]).await, (expected.clone(), true), "{file}");
        // HipChat's keys, which it refuses.
        if let Some(amtool) = amtool().filter(|_| file != "teams.yml") {
            assert_eq!(output(&amtool, &["check-config", file]).await, (expected, true), "{file}");
        }
    }
    if let Some(promtool) = program("prometheus", "2.42", "promtool") {
        let (text, success) = output(&promtool, &["check", "rules", "rules.yml"]).await;
        assert!(success && text.contains("3 rules found"), "{text}");
    }
}

#[tokio::test]
async fn every_alert_finds_its_receiver() {
    let cases: [(&str, &[&str], &str); 12] = [
        ("teams.yml", &["service=cart", "severity=critical"], "web-pager"),
        ("teams.yml", &["service=search", "severity=warning"], "web-mails"),
        ("teams.yml", &["service=files", "severity=critical"], "files-pager"),
        ("teams.yml", &["service=database", "owner=files"], "files-pager"),
        ("teams.yml", &["service=database", "owner=none"], "db-pager"),
        ("teams.yml", &["service=other"], "web-mails"),
        ("databases.yml", &["service=mysql"], "database-pager"),
        ("databases.yml", &["service=cassandra"], "database-pager"),
        ("databases.yml", &["team=frontend"], "frontend-pager"),
        ("databases.yml", &["service=mysql", "team=frontend"], "database-pager"),
        ("databases.yml", &["x=y"], "default-receiver"),
        ("null-receiver.yml", &["alertname=Watchdog"], "null"),
    ];
    let amtool = amtool();
    for (file, labels, receiver) in cases {
        let configuration = format!("--config.file={file}");
        let arguments: Vec<&str> =
            ["config", "routes", "test", &configuration].into_iter().chain(labels.iter().copied()).collect();
        let expected = (format!("{receiver}\n"), true);
        assert_eq!(tocsin(&arguments).await, expected, "{file} {labels:?}");
        if let Some(amtool) = amtool.as_ref().filter(|_| file != "teams.yml") {
            assert_eq!(output(amtool, &arguments).await, expected, "{file} {labels:?}");
        }
    }
}
