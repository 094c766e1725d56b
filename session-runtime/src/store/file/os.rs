//! What differs between operating systems: who may read a file, whose it is, and symbolic links.

use std::{
    fs::{DirBuilder, Metadata, OpenOptions},
    io,
    path::Path,
};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};

/// Creates a folder that only this process's user may enter.
pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(path)
}

/// Options to open a file that only this process's user may read, without following a symbolic link, and without
/// waiting for somebody at the other end of a pipe.
pub(super) fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

/// Whether both are one file, and not two that had one name in turn.
#[cfg(unix)]
pub(super) fn same_file(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere a file that is open keeps its name.
#[cfg(not(unix))]
pub(super) fn same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Whom `folder` belongs to, if not to the owner of `mine`.
#[cfg(unix)]
pub(super) fn other_owner(folder: &Metadata, mine: &Metadata) -> Option<u32> {
    Some(folder.uid()).filter(|owner| *owner != mine.uid())
}

#[cfg(not(unix))]
pub(super) fn other_owner(_: &Metadata, _: &Metadata) -> Option<u32> {
    None
}

/// Whether others than the owner may enter or list the folder.
#[cfg(unix)]
pub(super) fn is_open_to_others(folder: &Metadata) -> bool {
    folder.mode() & 0o077 != 0
}

#[cfg(not(unix))]
pub(super) fn is_open_to_others(_: &Metadata) -> bool {
    false
}

/// Lets only the owner enter.
#[cfg(unix)]
pub(super) fn close_to_others(folder: &Path) -> io::Result<()> {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
pub(super) fn close_to_others(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Waits until what was renamed or removed in `folder` would survive a power cut.
#[cfg(unix)]
pub(super) fn sync_dir(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file.
#[cfg(not(unix))]
pub(super) fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
