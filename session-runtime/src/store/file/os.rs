//! What differs between operating systems: permissions, owners, and symbolic links.

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

/// Options to open a file that only this process's user may read. Opening follows no symbolic link, and does not wait for
/// the other end of a pipe.
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

/// Elsewhere an open file keeps its name.
#[cfg(not(unix))]
pub(super) fn same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Returns a text that tells this file from another one under its name, and from itself before it was written to or moved.
#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> String {
    let (dev, ino, at, nanos) = (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
    format!("{dev:x}-{ino:x}-{at}.{nanos:09}")
}

/// Elsewhere files have no number.
#[cfg(not(unix))]
pub(super) fn identity(metadata: &Metadata) -> String {
    format!("{}-{:?}-{:?}", metadata.len(), metadata.created().ok(), metadata.modified().ok())
}

/// The user id of a file's owner.
#[cfg(unix)]
pub(super) fn owner(metadata: &Metadata) -> u32 {
    metadata.uid()
}

/// Elsewhere owners are not looked at.
#[cfg(not(unix))]
pub(super) fn owner(_: &Metadata) -> u32 {
    0
}

/// The permissions of a file: nine bits, those of its owner first.
#[cfg(unix)]
pub(super) fn permissions(metadata: &Metadata) -> u32 {
    metadata.mode() & 0o777
}

/// Elsewhere every file counts as its owner's alone.
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

/// Waits until the names in `folder`, as they are now, would survive a power cut.
#[cfg(unix)]
pub(super) fn sync_dir(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file.
#[cfg(not(unix))]
pub(super) fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
