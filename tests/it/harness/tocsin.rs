//! The binary under test, as a process.

use std::net::TcpListener;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Api, DEADLINE, eventually, free_port};

/// How a tocsin is started.
#[derive(Debug, Default)]
struct How {
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    /// The program that starts it, with its first arguments.
    launcher: Vec<String>,
    stdin: Option<OwnedFd>,
}

/// A tocsin to be started.
#[derive(Debug)]
pub(crate) struct TocsinBuilder {
    directory: TempDir,
    api: Api,
    port: u16,
    how: How,
}

impl TocsinBuilder {
    /// One with this `prometheus.yml`.
    pub(crate) fn new(prometheus_yml: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("prometheus.yml"), prometheus_yml).expect("the configuration");
        let port = free_port();
        Self { directory, api: Api::new(port), port, how: How::default() }
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
        self.how.flags.push(flag.into());
        self
    }

    /// With an environment variable.
    pub(crate) fn environment(mut self, name: &str, value: impl Into<String>) -> Self {
        self.how.environment.push((name.to_owned(), value.into()));
        self
    }

    /// With a file of this name beside its configuration.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.directory().join(name), text).expect("a file");
        self
    }

    /// Started by a program that in the end executes its last arguments.
    pub(crate) fn launched_by(mut self, launcher: &[&str]) -> Self {
        self.how.launcher = launcher.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Given `listener` as its standard input, for a launcher that makes something of it.
    pub(crate) fn given(mut self, listener: TcpListener) -> Self {
        self.port = listener.local_addr().expect("its address").port();
        self.api = Api::new(self.port);
        self.how.stdin = Some(listener.into());
        self
    }

    /// Asked by this client, under this scheme.
    pub(crate) fn asked_by(mut self, client: reqwest::Client, scheme: &str) -> Self {
        self.api = Api::asked_by(client, format!("{scheme}://127.0.0.1:{}", self.port));
        self
    }

    /// With everything it serves below this path.
    pub(crate) fn below(mut self, prefix: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        self.api = Api::asked_by(client, format!("http://127.0.0.1:{}{prefix}", self.port));
        self.flag(format!("--web.route-prefix={prefix}"))
    }

    /// The directory of its files.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(self) -> Tocsin {
        let mut tocsin = self.build();
        tocsin.start().await;
        tocsin
    }

    /// Does not start it yet.
    pub(crate) fn build(self) -> Tocsin {
        Tocsin { child: None, directory: self.directory, api: self.api, port: self.port, how: self.how }
    }
}

fn write_targets(directory: &Path, addresses: &[String]) {
    replace(&directory.join("alertmanagers.json"), &json!([{ "targets": addresses }]).to_string());
}

/// Replaces a file by an atomic rename.
fn replace(path: &Path, text: &str) {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, text).expect("a file");
    std::fs::rename(partial, path).expect("a rename");
}

/// A running (or killed) tocsin with files and a port of its own.
#[derive(Debug)]
pub(crate) struct Tocsin {
    child: Option<Child>,
    directory: TempDir,
    api: Api,
    port: u16,
    how: How,
}

impl Deref for Tocsin {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
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
        let binary = env!("CARGO_BIN_EXE_tocsin").to_owned();
        let mut words = self.how.launcher.iter().chain([&binary]);
        let stdin = self.how.stdin.as_ref().map(|stdin| stdin.try_clone().expect("a descriptor"));
        // Without a word about a cluster an Alertmanager listens for one, always on the same port.
        let in_cluster = self.how.flags.iter().any(|flag| flag.starts_with("--cluster."));
        let cluster = (!in_cluster).then_some("--cluster.listen-address=");
        let child = Command::new(words.next().expect("a program"))
            .args(words)
            .current_dir(self.directory.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--web.listen-address=unix:tocsin.sock")
            .args(cluster)
            .args(&self.how.flags)
            .envs(self.how.environment.iter().map(|(name, value)| (name, value)))
            .stdin(stdin.map_or_else(Stdio::null, Stdio::from))
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

    /// Replaces its configuration, by an atomic rename.
    pub(crate) fn set_config(&self, prometheus_yml: &str) {
        self.set_file("prometheus.yml", prometheus_yml);
    }

    /// Replaces a file beside its configuration, by an atomic rename.
    pub(crate) fn set_file(&self, name: &str, text: &str) {
        replace(&self.directory().join(name), text);
    }

    /// Waits for a line of the log that contains all of `parts`, and gives it.
    pub(crate) async fn wait_for_log(&self, parts: &[&str]) -> String {
        eventually(&format!("a line of the log with {parts:?}"), || async {
            let log = self.log();
            log.lines().find(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned)
        })
        .await
    }

    /// Pushes alerts over the Unix socket; gives the status.
    pub(crate) async fn push_over_socket(&self, alerts: &Value) -> u16 {
        let client =
            reqwest::Client::builder().no_proxy().unix_socket(self.socket()).build().expect("a client");
        let answer = client.post("http://tocsin/api/v2/alerts").json(alerts).send().await.expect("an answer");
        answer.status().as_u16()
    }
}
