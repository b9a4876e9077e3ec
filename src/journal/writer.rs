//! The journal's thread: writes what waits, syncs once, and mends the journal after a failure.

use std::collections::BTreeSet;
use std::io;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::Error;
use super::files::{Lock, Output};
use super::frame::{FileKind, FrameKind, file_header, push_frame};
use super::retention::{DAMAGED, Keep, surplus};
use super::shared::Shared;
use super::snapshot;
use super::state::{Chores, Instant, Record, Request, Start, Task};

/// The buffer of a larger commit is given back.
const BUFFER: usize = 1 << 20;
/// What is written to see whether a disk works.
static PROBE: [u8; 64 << 10] = [0; 64 << 10];
const PROBE_NAME: &str = "probe.tmp";

pub(super) struct Writer {
    shared: Arc<Shared>,
    segment: Option<Segment>,
    buffer: Vec<u8>,
    /// The snapshot that is written beside the log.
    beside: Option<JoinHandle<()>>,
    /// Names of files in which recovery found damage: set aside once a snapshot makes them needless.
    damaged: BTreeSet<String>,
    probe_delay: Duration,
    /// Held for as long as the thread may write.
    _lock: Lock,
}

/// The segment that is written.
struct Segment {
    first: u64,
    bytes: u64,
    file: Box<dyn Output>,
}

