//! Watching files through their directories.
//!
//! A watch on a file itself ends when the file is replaced by renaming another over it, which is what editors do, and
//! sees nothing of a Kubernetes ConfigMap, where `file -> ..data/file` and `..data` is the link that changes. So the
//! directory is watched, any event in it counts, and whoever was woken reads again and compares.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Events that follow each other within this time are one change.
const QUIET: Duration = Duration::from_millis(50);

/// A change is told after this time even if events keep coming.
const LONGEST: Duration = Duration::from_millis(500);

/// A directory that cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {}: {source}", .directory.display())]
pub struct WatchError {
    /// The directory; empty if watching as a whole is impossible.
    pub directory: PathBuf,
    /// What the system says.
    pub source: ::notify::Error,
}

/// Tells when something happens in a set of directories.
pub struct DirectoryWatcher {
    watcher: RecommendedWatcher,
    events: Arc<Notify>,
    directories: BTreeSet<PathBuf>,
}

impl DirectoryWatcher {
    /// A watcher of no directory yet.
    pub fn new() -> Result<Self, WatchError> {
        let events = Arc::new(Notify::new());
        let woken = Arc::clone(&events);
        let watcher =
            ::notify::recommended_watcher(move |event: Result<::notify::Event, ::notify::Error>| {
                // Reading is no change; an error may hide one (the queue of events has overflowed).
                if !event.is_ok_and(|event| event.kind.is_access()) {
                    woken.notify_one();
                }
            });
        let watcher = watcher.map_err(|source| WatchError { directory: PathBuf::new(), source })?;
        Ok(Self { watcher, events, directories: BTreeSet::new() })
    }

    /// Watches from now on the directories of these files, and no others; a file that is a link is watched where it
    /// leads to as well. The last part of a path may be a pattern. A directory that was removed and made again is
    /// watched again only after this call, so call it whenever the files were read. Directories that cannot be watched
    /// are returned; the others are watched.
    pub fn watch<P: AsRef<Path>>(&mut self, files: &[P]) -> Vec<WatchError> {
        let wanted: BTreeSet<PathBuf> = files.iter().flat_map(|file| directories(file.as_ref())).collect();
        for directory in self.directories.difference(&wanted) {
            // It may be gone already, which is as good.
            let _gone = self.watcher.unwatch(directory);
        }
        let mut errors = Vec::new();
        self.directories.clear();
        for directory in wanted {
            match self.watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => _ = self.directories.insert(directory),
                Err(source) => errors.push(WatchError { directory, source }),
            }
        }
        errors
    }

    /// Waits until something has changed in the directories, and for the rest of the changes that come with it. A
    /// change that came since the last call counts. Can be cancelled without losing a change that was not told.
    pub async fn changed(&mut self) {
        self.events.notified().await;
        // Cancelled while it settles, the next call must still tell it.
        let mut untold = Untold { events: &self.events, told: false };
        let settled = async { while timeout(QUIET, self.events.notified()).await.is_ok() {} };
        // Whether it has settled or not, it is told now.
        let _settled = timeout(LONGEST, settled).await;
        untold.told = true;
    }
}

struct Untold<'a> {
    events: &'a Notify,
    told: bool,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.events.notify_one();
        }
    }
}

/// The directory of a file, and of what it links to.
fn directories(file: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    };
    let target = file.canonicalize().ok().map(|target| parent(&target));
    std::iter::once(parent(file)).chain(target).collect()
}

/// Tells when the contents of files have changed: by their directories, and by reading them again at an interval where
/// the system tells nothing (network file systems).
pub struct FileWatcher {
    files: Vec<PathBuf>,
    contents: Vec<Option<md5::Digest>>,
    directories: Option<DirectoryWatcher>,
    interval: Duration,
}

impl FileWatcher {
    /// Watches `files`, whose contents as of now count as known: make it before reading them. Without help of the
    /// system they are compared every `interval`.
    #[must_use]
    pub fn new(files: Vec<PathBuf>, interval: Duration) -> Self {
        let mut directories = match DirectoryWatcher::new() {
            Ok(directories) => Some(directories),
            Err(err) => {
                tracing::warn!(component = "config", %err, ?interval, "Files are compared at an interval only");
                None
            }
        };
        if let Some(directories) = &mut directories {
            for err in directories.watch(&files) {
                tracing::warn!(component = "config", %err, "Cannot watch a directory for changes");
            }
        }
        let contents = files.iter().map(|file| digest(file)).collect();
        Self { files, contents, directories, interval }
    }

