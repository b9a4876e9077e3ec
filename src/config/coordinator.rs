//! One configuration for the whole program, replaced as a whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::alertmanager::AlertmanagerFile;
use super::error::{ConfigError, read_file};
use super::prometheus::PrometheusConfig;
use super::yaml::{self, NodeKind};
use crate::model::{MatcherMode, Timestamp};

/// The current configuration: a file of each kind at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// From a `prometheus.yml`: alerts are forwarded.
    pub prometheus: Option<Arc<PrometheusConfig>>,
    /// From an `alertmanager.yml`: alerts are routed and notified here.
    pub alertmanager: Option<Arc<AlertmanagerFile>>,
}

/// Where environment variables come from: their value by name, if they are set.
pub type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What a subscriber has made ready: run once every subscriber is. It must not fail and must not wait.
pub type Commit = Box<dyn FnOnce() + Send>;

/// Why a subscriber cannot work with a configuration.
pub type Refusal = Box<dyn std::error::Error + Send + Sync>;

type Prepare = Box<dyn FnMut(&Arc<Config>) -> Result<Commit, Refusal> + Send>;

/// Knows the files, reads them again when told to, and hands the result to its subscribers (Alertmanager's
/// `config.Coordinator`, which stops halfway when a subscriber fails).
///
/// A reload reads all files and checks them; then every subscriber prepares, building whatever can fail, such as
/// HTTP clients; then all of them commit. The first error ends it with nothing changed.
pub struct Coordinator {
    paths: Vec<PathBuf>,
    environment: Box<Environment>,
    matcher_mode: MatcherMode,
    subscribers: Vec<(&'static str, Prepare)>,
    current: Arc<Config>,
    status: ReloadStatus,
}

/// How the last reloads went.
#[derive(Debug, Clone, Default)]
pub struct ReloadStatus {
    /// The error of the last reload; `None` if it succeeded or there was none yet.
    pub last_error: Option<ConfigError>,
    /// When a reload last succeeded; `None` if none has.
    pub last_success: Option<Timestamp>,
    /// The first 48 bits of the MD5 of the files in use, little-endian: what `alertmanager_config_hash` shows. With
    /// an `alertmanager.yml` it is the hash of that file alone, as there.
    pub hash: u64,
}

impl Coordinator {
    /// A coordinator of these files, with an empty configuration until the first reload.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>, environment: Box<Environment>) -> Self {
        Self {
            paths,
            environment,
            matcher_mode: MatcherMode::default(),
            subscribers: Vec::new(),
            current: Arc::default(),
            status: ReloadStatus::default(),
        }
    }

    /// The coordinator with another way to read the matchers and label names of an `alertmanager.yml`
    /// (`--enable-feature`).
    #[must_use]
    pub fn with_matcher_mode(mut self, mode: MatcherMode) -> Self {
        self.matcher_mode = mode;
        self
    }

    /// The files.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The configuration in use.
    #[must_use]
    pub fn current(&self) -> &Arc<Config> {
        &self.current
    }

    /// How the last reloads went.
    #[must_use]
    pub fn status(&self) -> &ReloadStatus {
        &self.status
    }

    /// Adds a subscriber. `prepare` gets each new configuration; what it returns runs if no subscriber refuses.
    /// `name` stands in the error if it does.
    pub fn subscribe(
        &mut self,
        name: &'static str,
        prepare: impl FnMut(&Arc<Config>) -> Result<Commit, Refusal> + Send + 'static,
    ) {
        self.subscribers.push((name, Box::new(prepare)));
    }

    /// Reads the files and applies them. On an error everything stays as it was, and the error is kept in the status
    /// until a reload succeeds.
    pub fn reload(&mut self, now: Timestamp) -> Result<(), ConfigError> {
        let result = self.try_reload();
        match &result {
            Ok(hash) => {
                self.status = ReloadStatus { last_error: None, last_success: Some(now), hash: *hash };
            }
            Err(error) => self.status.last_error = Some(error.clone()),
        }
        result.map(|_| ())
    }

    fn try_reload(&mut self) -> Result<u64, ConfigError> {
        let (config, hash) = load(&self.paths, &self.environment, self.matcher_mode)?;
        let config = Arc::new(config);
        let prepared = self.subscribers.iter_mut().map(|(name, prepare)| {
            prepare(&config).map_err(|refusal| match refusal.downcast::<ConfigError>() {
                Ok(error) => *error,
                Err(source) => ConfigError::Refused { subscriber: name, source: Arc::from(source) },
            })
        });
        let commits = prepared.collect::<Result<Vec<Commit>, _>>()?;
        commits.into_iter().for_each(|commit| commit());
        self.current = config;
        Ok(hash)
    }
}

impl Config {
    /// Reads files, at most one of each kind, without applying them.
    pub fn load(
        paths: &[PathBuf],
        environment: &dyn Fn(&str) -> Option<String>,
        mode: MatcherMode,
    ) -> Result<Self, ConfigError> {
        load(paths, environment, mode).map(|(config, _)| config)
    }
}

