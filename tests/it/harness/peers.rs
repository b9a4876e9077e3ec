//! Real Prometheis and Alertmanagers, as processes, from the directory that `tests/peers.sh` fills.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Api, eventually, free_port};

/// The program `name` of the newest version of `package` that begins with `version`; `None`, and a line that
/// says so, where the peers are not unpacked.
pub(crate) fn program(package: &str, version: &str, name: &str) -> Option<PathBuf> {
    let Some(peers) = std::env::var_os("TOCSIN_PEERS") else {
        eprintln!("left out: no {package} here (set TOCSIN_PEERS=$(tests/peers.sh))");
        return None;
    };
    let wanted = format!("{package}_{version}");
    let mut found: Vec<PathBuf> = std::fs::read_dir(&peers)
        .expect("the directory TOCSIN_PEERS")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&wanted)))
        .map(|path| path.join("usr/bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    Some(found.pop().unwrap_or_else(|| panic!("no {wanted}* in {}", Path::new(&peers).display())))
}

/// Debian's builds read their templates and pages from `/usr/share/prometheus`. The package is only unpacked, so its
/// own folder is put there, in a mount namespace that ends with the process.
const WITH_SHARE: &str =
    r#"mkdir -p /usr/share/prometheus && mount --bind "$0" /usr/share/prometheus && exec "$@""#;

fn spawn(program: &Path, directory: &Path, arguments: &[String]) -> Child {
    let log =
        std::fs::OpenOptions::new().create(true).append(true).open(directory.join("log")).expect("a log");
    let package = program.ancestors().nth(3).expect("the package");
    Command::new("unshare")
        .args(["--mount", "sh", "-c", WITH_SHARE])
        .arg(package.join("usr/share/prometheus"))
        .arg(program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("the peer")
}

async fn terminate(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let id = child.id().expect("a running peer").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.expect("kill").success());
        child.wait().await.expect("its end");
    }
}

/// A real Alertmanager that tells a webhook.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    program: PathBuf,
    directory: TempDir,
    port: u16,
    flags: Vec<String>,
    child: Option<Child>,
}

impl Alertmanager {
    /// Starts the newest of `version` (such as `0.33`) with `alertmanager.yml`; `None` where there is none.
    pub(crate) async fn start(version: &str, alertmanager_yml: &str) -> Option<Self> {
        Self::start_with(version, alertmanager_yml, &["--cluster.listen-address=".to_owned()]).await
    }

    /// Like [`Self::start`], with more flags. Without the one that says otherwise it has a cluster's port.
    pub(crate) async fn start_with(version: &str, alertmanager_yml: &str, flags: &[String]) -> Option<Self> {
        let program = program("prometheus-alertmanager", version, "prometheus-alertmanager")?;
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("alertmanager.yml"), alertmanager_yml)
            .expect("its configuration");
        let mut alertmanager =
            Self { program, directory, port: free_port(), flags: flags.to_vec(), child: None };
        alertmanager.start_again().await;
        Some(alertmanager)
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`], with what it has stored.
    pub(crate) async fn start_again(&mut self) {
        let mut arguments = vec![
            "--config.file=alertmanager.yml".to_owned(),
            "--storage.path=data".to_owned(),
            format!("--web.listen-address=127.0.0.1:{}", self.port),
        ];
        arguments.extend_from_slice(&self.flags);
        self.child = Some(spawn(&self.program, self.directory.path(), &arguments));
        let prefix = self.flags.iter().find_map(|flag| flag.strip_prefix("--web.route-prefix="));
        let ready = format!("{}/-/ready", prefix.unwrap_or_default());
        eventually("the Alertmanager is ready", || async { self.get(&ready).await }).await;
    }

    /// Replaces its configuration; it reads it when it is told to.
    pub(crate) fn set_config(&self, alertmanager_yml: &str) {
        std::fs::write(self.directory.path().join("alertmanager.yml"), alertmanager_yml)
            .expect("its configuration");
    }

    /// `kill -9`
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("a process to kill");
        }
    }

    /// A clean stop: it writes its log of notifications.
    pub(crate) async fn stop(&mut self) {
        terminate(&mut self.child).await;
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it keeps its files: `alertmanager.yml`, `data`, `log`.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    async fn get(&self, path: &str) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(format!("http://{}{path}", self.address())).send().await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    }

    /// The sum of the samples of one of its metrics, as [`Api::metric`] gives it.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        Api::new(self.port).metric(name, labels).await
    }

    /// Its alerts, as its API shows them.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        let text = self.get("/api/v2/alerts").await.unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// A real Prometheus.
#[derive(Debug)]
pub(crate) struct Prometheus {
    program: PathBuf,
    directory: TempDir,
    api: Api,
    child: Option<Child>,
}

impl Prometheus {
    /// Starts the newest of `version` with `prometheus.yml` and the rule file `rules.yml`.
    pub(crate) async fn start(version: &str, prometheus_yml: &str, rules_yml: &str) -> Option<Self> {
        let program = program("prometheus", version, "prometheus")?;
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("prometheus.yml"), prometheus_yml).expect("its configuration");
        std::fs::write(directory.path().join("rules.yml"), rules_yml).expect("its rules");
        let mut prometheus = Self { program, directory, api: Api::new(free_port()), child: None };
        prometheus.start_again().await;
        Some(prometheus)
    }

    /// Starts it again after [`Self::kill`], with what it has stored.
    pub(crate) async fn start_again(&mut self) {
        let arguments = [
            "--config.file=prometheus.yml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            "--rules.alert.resend-delay=1s".to_owned(),
            "--web.enable-lifecycle".to_owned(),
            format!("--web.listen-address={}", self.api.address()),
        ];
        self.child = Some(spawn(&self.program, self.directory.path(), &arguments));
        eventually("Prometheus is ready", || async {
            let answer = self.api.request(reqwest::Method::GET, "/-/ready").send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// `kill -9`
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("a process to kill");
        }
    }

    /// Replaces its rules; it reads them when it starts or is told to.
    pub(crate) fn write_rules(&self, rules_yml: &str) {
        std::fs::write(self.directory.path().join("rules.yml"), rules_yml).expect("its rules");
    }

    /// Replaces its rules and has it read them.
    pub(crate) async fn set_rules(&self, rules_yml: &str) {
        self.write_rules(rules_yml);
        let (status, text) = self.api.reload().await;
        assert_eq!(status, 200, "{text}");
    }

    /// The sum of the samples of one of its metrics, as [`Api::metric`] gives it.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        self.api.metric(name, labels).await
    }
}