    /// Waits until the contents of a file differ from those last known and gives the files that changed. A file that
    /// has vanished, or has come, has changed.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        loop {
            match &mut self.directories {
                // What of the two comes first does not matter: the files are compared.
                Some(directories) => _ = timeout(self.interval, directories.changed()).await,
                None => sleep(self.interval).await,
            }
            let changed = self.compare();
            if !changed.is_empty() {
                return changed;
            }
        }
    }

    fn compare(&mut self) -> Vec<PathBuf> {
        if let Some(directories) = &mut self.directories {
            // Told when the watcher was made; a directory that is gone now will be tried again.
            drop(directories.watch(&self.files));
        }
        let mut changed = Vec::new();
        for (file, known) in self.files.iter().zip(&mut self.contents) {
            let now = digest(file);
            if *known != now {
                *known = now;
                changed.push(file.clone());
            }
        }
        changed
    }
}

fn digest(file: &Path) -> Option<md5::Digest> {
    let mut context = md5::Context::new();
    let mut file = std::fs::File::open(file).ok()?;
    std::io::copy(&mut file, &mut context).ok()?;
    Some(context.finalize())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(20);

    fn watch(file: &Path) -> FileWatcher {
        FileWatcher::new(vec![file.to_owned()], DEADLINE * 10)
    }

    async fn told(watcher: &mut FileWatcher) -> usize {
        timeout(DEADLINE, watcher.changed()).await.expect("the change is told").len()
    }

    #[tokio::test]
    async fn writes_and_atomic_renames_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.yml");
        fs::write(&file, "a").unwrap();
        let mut watcher = watch(&file);
        fs::write(&file, "b").unwrap();
        assert_eq!(told(&mut watcher).await, 1);
        for text in ["c", "d"] {
            let new = directory.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(&new, &file).unwrap();
            assert_eq!(told(&mut watcher).await, 1);
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(told(&mut watcher).await, 1);
        fs::write(&file, "d").unwrap();
        assert_eq!(told(&mut watcher).await, 1);
    }

    #[tokio::test]
    async fn a_config_map_swap_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (version, text) in [("..1", "a"), ("..2", "b"), ("..3", "c")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("p.yml"), text).unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/p.yml", at("p.yml")).unwrap();
        let mut watcher = watch(&at("p.yml"));
        for version in ["..2", "..3"] {
            symlink(version, at("..data_tmp")).unwrap();
            fs::rename(at("..data_tmp"), at("..data")).unwrap();
            assert_eq!(told(&mut watcher).await, 1, "{version}");
        }
    }

    #[tokio::test]
    async fn a_link_to_another_directory_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let target = tempfile::tempdir().unwrap();
        fs::write(target.path().join("real.yml"), "a").unwrap();
        let link = directory.path().join("p.yml");
        symlink(target.path().join("real.yml"), &link).unwrap();
        let mut watcher = watch(&link);
        fs::write(target.path().join("real.yml"), "b").unwrap();
        assert_eq!(told(&mut watcher).await, 1);
    }

    #[tokio::test]
    async fn unchanged_contents_and_other_files_are_not_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.yml");
        fs::write(&file, "a").unwrap();
        let mut watcher = watch(&file);
        fs::write(directory.path().join("other.yml"), "x").unwrap();
        fs::write(&file, "a").unwrap();
        let nothing = timeout(Duration::from_millis(300), watcher.changed()).await;
        assert!(nothing.is_err(), "{nothing:?}");
        fs::write(&file, "b").unwrap();
        assert_eq!(told(&mut watcher).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn without_events_the_interval_finds_the_change() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.yml");
        fs::write(&file, "a").unwrap();
        let interval = Duration::from_secs(30);
        let mut watcher = FileWatcher {
            files: vec![file.clone()],
            contents: vec![digest(&file)],
            directories: None,
            interval,
        };
        fs::write(&file, "b").unwrap();
        let start = tokio::time::Instant::now();
        assert_eq!(watcher.changed().await, [file]);
        assert_eq!(start.elapsed(), interval);
    }

    #[tokio::test]
    async fn a_directory_watcher_reports_what_it_cannot_watch() {
        let directory = tempfile::tempdir().unwrap();
        let mut watcher = DirectoryWatcher::new().unwrap();
        let errors = watcher.watch(&[directory.path().join("*.yml"), directory.path().join("none/x.yml")]);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().contains("none"));
        fs::write(directory.path().join("a.yml"), "").unwrap();
        timeout(DEADLINE, watcher.changed()).await.expect("the new file is told");
    }
}
