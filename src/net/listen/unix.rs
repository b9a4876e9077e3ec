use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::net::NetError;

/// How long a process behind an existing socket file has to take a connection before the file counts as live
/// anyway: a full backlog is a busy process, not a dead one.
const PROBE: Duration = Duration::from_secs(1);

/// Who may connect to a Unix socket: connecting needs write permission on its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketOptions {
    /// The file's permission bits.
    pub mode: u32,
    /// The group that owns the file, by name or number; ours if not given.
    pub group: Option<String>,
}

impl Default for SocketOptions {
    /// Owner and group: mode 0660.
    fn default() -> Self {
        Self { mode: 0o660, group: None }
    }
}

/// The file of a socket that we made; it is removed when this is dropped, unless somebody has put another file in
/// its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|file| file.dev() == self.device && file.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(file = %self.path.display(), err = %error, "Socket file not removed");
        }
    }
}

/// Binds `path`, replacing a socket file that nobody listens on.
pub(super) async fn bind(
    path: &Path,
    options: &SocketOptions,
) -> Result<(UnixListener, SocketFile), NetError> {
    let failed = |source| NetError::Listen { address: format!("unix:{}", path.display()), source };
    let group = options.group.as_deref().map(group_id).transpose()?;
    clear(path).await?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    let made = fs::symlink_metadata(path).map_err(failed)?;
    let file = SocketFile { path: path.to_owned(), device: made.dev(), inode: made.ino() };
    // The mode comes last: until the group is set nobody new may connect.
    if group.is_some() {
        chown(path, None, group).map_err(failed)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(options.mode)).map_err(failed)?;
    Ok((listener, file))
}

/// Removes a stale socket file; a live one, or a file that is no socket, is an error.
async fn clear(path: &Path) -> Result<(), NetError> {
    let failed = |source| NetError::Listen { address: format!("unix:{}", path.display()), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(NetError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match timeout(PROBE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(file = %path.display(), "Replacing the socket file of a process that is gone");
            fs::remove_file(path).map_err(failed)
        }
        // Gone between the look and the knock.
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => Err(failed(error)),
        Ok(_) | Err(_) => Err(NetError::SocketInUse { path: path.to_owned() }),
    }
}

fn group_id(name: &str) -> Result<u32, NetError> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let unknown = || NetError::UnknownGroup { group: name.to_owned() };
    let groups = fs::read_to_string("/etc/group").map_err(|_error| unknown())?;
    find_group(&groups, name).ok_or_else(unknown)
}

/// The number of a group in the text of `/etc/group` (group(5): `name:password:number:members`).
pub(super) fn find_group(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.trim().parse().ok()).flatten()
    })
}
