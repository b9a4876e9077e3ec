use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ::notify::event::{EventKind, ModifyKind};
use ::notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::glob;
use super::metrics::Metrics;
use super::refresh::{Updates, ticker};
use super::target_group::TargetGroup;
use crate::config::FileSdConfig;

/// The largest file that is read.
const MAX_FILE: u64 = 64 << 20;
/// How long after a change the files are read: whoever writes a file in pieces is mostly done by then.
const SETTLE: Duration = Duration::from_millis(50);
const META_FILEPATH: &str = "__meta_filepath";

/// Targets from files, read again when their directories change and every refresh interval.
#[derive(Debug)]
pub(super) struct FileDiscovery {
    config: FileSdConfig,
    metrics: Metrics,
    /// How many groups each file had when it was last read without error.
    known: BTreeMap<PathBuf, usize>,
}

/// What one look at the files found.
type Scan = Vec<(PathBuf, Result<FileContent, String>)>;

#[derive(Debug)]
struct FileContent {
    groups: Vec<TargetGroup>,
    modified: f64,
}

impl FileDiscovery {
    pub(super) fn new(config: &FileSdConfig, metrics: Metrics) -> Self {
        Self { config: config.clone(), metrics, known: BTreeMap::new() }
    }

    pub(super) async fn run(mut self, updates: Updates) {
        let changed = Arc::new(Notify::new());
        let mut watcher = self.watcher(&changed);
        let mut ticker = ticker(self.config.refresh_interval);
        loop {
            tokio::select! {
                _ = ticker.tick() => {}
                () = changed.notified() => tokio::time::sleep(SETTLE).await,
            }
            // Watching comes before reading: what changes in between is then seen.
            self.watch(watcher.as_mut());
            updates.send(self.refresh().await).await;
        }
    }

    /// A watcher that sets `changed`. Without one the files are still read every refresh interval.
    fn watcher(&self, changed: &Arc<Notify>) -> Option<RecommendedWatcher> {
        let (changed, errors) = (Arc::clone(changed), self.metrics.file_watcher_errors.clone());
        let made = ::notify::recommended_watcher(
            move |event: ::notify::Result<::notify::Event>| match event {
                Ok(event) if is_change(&event.kind) => changed.notify_one(),
                Ok(_) => {}
                Err(error) => {
                    errors.inc();
                    tracing::error!(component = "discovery manager notify", err = %error, "Error watching file");
                    changed.notify_one();
                }
            },
        );
        made.inspect_err(|error| {
            self.metrics.file_watcher_errors.inc();
            tracing::error!(component = "discovery manager notify", err = %error, "Error adding file watcher");
        })
        .ok()
    }

    /// Watches the directories of all patterns. Done before every look, since a directory may come back as another.
    fn watch(&self, watcher: Option<&mut RecommendedWatcher>) {
        let Some(watcher) = watcher else { return };
        let directories: BTreeSet<&Path> =
            self.config.files.iter().map(|pattern| directory(pattern)).collect();
        for directory in directories {
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                tracing::error!(component = "discovery manager notify", path = %directory.display(), err = %error, "Error adding file watch");
            }
        }
    }

    /// Reads all files and says what changed for whom.
    pub(super) async fn refresh(&mut self) -> Vec<TargetGroup> {
        let begin = Instant::now();
        let patterns = self.config.files.clone();
        let scan = match tokio::task::spawn_blocking(move || scan(&patterns)).await {
            Ok(scan) => scan,
            Err(error) => {
                tracing::error!(component = "discovery manager notify", err = %error, "Error reading files");
                return Vec::new();
            }
        };
        let groups = self.absorb(scan);
        self.metrics.file_scan_duration.observe(&[], begin.elapsed().as_secs_f64());
        groups
    }

    /// The pure part: a file that cannot be read keeps its groups, one that shrank or went loses the surplus.
    fn absorb(&mut self, scan: Scan) -> Vec<TargetGroup> {
        let mut updates = Vec::new();
        let mut before = std::mem::take(&mut self.known);
        for (path, content) in scan {
            let name = path.display().to_string();
            let source = |index: usize| format!("{name}:{index}");
            let known = before.remove(&path);
            match content {
                Ok(FileContent { groups, modified }) => {
                    let found = groups.len();
                    let groups = groups.into_iter().enumerate();
                    updates.extend(
                        groups.map(|(index, group)| group.found_at(source(index), META_FILEPATH, &name)),
                    );
                    updates.extend((found..known.unwrap_or(0)).map(|index| TargetGroup::gone(source(index))));
                    self.metrics.mtime(&name).set(modified);
                    self.known.insert(path, found);
                }
                Err(error) => {
                    self.metrics.file_read_errors.inc();
                    tracing::error!(component = "discovery manager notify", file = %name, err = %error, "Error reading file");
                    if let Some(known) = known {
                        self.known.insert(path, known);
                    }
                }
            }
        }
        for (path, known) in before {
            let name = path.display().to_string();
            updates.extend((0..known).map(|index| TargetGroup::gone(format!("{name}:{index}"))));
            // An error says that there was no such series.
            let _ = self.metrics.file_mtime.remove_label_values(&[&name]);
        }
        updates
    }
}

impl Drop for FileDiscovery {
    fn drop(&mut self) {
        for path in self.known.keys() {
            let _ = self.metrics.file_mtime.remove_label_values(&[&path.display().to_string()]);
        }
    }
}

/// Reading the files makes events of its own, and a change of mode changes no content.
fn is_change(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)))
}

fn directory(pattern: &Path) -> &Path {
    match pattern.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("./"),
    }
}

fn scan(patterns: &[PathBuf]) -> Scan {
    let paths: BTreeSet<PathBuf> = patterns.iter().flat_map(|pattern| glob::files(pattern)).collect();
    let read = paths.into_iter().map(|path| {
        let content = read(&path);
        (path, content)
    });
    read.collect()
}

fn read(path: &Path) -> Result<FileContent, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let modified = file.metadata().and_then(|file| file.modified()).map_err(|error| error.to_string())?;
    let modified = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut text = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("larger than {} MiB", MAX_FILE >> 20));
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let groups = if extension.eq_ignore_ascii_case("json") {
        TargetGroup::from_json(&text)
    } else {
        let text = String::from_utf8(text).map_err(|error| error.to_string())?;
        TargetGroup::from_yaml(path, &text)
    };
    let groups = groups.map_err(|error| error.to_string())?;
    Ok(FileContent { groups, modified: modified as f64 })
}