/// What a file is, by the keys of its top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A `prometheus.yml`.
    Prometheus,
    /// An `alertmanager.yml`: it has `route`, `receivers` or `inhibit_rules`.
    Alertmanager,
}

impl FileKind {
    /// Whatever is not an `alertmanager.yml` is a `prometheus.yml`; so is what cannot be parsed, and its error is told
    /// when it is read as one.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let Ok(root) = yaml::parse(text) else { return Self::Prometheus };
        let NodeKind::Mapping(pairs) = &root.kind else { return Self::Prometheus };
        let is_routing = pairs.iter().any(|(key, _)| match &key.kind {
            NodeKind::Scalar(key) => matches!(key.text.as_str(), "route" | "receivers" | "inhibit_rules"),
            _ => false,
        });
        if is_routing { Self::Alertmanager } else { Self::Prometheus }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus.yml",
            Self::Alertmanager => "alertmanager.yml",
        }
    }
}

/// Reads all files. The faults of all of them are told together.
fn load(
    paths: &[PathBuf],
    environment: &dyn Fn(&str) -> Option<String>,
    mode: MatcherMode,
) -> Result<(Config, u64), ConfigError> {
    let mut config = Config::default();
    let mut faults = Vec::new();
    let mut seen: Vec<(FileKind, &Path)> = Vec::new();
    let mut digest = md5::Context::new();
    for path in paths {
        let text = read_file(path)?;
        let kind = FileKind::of(&text);
        if let Some((_, first)) = seen.iter().find(|(seen, _)| *seen == kind) {
            let first = first.to_path_buf();
            return Err(ConfigError::TwoOfOneKind { kind: kind.name(), first, second: path.clone() });
        }
        seen.push((kind, path));
        digest.consume(&text);
        let parsed = match kind {
            FileKind::Prometheus => PrometheusConfig::parse(path, &text, environment)
                .map(|prometheus| config.prometheus = Some(Arc::new(prometheus))),
            FileKind::Alertmanager => AlertmanagerFile::parse(path, &text, mode)
                .map(|alertmanager| config.alertmanager = Some(Arc::new(alertmanager))),
        };
        match parsed {
            Ok(()) => {}
            Err(ConfigError::Faults(found)) => faults.extend(found),
            Err(error) => return Err(error),
        }
    }
    if !faults.is_empty() {
        return Err(ConfigError::Faults(faults));
    }
    let digest = digest.finalize();
    let hash = digest.0.iter().take(6).rev().fold(0, |hash, byte| (hash << 8) | u64::from(*byte));
    Ok((config, hash))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A directory with a good file, its coordinator, and what the subscribers did.
    struct Bench {
        directory: tempfile::TempDir,
        coordinator: Coordinator,
        done: Arc<Mutex<Vec<String>>>,
    }

    impl Bench {
        fn new(files: &[(&str, &str)]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let paths = files.iter().map(|(name, text)| {
                let path = directory.path().join(name);
                std::fs::write(&path, text).unwrap();
                path
            });
            let coordinator = Coordinator::new(paths.collect(), Box::new(|_| None));
            Self { directory, coordinator, done: Arc::default() }
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.directory.path().join(name), text).unwrap();
        }

        /// A subscriber that notes what it does, and refuses configurations whose label `bad` names it.
        fn subscribe(&mut self, name: &'static str) {
            let done = Arc::clone(&self.done);
            self.coordinator.subscribe(name, move |config| {
                let prometheus = config.prometheus.as_ref().unwrap();
                let cluster = prometheus.external_labels.get("cluster").unwrap_or_default().to_owned();
                if prometheus.external_labels.get("bad") == Some(name) {
                    return Err("something happened".into());
                }
                done.lock().unwrap().push(format!("{name} prepares {cluster}"));
                let done = Arc::clone(&done);
                Ok(Box::new(move || done.lock().unwrap().push(format!("{name} commits {cluster}"))))
            });
        }

        fn done(&self) -> Vec<String> {
            std::mem::take(&mut self.done.lock().unwrap())
        }
    }

    fn labels(labels: &str) -> String {
        format!("global: {{external_labels: {{{labels}}}}}")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix(second, 0)
    }

    #[test]
    fn subscribers_prepare_and_then_all_commit() {
        let mut bench = Bench::new(&[("p.yml", &labels("cluster: a"))]);
        bench.subscribe("one");
        bench.subscribe("two");
        bench.coordinator.reload(at(5)).unwrap();
        assert_eq!(bench.done(), ["one prepares a", "two prepares a", "one commits a", "two commits a"]);
        let status = bench.coordinator.status();
        assert_eq!(status.last_success, Some(at(5)));
        assert!(status.last_error.is_none() && status.hash != 0 && status.hash < 1 << 48);
    }

    #[test]
    fn a_subscriber_that_refuses_leaves_everything_as_it_was() {
        let mut bench = Bench::new(&[("p.yml", &labels("cluster: a"))]);
        bench.subscribe("one");
        bench.subscribe("two");
        bench.coordinator.reload(at(5)).unwrap();
        let (before, hash) = (Arc::clone(bench.coordinator.current()), bench.coordinator.status().hash);
        bench.done();

        bench.write("p.yml", &labels("cluster: b, bad: two"));
        let error = bench.coordinator.reload(at(6)).unwrap_err();
        assert_eq!(error.to_string(), "two: something happened");
        assert_eq!(bench.done(), ["one prepares b"]);
        assert!(Arc::ptr_eq(&before, bench.coordinator.current()));
        let status = bench.coordinator.status();
        assert_eq!((status.last_success, status.hash), (Some(at(5)), hash));
        assert!(status.last_error.is_some());

        bench.write("p.yml", &labels("cluster: c"));
        bench.coordinator.reload(at(7)).unwrap();
        assert!(bench.coordinator.status().last_error.is_none());
        assert_eq!(bench.done().last().unwrap(), "two commits c");
    }

    #[test]
    fn a_place_that_a_subscriber_names_is_told_as_it_is() {
        let mut bench = Bench::new(&[("p.yml", "alerting: {alertmanagers: [{tls_config: {ca_file: x}}]}")]);
        bench.coordinator.subscribe("forward", |config| {
            let prometheus = config.prometheus.as_ref().unwrap();
            let position = &prometheus.alerting.alertmanagers[0].http_client.tls_config.position;
            Err(Box::new(ConfigError::at(position, "unable to read CA cert")))
        });
        let error = bench.coordinator.reload(at(1)).unwrap_err().to_string();
        assert!(error.ends_with("p.yml:1:41: unable to read CA cert"), "{error}");
    }

    #[test]
    fn a_bad_file_reaches_no_subscriber() {
        let mut bench = Bench::new(&[("p.yml", "alertng: {}")]);
        bench.subscribe("one");
        assert!(bench.coordinator.reload(at(1)).unwrap_err().to_string().contains("p.yml:1:1: "));
        std::fs::remove_file(bench.directory.path().join("p.yml")).unwrap();
        assert!(matches!(bench.coordinator.reload(at(1)), Err(ConfigError::Read { .. })));
        assert!(bench.done().is_empty());
        assert!(bench.coordinator.current().prometheus.is_none());
    }

    #[test]
    fn two_files_of_one_kind_are_an_error() {
        let mut bench = Bench::new(&[("a.yml", ""), ("b.yml", "global:")]);
        let error = bench.coordinator.reload(at(1)).unwrap_err().to_string();
        assert!(error.contains("are both prometheus.yml files"), "{error}");
    }

    #[test]
    fn a_file_of_each_kind_is_one_configuration() {
        let routing = |wait: &str| {
            format!("route: {{receiver: a, group_wait: {wait}, group_by: ['a b']}}\nreceivers: [{{name: a}}]")
        };
        let mut bench = Bench::new(&[("a.yml", &routing("1s")), ("p.yml", &labels("cluster: a"))]);
        bench.subscribe("one");
        bench.coordinator.reload(at(1)).unwrap();
        let config = Arc::clone(bench.coordinator.current());
        assert!(config.alertmanager.is_some() && config.prometheus.is_some());
        bench.done();

        // A fault in one file holds the other back, and the faults of both are told.
        bench.write("a.yml", &routing("1x"));
        bench.write("p.yml", &labels("cluster: b"));
        assert!(
            bench.coordinator.reload(at(2)).unwrap_err().to_string().contains("a.yml:1:34: route.group_wait")
        );
        bench.write("p.yml", "alertng: {}");
        let error = bench.coordinator.reload(at(2)).unwrap_err();
        assert_eq!(error.faults().len(), 2, "{error}");
        assert!(bench.done().is_empty() && Arc::ptr_eq(&config, bench.coordinator.current()));

        let paths = bench.coordinator.paths().to_vec();
        bench.write("a.yml", &routing("1s"));
        bench.write("p.yml", "");
        let classic = Config::load(&paths, &|_| None, MatcherMode::Classic).unwrap_err().to_string();
        assert!(classic.contains("invalid label name \"a b\" in group_by list"), "{classic}");
        bench.write("p.yml", &routing("1s"));
        let two = bench.coordinator.reload(at(3)).unwrap_err().to_string();
        assert!(two.contains("are both alertmanager.yml files"), "{two}");
    }

    #[test]
    fn the_hash_of_one_file_is_alertmanagers() {
        let mut bench = Bench::new(&[("a.yml", "route: {receiver: a}\nreceivers: [{name: a}]\n")]);
        bench.coordinator.reload(at(1)).unwrap();
        assert_eq!(bench.coordinator.status().hash, 184_816_797_860_636);
    }

    #[test]
    fn kinds_are_told_by_their_keys() {
        assert_eq!(FileKind::of("route: {}"), FileKind::Alertmanager);
        assert_eq!(FileKind::of("global: {}\nreceivers: []"), FileKind::Alertmanager);
        assert_eq!(FileKind::of("inhibit_rules:"), FileKind::Alertmanager);
        for text in ["", "global: {}", "- route", "alerting: {route: 1}", "[", "route"] {
            assert_eq!(FileKind::of(text), FileKind::Prometheus, "{text}");
        }
    }
}
