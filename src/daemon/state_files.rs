//! Alertmanager's own files in the storage directory, `silences` and `nflog`: merged in at every start, the newer
//! version of each entry winning, and written at a clean stop and every `--data.maintenance-interval`, so that people
//! can come from Alertmanager and go back.
//!
//! A file is a run of protobuf messages, each with its length in front. A damaged one does not prevent a start, as it
//! does with Alertmanager: what can be read of it is taken, and it is kept as `*.damaged`.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::engine::{DeliveryEvent, LocalDelivery};
use crate::model::statepb::{self, StateError};
use crate::model::{LogEntry, LogKey, Silence, Timestamp};

const SILENCES: &str = "silences";
const LOG: &str = "nflog";

/// What peers and files share: all silences, and what every integration was last told.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedState {
    silences: Vec<(Arc<Silence>, Timestamp)>,
    log: Vec<(LogKey, LogEntry)>,
}

/// How writing one of the files went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// Its size in bytes.
    pub(super) size: usize,
    /// How long it took.
    pub(super) took: Duration,
}

impl SharedState {
    /// The state as it is now. Contents are shared, not copied.
    pub(super) fn of(delivery: &LocalDelivery) -> Self {
        let silences = delivery.silences().iter();
        let log = delivery.nflog().sorted().into_iter();
        Self {
            silences: silences.map(|(silence, expires_at)| (Arc::clone(silence), expires_at)).collect(),
            log: log.map(|(key, entry)| (key, entry.clone())).collect(),
        }
    }

    /// Reads both files of `storage`; one that is not there is empty.
    pub(super) fn read(storage: &Path) -> Self {
        let silences = read(&storage.join(SILENCES), |entry| {
            statepb::decode_silence(entry).map(|(silence, expires_at)| (Arc::new(silence), expires_at))
        });
        let log = read(&storage.join(LOG), |entry| statepb::decode_log_entry(entry, false));
        Self { silences, log }
    }

    /// The events that tell the engine of it.
    pub(super) fn into_events(self) -> impl Iterator<Item = DeliveryEvent> {
        let silences = self.silences.into_iter().map(|(silence, expires_at)| DeliveryEvent::PeerSilence {
            silence: Box::new(Arc::unwrap_or_clone(silence)),
            expires_at,
        });
        let log = self.log.into_iter().map(|(key, entry)| DeliveryEvent::PeerEntry { key, entry });
        silences.chain(log)
    }

    /// The silences as peers exchange them, as far as each is kept beyond `now`.
    pub(super) fn encoded_silences(&self) -> impl Iterator<Item = Bytes> {
        self.silences.iter().map(|(silence, expires_at)| statepb::encode_silence(silence, *expires_at))
    }

    /// The log entries in the same way.
    pub(super) fn encoded_log(&self) -> impl Iterator<Item = Bytes> {
        self.log.iter().map(|(key, entry)| statepb::encode_log_entry(key, entry))
    }

    /// Writes the file of the silences that are kept beyond `now`.
    pub(super) fn write_silences(&self, storage: &Path, now: Timestamp) -> io::Result<Written> {
        let kept = self.silences.iter().filter(|(_, expires_at)| *expires_at > now);
        let entries = kept.map(|(silence, expires_at)| statepb::encode_silence(silence, *expires_at));
        write(&storage.join(SILENCES), entries)
    }

    /// Writes the file of the log entries that count beyond `now`.
    pub(super) fn write_log(&self, storage: &Path, now: Timestamp) -> io::Result<Written> {
        let kept = self.log.iter().filter(|(_, entry)| entry.expires_at > now);
        write(&storage.join(LOG), kept.map(|(key, entry)| statepb::encode_log_entry(key, entry)))
    }
}

fn read<T>(path: &Path, decode: impl Fn(&Bytes) -> Result<T, StateError>) -> Vec<T> {
    let data = match fs::read(path) {
        Ok(data) => Bytes::from(data),
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::error!(component = "state", file = %path.display(), err = %error, "Cannot read Alertmanager's state");
            return Vec::new();
        }
    };
    let mut read = Vec::new();
    let mut damage = None;
    for entry in statepb::entries(data) {
        match entry.map_err(StateError::from).and_then(|entry| decode(&entry)) {
            Ok(entry) => read.push(entry),
            Err(error) => damage = Some(error),
        }
    }
    if let Some(error) = damage {
        let aside = with_suffix(path, "damaged");
        let kept = fs::copy(path, &aside);
        tracing::error!(
            component = "state",
            file = %path.display(),
            err = %error,
            readable = read.len(),
            kept_as = %aside.display(),
            kept = kept.is_ok(),
            "A file of Alertmanager's state is damaged; what can be read of it was taken"
        );
    }
    read
}

/// Replaces the file by an atomic rename, once the new one is on disk.
fn write(path: &Path, entries: impl Iterator<Item = Bytes>) -> io::Result<Written> {
    let began = Instant::now();
    let mut data = BytesMut::new();
    entries.for_each(|entry| statepb::push_entry(&mut data, &entry));
    let partial = with_suffix(path, &format!("{:016x}", fastrand::u64(..)));
    let written = fs::File::create(&partial).and_then(|mut file| {
        file.write_all(&data)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&partial, path)) {
        // It may never have been there.
        drop(fs::remove_file(&partial));
        return Err(error);
    }
    Ok(Written { size: data.len(), took: began.elapsed() })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use smol_str::SmolStr;

    use super::*;
    use crate::model::IntegrationId;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_795_251_708 + seconds, 0)
    }

    fn state() -> SharedState {
        let silence = |id: &str| Silence {
            id: SmolStr::new(id),
            matcher_sets: Vec::new(),
            starts_at: at(0),
            ends_at: at(60),
            updated_at: at(0),
            created_by: String::new(),
            comment: String::new(),
            annotations: Default::default(),
            wire: None,
        };
        let key = LogKey {
            group_key: "{}:{}".into(),
            integration: IntegrationId { receiver: "team".into(), kind: "webhook".into(), index: 0 },
        };
        let entry = LogEntry {
            timestamp: at(0),
            expires_at: at(100),
            firing: Arc::from([7]),
            resolved: Arc::from([]),
            receiver_data: None,
            from_peer: false,
        };
        let silences = vec![(Arc::new(silence("one")), at(100)), (Arc::new(silence("two")), at(200))];
        SharedState { silences, log: vec![(key, entry)] }
    }

    #[test]
    fn what_is_written_is_read_and_what_has_expired_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let state = state();
        state.write_silences(directory.path(), at(99)).unwrap();
        state.write_log(directory.path(), at(99)).unwrap();
        let read = SharedState::read(directory.path());
        assert_eq!((&read.silences, &read.log), (&state.silences, &state.log));
        assert_eq!(read.into_events().count(), 3);
        state.write_silences(directory.path(), at(100)).unwrap();
        let written = state.write_log(directory.path(), at(100)).unwrap();
        assert_eq!(written.size, 0);
        let read = SharedState::read(directory.path());
        assert_eq!((read.silences.len(), read.log.len()), (1, 0));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing is left of the writing");
    }

    #[test]
    fn of_a_damaged_file_what_can_be_read_is_taken_and_the_file_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        state().write_silences(directory.path(), at(0)).unwrap();
        let path = directory.path().join(SILENCES);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        assert_eq!(SharedState::read(directory.path()).silences.len(), 1);
        assert!(directory.path().join("silences.damaged").exists());
    }
}
