//! The file layer: the few things that the journal does to a directory, so that tests can take its place.

use std::any::Any;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Error;

/// A lock on the directory, held until it is dropped.
pub type Lock = Box<dyn Any + Send>;

/// A file of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

/// A directory of files, each known by its name. [`Disk`] is the real one.
pub trait Files: Send + Sync + 'static {
    /// The directory, for messages.
    fn place(&self) -> String;

    /// Creates the directory unless it is there, and locks it against other processes.
    ///
    /// # Errors
    /// [`Error::Directory`], [`Error::Locked`].
    fn lock(&self) -> Result<Lock, Error>;

    /// The regular files of the directory, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self) -> io::Result<Vec<Entry>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, name: &str) -> io::Result<Box<dyn Input>>;

    /// Creates a file that does not exist yet. Its name is durable after [`Files::sync_dir`].
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, name: &str) -> io::Result<Box<dyn Output>>;

    /// Cuts a file to `bytes` and syncs it.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&self, name: &str, bytes: u64) -> io::Result<()>;

    /// Gives a file another name, replacing the file that had it. Durable after [`Files::sync_dir`].
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names of the directory durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_dir(&self) -> io::Result<()>;
}

/// A file open for reading.
pub trait Input: Send {
    /// Its length.
    ///
    /// # Errors
    /// What the system says.
    fn bytes(&self) -> io::Result<u64>;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// A file open for writing at its end.
pub trait Output: Send {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// What the system says; the file may then have a part of them.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// What the system says; the file must then not be used again.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory on the real disk.
#[derive(Debug, Clone)]
pub struct Disk {
    directory: PathBuf,
}

impl Disk {
    /// The directory `directory`, which need not exist yet.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Creates the directory and those above it that are missing, and makes their names durable.
    fn create_directory(&self) -> io::Result<()> {
        let above = |path: &Path| match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Some(PathBuf::from(".")),
            parent => parent.map(Path::to_path_buf),
        };
        let mut missing = Vec::new();
        let mut path = self.directory.clone();
        while !path.is_dir() {
            let Some(parent) = above(&path) else { break };
            missing.push(parent.clone());
            path = parent;
        }
        if missing.is_empty() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        missing.iter().try_for_each(|parent| File::open(parent)?.sync_all())
    }
}

impl Files for Disk {
    fn place(&self) -> String {
        self.directory.display().to_string()
    }

    fn lock(&self) -> Result<Lock, Error> {
        let failed = |place: String| move |source| Error::Directory { place, source };
        self.create_directory().map_err(failed(self.place()))?;
        let path = self.directory.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed(path.display().to_string()))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { place: self.place() }),
            Err(TryLockError::Error(source)) => {
                Err(Error::Directory { place: path.display().to_string(), source })
            }
        }
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed since it was listed, such as the temporary file of a snapshot.
                Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
                Err(err) => return Err(err),
            };
            if metadata.is_file() {
                entries.push(Entry { name, bytes: metadata.len(), modified: metadata.modified()? });
            }
        }
        Ok(entries)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(File::open(self.directory.join(name))?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Output>> {
        let path = self.directory.join(name);
        Ok(Box::new(OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?))
    }

    fn truncate(&self, name: &str, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.directory.join(name))?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

impl Input for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }
}

impl Output for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Input for Vec<u8> {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut cursor = io::Cursor::new(self);
        cursor.seek(SeekFrom::Start(offset))?;
        cursor.read_exact(buffer)
    }
}
