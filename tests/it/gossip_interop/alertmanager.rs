//! A real Alertmanager as a child process on loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::harness::free_addr;

/// A version that was found.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub version: String,
    path: PathBuf,
}

impl Binary {
    /// Whether it is at least version 0.`minor`.
    pub(crate) fn is_since(&self, minor: u32) -> bool {
        let found = self.version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        found.is_some_and(|found| found >= minor)
    }
}

/// Every Alertmanager in the directory `TOCSIN_PEERS`, or the one that is installed; none, and a line that says so,
/// where there is neither.
pub(crate) fn binaries() -> Vec<Binary> {
    let mut found = Vec::new();
    if let Some(directory) = std::env::var_os("TOCSIN_PEERS") {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path().join("usr/bin/prometheus-alertmanager");
            if let Some(version) = name.strip_prefix("prometheus-alertmanager_")
                && path.is_file()
            {
                found.push(Binary { version: version.to_owned(), path });
            }
        }
    }
    let installed = Path::new("/usr/bin/prometheus-alertmanager");
    if found.is_empty() && installed.is_file() {
        found.push(Binary { version: "0.25 (installed)".to_owned(), path: installed.to_owned() });
    }
    if found.is_empty() {
        println!("skipped: no prometheus-alertmanager in $TOCSIN_PEERS or /usr/bin");
    }
    found.sort_by(|a, b| a.version.cmp(&b.version));
    found
}

/// Waits until `condition` gives something; panics at the deadline.
pub(crate) async fn eventually<T, F>(what: &str, seconds: u64, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) struct Alertmanager {
    child: Child,
    binary: Binary,
    flags: Vec<String>,
    pub web: SocketAddr,
    pub gossip: SocketAddr,
    directory: TempDir,
    client: reqwest::Client,
}

impl Alertmanager {
    /// Starts one with these flags, that joins `peers` and tells `webhook`, if there is one.
    pub(crate) async fn start(
        binary: &Binary,
        flags: &[&str],
        peers: &[SocketAddr],
        webhook: Option<SocketAddr>,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("am.yml"), configuration(webhook)).expect("am.yml");
        let (web, gossip) = (free_addr(), free_addr());
        let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        flags.extend(peers.iter().map(|peer| format!("--cluster.peer={peer}")));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let child = spawn(binary, &flags, directory.path(), web, gossip);
        let started = Self { child, binary: binary.clone(), flags, web, gossip, directory, client };
        started.is_up().await;
        started
    }

    async fn is_up(&self) {
        let answers = || async { self.client.get(self.url("/-/ready")).send().await.ok() };
        eventually("Alertmanager answers", 20, answers).await;
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.web)
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().expect("kill");
        assert!(status.success(), "kill -s {name} {pid}");
    }

    /// Kills it at once and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Starts it again on the same addresses and data.
    pub(crate) async fn start_again(&mut self) {
        self.kill();
        self.child = spawn(&self.binary, &self.flags, self.directory.path(), self.web, self.gossip);
        self.is_up().await;
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        self.client.get(self.url(path)).send().await.ok()?.json().await.ok()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.client.post(self.url(path)).json(body).send().await.expect("an answer");
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Names and addresses of the cluster's members, as this one sees them.
    pub(crate) async fn members(&self) -> BTreeMap<String, String> {
        let status = self.get("/api/v2/status").await.unwrap_or_default();
        let peers = status["cluster"]["peers"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        peers.iter().map(|peer| (text(&peer["name"]), text(&peer["address"]))).collect()
    }

    pub(crate) async fn own_name(&self) -> String {
        let status = self.get("/api/v2/status").await.unwrap_or_default();
        status["cluster"]["name"].as_str().unwrap_or_default().to_owned()
    }

    /// Makes a silence and returns its id.
    pub(crate) async fn silence(&self, comment: &str) -> String {
        let now = jiff::Timestamp::now();
        let body = json!({
            "matchers": [{"name": "alertname", "value": "Foo", "isRegex": false}],
            "startsAt": now.to_string(),
            "endsAt": (now + jiff::SignedDuration::from_hours(2)).to_string(),
            "createdBy": "test",
            "comment": comment,
        });
        let answer = self.post("/api/v2/silences", &body).await;
        answer["silenceID"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn expire(&self, id: &str) {
        let answer = self.client.delete(self.url(&format!("/api/v2/silence/{id}"))).send().await;
        assert!(answer.expect("an answer").status().is_success());
    }

    /// The silence `id`, once this one knows it.
    pub(crate) async fn get_silence(&self, id: &str) -> Option<Value> {
        self.get(&format!("/api/v2/silence/{id}")).await.filter(|silence| silence["id"] == id)
    }

    pub(crate) async fn alert(&self, name: &str) {
        let now = jiff::Timestamp::now();
        let alerts = json!([{
            "labels": {"alertname": name, "instance": "h1"},
            "startsAt": now.to_string(),
            "endsAt": (now + jiff::SignedDuration::from_hours(1)).to_string(),
        }]);
        self.post("/api/v2/alerts", &alerts).await;
    }

    /// The metric `name`, with labels as printed; 0 where it is not there.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let response = self.client.get(self.url("/metrics")).send().await;
        let Ok(response) = response else { return f64::NAN };
        let text = response.text().await.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- end of the log of Alertmanager {} on {}", self.binary.version, self.gossip);
            for line in last.iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}

fn spawn(binary: &Binary, flags: &[String], directory: &Path, web: SocketAddr, gossip: SocketAddr) -> Child {
    let log = File::options().create(true).append(true).open(directory.join("log")).expect("a log");
    command(&binary.path)
        .arg(format!("--config.file={}", directory.join("am.yml").display()))
        .arg(format!("--storage.path={}", directory.join("data").display()))
        .arg(format!("--web.listen-address={web}"))
        .arg(format!("--cluster.listen-address={gossip}"))
        .arg("--log.level=debug")
        .args(flags)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log"))
        .stderr(log)
        .spawn()
        .expect("Alertmanager starts")
}

/// Debian's builds read their templates from /usr/share. Where the package is only unpacked, its own is put there for
/// the child alone.
fn command(path: &Path) -> Command {
    let share =
        path.ancestors().nth(2).map(|usr| usr.join("share")).expect("usr/bin/prometheus-alertmanager");
    if Path::new("/usr/share/prometheus/alertmanager/default.tmpl").is_file() {
        return Command::new(path);
    }
    let mut command = Command::new("unshare");
    let script = "mount --bind \"$0\" /usr/share && exec \"$@\"";
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(share).arg(path);
    command
}

/// A webhook is told of every alert after a second.
pub(crate) fn configuration(webhook: Option<SocketAddr>) -> String {
    let mut text =
        "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 5s\n  \
                    repeat_interval: 1h\nreceivers:\n- name: hook\n"
            .to_owned();
    if let Some(webhook) = webhook {
        // Writing to a string does not fail.
        write!(text, "  webhook_configs:\n  - url: http://{webhook}/\n").ok();
    }
    text
}
