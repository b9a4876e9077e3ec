//! The binary under test, as a process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{DEADLINE, eventually, free_port};

/// A tocsin to be started.
#[derive(Debug)]
pub(crate) struct TocsinBuilder {
    directory: TempDir,
    port: u16,
    flags: Vec<String>,
}

impl TocsinBuilder {
    /// One with this `prometheus.yml`.
    pub(crate) fn new(prometheus_yml: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("prometheus.yml"), prometheus_yml).expect("the configuration");
        Self { directory, port: free_port(), flags: Vec::new() }
    }

    /// One that sends to the Alertmanagers at these addresses, found by file discovery in `alertmanagers.json`.
    pub(crate) fn forwarding_to(addresses: &[String]) -> Self {
        let builder = Self::new(
            "alerting:\n  alertmanagers:\n    - timeout: 10s\n      file_sd_configs:\n        - files: [alertmanagers.json]\n",
        );
        write_targets(builder.directory.path(), addresses);
        builder
    }

    /// With another flag.
    pub(crate) fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// The directory of its files.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(self) -> Tocsin {
        let mut tocsin =
            Tocsin { child: None, directory: self.directory, port: self.port, flags: self.flags };
        tocsin.start().await;
        tocsin
    }
}

fn write_targets(directory: &Path, addresses: &[String]) {
    let partial = directory.join("alertmanagers.json.partial");
    std::fs::write(&partial, json!([{ "targets": addresses }]).to_string()).expect("the targets");
    std::fs::rename(partial, directory.join("alertmanagers.json")).expect("the targets");
}

/// A running (or killed) tocsin with files and a port of its own.
#[derive(Debug)]
pub(crate) struct Tocsin {
    child: Option<Child>,
    directory: TempDir,
    port: u16,
    flags: Vec<String>,
}

impl Tocsin {
    /// Starts it (again) and waits until it is ready.
    pub(crate) async fn start(&mut self) {
        self.spawn();
        eventually("tocsin is ready", || async {
            self.get("/-/ready").await.filter(|answer| answer == "OK")
        })
        .await;
    }

    /// Starts it (again) without waiting.
    pub(crate) fn spawn(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path()).expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_tocsin"))
            .current_dir(self.directory.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--web.listen-address=unix:tocsin.sock")
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the binary");
        self.child = Some(child);
    }

    /// The end of a process that was not asked for.
    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        tokio::time::timeout(DEADLINE, child.wait()).await.expect("an end").expect("a status").code()
    }

    /// `kill -9`, and waits for the end.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("a process to kill");
        }
    }

    /// SIGTERM, and waits for the end; gives the exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        self.signal("TERM").await;
        self.exit_code().await
    }

    /// Sends a signal by name.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.as_ref().and_then(Child::id).expect("a running tocsin");
        let status = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().await;
        assert!(status.expect("kill").success());
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("a running tocsin")
    }

    /// Replaces the targets of the file discovery, by an atomic rename.
    pub(crate) fn set_targets(&self, addresses: &[String]) {
        write_targets(self.directory.path(), addresses);
    }

    /// Its directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("tocsin.sock")
    }

    /// The log of all starts.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("tocsin.log")
    }

    /// `http://127.0.0.1:PORT` and the path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The body of a page, whatever its status; `None` when nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let answer = client().get(self.url(path)).send().await.ok()?;
        answer.text().await.ok()
    }

    /// A JSON page.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let text = self.get(path).await.expect("an answer");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Pushes alerts over TCP; gives the status, or the error's text.
    pub(crate) async fn push(&self, alerts: &Value) -> Result<u16, String> {
        let answer = client()
            .post(self.url("/api/v2/alerts"))
            .json(alerts)
            .send()
            .await
            .map_err(|error| format!("{error:?}"))?;
        Ok(answer.status().as_u16())
    }

    /// Pushes alerts over the Unix socket; gives the status.
    pub(crate) async fn push_over_socket(&self, alerts: &Value) -> u16 {
        let client =
            reqwest::Client::builder().no_proxy().unix_socket(self.socket()).build().expect("a client");
        let answer = client.post("http://tocsin/api/v2/alerts").json(alerts).send().await.expect("an answer");
        answer.status().as_u16()
    }

    /// The sum of the samples of one metric whose labels contain all of `labels` (as they are printed).
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let page = self.get("/metrics").await?;
        let samples: Vec<f64> = page
            .lines()
            .filter(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                    && labels.iter().all(|label| line.contains(label))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        (!samples.is_empty()).then(|| samples.iter().sum())
    }

    /// Asserts the balance of G2: every accepted change is pending or has one outcome.
    pub(crate) async fn assert_balance(&self) {
        eventually("the balance of accepted, pending and ended changes", || async {
            let accepted = self.metric("tocsin_changes_accepted_total", &[]).await?;
            let ended = self.metric("tocsin_changes_total", &[]).await.unwrap_or(0.0);
            let pending = self.metric("tocsin_changes_pending", &[]).await.unwrap_or(0.0);
            (accepted == ended + pending).then_some(())
        })
        .await;
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().expect("a client")
}