impl Writer {
    /// Starts the writer and the watchdog.
    ///
    /// # Errors
    /// [`Error::Thread`].
    pub(super) fn start(start: Start) -> Result<Arc<Shared>, Error> {
        let shared = Arc::new(Shared::new(&start));
        let writer = Self {
            shared: Arc::clone(&shared),
            segment: None,
            buffer: Vec::new(),
            beside: None,
            damaged: start.damaged,
            probe_delay: start.options.probe_delay,
            _lock: start.lock,
        };
        let watched = Arc::clone(&shared);
        thread::Builder::new()
            .name("journal-watch".to_owned())
            .spawn(move || watched.watch())
            .map_err(Error::Thread)?;
        let spawned = thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run());
        if let Err(err) = spawned {
            shared.closed();
            return Err(Error::Thread(err));
        }
        Ok(shared)
    }

    fn run(mut self) {
        self.note_directory();
        loop {
            match self.shared.next_task() {
                Task::Write { records, request, alone, chores } => {
                    self.write(&records, request, alone);
                    self.do_chores(&chores);
                }
                Task::Probe => self.probe(),
                Task::Stop => break,
            }
        }
        self.join_snapshot();
        let shared = Arc::clone(&self.shared);
        // The directory is free for the next owner before anybody hears that the journal is closed.
        drop(self);
        shared.closed();
    }

    /// Commits the records, then writes or begins the snapshot.
    fn write(&mut self, records: &[Record], request: Option<Request>, alone: bool) {
        let committed = self.commit(records);
        if let Err(reason) = &committed {
            self.segment = None;
            self.shared.fail(reason.clone(), records.len() as u64);
        }
        match request {
            Some(request) if alone => self.write_snapshot(request),
            Some(request) if committed.is_ok() => self.begin_snapshot(request),
            Some(_) | None => {}
        }
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), String> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
        if self.segment.as_ref().is_some_and(|segment| segment.bytes >= self.shared.options.segment_bytes) {
            self.segment = None;
        }
        let mut segment = match self.segment.take() {
            Some(segment) => segment,
            None => self.begin_segment(first.position)?,
        };
        self.buffer.clear();
        let mut kind = FrameKind::Commit;
        for record in records {
            push_frame(&mut self.buffer, segment.first, kind, record.position, &record.payload);
            kind = FrameKind::Record;
        }
        let name = FileKind::Log.name(segment.first);
        self.attempt("write", &name, segment.file.append(&self.buffer))?;
        self.attempt("sync", &name, segment.file.sync())?;
        let bytes = self.buffer.len() as u64;
        segment.bytes += bytes;
        self.segment = Some(segment);
        if self.buffer.capacity() > BUFFER {
            self.buffer = Vec::new();
        }
        self.shared.committed(last.position, records.len() as u64, bytes);
        Ok(())
    }

    /// Begins the segment whose first record is `first`.
    fn begin_segment(&self, first: u64) -> Result<Segment, String> {
        let name = FileKind::Log.name(first);
        self.make_room(None);
        // Left by a start after which nothing was appended, or by a failure before the first record.
        let _ = self.shared.files.remove(&name);
        let file = self.shared.files.create(&name);
        let mut file = self.attempt("create", &name, file)?;
        let header = file_header(FileKind::Log, first);
        self.attempt("write", &name, file.append(&header))?;
        self.attempt("sync", &name, file.sync())?;
        self.attempt("sync the directory of", &name, self.shared.files.sync_dir())?;
        Ok(Segment { first, bytes: header.len() as u64, file })
    }

    /// Turns an error into a reason for the operator; a full disk gives up history.
    fn attempt<T>(&self, what: &str, file: &str, result: io::Result<T>) -> Result<T, String> {
        result.map_err(|err| {
            if err.kind() == io::ErrorKind::StorageFull {
                self.delete(Keep { bytes: 0, since: None });
            }
            format!("cannot {what} {}/{file}: {err}", self.shared.files.place())
        })
    }

    /// Writes a snapshot while the log waits.
    fn write_snapshot(&mut self, request: Request) {
        self.join_snapshot();
        self.segment = None;
        let replaced = self.shared.snapshot_begins();
        let position = request.position;
        let begun = Instant::now();
        let written = snapshot::write(&*self.shared.files, position, request.write);
        if written.is_ok() {
            self.probe_delay = self.shared.options.probe_delay;
        }
        self.shared.snapshot_ends(position, replaced, begun.elapsed(), &written);
        let name = FileKind::Snapshot.name(position);
        if let Err(reason) = self.attempt("write", &name, written) {
            self.shared.fail(reason, 0);
        }
    }

    /// Writes a snapshot beside the log, which goes on in a new segment.
    fn begin_snapshot(&mut self, request: Request) {
        self.join_snapshot();
        self.segment = None;
        let replaced = self.shared.snapshot_begins();
        let shared = Arc::clone(&self.shared);
        let position = request.position;
        let write = move || {
            let begun = Instant::now();
            let written = snapshot::write(&*shared.files, position, request.write);
            if let Err(err) = &written {
                let file = FileKind::Snapshot.name(position);
                tracing::warn!(component = "journal", file, %err, "Cannot write a snapshot; the log goes on");
            }
            shared.snapshot_ends(position, replaced, begun.elapsed(), &written);
        };
        match thread::Builder::new().name("journal-snapshot".to_owned()).spawn(write) {
            Ok(thread) => self.beside = Some(thread),
            Err(err) => self.shared.snapshot_ends(position, replaced, Duration::ZERO, &Err(err)),
        }
    }

    fn join_snapshot(&mut self) {
        if let Some(thread) = self.beside.take() {
            // A panic in it was the owner's, and is caught and reported there.
            let _ = thread.join();
        }
    }

    /// Waits, then tries the disk; when it works, a snapshot is wanted.
    fn probe(&mut self) {
        // Whatever it was, this file is not written again.
        self.segment = None;
        self.shared.pause(self.probe_delay.mul_f64(0.5 + 0.5 * fastrand::f64()));
        self.probe_delay = (self.probe_delay * 2).min(self.shared.options.probe_delay_limit);
        let begun = Instant::now();
        let probed = self.write_probe();
        let _ = self.shared.files.remove(PROBE_NAME);
        let elapsed = begun.elapsed();
        let limit = self.shared.options.commit_limit;
        match probed {
            Ok(()) if elapsed < limit => self.shared.probed(),
            Ok(()) => self.shared.fail(format!("the disk took {elapsed:?} to sync"), 0),
            Err(reason) => self.shared.fail(reason, 0),
        }
    }

    fn write_probe(&self) -> Result<(), String> {
        let files = &self.shared.files;
        let _ = files.remove(PROBE_NAME);
        let mut file = self.attempt("create", PROBE_NAME, files.create(PROBE_NAME))?;
        self.attempt("write", PROBE_NAME, file.append(&PROBE))?;
        self.attempt("sync", PROBE_NAME, file.sync())
    }

    fn do_chores(&mut self, chores: &Chores) {
        if chores.snapshot_written {
            for name in mem::take(&mut self.damaged) {
                if let Err(err) = self.shared.files.rename(&name, &format!("{name}{DAMAGED}")) {
                    tracing::warn!(component = "journal", file = name, %err, "Cannot set a damaged file aside");
                }
            }
        }
        if chores.snapshot_written || chores.expire.is_some() {
            self.make_room(chores.expire);
        }
    }

    /// Deletes history that is too much, so that a segment and a snapshot more fit in, or too old at `now`.
    fn make_room(&self, now: Option<SystemTime>) {
        let stats = self.shared.stats();
        let options = &self.shared.options;
        let room = options.segment_bytes.saturating_add(stats.snapshot_bytes);
        self.delete(Keep::new(options.retention_bytes.saturating_sub(room), options.retention_age, now));
    }

    fn delete(&self, keep: Keep) {
        let Ok(entries) = self.shared.files.list() else { return };
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        for name in surplus(&entries, &self.damaged, keep) {
            match self.shared.files.remove(&name) {
                Ok(()) => {
                    let freed =
                        entries.iter().find(|entry| entry.name == name).map_or(0, |entry| entry.bytes);
                    bytes = bytes.saturating_sub(freed);
                }
                Err(err) => {
                    tracing::warn!(component = "journal", file = name, %err, "Cannot delete an old file")
                }
            }
        }
        self.shared.listed(bytes);
    }

    /// Notes the sizes of what recovery left.
    fn note_directory(&self) {
        let Ok(entries) = self.shared.files.list() else { return };
        self.shared.listed(entries.iter().map(|entry| entry.bytes).sum());
        let snapshots = entries.iter().filter(|entry| !self.damaged.contains(&entry.name));
        let snapshots = snapshots.filter_map(|entry| match FileKind::parse(&entry.name) {
            Some((FileKind::Snapshot, position)) => Some((position, entry.bytes)),
            Some((FileKind::Log, _)) | None => None,
        });
        if let Some((_, bytes)) = snapshots.max() {
            self.shared.recovered_snapshot(bytes);
        }
    }
}
