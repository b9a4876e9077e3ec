//! The id of this tocsin: made once, kept in the storage directory. It names us in the header `Tocsin-Path`, so
//! that tocsins that list each other do not send alerts in circles.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

const FILE: &str = "instance-id";

/// The id kept in `storage`; a new one, random, if there is none. An id that cannot be kept serves this run.
pub(super) fn id(storage: &Path) -> Arc<str> {
    match read_or_make(&storage.join(FILE)) {
        Ok(id) => id,
        Err(error) => {
            tracing::warn!(file = %storage.join(FILE).display(), err = %error, "Cannot keep the id of this instance");
            make()
        }
    }
}

fn read_or_make(path: &Path) -> io::Result<Arc<str>> {
    match fs::read_to_string(path) {
        Ok(text) if uuid::Uuid::try_parse(text.trim()).is_ok() => return Ok(Arc::from(text.trim())),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let id = make();
    fs::write(path, format!("{id}\n"))?;
    Ok(id)
}

fn make() -> Arc<str> {
    Arc::from(uuid::Uuid::new_v4().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let first = id(directory.path());
        assert_eq!(id(directory.path()), first);
        fs::write(directory.path().join(FILE), "no id").unwrap();
        let second = id(directory.path());
        assert_ne!(second, first);
        assert_eq!(id(directory.path()), second);
    }
}
