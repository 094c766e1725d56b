//! The differences between operating systems: permissions, owners, and symbolic links.

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

/// Returns options to open a file that only this process's user may read. Opening follows no symbolic link, and does not wait
/// for the other end of a pipe.
pub(super) fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

/// Returns whether both are the same file, rather than two files that had the same name one after the other.
#[cfg(unix)]
pub(super) fn same_file(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// On other systems an open file keeps its name.
#[cfg(not(unix))]
pub(super) fn same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Returns a text that identifies this file in its current state. A write or a move changes it, and so does another file under
/// the same name.
#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> String {
    let (dev, ino, at, nanos) = (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
    format!("{dev:x}-{ino:x}-{at}.{nanos:09}")
}

/// On other systems there are no inode numbers.
#[cfg(not(unix))]
pub(super) fn identity(metadata: &Metadata) -> String {
    format!("{}-{:?}-{:?}", metadata.len(), metadata.created().ok(), metadata.modified().ok())
}

/// Returns the user id of a file's owner.
#[cfg(unix)]
pub(super) fn owner(metadata: &Metadata) -> u32 {
    metadata.uid()
}

/// On other systems owners are not checked.
#[cfg(not(unix))]
pub(super) fn owner(_: &Metadata) -> u32 {
    0
}

/// Returns the permissions of a file: nine bits, the owner's first.
#[cfg(unix)]
pub(super) fn permissions(metadata: &Metadata) -> u32 {
    metadata.mode() & 0o777
}

/// On other systems every file counts as accessible to its owner only.
#[cfg(not(unix))]
pub(super) fn permissions(_: &Metadata) -> u32 {
    0o700
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

/// Waits until the current names in `folder` would survive a power cut.
#[cfg(unix)]
pub(super) fn sync_dir(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// On other systems a folder cannot be opened as a file.
#[cfg(not(unix))]
pub(super) fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
