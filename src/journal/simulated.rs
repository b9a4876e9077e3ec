//! A disk in memory that fails as disks fail, for tests of the journal and of whoever owns one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::Error;
use super::files::{Entry, Files, Input, Lock, Output};

/// A directory in memory. What was not synced is forgotten by [`SimulatedDisk::power_cut`]; writes and syncs
/// can be made to fail or to hang. Clones are the same disk.
///
/// As on Linux, what a failed sync did not write is never written: the next sync of that file succeeds and
/// means nothing.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    resumed: Condvar,
}

#[derive(Clone, Default)]
struct State {
    /// The files that exist, whether or not their names are durable.
    files: BTreeMap<u64, Content>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    next_file: u64,
    locked: bool,
    operations: u64,
    /// The power fails before the operation of this number.
    cut_before: Option<u64>,
    write_error: Option<io::ErrorKind>,
    sync_error: Option<io::ErrorKind>,
    sync_hangs: bool,
    sync_lies: bool,
    /// Seconds since 1970 at which writes happen.
    now: u64,
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// Bytes that survive a power cut.
    durable: usize,
    /// A sync failed: later ones mean nothing.
    spoilt: bool,
    modified: u64,
}

impl SimulatedDisk {
    /// An empty disk that works.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every write and creation fail with `error`, or work again. `StorageFull` is ENOSPC.
    pub fn fail_writes(&self, error: Option<io::ErrorKind>) {
        self.state().write_error = error;
    }

    /// Lets every sync fail with `error`, or work again.
    pub fn fail_syncs(&self, error: Option<io::ErrorKind>) {
        self.state().sync_error = error;
    }

    /// Lets every sync hang, or go on.
    pub fn hang_syncs(&self, hang: bool) {
        self.state().sync_hangs = hang;
        self.inner.resumed.notify_all();
    }

    /// Lets every sync say that it succeeded and do nothing: what a journal without syncs would get.
    pub fn lie_about_syncs(&self) {
        self.state().sync_lies = true;
    }

    /// Sets the time of later writes, in seconds since 1970.
    pub fn set_time(&self, seconds: u64) {
        self.state().now = seconds;
    }

    /// Operations that changed something or synced, so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets the power fail before operation `number`: that one and all later ones fail.
    pub fn cut_before(&self, number: u64) {
        self.state().cut_before = Some(number);
    }

    /// The disk as it is found after a power cut now: names and bytes that were not synced are gone, except
    /// `torn` bytes of each file (or as many as there are) which had reached the disk by themselves.
    #[must_use]
    pub fn power_cut(&self, torn: usize) -> Self {
        let mut state = self.state().clone();
        state.names = state.durable_names.clone();
        let named: BTreeSet<u64> = state.names.values().copied().collect();
        state.files.retain(|file, _| named.contains(file));
        for content in state.files.values_mut() {
            content.bytes.truncate(content.durable.saturating_add(torn));
            content.durable = content.bytes.len();
            content.spoilt = false;
        }
        let works = State {
            files: state.files,
            durable_names: state.names.clone(),
            names: state.names,
            next_file: state.next_file,
            now: state.now,
            ..State::default()
        };
        Self { inner: Arc::new(Inner { state: Mutex::new(works), resumed: Condvar::new() }) }
    }

    /// The most bytes of one file that a power cut now would lose.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        let state = self.state();
        state.files.values().map(|content| content.bytes.len() - content.durable).max().unwrap_or(0)
    }

    /// The bytes of a file.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        Some(state.files.get(state.names.get(name)?)?.bytes.clone())
    }

    /// Puts `bytes` in the place of a file, durably: damage, or a file from elsewhere.
    pub fn replace(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = state.create(name);
        state.durable_names.insert(name.to_owned(), file);
        let durable = bytes.len();
        let modified = state.now;
        state.files.insert(file, Content { bytes, durable, spoilt: false, modified });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        state.operation()?;
        change(&mut state)
    }

    /// Waits while syncs hang, then says how they end.
    fn sync<T>(&self, sync: impl FnOnce(&mut State, io::Result<()>) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        state.operation()?;
        while state.sync_hangs {
            state = self.inner.resumed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let outcome = state.sync_error.map_or(Ok(()), |kind| Err(kind.into()));
        sync(&mut state, outcome)
    }
}

impl State {
    fn operation(&mut self) -> io::Result<()> {
        if self.cut_before.is_some_and(|cut| self.operations >= cut) {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        Ok(())
    }

    fn create(&mut self, name: &str) -> u64 {
        self.next_file += 1;
        self.names.insert(name.to_owned(), self.next_file);
        self.files.insert(self.next_file, Content { modified: self.now, ..Content::default() });
        self.next_file
    }

    fn content(&mut self, name: &str) -> io::Result<&mut Content> {
        let file = self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        self.files.get_mut(file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Files for SimulatedDisk {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn lock(&self) -> Result<Lock, Error> {
        let mut state = self.state();
        if std::mem::replace(&mut state.locked, true) {
            return Err(Error::Locked { place: self.place() });
        }
        Ok(Box::new(Unlock { disk: self.clone() }))
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        let state = self.state();
        let entry = |(name, file): (&String, &u64)| {
            let content = state.files.get(file)?;
            let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(content.modified);
            Some(Entry { name: name.clone(), bytes: content.bytes.len() as u64, modified })
        };
        Ok(state.names.iter().filter_map(entry).collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(self.read(name).ok_or(io::ErrorKind::NotFound)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Output>> {
        let file = self.change(|state| {
            if state.names.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.write_error.map_or(Ok(()), |kind| Err(io::Error::from(kind)))?;
            Ok(state.create(name))
        })?;
        Ok(Box::new(OpenFile { disk: self.clone(), file }))
    }

    fn truncate(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.change(|state| {
            let content = state.content(name)?;
            content.bytes.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
            content.durable = content.bytes.len();
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|state| {
            let file = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|state| state.names.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.sync(|state, outcome| {
            outcome?;
            if !state.sync_lies {
                state.durable_names = state.names.clone();
            }
            Ok(())
        })
    }
}

/// A file of a simulated disk, open for writing.
struct OpenFile {
    disk: SimulatedDisk,
    file: u64,
}

impl Output for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.change(|state| {
            let now = state.now;
            let content = state.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
            content.modified = now;
            if let Some(kind) = state.write_error {
                // A full disk takes what still fits.
                content.bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
                return Err(kind.into());
            }
            content.bytes.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync(|state, outcome| {
            let lies = state.sync_lies;
            let content = state.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
            content.spoilt |= outcome.is_err();
            outcome?;
            if !content.spoilt && !lies {
                content.durable = content.bytes.len();
            }
            Ok(())
        })
    }
}

struct Unlock {
    disk: SimulatedDisk,
}

impl Drop for Unlock {
    fn drop(&mut self) {
        self.disk.state().locked = false;
    }
}
