use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::*;
use crate::config::{ConfigHash, FileSdConfig};
use crate::discovery::file::FileDiscovery;
use crate::discovery::refresh::{Update, Updates};

/// A running provider over a directory, and the groups it has told of.
struct Peer {
    directory: tempfile::TempDir,
    registry: Registry,
    updates: mpsc::Receiver<Update>,
    groups: BTreeMap<String, TargetGroup>,
    task: AbortHandle,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const VALID: &str = r#"[{"targets":["a:1","b:1"],"labels":{"foo":"bar"}},{"targets":["c:1"]}]"#;
const CHANGED: &str = r#"[{"targets":["d:1"]}]"#;

impl Peer {
    fn start(patterns: &[&str], refresh_interval: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files: Vec<PathBuf> = patterns.iter().map(|pattern| directory.path().join(pattern)).collect();
        let config = FileSdConfig { files, refresh_interval, position: Position::default() };
        let (metrics, registry) = metrics();
        let (sender, updates) = mpsc::channel(8);
        let updates_to = Updates { provider: ConfigHash::of(&config), sender };
        let task = tokio::spawn(FileDiscovery::new(&config, metrics).run(updates_to)).abort_handle();
        Self { directory, registry, updates, groups: BTreeMap::new(), task }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a file there in one step, as editors and deployments do.
    fn put(&self, name: &str, text: &str) {
        let fresh = self.path("fresh.tmp");
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, self.path(name)).unwrap();
    }

    /// Puts a new version behind `..data`, as Kubernetes does.
    fn swap(&self, version: &str, text: &str) {
        fs::create_dir(self.path(version)).unwrap();
        fs::write(self.path(version).join("t.json"), text).unwrap();
        std::os::unix::fs::symlink(version, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
    }

    /// Waits for updates until the addresses of all groups are these.
    async fn expect(&mut self, addresses: &[&str]) {
        let deadline = Duration::from_secs(20);
        let waited = tokio::time::timeout(deadline, async {
            while self.addresses() != addresses {
                self.absorb().await;
            }
        });
        assert!(waited.await.is_ok(), "{:?} instead of {addresses:?}", self.addresses());
    }

    async fn absorb(&mut self) {
        for group in self.updates.recv().await.unwrap().groups {
            if group.targets.is_empty() {
                self.groups.remove(&group.source);
            } else {
                self.groups.insert(group.source.clone(), group);
            }
        }
    }

    fn addresses(&self) -> Vec<&str> {
        let targets = self.groups.values().flat_map(|group| &group.targets);
        targets.map(|target| target.get("__address__").unwrap()).collect()
    }
}

/// Upstream's TestInitialUpdate, for both formats.
#[tokio::test]
async fn files_are_read_at_the_start() {
    for (name, text) in [
        ("t.json", VALID),
        ("t.yml", "- targets: ['a:1', 'b:1']\n  labels: {foo: bar}\n- targets: ['c:1']\n"),
    ] {
        let mut peer = Peer::start(&["t.*[nl]"], NEVER);
        peer.put(name, text);
        peer.expect(&["a:1", "b:1", "c:1"]).await;
        let path = file_name(&peer.path(name));
        let expected =
            group(&format!("{path}:0"), &["a:1", "b:1"], &[("foo", "bar"), ("__meta_filepath", &path)]);
        assert_eq!(peer.groups[&format!("{path}:0")], expected);
        let mtime = printed(&peer.registry, "prometheus_sd_file_mtime_seconds");
        assert!(
            mtime.starts_with(&format!("prometheus_sd_file_mtime_seconds{{filename=\"{path}\"}} ")),
            "{mtime}"
        );
    }
}

/// Upstream's TestInvalidFile and TestInvalidFileUpdate.
#[tokio::test]
async fn an_invalid_file_keeps_its_groups() {
    let mut peer = Peer::start(&["*.json"], NEVER);
    peer.put("t.json", VALID);
    peer.expect(&["a:1", "b:1", "c:1"]).await;
    for bad in ["[", "[null]", r#"[{"targets":["x:1"],"more":1}]"#, ""] {
        peer.put("t.json", bad);
        peer.absorb().await;
        assert_eq!(peer.addresses(), ["a:1", "b:1", "c:1"], "{bad:?}");
    }
    let errors = printed(&peer.registry, "prometheus_sd_file_read_errors_total");
    assert_ne!(errors, "prometheus_sd_file_read_errors_total 0");
    // A file that was never valid beside one that is.
    peer.put("u.json", "[");
    peer.put("t.json", CHANGED);
    peer.expect(&["d:1"]).await;
}

/// Upstream's TestFileUpdate and TestNoopFileUpdate.
#[tokio::test]
async fn changes_are_seen_and_repeats_change_nothing() {
    let mut peer = Peer::start(&["t.json"], NEVER);
    peer.put("t.json", VALID);
    peer.expect(&["a:1", "b:1", "c:1"]).await;
    peer.put("t.json", VALID);
    peer.absorb().await;
    assert_eq!(peer.addresses(), ["a:1", "b:1", "c:1"]);
    peer.put("t.json", CHANGED);
    peer.expect(&["d:1"]).await;
    assert_eq!(peer.groups.len(), 1, "the second group is gone");
}

/// Upstream's TestUpdateFileWithPartialWrites: written in place, in pieces.
#[tokio::test]
async fn a_file_written_in_pieces_is_read_when_it_is_whole() {
    let mut peer = Peer::start(&["t.json"], Duration::from_millis(20));
    peer.put("t.json", VALID);
    peer.expect(&["a:1", "b:1", "c:1"]).await;
    for end in 1..CHANGED.len() {
        fs::write(peer.path("t.json"), &CHANGED[..end]).unwrap();
        if end % 7 == 0 {
            peer.absorb().await;
            assert_eq!(peer.addresses(), ["a:1", "b:1", "c:1"]);
        }
    }
    fs::write(peer.path("t.json"), CHANGED).unwrap();
    peer.expect(&["d:1"]).await;
}

/// Upstream's TestRemoveFile.
#[tokio::test]
async fn a_removed_file_takes_its_groups_away() {
    let mut peer = Peer::start(&["*.json"], NEVER);
    peer.put("t.json", VALID);
    peer.put("u.json", CHANGED);
    peer.expect(&["a:1", "b:1", "c:1", "d:1"]).await;
    fs::remove_file(peer.path("t.json")).unwrap();
    peer.expect(&["d:1"]).await;
    assert!(!printed(&peer.registry, "prometheus_sd_file_mtime_seconds").contains("t.json"));
}

/// A ConfigMap: the file is a link through `..data`, which is swapped as a whole.
#[tokio::test]
async fn swapped_links_are_seen() {
    let mut peer = Peer::start(&["t.json"], NEVER);
    peer.swap("..v1", VALID);
    std::os::unix::fs::symlink("..data/t.json", peer.path("t.json")).unwrap();
    peer.expect(&["a:1", "b:1", "c:1"]).await;
    peer.swap("..v2", CHANGED);
    peer.expect(&["d:1"]).await;
}
